# Debian packages by CPack: libdistflow (the shared library), libdistflow-dev, distflow-tools. tools/package makes them.
#
# CPack and not debian/: the packages come from the same build and install rules that the tests hold, on any machine that
# has dpkg-deb, in seconds. docs/packaging.md says more.
if(NOT PROJECT_IS_TOP_LEVEL OR NOT DISTFLOW_SHARED)
  return()
endif()
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME distflow)
set(CPACK_PACKAGE_CONTACT "distflow's maintainers <distflow@example.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_FILE_NAME "distflow-${PROJECT_VERSION}")
set(CPACK_COMPONENTS_ALL runtime dev tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
# The archive has the daemon's place compiled in: the place that it is installed to, not the one that it is packed at.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
get_property(abi_version GLOBAL PROPERTY DISTFLOW_ABI_VERSION)
set(library_package "libdistflow${abi_version}")
set(exactly "(= ${PROJECT_VERSION}-1)")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "${library_package}")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "The shared library. Messages go over TCP and, on one machine, through shared memory.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "distflow-tools")  # a node starts the daemon where none runs
set(CPACK_DEBIAN_RUNTIME_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libdistflow-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEV_DESCRIPTION "The headers, the archive, and the files for CMake and pkg-config.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "${library_package} ${exactly}")
if(TARGET df_uring)
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", liburing-dev")  # programs that link the archive
endif()
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "rapidjson-dev")  # for <distflow/json.hpp>
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME distflow-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION net)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "distflow-pmd, the port mapper daemon, as a program and as a service of systemd,
and distflow, which shows and ends it.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(scripts "${PROJECT_SOURCE_DIR}/packaging/debian")
set(CPACK_DEBIAN_TOOLS_PACKAGE_CONTROL_EXTRA "${scripts}/postinst;${scripts}/prerm;${scripts}/postrm")
set(CPACK_DEBIAN_TOOLS_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
