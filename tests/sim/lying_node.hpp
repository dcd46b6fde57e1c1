// A liar among the nodes: registered under a name of its own, it is sent messages and sends some; and on each
// connection, its own and others', it says whatever nodes can say, in anybody's name, in any order.
//
// One thread: the world's.
// Use: LyingNode liar(lore, "liar0", seed); ... liar.act();
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/shared_memory.hpp"
#include "protocol/control_frame.hpp"
#include "protocol/envelope.hpp"
#include "stream/memory_ring.hpp"
#include "tests/sim/liar.hpp"

namespace distflow::test {

class LyingNode final : public Liar {
 public:
  LyingNode(Lore& lore, std::string label, std::uint64_t seed);
  ~LyingNode() override;

  void act() override;
  [[nodiscard]] const std::string& node_id() const { return node_id_; }

 private:
  using Notice = protocol::ControlFrame;
  /// Memory beside a talk, as one side has it.
  struct Shared {
    io::SharedMemory memory;
    std::size_t ring_size = 0;
    std::size_t own = 0;  // which ring is written here
    std::string nonce;
    bool is_false = false;  // made so that nobody may take it
    bool is_used = false;   // the node has said, or been told, that it will be
    std::unique_ptr<stream::RingWriter> writer = nullptr;
  };
  struct NodeTalk final : Talk {
    std::string node_id;  // of the node at the other end, as far as it is known
    bool is_own = false;  // opened here
    int offers = 0;       // of memory, made here
    std::optional<Shared> shared = {};
  };

  void register_if_needed();
  void accept_all();
  void hear(NodeTalk& talk);
  void hear_notice(NodeTalk& talk, const protocol::Envelope& envelope, const Notice& notice);
  void answer_both(NodeTalk& talk, const protocol::Envelope& envelope);
  void answer_memory(NodeTalk& talk, const protocol::Envelope& envelope, const Notice& offer);
  void answer(NodeTalk& talk, NodeTalk* right, const std::string& from, const std::string& to, const Notice& notice);
  void lie();
  void say_late();
  void dial_somebody();
  void say_message(NodeTalk& talk);
  void say_notice(NodeTalk& talk);
  void name_memory(Notice& notice);
  void offer_memory(NodeTalk& talk);
  void use_memory(NodeTalk& talk);
  void write_in_ring(NodeTalk& talk);
  void break_ring(NodeTalk& talk);
  void repeat_in_ring(NodeTalk& talk, const stream::RingMemory& ring);
  void say_node(NodeTalk& talk, const std::string& from, const std::string& to, const std::string& body);
  void tell(NodeTalk& talk, const std::string& from, const std::string& to, const Notice& notice);
  NodeTalk* some_talk();
  NodeTalk* own_talk_to(const std::string& node_id);
  std::string some_sender();
  std::string some_receiver(const NodeTalk& talk);

  const std::string node_id_;
  const int listener_;
  // What kind of liar it is: one that breaks all it has at once never gets far.
  const bool is_busy_;        // speaks by itself, much
  const bool is_rude_;        // breaks off, sends what is no frame
  const bool speaks_openly_;  // sends messages in its own name
  const bool is_same_user_;   // as honest nodes, and hence believed to be whoever it says it is: it says no other
  std::vector<std::unique_ptr<NodeTalk>> talks_;
  std::unique_ptr<Talk> pmd_;
};

}  // namespace distflow::test
