// A liar: a simulated process that keeps the form of the protocol and none of its rules. What the kinds of liars have
// in common: connections of frames, over a process that is asked and never told (no reactor), and what liars know.
//
// One thread: the world's. Whoever has a liar lets it act, now and then; in between it does nothing.
//   1. All that it does comes from its seed and from what it was sent.
//   2. A message of a liar is told from an honest one by its payload (is_false_payload): no liar repeats an honest one.
//   3. Its end is that of a process that is killed.
// Use: LyingNode liar(lore, "liar0", seed); ... liar.act();
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "io/sim/process.hpp"

namespace distflow::test {

/// An honest node, as liars know it.
struct Rumour {
  std::string node_id;
  std::string alias;
  std::uint16_t port = 0;
  bool is_alive = true;
};

/// What all liars of a world know, and what they have said.
struct Lore {
  io::sim::Network& network;
  std::uint16_t pmd_port = 0;
  bool is_gentle = false;                ///< nobody takes the nodeId of a node that lives, or ends the PMD
  bool answers_falsely = true;           ///< questions of nodes are answered in other ways than the protocol's, too
  bool breaks_rings = true;              ///< what is said in shared memory may be what cannot be
  bool takes_over = false;               ///< nodeIds of nodes that live are registered
  std::vector<Rumour> nodes = {};        ///< all that there ever were
  std::vector<std::string> nonces = {};  ///< that a liar was told, or has made up; the last ones
  /// Frames, by alleged sender and receiver: of so many messages at most the receiver is wrong about the sender.
  std::map<std::pair<std::string, std::string>, std::uint64_t> forged = {};
  /// An answer that was not given where it belongs.
  struct Late {
    std::string to;  // a nodeId
    std::string body;
  };
  std::string failure = {};     ///< a node believed what it must not
  std::vector<Late> late = {};  ///< to be said later, by whichever liar, on whichever connection
  /// Who has read a ring that was broken, in which what lay there may have come again.
  std::set<std::string> readers_of_broken_rings = {};
  /// A node was told to use memory that others use, with the nonce that lies in it: two write into one ring.
  bool shares_foreign_memory = false;
};

/// Whether a message is one that a liar wrote.
[[nodiscard]] inline bool is_false_payload(bool has_payload, std::string_view payload) {
  return !has_payload || payload.starts_with(R"({"false":)");
}

class Liar {
 public:
  Liar(Lore& lore, std::string label, std::uint64_t seed);
  virtual ~Liar();
  Liar(const Liar&) = delete;
  Liar& operator=(const Liar&) = delete;

  virtual void act() = 0;
  [[nodiscard]] const std::string& label() const { return label_; }

 protected:
  /// A connection.
  struct Talk {
    int fd = -1;
    std::string in = {};   // received, and not taken apart yet
    std::string out = {};  // yet to be sent
    bool is_over = false;
    bool has_ended = false;  // nothing more is sent
    bool is_deaf = false;    // nothing is received, for now
    virtual ~Talk() = default;
  };

  /// Null when it cannot be opened. `Kind` is a Talk.
  template <class Kind>
  std::unique_ptr<Kind> dial(std::uint16_t port) {
    const int fd = open_connection(port);
    if (fd < 0) return nullptr;
    auto talk = std::make_unique<Kind>();
    talk->fd = fd;
    return talk;
  }
  template <class Kind>
  std::unique_ptr<Kind> accept(int listener) {
    io::Address peer;
    const Result<int> fd = process_.accept_stream(listener, peer);
    if (!fd) return nullptr;
    fds_.push_back(*fd);
    auto talk = std::make_unique<Kind>();
    talk->fd = *fd;
    return talk;
  }
  /// The descriptor; -1 when it cannot be had.
  int listen(std::uint16_t port);
  [[nodiscard]] std::uint16_t port_of(int listener);

  /// Receives what has come, and sends what is left to be sent.
  void exchange(Talk& talk);
  /// The next frame's body that has come; false when there is none.
  static bool next_frame(Talk& talk, std::string& body);
  void say_bytes(Talk& talk, std::string_view bytes);
  void say(Talk& talk, std::string_view body);
  void close(Talk& talk);
  void end_sending(Talk& talk);
  /// Of a talk whose protocol is done with: bytes that are no frame, half a frame, the end, silence.
  void misbehave(Talk& talk);

  [[nodiscard]] bool chance(double p) { return random_.chance(p); }
  [[nodiscard]] std::uint64_t uniform(std::uint64_t n) { return random_.uniform(n); }
  std::string some_nonce();
  std::string new_id();
  /// Of a node that lived just now, most often; null when there never was one.
  const Rumour* some_node();
  /// Text of JSON that says whose it is.
  std::string false_payload();

  Lore& lore_;
  const std::string label_;
  base::Random random_;
  io::sim::Process process_;

 private:
  int open_connection(std::uint16_t port);

  std::vector<int> fds_;  // that are open
  std::uint64_t lie_count_ = 0;
};

/// The body in a frame.
[[nodiscard]] std::string framed(std::string_view body);

}  // namespace distflow::test
