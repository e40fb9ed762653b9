# Finds what scripts/install-sentencepiece built, as the target
# SentencePiece::Static. A shared library of the system will not do: packages
# run where there is none.
set(version 0.2.1) # scripts/install-sentencepiece knows
if(DEFINED ENV{XDG_CACHE_HOME})
  set(cache $ENV{XDG_CACHE_HOME})
else()
  set(cache $ENV{HOME}/.cache)
endif()
set(prefix ${cache}/quipu/sentencepiece-${version})

find_library(SentencePieceStatic_LIBRARY libsentencepiece.a
             PATHS ${prefix}/lib NO_DEFAULT_PATH)
find_path(SentencePieceStatic_INCLUDE_DIR sentencepiece_processor.h
          PATHS ${prefix}/include NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePieceStatic
  REQUIRED_VARS SentencePieceStatic_LIBRARY SentencePieceStatic_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/install-sentencepiece")
if(SentencePieceStatic_FOUND AND NOT TARGET SentencePiece::Static)
  add_library(SentencePiece::Static STATIC IMPORTED)
  set_target_properties(SentencePiece::Static PROPERTIES
    IMPORTED_LOCATION ${SentencePieceStatic_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${SentencePieceStatic_INCLUDE_DIR})
  target_link_libraries(SentencePiece::Static INTERFACE Threads::Threads)
endif()
