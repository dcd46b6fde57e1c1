# df_layer(NAME [PROGRAMS_ONLY] SOURCES ... LIBRARIES ...): a layer of src/, or a room of one, as a library: df_NAME, with
# "_" for "/".
#
# It links the layers that src/layers.txt lets it include (tools/check_layers holds the sources to the same file).
# PROGRAMS_ONLY keeps it out of libdistflow: the programs of src/cli link it.
# LIBRARIES are third-party targets that no other layer names.
set(df_layers_file "${PROJECT_SOURCE_DIR}/src/layers.txt")
set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${df_layers_file}")

# The targets of the layers that NAME may include, in OUT. A room without a library of its own is part of its layer's.
function(df_layers_below name out)
  file(STRINGS "${df_layers_file}" line REGEX "^${name}:")
  if(line STREQUAL "")
    message(FATAL_ERROR "${name} has no line in ${df_layers_file}: say there what it may include.")
  endif()
  string(REGEX REPLACE "^[^:]*: *" "" line "${line}")
  string(REPLACE " " ";" names "${line}")
  set(targets "")
  foreach(other ${names})
    string(REPLACE "/" "_" target "df_${other}")
    if(NOT TARGET ${target})
      string(REGEX REPLACE "/.*" "" target "df_${other}")
    endif()
    list(APPEND targets ${target})
  endforeach()
  list(REMOVE_DUPLICATES targets)
  set(${out} "${targets}" PARENT_SCOPE)
endfunction()

function(df_layer name)
  cmake_parse_arguments(ARG "PROGRAMS_ONLY" "" "SOURCES;LIBRARIES" ${ARGN})
  df_layers_below(${name} below)
  string(REPLACE "/" "_" target "df_${name}")
  add_library(${target} STATIC ${ARG_SOURCES})
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(${target} PUBLIC ${below} ${ARG_LIBRARIES})
  df_compile_options(${target})
  if(NOT ARG_PROGRAMS_ONLY)
    set_property(GLOBAL APPEND PROPERTY DISTFLOW_LAYERS ${target})
  endif()
endfunction()
