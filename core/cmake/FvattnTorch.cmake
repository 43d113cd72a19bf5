# fvattn::torch: LibTorch from the wheel of the Python that is found (or from FVATTN_TORCH_ROOT).
#
# find_package(Torch) is not used: it sets CMAKE_CUDA_ARCHITECTURES and global flags for the whole project and needs a
# CUDA toolkit even for host code. The wheel has everything else: headers, libraries and its version file.
set(FVATTN_TORCH_ROOT "" CACHE PATH "The torch package folder (holds include/ and lib/); empty: ask Python")
if(NOT FVATTN_TORCH_ROOT AND EXISTS "${FVATTN_TORCH_ROOT_HINT}/lib/libtorch_cpu.so")
  set(FVATTN_TORCH_ROOT ${FVATTN_TORCH_ROOT_HINT} CACHE PATH "" FORCE)
endif()
if(NOT FVATTN_TORCH_ROOT)
  find_program(FVATTN_PYTHON NAMES python3 PATHS ${CMAKE_SOURCE_DIR}/.venv/bin NO_DEFAULT_PATH)
  find_program(FVATTN_PYTHON NAMES python3)
  execute_process(
    COMMAND ${FVATTN_PYTHON} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT root)
    message(FATAL_ERROR "LibTorch was not found: ${FVATTN_PYTHON} cannot import torch. Run ./dev build (it makes .venv), "
                        "give -DFVATTN_TORCH_ROOT=<folder of the torch package>, or build without it: -DFVATTN_TORCH=OFF")
  endif()
  set(FVATTN_TORCH_ROOT ${root} CACHE PATH "" FORCE)
endif()
if(NOT EXISTS ${FVATTN_TORCH_ROOT}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "FVATTN_TORCH_ROOT=${FVATTN_TORCH_ROOT} holds no lib/libtorch_cpu.so")
endif()

foreach(part MAJOR MINOR PATCH)
  file(STRINGS ${FVATTN_TORCH_ROOT}/include/torch/headeronly/version.h line REGEX "define TORCH_VERSION_${part} ")
  string(REGEX MATCH "[0-9]+" ${part} "${line}")
endforeach()
set(FVATTN_TORCH_VERSION ${MAJOR}.${MINOR}.${PATCH})

if(NOT TARGET fvattn::torch)
  add_library(fvattn::torch INTERFACE IMPORTED GLOBAL)
  target_include_directories(fvattn::torch SYSTEM INTERFACE ${FVATTN_TORCH_ROOT}/include
                                                            ${FVATTN_TORCH_ROOT}/include/torch/csrc/api/include)
  target_compile_definitions(fvattn::torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
  # --no-as-needed: libtorch_cuda registers its kernels when it is loaded; nothing refers to it by symbol.
  set(libraries)
  foreach(library torch_cpu torch_cuda torch c10_cuda c10)
    if(EXISTS ${FVATTN_TORCH_ROOT}/lib/lib${library}.so)
      list(APPEND libraries ${FVATTN_TORCH_ROOT}/lib/lib${library}.so)
    endif()
  endforeach()
  target_link_libraries(fvattn::torch INTERFACE -Wl,--no-as-needed ${libraries} -Wl,--as-needed)
  # The wheel's CUDA libraries lie in sibling packages, found through the wheel's own RPATH when programs run.
  target_link_options(fvattn::torch INTERFACE -Wl,--allow-shlib-undefined -Wl,-rpath-link,${FVATTN_TORCH_ROOT}/lib)
endif()
