#include "pmd/web/metrics.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace distflow::pmd {
namespace {

template <class Counters>
struct CounterRow {
  std::string_view name;
  std::string_view help;
  std::uint64_t Counters::*value;
};

/// Whether there are as many rows as counters, and no two for the same one.
template <class Counters, std::size_t kCount>
constexpr bool has_each_once(const CounterRow<Counters> (&rows)[kCount]) {
  for (std::size_t i = 0; i < kCount; ++i) {
    for (std::size_t other = 0; other < i; ++other) {
      if (rows[i].value == rows[other].value || rows[i].name == rows[other].name) return false;
    }
  }
  return kCount == sizeof(Counters) / sizeof(std::uint64_t);
}

constexpr CounterRow<ServerCounters> kPmdCounters[] = {
    {"connections_accepted", "Connections accepted.", &ServerCounters::connections_accepted},
    {"connections_refused", "Connections closed at once, at the bound.", &ServerCounters::connections_refused},
    {"requests", "Well-formed requests, of unknown type too.", &ServerCounters::requests},
    {"malformed", "Frames that are no request.", &ServerCounters::malformed},
    {"malformed_closed", "Connections closed for too many malformed frames.", &ServerCounters::malformed_closed},
    {"frames_too_long", "Connections closed for a frame beyond the limit.", &ServerCounters::frames_too_long},
    {"foreign_protocols", "Of those, whose first bytes belong to another protocol.",
     &ServerCounters::foreign_protocols},
    {"registrations_invalid", "Registrations refused for their content.", &ServerCounters::registrations_invalid},
    {"registrations_full", "Registrations refused at a bound of the registry.", &ServerCounters::registrations_full},
    {"registrations_over_share", "Registrations refused at the bound of one connection or user.",
     &ServerCounters::registrations_over_share},
    {"registrations_unavailable", "Registrations refused because the store could not decide.",
     &ServerCounters::registrations_unavailable},
    {"registrations_busy", "Registrations refused because too many were undecided.",
     &ServerCounters::registrations_busy},
    {"entries_refused", "Nodes that the store announced and that there was no room for.",
     &ServerCounters::entries_refused},
    {"registrations_lost", "Registrations that a living connection lost.", &ServerCounters::registrations_lost},
    {"shutdowns_refused", "Requests to end that were refused.", &ServerCounters::shutdowns_refused},
    {"webs_refused", "Requests to serve the page that were refused.", &ServerCounters::webs_refused},
    {"joins", "Nodes that joined.", &ServerCounters::joins},
    {"leaves", "Nodes that left, expired ones too.", &ServerCounters::leaves},
    {"expiries", "Nodes whose time to live was over.", &ServerCounters::expiries},
    {"regroups", "Changes of the groups of a node.", &ServerCounters::regroups},
    {"regroups_invalid", "Changes of groups that were refused.", &ServerCounters::regroups_invalid},
    {"stalls", "Times that expiry was put off because the process had not run.", &ServerCounters::stalls},
    {"claims_parked", "Claims to an alias in use that had to wait.", &ServerCounters::claims_parked},
    {"claims_granted", "Of those, whose holder went in time.", &ServerCounters::claims_granted},
    {"claims_refused", "Claims refused, with or without a wait.", &ServerCounters::claims_refused},
    {"claims_displaced", "Of those, refused for one of a user with fewer than its share.",
     &ServerCounters::claims_displaced},
    {"events", "Events encoded, once for all watchers that know them.", &ServerCounters::events},
    {"events_queued", "Events queued, for one watcher each.", &ServerCounters::events_queued},
    {"slow_watchers", "Connections closed for leaving too many events unread.", &ServerCounters::slow_watchers},
    {"slow_readers", "Connections closed for leaving too many replies unread.", &ServerCounters::slow_readers},
    {"reads_paused",
     "Times that a connection was not read from until it took its replies, or for its changes of groups.",
     &ServerCounters::reads_paused},
    {"runs_delayed", "Times that a connection with requests had to wait for another turn.",
     &ServerCounters::runs_delayed},
    {"stats_asked", "Questions for stats that were brought to a node.", &ServerCounters::stats_asked},
    {"stats_refused", "Questions for stats that were refused.", &ServerCounters::stats_refused},
    {"stats_displaced", "Questions for stats refused for one of a user with fewer than its share.",
     &ServerCounters::stats_displaced},
    {"stats_unanswered", "Questions for stats to which no answer came in time.", &ServerCounters::stats_unanswered},
    {"stats_unasked", "Answers to questions for stats that were not awaited.", &ServerCounters::stats_unasked},
    {"out_of_memory", "Connections closed because there was no memory for a reply.", &ServerCounters::out_of_memory},
};
static_assert(has_each_once(kPmdCounters), "each counter has its row");

constexpr CounterRow<http::HttpCounters> kHttpCounters[] = {
    {"connections_accepted", "HTTP connections accepted.", &http::HttpCounters::connections_accepted},
    {"connections_refused", "HTTP connections closed at once, at the bound or for lack of memory.",
     &http::HttpCounters::connections_refused},
    {"requests", "HTTP requests that were answered, streams among them.", &http::HttpCounters::requests},
    {"requests_delayed", "HTTP requests that had to wait for another turn, or for others to take their answers.",
     &http::HttpCounters::requests_delayed},
    {"malformed", "HTTP requests that were refused for their form.", &http::HttpCounters::malformed},
    {"not_allowed", "HTTP requests refused for their host, page, method or user, and connections for their user.",
     &http::HttpCounters::not_allowed},
    {"busy", "HTTP requests that were refused because they had waited for too long.", &http::HttpCounters::busy},
    {"streams_refused", "Streams of events that there was no room for.", &http::HttpCounters::streams_refused},
    {"too_slow", "HTTP connections closed without a whole request in time.", &http::HttpCounters::too_slow},
    {"gone", "HTTP connections that ended before their request was answered.", &http::HttpCounters::gone},
    {"out_of_memory", "HTTP connections closed because there was no memory to read or answer.",
     &http::HttpCounters::out_of_memory},
    {"not_taken", "HTTP connections closed because an answer or events were not taken in time.",
     &http::HttpCounters::not_taken},
    {"slow_readers", "Streams of events closed for leaving too much unread.", &http::HttpCounters::slow_readers},
    {"displaced", "HTTP connections closed before their answer for one of a user with fewer than its share.",
     &http::HttpCounters::displaced},
    {"answers_displaced", "HTTP connections with an answer under way, and streams, closed for the same.",
     &http::HttpCounters::answers_displaced},
    {"too_talkative", "Streams of events closed because their reader went on sending.",
     &http::HttpCounters::too_talkative},
    {"streams_lost", "Streams of events closed because there was no memory for an event.",
     &http::HttpCounters::streams_lost},
    {"rounds", "Times that the streams of events were looked at for which lack some.", &http::HttpCounters::rounds},
    {"gifts", "Sends of events to streams.", &http::HttpCounters::gifts},
};
static_assert(has_each_once(kHttpCounters), "each counter has its row");

constexpr CounterRow<FiguresCounters> kFiguresCounters[] = {
    {"asked", "Questions to nodes for their figures, for the page.", &FiguresCounters::asked},
    {"told", "Answers with figures.", &FiguresCounters::told},
    {"untold", "Questions without an answer that can be read.", &FiguresCounters::untold},
    {"not_asked", "Nodes that a round passed over: no place or memory for a question.", &FiguresCounters::not_asked},
    {"left_out", "Nodes without a place among those that are asked, once a round.", &FiguresCounters::left_out},
    {"displaced", "Nodes whose place among them went to a user with fewer than its share.",
     &FiguresCounters::displaced},
    {"not_kept", "Answers that there was no room or memory for.", &FiguresCounters::not_kept},
    {"gone_not_kept", "Nodes that have lost their figures and are not kept for viewers any more, which begin anew.",
     &FiguresCounters::gone_not_kept},
    {"viewers_refused", "Requests for figures of users beyond those that may look at the same time.",
     &FiguresCounters::viewers_refused},
};
static_assert(has_each_once(kFiguresCounters), "each counter has its row");

constexpr CounterRow<NodeViewCounters> kNodeViewCounters[] = {
    {"readings", "Readings of one node with its peers, for the page.", &NodeViewCounters::readings},
    {"untold", "Of those, without an answer that can be read.", &NodeViewCounters::untold},
    {"cut", "Of those, of a node with more peers than are kept.", &NodeViewCounters::cut},
    {"refused", "Requests for one node beyond those that may be looked at at the same time.",
     &NodeViewCounters::refused},
    {"delayed", "Questions that had to wait for a place among those under way.", &NodeViewCounters::delayed},
    {"displaced", "Nodes forgotten for one of a user with fewer than its share.", &NodeViewCounters::displaced},
};
static_assert(has_each_once(kNodeViewCounters), "each counter has its row");

constexpr CounterRow<MeshLinkCounters> kMeshLinkCounters[] = {
    {"readings", "Readings of a node with its links, for the graph of the page.", &MeshLinkCounters::readings},
    {"asked", "Questions to nodes for that, one for each part.", &MeshLinkCounters::asked},
    {"told", "Answers with links.", &MeshLinkCounters::told},
    {"untold", "Readings without an answer that can be read.", &MeshLinkCounters::untold},
    {"delayed", "Questions that had to wait for a place among those under way.", &MeshLinkCounters::delayed},
    {"refused", "Questions that had to wait as the PMD had no place or memory to relay them.",
     &MeshLinkCounters::refused},
    {"cut", "Readings of nodes with more links than are kept, or more peers than are read.", &MeshLinkCounters::cut},
    {"left_out", "Nodes beyond those that a request may name or that are kept.", &MeshLinkCounters::left_out},
    {"not_kept", "Answers that there was no memory for.", &MeshLinkCounters::not_kept},
    {"displaced", "Nodes forgotten for those of a user with fewer than its share.", &MeshLinkCounters::displaced},
};
static_assert(has_each_once(kMeshLinkCounters), "each counter has its row");

enum class Kind { counter, gauge };

void append_metric(std::string& out, Kind kind, std::string_view name, std::string_view help, std::uint64_t value) {
  std::string full_name = "distflow_pmd_";
  full_name += name;
  if (kind == Kind::counter) full_name += "_total";
  ((out += "# HELP ") += full_name) += ' ';
  (out += help) += "\n# TYPE ";
  (out += full_name) += kind == Kind::counter ? " counter\n" : " gauge\n";
  (out += full_name) += ' ';
  (out += std::to_string(value)) += '\n';
}

template <class Counters, std::size_t kCount>
void append_counters(std::string& out, const CounterRow<Counters> (&rows)[kCount], std::string_view prefix,
                     const Counters& counters) {
  for (const CounterRow<Counters>& row : rows) {
    append_metric(out, Kind::counter, std::string(prefix) + std::string(row.name), row.help, counters.*row.value);
  }
}

}  // namespace

std::string metrics_text(const Server& pmd, const http::Server& http, const PageCounters& page) {
  std::string out;
  append_metric(out, Kind::gauge, "nodes", "Registered nodes.", pmd.registry().size());
  append_metric(out, Kind::gauge, "registry_bytes", "Bytes of memory of the registry.", pmd.registry().bytes());
  append_metric(out, Kind::gauge, "registry_revision", "Joins and leaves since the start.", pmd.registry().revision());
  append_metric(out, Kind::gauge, "connections", "Open connections.", pmd.connection_count());
  append_metric(out, Kind::counter, "accept_pauses", "Times that accepting paused for lack of descriptors or memory.",
                pmd.accept_pauses());
  const stream::HandshakeCounters handshakes = pmd.handshakes();
  append_metric(out, Kind::counter, "handshakes_failed", "Handshakes of streams that ended badly or took too long.",
                handshakes.failed);
  append_metric(out, Kind::counter, "handshakes_refused",
                "Connections closed because too many handshakes were under way, or for lack of memory.",
                handshakes.refused);
  append_counters(out, kPmdCounters, "", pmd.counters());
  append_metric(out, Kind::gauge, "http_connections", "Open HTTP connections.", http.connection_count());
  append_metric(out, Kind::gauge, "http_streams", "Open streams of events.", http.stream_count());
  append_metric(out, Kind::gauge, "http_answer_bytes", "Bytes of HTTP answers that are not taken.",
                http.answer_backlog());
  append_metric(out, Kind::counter, "http_accept_pauses",
                "Times that accepting HTTP connections paused for lack of descriptors or memory.",
                http.accept_pauses());
  append_counters(out, kHttpCounters, "http_", http.counters());
  append_counters(out, kFiguresCounters, "figures_", page.figures);
  append_counters(out, kNodeViewCounters, "node_views_", page.node_views);
  append_counters(out, kMeshLinkCounters, "mesh_links_", page.mesh_links);
  return out;
}

}  // namespace distflow::pmd
