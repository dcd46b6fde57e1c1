// A test of somebody else's: a node of a mesh that sends itself a message.
#include <iostream>
#include <string>

#include <distflow/printable.hpp>
#include <distflow/testing.hpp>

int main() {
  distflow::testing::Mesh mesh;
  auto node = mesh.node("packaged");
  std::string arrived;
  node.on_message([&](const distflow::Message& message) { arrived = message.payload; });
  static_cast<void>(node.send("packaged", R"({"n":1})"));
  if (!mesh.run_until([&] { return !arrived.empty(); }, std::chrono::seconds(5))) return 1;
  std::cout << distflow::printable(arrived) << '\n';
}
