# The toolchain of tools/cross_linux: Linux with another C library, or on another processor.
#
#   DISTFLOW_CROSS_BIN       a folder with cc, c++, ar and ranlib for one processor
#   DISTFLOW_CROSS_ROOT      a folder whose include/ has the third-party headers, and nothing of the host's own
#   DISTFLOW_CROSS_MACHINE   the processor, as CMake names it
#   DISTFLOW_CROSS_EMULATOR  what runs its programs here; empty: nothing is needed
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR "${DISTFLOW_CROSS_MACHINE}")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES
  DISTFLOW_CROSS_BIN DISTFLOW_CROSS_ROOT DISTFLOW_CROSS_MACHINE DISTFLOW_CROSS_EMULATOR)

set(CMAKE_C_COMPILER "${DISTFLOW_CROSS_BIN}/cc")
set(CMAKE_CXX_COMPILER "${DISTFLOW_CROSS_BIN}/c++")
set(CMAKE_AR "${DISTFLOW_CROSS_BIN}/ar")
set(CMAKE_RANLIB "${DISTFLOW_CROSS_BIN}/ranlib")
if(DISTFLOW_CROSS_EMULATOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${DISTFLOW_CROSS_EMULATOR}")
endif()

set(CMAKE_FIND_ROOT_PATH "${DISTFLOW_CROSS_ROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
