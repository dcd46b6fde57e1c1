// A plugin with a copy of the library in it that nobody else can see: it starts a node, and says with which error not.
#include <distflow/node_runtime.hpp>

extern "C" __attribute__((visibility("default"))) int start_node_of_plugin(unsigned short pmd_port) {
  const distflow::Result<distflow::NodeRuntime> node =
      distflow::NodeRuntime::start({.pmd_port = pmd_port, .start_pmd = false});
  return node ? 0 : node.error().code.value();
}
