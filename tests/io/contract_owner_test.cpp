// Who owns the other end of a stream, on every backend: a user, or nobody known.
#include "tests/io/contract.hpp"

namespace distflow::test {
namespace {

class OwnerContract : public BackendContract {
 protected:
  /// The dialing side may ask once a byte of the accepting one has come (io/peer_owner.hpp).
  void send_a_byte(const Pair& pair) {
    Sending sending;
    sending.start(*backend_, pair.far, {"x"});
    Receiving receiving;
    backend_->recv(pair.near, receiving.op);
    ASSERT_TRUE(until([&] { return sending.has_ended() && !receiving.bytes.empty(); }));
    backend_->cancel_recv(pair.near);
    ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  }
};

TEST_P(OwnerContract, both_ends_of_a_stream_within_one_process_are_its_own_users) {
  const Pair pair = make_pair();
  ASSERT_TRUE(backend_->own_user().is_known());
  const io::PeerOwner owner = backend_->owner_of_peer(pair.far);
  if (owner.status() == io::OwnerStatus::cannot_ask) GTEST_SKIP() << io::to_text(owner.status());
  EXPECT_TRUE(owner.is_same_user(backend_->own_user()));
  send_a_byte(pair);
  EXPECT_TRUE(backend_->owner_of_peer(pair.near).is_same_user(backend_->own_user()));
}

TEST_P(OwnerContract, the_end_of_a_peer_that_has_closed_is_nobodys) {
  const Pair pair = make_pair();
  send_a_byte(pair);
  finish(pair.far);
  poll_some();
  EXPECT_FALSE(backend_->owner_of_peer(pair.near).is_known());
}

TEST_P(OwnerContract, a_stream_that_has_not_connected_has_no_other_end) {
  const io::Handle listener = listen();
  Connecting connecting;
  const io::Handle dialed = connect(listener, connecting);
  EXPECT_FALSE(backend_->owner_of_peer(dialed).is_known()) << "nobody has accepted it";
  finish(dialed);
}

INSTANTIATE_TEST_SUITE_P(backends, OwnerContract, ::testing::ValuesIn(kBackends), backend_name);

}  // namespace
}  // namespace distflow::test
