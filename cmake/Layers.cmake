# df_layer(NAME [PROGRAMS_ONLY] SOURCES ... LAYERS ... LIBRARIES ...): a folder of src/, or a room of one, as a library
# df_NAME.
#
# PROGRAMS_ONLY keeps it out of libdistflow: the programs of src/cli link it.
# LAYERS are the layers below that it may include (tools/check_layers holds the sources to it);
# LIBRARIES are third-party targets that no other layer names.
function(df_layer name)
  cmake_parse_arguments(ARG "PROGRAMS_ONLY" "" "SOURCES;LAYERS;LIBRARIES" ${ARGN})
  add_library(df_${name} STATIC ${ARG_SOURCES})
  target_include_directories(df_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  list(TRANSFORM ARG_LAYERS PREPEND df_)
  target_link_libraries(df_${name} PUBLIC ${ARG_LAYERS} ${ARG_LIBRARIES})
  df_compile_options(df_${name})
  if(NOT ARG_PROGRAMS_ONLY)
    set_property(GLOBAL APPEND PROPERTY DISTFLOW_LAYERS df_${name})
  endif()
endfunction()
