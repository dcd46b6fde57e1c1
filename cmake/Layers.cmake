# df_layer(NAME SOURCES ... LAYERS ... LIBRARIES ...): one folder of src/ as a library df_NAME.
#
# LAYERS are the layers below that it may include (tools/check_layers holds the sources to it);
# LIBRARIES are third-party targets that no other layer names.
function(df_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LAYERS;LIBRARIES" ${ARGN})
  add_library(df_${name} STATIC ${ARG_SOURCES})
  target_include_directories(df_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  list(TRANSFORM ARG_LAYERS PREPEND df_)
  target_link_libraries(df_${name} PUBLIC ${ARG_LAYERS} ${ARG_LIBRARIES})
  df_compile_options(df_${name})
  set_property(GLOBAL APPEND PROPERTY DISTFLOW_LAYERS df_${name})
endfunction()
