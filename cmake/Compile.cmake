# The language, the warnings, and the sanitizers of a preset. Warnings are applied per target with df_compile_options().
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)  # of another project's build it is that project's own affair
endif()
# A build that nobody has said a type of would be without optimisation, and many times slower. As a part of another build
# this holds for our targets alone.
get_property(is_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT is_multi_config AND NOT CMAKE_BUILD_TYPE)
  message(STATUS "distflow: no CMAKE_BUILD_TYPE is given; building Release")
  set(CMAKE_BUILD_TYPE Release)
endif()
# Nobody puts functions of their own in the place of ours at load time. Where that is possible gcc inlines only what it
# must; clang never asks.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fno-semantic-interposition)
endif()

# A warning of a compiler to come is ours to mend, and must not break the build of a project that we are a part of.
option(DISTFLOW_WERROR "Treat warnings as errors" ${PROJECT_IS_TOP_LEVEL})

set(DISTFLOW_SANITIZE "" CACHE STRING "Sanitizers for every target, as -fsanitize= takes them")
if(DISTFLOW_SANITIZE)
  # Not vptr: the check reads memory through a pipe, and calls every object false when there is no descriptor for one.
  add_compile_options(-fsanitize=${DISTFLOW_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_compile_definitions(DISTFLOW_SANITIZED)  # gcc and clang have no common macro for it
  add_link_options(-fsanitize=${DISTFLOW_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # Not function, which gcc lacks: clang 14 cannot compile coroutines with it.
    add_compile_options(-fno-sanitize=function "-fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitizer_ignorelist.txt")
  endif()
endif()

if(DISTFLOW_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "DISTFLOW_FUZZERS needs clang++; this is ${CMAKE_CXX_COMPILER_ID}. Use `cmake --preset fuzz`.")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)  # every target is instrumented; df_fuzzer() links the engine
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

# Instrumented code makes gcc warn of null pointers and fences that are no fault.
set(werror "")
if(DISTFLOW_WERROR AND NOT (DISTFLOW_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"))
  set(werror -Werror)
endif()

function(df_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow ${werror})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # False on any `"text" + std::string` when optimising (GCC bug 105329).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
endfunction()
