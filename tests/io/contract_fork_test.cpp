// What of a backend a forked child has: no descriptor, on whatever backend that has some.
#include "tests/io/contract.hpp"
#include "tests/support/forked.hpp"

namespace distflow::test {
namespace {

class BackendFork : public BackendContract {
 protected:
  void SetUp() override {
    if (GetParam().name == "sim") GTEST_SKIP() << "the simulator has no descriptors";
    if (GetParam().name == "kqueue") GTEST_SKIP() << "the double of kqueue has descriptors of its own";
    BackendContract::SetUp();
  }

  const std::vector<int> before_ = open_descriptors();
};

TEST_P(BackendFork, a_forked_child_has_no_descriptor_of_it) {
  const io::Handle listener = listen();
  make_pair();
  const Result<io::SharedMemory> memory = backend_->create_memory(64 * 1024);
  ASSERT_TRUE(memory);
  EXPECT_GE(open_descriptors().size(), before_.size() + 6) << "two of the backend, three sockets, memory";
  EXPECT_TRUE(holds_in_child([&] { return open_descriptors() == before_; }));
  Connecting connecting;
  Accepting accepting;
  backend_->accept(listener, accepting.op);
  connect(listener, connecting);
  EXPECT_TRUE(until([&] { return connecting.has_ended() && !accepting.streams.empty(); })) << "the parent goes on";
  adopt(accepting.streams.front());
  finish(listener);
}

INSTANTIATE_TEST_SUITE_P(backends, BackendFork, ::testing::ValuesIn(kBackends), backend_name);

}  // namespace
}  // namespace distflow::test
