#include "cli/web_page.hpp"

namespace distflow::cli {

Result<std::unique_ptr<WebPage>> WebPage::start(io::Reactor&, pmd::Server&, std::uint16_t, std::vector<std::uint32_t>) {
  return Error{Errc::unsupported, "serving HTTP"};
}

}  // namespace distflow::cli
