// Two copies of the library in one process, which share no memory: the program's and a plugin's.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <distflow/node_runtime.hpp>

#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

TEST(Plugin, the_library_in_a_plugin_starts_no_second_node_in_the_process) {
  void* const plugin = ::dlopen(DISTFLOW_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(plugin, nullptr) << ::dlerror();
  using Start = int (*)(unsigned short);
  const auto start = reinterpret_cast<Start>(::dlsym(plugin, "start_node_of_plugin"));
  ASSERT_NE(start, nullptr);
  const PmdThread pmd;
  {
    const Result<NodeRuntime> node = NodeRuntime::start({.pmd_port = pmd.port(), .start_pmd = false});
    ASSERT_TRUE(node) << node.error().message();
    EXPECT_EQ(start(pmd.port()), static_cast<int>(Errc::already_running));
  }
  EXPECT_EQ(start(pmd.port()), 0) << "the place is free again";
  // Not unloaded: its threads may still be on their way out.
}

}  // namespace
}  // namespace distflow::test
