# The third-party libraries, each as one imported target.
find_package(Threads REQUIRED)

find_path(RAPIDJSON_INCLUDE_DIR rapidjson/document.h REQUIRED)
add_library(df_rapidjson INTERFACE)
target_include_directories(df_rapidjson SYSTEM INTERFACE "${RAPIDJSON_INCLUDE_DIR}")

find_path(CONCURRENTQUEUE_INCLUDE_DIR concurrentqueue/concurrentqueue.h REQUIRED)
add_library(df_concurrentqueue INTERFACE)
target_include_directories(df_concurrentqueue SYSTEM INTERFACE "${CONCURRENTQUEUE_INCLUDE_DIR}/concurrentqueue")

find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
add_library(df_cli11 INTERFACE)
target_include_directories(df_cli11 SYSTEM INTERFACE "${CLI11_INCLUDE_DIR}")

if(DISTFLOW_TESTS)
  find_package(GTest REQUIRED)
endif()
