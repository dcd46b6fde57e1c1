# The toolchain of tools/cross_macos: macOS on another system, by `zig c++`, which brings Apple's libc headers.
#
#   DISTFLOW_ZIG_BIN    a folder with cc, c++, ar and ranlib for one architecture
#   DISTFLOW_ZIG_ROOT   a folder whose include/ has the third-party headers, and nothing of the host's own
set(CMAKE_SYSTEM_NAME Darwin)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES DISTFLOW_ZIG_BIN DISTFLOW_ZIG_ROOT)

set(CMAKE_C_COMPILER "${DISTFLOW_ZIG_BIN}/cc")
set(CMAKE_CXX_COMPILER "${DISTFLOW_ZIG_BIN}/c++")
set(CMAKE_AR "${DISTFLOW_ZIG_BIN}/ar")
set(CMAKE_RANLIB "${DISTFLOW_ZIG_BIN}/ranlib")
set(CMAKE_INSTALL_NAME_TOOL "${CMAKE_COMMAND}" CACHE FILEPATH "Asked for, but only shared libraries need it")

set(CMAKE_FIND_ROOT_PATH "${DISTFLOW_ZIG_ROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
