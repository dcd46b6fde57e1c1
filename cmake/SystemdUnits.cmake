# The daemon as a service of systemd, started by the first connection; where DISTFLOW_SYSTEMD_UNITS is on.
option(DISTFLOW_SYSTEMD_UNITS "Install a service and a socket unit for systemd" OFF)
if(NOT DISTFLOW_SYSTEMD_UNITS)
  return()
endif()
set(unit_folder "lib/systemd/system")  # on every system, whatever its CMAKE_INSTALL_LIBDIR is
foreach(unit distflow-pmd.service distflow-pmd.socket)
  configure_file("${PROJECT_SOURCE_DIR}/packaging/systemd/${unit}.in" "${PROJECT_BINARY_DIR}/${unit}" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${unit}" DESTINATION "${unit_folder}" COMPONENT tools)
endforeach()
