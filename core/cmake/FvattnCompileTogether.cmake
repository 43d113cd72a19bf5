# fvattn_compile_together(target): LibTorch's headers take ten seconds of a translation unit and CLI11's five, so the
# target's files share them, eight at a time. main.cpp, which opens namespaces, goes behind the files that still include.
option(FVATTN_UNITY "Compile files with costly headers eight at a time; OFF for quick builds after small changes" ON)

function(fvattn_compile_together target)
  get_target_property(sources ${target} SOURCES)
  if("main.cpp" IN_LIST sources)
    list(REMOVE_ITEM sources main.cpp)
    set_target_properties(${target} PROPERTIES SOURCES "${sources};main.cpp")
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${FVATTN_UNITY} UNITY_BUILD_BATCH_SIZE 8)
endfunction()
