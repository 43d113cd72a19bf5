# fvattn_add_plugin(NAME SOURCES file... MANIFEST name.fvattn.toml.in
#                   [CUDA_ARCHITECTURES 90a-real 80-virtual ...] [LIBRARIES target...] [RPATH folder...]
#                   [TARGET_ABI 1.0] [OUTPUT_DIRECTORY folder])
#
# Makes the module target fvattn_plugin_NAME: libfvattn_NAME.so and, beside it, NAME.fvattn.toml. One symbol is exported;
# everything else is hidden. CMake's @VARIABLES@ in the manifest are filled in when configuring; after linking the
# manifest is completed from the binary (FvattnStamp.cmake), embedded and written beside it with the hash. RPATH is for
# plugins that link LibTorch and must find it; all others get $ORIGIN alone. OUTPUT_DIRECTORY defaults to
# FVATTN_PLUGIN_OUTPUT_DIRECTORY, or else to the current build folder, which then serves as a plugins folder. A plugin with
# an OUTPUT_DIRECTORY of its own is not installed; others are, to lib/fvattn/plugins (component plugins).
include(${CMAKE_CURRENT_LIST_DIR}/FvattnStampPlugin.cmake)

function(fvattn_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MANIFEST;TARGET_ABI;OUTPUT_DIRECTORY"
                        "SOURCES;CUDA_ARCHITECTURES;LIBRARIES;RPATH")
  if(NOT arg_SOURCES OR NOT arg_MANIFEST OR arg_UNPARSED_ARGUMENTS OR name MATCHES "^(torch|torch_ops)$")
    message(FATAL_ERROR "fvattn_add_plugin(${name}): SOURCES and MANIFEST are needed; the names torch and torch_ops are "
                        "reserved; not understood: '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  if("${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${CMAKE_CUDA_FLAGS}" MATCHES "-ffast-math|-Ofast")
    message(FATAL_ERROR "fvattn_add_plugin(${name}): -ffast-math changes the float control of the thread that loads the "
                        "plugin; remove it from the flags")
  endif()
  if(NOT arg_TARGET_ABI)
    set(arg_TARGET_ABI 1.0)
  endif()
  string(REGEX MATCH "^([0-9]+)\\.([0-9]+)$" abi ${arg_TARGET_ABI})
  math(EXPR target_version "${CMAKE_MATCH_1} * 256 + ${CMAKE_MATCH_2}")
  set(folder ${CMAKE_CURRENT_BINARY_DIR} ${FVATTN_PLUGIN_OUTPUT_DIRECTORY} ${arg_OUTPUT_DIRECTORY})
  list(GET folder -1 folder)
  set(manifest ${CMAKE_CURRENT_BINARY_DIR}/${name}.manifest.toml)
  configure_file(${arg_MANIFEST} ${manifest} @ONLY)

  set(target fvattn_plugin_${name})
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE fvattn::plugin_api ${arg_LIBRARIES})
  target_compile_definitions(${target} PRIVATE FVATTN_TARGET_VERSION=${target_version})
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>
                                           $<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:-Xcompiler=-fno-gnu-unique>)
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map)
  target_link_options(${target} PRIVATE LINKER:--version-script=${exports} LINKER:--enable-new-dtags LINKER:-z,defs
    LINKER:-z,now LINKER:-z,noexecstack LINKER:--as-needed $<$<CONFIG:Release,MinSizeRel>:LINKER:-s>)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME fvattn_${name} PREFIX lib LIBRARY_OUTPUT_DIRECTORY ${folder}
    POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON CUDA_RUNTIME_LIBRARY Static BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH_USE_LINK_PATH OFF
    INSTALL_RPATH "$ORIGIN;${arg_RPATH}" LINK_DEPENDS "${manifest};${exports}")
  if(CMAKE_CXX_COMPILER)
    target_compile_features(${target} PRIVATE cxx_std_17)
  endif()
  if(arg_CUDA_ARCHITECTURES)
    set_target_properties(${target} PROPERTIES CUDA_ARCHITECTURES "${arg_CUDA_ARCHITECTURES}")
  endif()
  fvattn_stamp_plugin(${target} ${name} ${folder} ${manifest} ${abi} "${arg_CUDA_ARCHITECTURES}" "${arg_SOURCES}")
  if(NOT arg_OUTPUT_DIRECTORY)
    fvattn_install_plugin(${target} ${name} ${folder})
  endif()
endfunction()
