# Finds what scripts/install-sentencepiece built, as the target
# SentencePiece::Static. Falls back to a shared library of the system, with
# which packages of SentencePiece models run only where that library is.
set(version 0.2.1) # scripts/install-sentencepiece knows
if(DEFINED ENV{XDG_CACHE_HOME})
  set(cache $ENV{XDG_CACHE_HOME})
else()
  set(cache $ENV{HOME}/.cache)
endif()
set(prefix ${cache}/quipu/sentencepiece-${version})

find_library(SentencePieceStatic_LIBRARY libsentencepiece.a HINTS ${prefix}/lib)
if(NOT SentencePieceStatic_LIBRARY)
  find_library(SentencePieceStatic_LIBRARY sentencepiece)
  if(SentencePieceStatic_LIBRARY)
    message(WARNING "SentencePiece is linked dynamically: run "
                    "scripts/install-sentencepiece for a static library, "
                    "remove the CMake cache and configure again")
  endif()
endif()
find_path(SentencePieceStatic_INCLUDE_DIR sentencepiece_processor.h
          HINTS ${prefix}/include)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePieceStatic
  REQUIRED_VARS SentencePieceStatic_LIBRARY SentencePieceStatic_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/install-sentencepiece")
if(SentencePieceStatic_FOUND AND NOT TARGET SentencePiece::Static)
  add_library(SentencePiece::Static UNKNOWN IMPORTED)
  set_target_properties(SentencePiece::Static PROPERTIES
    IMPORTED_LOCATION ${SentencePieceStatic_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${SentencePieceStatic_INCLUDE_DIR})
  target_link_libraries(SentencePiece::Static INTERFACE Threads::Threads)
endif()
