# The second half of fvattn_add_plugin(): after linking, complete and embed the manifest; install both files as they are
# (install(TARGETS) would strip and edit the library, and the hash would no longer match).
include(GNUInstallDirs)

function(fvattn_stamp_plugin target name folder manifest abi architectures sources)
  set(runtime "")
  if(CMAKE_CUDA_COMPILER_VERSION MATCHES "^([0-9]+)\\.([0-9]+)")
    set(runtime ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
    math(EXPR integer "${CMAKE_MATCH_1} * 1000 + ${CMAKE_MATCH_2} * 10")
    if(architectures OR sources MATCHES "\\.cu(;|$)")
      target_compile_definitions(${target} PRIVATE FVATTN_CUDA_RUNTIME=${integer})
    endif()
  endif()
  string(REPLACE ";" "," architectures "${architectures}")
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -DLIBRARY=$<TARGET_FILE:${target}> -DMANIFEST=${manifest}
            -DSIDECAR=${folder}/${name}.fvattn.toml
            -DPLATFORM=linux_${CMAKE_SYSTEM_PROCESSOR} -DABI=${abi} -DCUDA_RUNTIME=${runtime}
            "-DARCHITECTURES=${architectures}" -DREADELF=${CMAKE_READELF}
            -DOBJCOPY=${CMAKE_OBJCOPY} -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/FvattnStamp.cmake)
endfunction()

function(fvattn_install_plugin target name folder)
  install(PROGRAMS $<TARGET_FILE:${target}> DESTINATION ${CMAKE_INSTALL_LIBDIR}/fvattn/plugins COMPONENT plugins)
  install(FILES ${folder}/${name}.fvattn.toml DESTINATION ${CMAKE_INSTALL_LIBDIR}/fvattn/plugins COMPONENT plugins)
endfunction()
