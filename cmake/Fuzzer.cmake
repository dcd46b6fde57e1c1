# df_fuzzer(NAME SOURCES ... LAYERS ...): one libFuzzer target, a program of build/<preset>/bin/fuzz.
#
# The target `fuzzers` builds them all; tools/fuzz runs whatever lies in that folder.
add_custom_target(fuzzers)

function(df_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LAYERS;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_LAYERS PREPEND df_)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_LAYERS} ${ARG_LIBRARIES})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin/fuzz")
  df_compile_options(${name})
  add_dependencies(fuzzers ${name})
endfunction()
