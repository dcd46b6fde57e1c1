#include "pmd/web/web.hpp"

#include <utility>

#include "pmd/web/metrics.hpp"
#include "pmd/web/node_list.hpp"
#include "pmd/web/page_files.hpp"
#include "protocol/json_write.hpp"

namespace distflow::pmd {

using base::Delegate;

namespace {

static_assert(StatsRelay::kInsideRoundMax + NodeViews::kAskedMax + MeshLinks::kAskedMax <= StatsRelay::kInsideMax,
              "who looks at one thing takes no place from who looks at another");

std::string_view name_of(protocol::EventKind kind) {
  switch (kind) {
    case protocol::EventKind::join: return "join";
    case protocol::EventKind::leave: return "leave";
    default: return "update";
  }
}

/// `data` has no line ends: JSON has them escaped.
void append_event(std::string& out, std::string_view name, std::string_view data) {
  (out += "event: ") += name;
  (out += "\ndata: ") += data;
  out += "\n\n";
}
std::string event_text(std::string_view name, std::string_view data) {
  std::string out;
  append_event(out, name, data);
  return out;
}

}  // namespace

Web::Web(io::Reactor& reactor, Server& pmd, http::ServerOptions options)
    : reactor_(reactor),
      pmd_(pmd),
      http_(reactor, *this, std::move(options)),
      node_figures_(reactor, pmd),
      node_views_(reactor, pmd),
      mesh_links_(reactor, pmd),
      figure_timer_(Delegate<void()>::to<&Web::on_figure_time>(*this)) {
  pmd_.set_on_change(Announcer::OnChange::to<&Web::on_change>(*this));
  pmd_.stats_relay().set_on_inside_answer(Delegate<void(const InsideAnswer&)>::to<&Web::on_inside_answer>(*this));
}

Web::~Web() {
  pmd_.set_on_change({});
  pmd_.stats_relay().set_on_inside_answer({});
}

void Web::on_inside_answer(const InsideAnswer& answer) {
  node_figures_.take(answer);
  node_views_.take(answer);
  mesh_links_.take(answer);
}

void Web::close(Delegate<void()> on_closed) { http_.close(on_closed); }

std::optional<http::Response> Web::on_get(const http::Request& request, const io::PeerOwner& owner) {
  if (request.path == "/events") return std::nullopt;
  if (request.path == "/health") {
    if (pmd_.is_serving()) return http::Response{.body = "ok\n"};
    return http::Response{.status = 503, .body = "ending\n"};
  }
  if (request.path == "/metrics") {
    return http::Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                          .body = metrics_text(pmd_, http_,
                                               {.figures = node_figures_.counters(),
                                                .node_views = node_views_.counters(),
                                                .mesh_links = mesh_links_.counters()})};
  }
  if (request.path == "/api/figures") return node_figures_.answer(request.query, owner);
  if (request.path == "/api/links") return mesh_links_.answer(request.query, owner);
  if (request.path == "/api/node") return node_views_.answer(request.query, owner);
  if (request.path == "/api/nodes") return node_list(pmd_.registry(), request.query);
  for (const PageFile& file : page_files()) {
    if (request.path == file.path)
      return http::Response{.content_type = file.content_type, .body = std::string(file.text)};
  }
  return http::Response{.status = 404, .body = "404 Not Found\n"};
}

std::string Web::on_stream() {
  std::string now = figures();
  std::string beginning = event_text("figures", now);
  if (http_.stream_count() == 0) figures_told_ = std::move(now);
  if (!figure_timer_.is_armed()) reactor_.arm_after(figure_timer_, kFigureInterval);
  return beginning;
}

void Web::on_stream_closed() {
  if (http_.stream_count() > 0) return;
  reactor_.timers().cancel(figure_timer_);
  figures_told_.clear();
}

void Web::on_change(protocol::EventKind kind, std::string_view node, std::uint64_t revision) {
  if (http_.stream_count() == 0) return;
  const auto tell = [&] {
    change_ = "id: ";
    protocol::append_json_integer(change_, static_cast<std::int64_t>(revision));
    change_ += '\n';
    append_event(change_, name_of(kind), node);
    push(change_);
  };
  if (!reactor_.has_memory_for(tell)) http_.close_streams();
}

void Web::on_figure_time() {
  reactor_.arm_after(figure_timer_, kFigureInterval);
  const auto tell = [&] {
    std::string now = figures();
    if (now != figures_told_) {
      push(event_text("figures", now));
      figures_told_ = std::move(now);
    } else if (++quiet_intervals_ >= kQuietIntervalsMax) {
      push(":\n\n");
    }
  };
  if (!reactor_.has_memory_for(tell)) http_.close_streams();
}

void Web::push(std::string_view text) {
  quiet_intervals_ = 0;
  http_.push_to_streams(text);
}

std::string Web::figures() const {
  const ServerCounters& counters = pmd_.counters();
  return R"({"nodes":)" + std::to_string(pmd_.registry().size()) + R"(,"connections":)" +
         std::to_string(pmd_.connection_count()) + R"(,"revision":)" + std::to_string(pmd_.registry().revision()) +
         R"(,"requests":)" + std::to_string(counters.requests) + R"(,"joins":)" + std::to_string(counters.joins) +
         R"(,"leaves":)" + std::to_string(counters.leaves) + '}';
}

}  // namespace distflow::pmd
