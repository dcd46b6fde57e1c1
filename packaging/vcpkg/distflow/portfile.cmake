# An overlay port: builds the tree that this file lies in.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

string(COMPARE EQUAL "${VCPKG_LIBRARY_LINKAGE}" dynamic is_shared)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DDISTFLOW_SHARED=${is_shared}
    -DDISTFLOW_INSTALL=ON
    -DDISTFLOW_TESTS=OFF
    -DDISTFLOW_EXAMPLES=OFF
    -DDISTFLOW_FETCH=OFF
    -DDISTFLOW_WERROR=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/distflow)
vcpkg_fixup_pkgconfig()
vcpkg_copy_tools(TOOL_NAMES distflow distflow-pmd AUTO_CLEAN)
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
