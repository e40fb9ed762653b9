# What most sources of a kind include, parsed once per build: MLIR's headers
# take ten times as long as the code that includes them. A source still names
# what it uses; with -DQUIPU_PRECOMPILED_HEADERS=OFF a missing include shows.
option(QUIPU_PRECOMPILED_HEADERS "Parse the headers of MLIR and tests once" ON)

# Not those of the gpu and nvvm dialects: few sources want them, and mlir::gpu
# would hide quipu::gpu.
set(QUIPU_MLIR_HEADERS
  <llvm/ADT/SetVector.h>
  <llvm/ADT/StringMap.h>
  <llvm/ADT/TypeSwitch.h>
  <llvm/Support/MathExtras.h>
  <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/LLVMIR/LLVMDialect.h>
  <mlir/Dialect/Math/IR/Math.h>
  <mlir/Dialect/SCF/IR/SCF.h>
  <mlir/Dialect/Vector/IR/VectorOps.h>
  <mlir/IR/Builders.h>
  <mlir/IR/BuiltinOps.h>
  <mlir/IR/ImplicitLocOpBuilder.h>
  <mlir/IR/PatternMatch.h>
  <mlir/Parser/Parser.h>
  <mlir/Pass/PassManager.h>
)
set(QUIPU_TEST_HEADERS <gmock/gmock.h> <gtest/gtest.h>)

# quipu_precompiled(NAME header... [MLIR] [LIBRARIES library...]): headers that
# targets with the compile options of NAME take by quipu_use_precompiled.
function(quipu_precompiled name)
  cmake_parse_arguments(ARG "MLIR" "" "LIBRARIES" ${ARGN})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Carries precompiled headers.\n")
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  if(ARG_MLIR)
    target_include_directories(${name} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS}
                                                      ${MLIR_INCLUDE_DIRS})
    target_compile_options(${name} PRIVATE -fno-rtti)
  endif()
  target_precompile_headers(${name} PRIVATE ${ARG_UNPARSED_ARGUMENTS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # By content and not by time, so that ccache can share them.
    target_compile_options(${name} PRIVATE
                           "SHELL:-Xclang -fno-pch-timestamp")
  endif()
  quipu_compile_options(${name})
endfunction()

# Clang tells code for executables, where the tests are, from code for
# libraries.
function(quipu_precompiled_for_executables name)
  quipu_precompiled(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE ${CMAKE_CXX_COMPILE_OPTIONS_PIE})
endfunction()

function(quipu_use_precompiled name headers)
  if(TARGET ${headers})
    target_precompile_headers(${name} REUSE_FROM ${headers})
  endif()
endfunction()
