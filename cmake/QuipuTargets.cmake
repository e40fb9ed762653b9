# The few ways a Quipu folder declares what it builds. Each states its
# dependencies, so that the link line shows that arrows point one way.

# quipu_library(NAME source... [FUZZED] DEPENDS library...): LLVM-free static
# library. FUZZED: fuzz targets see which of its branches their inputs take.
function(quipu_library name)
  cmake_parse_arguments(ARG "FUZZED" "" "DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS})
  if(ARG_FUZZED AND QUIPU_BUILD_FUZZERS)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  quipu_compile_options(${name})
endfunction()

# quipu_mlir_library(NAME source... DEPENDS library... GENERATED target...):
# static library that may include LLVM and MLIR headers.
function(quipu_mlir_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;GENERATED" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}
                                            ${PROJECT_BINARY_DIR})
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS}
                                                   ${MLIR_INCLUDE_DIRS})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} MLIR LLVM)
  # Headers of one dialect reach users through its library: generate first.
  add_dependencies(${name} QuipuGeneratedHeaders ${ARG_GENERATED})
  target_compile_options(${name} PUBLIC -fno-rtti)
  quipu_compile_options(${name})
  quipu_use_precompiled(${name} QuipuMlirHeaders)
endfunction()

# quipu_executable(NAME source... DEPENDS library...)
function(quipu_executable name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS})
  quipu_compile_options(${name})
endfunction()

# quipu_test(NAME source... DEPENDS library...): one GoogleTest program, run
# by ctest from the source root so that fixtures have stable paths.
function(quipu_test name)
  quipu_test_program(${name} ${ARGN})
  quipu_use_precompiled(${name} QuipuTestHeaders)
endfunction()

# quipu_mlir_test(NAME source... DEPENDS library...): the same where a library
# is one of quipu_mlir_library.
function(quipu_mlir_test name)
  quipu_test_program(${name} ${ARGN})
  quipu_use_precompiled(${name} QuipuMlirTestHeaders)
endfunction()

function(quipu_test_program name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  quipu_executable(${name} ${ARG_UNPARSED_ARGUMENTS}
                   DEPENDS ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endfunction()

# quipu_gpu_kernels(LIBRARY file.cu...): CUDA C++ of the runtime's own, compiled
# to PTX by clang without a toolkit. A source of LIBRARY includes the text of
# FOLDER/device/NAME.cu as "FOLDER/device/NAME.ptx.inc", a raw string literal.
function(quipu_gpu_kernels library)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(QUIPU_CUDA_COMPILER ${CMAKE_CXX_COMPILER})
  else()
    find_program(QUIPU_CUDA_COMPILER clang++-22 REQUIRED)
  endif()
  foreach(source IN LISTS ARGN)
    string(REGEX REPLACE "\\.cu$" "" name ${CMAKE_CURRENT_BINARY_DIR}/${source})
    get_filename_component(folder ${name} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    # PTX for sm_80 that every driver for it takes. No contraction: the host has
    # none.
    add_custom_command(
      OUTPUT ${name}.ptx.inc
      COMMAND ${QUIPU_CUDA_COMPILER} -x cuda --cuda-device-only
              --cuda-gpu-arch=sm_80 --cuda-feature=+ptx70
              --cuda-path=/nonexistent -nocudainc -nocudalib -nostdlibinc
              -ffreestanding -fno-exceptions -ffp-contract=off -O2 -std=c++20
              -Wall -Wextra -Werror -I${PROJECT_SOURCE_DIR} -S
              -MD -MF ${name}.d -MT ${name}.ptx.inc -o ${name}.ptx
              ${CMAKE_CURRENT_SOURCE_DIR}/${source}
      COMMAND ${CMAKE_COMMAND} -DINPUT=${name}.ptx -DOUTPUT=${name}.ptx.inc
              -P ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
      BYPRODUCTS ${name}.ptx ${name}.d
      DEPENDS ${source} ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
              ${QUIPU_CUDA_COMPILER}
      DEPFILE ${name}.d
      COMMENT "Compiling ${source} to PTX")
    target_sources(${library} PRIVATE ${name}.ptx.inc)
  endforeach()
  target_include_directories(${library} PRIVATE ${PROJECT_BINARY_DIR})
endfunction()

# quipu_fuzzer(NAME source DEPENDS library...): libFuzzer program over the
# corpus in test/fuzz/corpus/NAME; ctest runs it for a bounded time.
function(quipu_fuzzer name)
  if(NOT QUIPU_BUILD_FUZZERS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  quipu_executable(${name} ${ARG_UNPARSED_ARGUMENTS} DEPENDS ${ARG_DEPENDS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set(grown ${PROJECT_BINARY_DIR}/corpus/${name})
  file(MAKE_DIRECTORY ${grown})
  add_test(NAME ${name}
           COMMAND ${name} -max_total_time=10 -timeout=5 -rss_limit_mb=2048
                   -print_final_stats=0 ${grown}
                   ${PROJECT_SOURCE_DIR}/test/fuzz/corpus/${name})
endfunction()

function(quipu_compile_options name)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wno-unused-parameter)
endfunction()
