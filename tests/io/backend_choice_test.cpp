#include "io/backend_choice.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace distflow::io {
namespace {

class SelectTest : public ::testing::Test {
 protected:
  void TearDown() override { ::unsetenv("DISTFLOW_IO"); }
  base::ChunkPool chunks_{{}};
};

TEST_F(SelectTest, the_names_of_backends_are_those_documented) {
  EXPECT_EQ(*parse_backend_kind("auto"), BackendKind::automatic);
  EXPECT_EQ(*parse_backend_kind("epoll"), BackendKind::epoll);
  EXPECT_EQ(*parse_backend_kind("kqueue"), BackendKind::kqueue);
  EXPECT_EQ(*parse_backend_kind("uring"), BackendKind::uring);
  for (const char* text : {"", "EPOLL", "io_uring", "epoll "}) {
    EXPECT_EQ(parse_backend_kind(text).error(), Errc::invalid_option) << text;
  }
}

TEST_F(SelectTest, the_environment_asks_for_a_backend_and_nothing_means_automatic) {
  ::unsetenv("DISTFLOW_IO");
  EXPECT_EQ(*backend_kind_from_environment(), BackendKind::automatic);
  ::setenv("DISTFLOW_IO", "", 1);
  EXPECT_EQ(*backend_kind_from_environment(), BackendKind::automatic);
  ::setenv("DISTFLOW_IO", "uring", 1);
  EXPECT_EQ(*backend_kind_from_environment(), BackendKind::uring);
  ::setenv("DISTFLOW_IO", "fastest", 1);
  EXPECT_EQ(backend_kind_from_environment().error(), Errc::invalid_option);
}

TEST_F(SelectTest, the_automatic_choice_needs_no_reason) {
  const Result<SelectedBackend> selected = select_backend(BackendKind::automatic, chunks_);
  ASSERT_TRUE(selected);
  EXPECT_NE(selected->backend, nullptr);
  EXPECT_EQ(selected->fallback_reason, "");
}

TEST_F(SelectTest, a_backend_that_this_system_lacks_is_replaced_and_the_reason_given) {
  for (const char* name : {"epoll", "kqueue", "uring"}) {
    const Result<SelectedBackend> selected = select_backend(*parse_backend_kind(name), chunks_);
    ASSERT_TRUE(selected);
    const std::string_view given = selected->backend->name();
    EXPECT_EQ(selected->fallback_reason.empty(), given == name) << name;
    EXPECT_TRUE(given == name || selected->fallback_reason.find(given) != std::string::npos) << name;
  }
}

}  // namespace
}  // namespace distflow::io
