# What `cmake --install` lays down: the libraries, the public headers, the programs, and the packages by which
# find_package(distflow) and pkg-config find them.
#
# Three components, as packages have them: runtime (the shared library), dev (what compiling needs), tools (programs).
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/distflow")

install(TARGETS distflow EXPORT distflow-targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev)
if(DISTFLOW_SHARED)
  install(TARGETS distflow-shared EXPORT distflow-targets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT dev)
endif()
install(TARGETS distflow-testing EXPORT distflow-targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/distflow" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev
  FILES_MATCHING PATTERN "*.hpp")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT dev)
# The daemon is exported, too: distflow_deploy_pmd() copies it. By a file of its own, which may be missing with it.
install(TARGETS distflow-pmd EXPORT distflow-pmd-targets RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
# What an installation needs to have been built.
add_custom_target(installable DEPENDS distflow distflow-testing distflow-pmd distflow-cli)
if(DISTFLOW_SHARED)
  add_dependencies(installable distflow-shared)
endif()
install(TARGETS distflow-cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
install(EXPORT distflow-pmd-targets NAMESPACE distflow:: DESTINATION "${package_folder}" COMPONENT tools)
# distflow-bench has a page, too, and is not installed.
foreach(program distflow distflow-pmd)
  install(FILES "${PROJECT_SOURCE_DIR}/docs/man/${program}.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT tools)
endforeach()
set(completions "${PROJECT_SOURCE_DIR}/tools/completions")
set(DISTFLOW_ZSH_COMPLETIONS "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" CACHE STRING "Where zsh looks for completions")
install(FILES "${completions}/distflow.bash" RENAME distflow
  DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT tools)
install(FILES "${completions}/_distflow" DESTINATION "${DISTFLOW_ZSH_COMPLETIONS}" COMPONENT tools)
install(FILES "${completions}/distflow.fish"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT tools)
include(SystemdUnits)

# Behind the archive, which it changes.
set(archive_name "${CMAKE_STATIC_LIBRARY_PREFIX}distflow${CMAKE_STATIC_LIBRARY_SUFFIX}")
set(object_name "installed_pmd.cpp${CMAKE_CXX_OUTPUT_EXTENSION}")  # as the build has called it in the archive
configure_file("${PROJECT_SOURCE_DIR}/cmake/InstalledPmd.cmake.in" "${PROJECT_BINARY_DIR}/InstalledPmd.cmake" @ONLY)
install(SCRIPT "${PROJECT_BINARY_DIR}/InstalledPmd.cmake" COMPONENT dev)

install(EXPORT distflow-targets NAMESPACE distflow:: DESTINATION "${package_folder}" COMPONENT dev)
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/distflow-config.cmake.in" "${PROJECT_BINARY_DIR}/distflow-config.cmake"
  INSTALL_DESTINATION "${package_folder}")
# As the shared library's name: before 1.0 each minor release may change the ABI.
set(compatibility SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
endif()
write_basic_package_version_file("${PROJECT_BINARY_DIR}/distflow-config-version.cmake" COMPATIBILITY ${compatibility})
install(FILES "${PROJECT_BINARY_DIR}/distflow-config.cmake" "${PROJECT_BINARY_DIR}/distflow-config-version.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/DeployPmd.cmake"
  DESTINATION "${package_folder}" COMPONENT dev)

# pkg-config. What a C++ compiler adds by itself is asked for by --static alone, for programs that another one links.
set(pc_folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH PREFIX_FROM_PC "/${pc_folder}" "/")
string(REGEX REPLACE "/$" "" PREFIX_FROM_PC "${PREFIX_FROM_PC}")
set(PC_NEEDS "-pthread")
set(PC_PRIVATE_NEEDS "-lstdc++ -lm")
if(CMAKE_CXX_STANDARD_LIBRARIES MATCHES "c\\+\\+" OR APPLE)
  set(PC_PRIVATE_NEEDS "-lc++")
endif()
if(TARGET df_uring)
  get_filename_component(uring_folder "${DISTFLOW_uring_LIBRARY}" DIRECTORY)
  if(NOT uring_folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    string(PREPEND PC_NEEDS "-L${uring_folder} ")
  endif()
  string(PREPEND PC_NEEDS "-luring ")
endif()
# A shared library brings what it needs. An archive does not, so that without one it is asked for in any case.
set(PC_SHARED_NEEDS " ${PC_NEEDS}")
if(DISTFLOW_SHARED)
  set(PC_SHARED_NEEDS "")
  string(PREPEND PC_PRIVATE_NEEDS "${PC_NEEDS} ")
endif()
set(PC_ARCHIVE_NEEDS "${PC_NEEDS}")  # the mesh for tests calls what the shared library hides
foreach(package distflow distflow-testing)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${package}.pc.in" "${PROJECT_BINARY_DIR}/${package}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${package}.pc" DESTINATION "${pc_folder}" COMPONENT dev)
endforeach()

include(Packages)
