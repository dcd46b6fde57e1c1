# distflow_deploy_pmd(TARGET [DESTINATION FOLDER]): puts distflow-pmd beside TARGET's executable, where its node finds it.
#
# With DESTINATION, `cmake --install` puts it into that folder of the prefix too: the one that TARGET is installed to.
# Works alike with an installed distflow and with one that is a part of the build.
cmake_policy(PUSH)
cmake_policy(VERSION 3.25)  # TARGET_FILE_DIR does not make the copy depend on the target

function(distflow_deploy_pmd target)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "DESTINATION" "")
  if(NOT TARGET distflow::distflow-pmd)
    message(FATAL_ERROR "distflow_deploy_pmd(${target}): this distflow has no distflow-pmd")
  endif()
  add_custom_target(${target}-distflow-pmd
    COMMAND "${CMAKE_COMMAND}" -E make_directory "$<TARGET_FILE_DIR:${target}>"
    COMMAND "${CMAKE_COMMAND}" -E copy_if_different "$<TARGET_FILE:distflow::distflow-pmd>" "$<TARGET_FILE_DIR:${target}>"
    VERBATIM)
  add_dependencies(${target} ${target}-distflow-pmd)
  if(ARG_DESTINATION)
    install(PROGRAMS "$<TARGET_FILE:distflow::distflow-pmd>" DESTINATION "${ARG_DESTINATION}")
  endif()
endfunction()

cmake_policy(POP)
