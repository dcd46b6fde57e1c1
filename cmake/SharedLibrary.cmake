# The target distflow-shared: libdistflow.so, of the objects of the archive. docs/packaging.md has the rules of its ABI.
#
# It is a part of `all`, and is installed, where DISTFLOW_SHARED is on.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(abi_version "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
else()
  set(abi_version "${PROJECT_VERSION_MAJOR}")
endif()

set_property(GLOBAL PROPERTY DISTFLOW_ABI_VERSION "${abi_version}")

# The archive has the daemon's place compiled in. The shared library finds it from where it lies itself.
set(shared_objects ${objects})
list(TRANSFORM shared_objects REPLACE "^(.*:df_pmd_launch>)$" "$<FILTER:\\1,EXCLUDE,/installed_pmd\\\\.cpp>")
add_library(distflow-shared SHARED ${shared_objects} $<TARGET_OBJECTS:df_installed_pmd_shared>)
set_target_properties(distflow-shared PROPERTIES
  OUTPUT_NAME distflow
  EXPORT_NAME shared
  VERSION "${PROJECT_VERSION}"
  SOVERSION "${abi_version}"
  LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
if(NOT DISTFLOW_SHARED)
  set_target_properties(distflow-shared PROPERTIES EXCLUDE_FROM_ALL ON)
endif()

target_link_libraries(distflow-shared PRIVATE ${CMAKE_DL_LIBS})
if(TARGET df_uring)
  target_link_libraries(distflow-shared PRIVATE "$<BUILD_INTERFACE:df_uring>")
endif()

# Templates of the standard library are visible wherever they are compiled. The version script keeps them inside, and
# gives each symbol the ABI's version.
if(NOT APPLE)
  set(DISTFLOW_ABI_VERSION "${abi_version}")
  set(version_script "${PROJECT_BINARY_DIR}/distflow.map")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/distflow.map.in" "${version_script}" @ONLY)
  target_link_options(distflow-shared PRIVATE "LINKER:--version-script=${version_script}")
  if(NOT DISTFLOW_SANITIZE AND NOT DISTFLOW_FUZZERS)
    target_link_options(distflow-shared PRIVATE "LINKER:--no-undefined")
  endif()
  set_property(TARGET distflow-shared APPEND PROPERTY LINK_DEPENDS "${version_script}")
endif()
add_library(distflow::shared ALIAS distflow-shared)
