# The third-party libraries: what is installed is used, else a pinned release is fetched and held to its checksum.
#
# Each one has a single home in the sources (tools/check_layers) and a single target here:
#   df_rapidjson, df_concurrentqueue, df_cli11   headers only, as system headers
#   df_fmt                                       likewise; of the command line alone, no part of a node
#   GTest::gtest_main, GTest::gmock              when tests are built
#   benchmark::benchmark                         when DISTFLOW_BENCH is on
#   df_asio, df_boost_asio                       headers only; of tests and examples of <distflow/asio.hpp> alone, where they
#                                                are installed
#   df_beast                                     headers only, as system headers: the HTTP parser of the daemon's page. The
#                                                target exists where DISTFLOW_WEB is on and Boost is installed
#   df_uring                                     on Linux, where liburing is installed; the target exists or does not
include(FetchContent)
find_package(Threads REQUIRED)

option(DISTFLOW_FETCH "Fetch the third-party libraries that are not installed" ON)

# Gives the sources of a release in ${name}_SOURCE_DIR; its targets, too, unless SOURCES_ONLY is said.
macro(df_fetch name url sha256)
  cmake_parse_arguments(DF_FETCH "SOURCES_ONLY" "" "" ${ARGN})
  if(NOT DISTFLOW_FETCH)
    message(FATAL_ERROR "${name} is not installed. Install it (tools/install_deps), or configure with -DDISTFLOW_FETCH=ON.")
  endif()
  message(STATUS "${name} is not installed: fetching ${url}")
  set(DF_FETCH_SUBDIR "")
  if(DF_FETCH_SOURCES_ONLY)
    set(DF_FETCH_SUBDIR SOURCE_SUBDIR a-folder-that-is-not-there)  # so that the library's own build is not added to ours
  endif()
  FetchContent_Declare(${name} URL "${url}" URL_HASH "SHA256=${sha256}" DOWNLOAD_EXTRACT_TIMESTAMP TRUE ${DF_FETCH_SUBDIR})
  FetchContent_MakeAvailable(${name})
endmacro()

# df_header_library(NAME HEADER ... SUFFIXES ... FOLDER ... URL ... SHA256 ...): a header-only library as df_NAME.
#
# HEADER is what our sources include, SUFFIXES where installations put it, FOLDER where the release has it.
function(df_header_library name)
  cmake_parse_arguments(ARG "" "HEADER;FOLDER;URL;SHA256" "SUFFIXES" ${ARGN})
  find_path(DISTFLOW_${name}_INCLUDE "${ARG_HEADER}" PATH_SUFFIXES ${ARG_SUFFIXES})
  mark_as_advanced(DISTFLOW_${name}_INCLUDE)
  set(include "${DISTFLOW_${name}_INCLUDE}")
  if(NOT include)
    df_fetch(${name} "${ARG_URL}" "${ARG_SHA256}" SOURCES_ONLY)
    set(include "${${name}_SOURCE_DIR}/${ARG_FOLDER}")
  endif()
  add_library(df_${name} INTERFACE)
  target_include_directories(df_${name} SYSTEM INTERFACE "${include}")
endfunction()

df_header_library(rapidjson
  HEADER rapidjson/document.h
  FOLDER include
  URL https://github.com/Tencent/rapidjson/archive/refs/tags/v1.1.0.tar.gz
  SHA256 bf7ced29704a1e696fbccf2a2b4ea068e7774fa37f6d7dd4039d0787f8bed98e)

df_header_library(concurrentqueue
  HEADER concurrentqueue.h
  SUFFIXES concurrentqueue concurrentqueue/moodycamel
  FOLDER .
  URL https://github.com/cameron314/concurrentqueue/archive/refs/tags/v1.0.4.tar.gz
  SHA256 87fbc9884d60d0d4bf3462c18f4c0ee0a9311d0519341cac7cbd361c885e5281)

df_header_library(cli11
  HEADER CLI/CLI.hpp
  FOLDER include
  URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz
  SHA256 f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a)

df_header_library(fmt
  HEADER fmt/format.h
  FOLDER include
  URL https://github.com/fmtlib/fmt/archive/refs/tags/9.1.0.tar.gz
  SHA256 5dea48d1fcddc3ec571ce2058e13910a0d4a6bab4cc09a809d8b1dd1c88ae6f2)
target_compile_definitions(df_fmt INTERFACE FMT_HEADER_ONLY)  # else the program would need its shared library to run

if(DISTFLOW_TESTS)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    set(INSTALL_GTEST OFF)
    df_fetch(googletest https://github.com/google/googletest/archive/refs/tags/v1.14.0.tar.gz
      8ad598c73ad796e0d8280b082cebd82a630d73e73cd3c70057938a6501bba5d7)
  endif()
endif()

if(DISTFLOW_BENCH)
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    set(BENCHMARK_ENABLE_TESTING OFF)
    set(BENCHMARK_ENABLE_INSTALL OFF)
    df_fetch(benchmark https://github.com/google/benchmark/archive/refs/tags/v1.8.3.tar.gz
      6bc180a57d23d4d9515519f92b0c83d61b05b5bab188961f36ac7b06b0d9e9ce)
    set_target_properties(benchmark PROPERTIES SYSTEM TRUE)
  endif()
endif()

# liburing has no CMake build of its own, and io_uring is a choice among backends: without it that backend is left out.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  find_path(DISTFLOW_uring_INCLUDE liburing.h)
  find_library(DISTFLOW_uring_LIBRARY uring)
  mark_as_advanced(DISTFLOW_uring_INCLUDE DISTFLOW_uring_LIBRARY)
  if(DISTFLOW_uring_INCLUDE AND DISTFLOW_uring_LIBRARY)
    add_library(df_uring INTERFACE)
    target_include_directories(df_uring SYSTEM INTERFACE "${DISTFLOW_uring_INCLUDE}")
    target_link_libraries(df_uring INTERFACE "${DISTFLOW_uring_LIBRARY}")
  endif()
endif()

# Boost is large, and the page of the daemon is a choice: it is never fetched.
option(DISTFLOW_WEB "Build the HTTP server of distflow-pmd, where Boost.Beast is installed" ON)
if(DISTFLOW_WEB AND NOT CMAKE_CROSSCOMPILING)
  find_path(DISTFLOW_beast_INCLUDE boost/beast/http/parser.hpp)
  mark_as_advanced(DISTFLOW_beast_INCLUDE)
  if(DISTFLOW_beast_INCLUDE)
    add_library(df_beast INTERFACE)
    target_include_directories(df_beast SYSTEM INTERFACE "${DISTFLOW_beast_INCLUDE}")
  endif()
endif()
if(NOT TARGET df_beast)
  message(STATUS "distflow-pmd is built without --web-port: DISTFLOW_WEB is off, or Boost.Beast is not installed (libboost-dev)")
endif()

# Whoever includes <distflow/asio.hpp> brings an Asio along: nothing else needs one, and none is fetched.
function(df_installed_asio name header)
  find_path(DISTFLOW_${name}_INCLUDE "${header}")
  mark_as_advanced(DISTFLOW_${name}_INCLUDE)
  if(DISTFLOW_${name}_INCLUDE)
    add_library(df_${name} INTERFACE)
    target_include_directories(df_${name} SYSTEM INTERFACE "${DISTFLOW_${name}_INCLUDE}")
  endif()
endfunction()
if(NOT CMAKE_CROSSCOMPILING)
  df_installed_asio(asio asio/experimental/awaitable_operators.hpp)
  df_installed_asio(boost_asio boost/asio/awaitable.hpp)
  if(TARGET df_boost_asio)
    target_compile_definitions(df_boost_asio INTERFACE DISTFLOW_BOOST_ASIO)
  endif()
  # With clang these releases look for the coroutines of the standard library in its experiments.
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    foreach(kind asio boost_asio)
      if(TARGET df_${kind})
        string(TOUPPER ${kind} macro)
        target_compile_definitions(df_${kind} INTERFACE ${macro}_HAS_CO_AWAIT=1 ${macro}_HAS_STD_COROUTINE=1)
      endif()
    endforeach()
  endif()
endif()
