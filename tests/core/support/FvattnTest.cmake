# fvattn_core_test(NAME source...): a doctest program over libfvattn with the label "core". What the library does not
# export is tested by linking its object files too: fvattn_core_objects(VARIABLE file.cpp...), with files of core/.
include_guard(GLOBAL)
find_package(doctest REQUIRED)

add_custom_target(core_tests) # every test of this kind, for the sanitizer preset

add_library(fvattn_doctest_main OBJECT ${CMAKE_CURRENT_LIST_DIR}/main.cpp)
target_link_libraries(fvattn_doctest_main PUBLIC doctest::doctest)

function(fvattn_core_objects variable)
  list(JOIN ARGN "|" files)
  set(${variable} "$<FILTER:$<TARGET_OBJECTS:fvattn>,INCLUDE,/(${files})[.]o$>" PARENT_SCOPE)
endfunction()

function(fvattn_core_test name)
  add_executable(${name} ${ARGN})
  add_dependencies(core_tests ${name})
  target_link_libraries(${name} PRIVATE fvattn::fvattn fvattn_doctest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../.. ${CMAKE_SOURCE_DIR}/core)
  # No settings file, variable or plugin of whoever runs the tests decides what they see.
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E env --unset=FASTVIDEO_ATTENTION_BACKEND
                                --unset=FASTVIDEO_ATTENTION_SETTINGS --unset=FASTVIDEO_ATTENTION_PLUGIN_PATH
                                --unset=FASTVIDEO_ATTENTION_PLUGIN_FILES
                                XDG_CONFIG_HOME=/nonexistent XDG_DATA_HOME=/nonexistent $<TARGET_FILE:${name}>)
  set_tests_properties(${name} PROPERTIES LABELS core TIMEOUT 120)
endfunction()
