# Every kernel family has a file for each instruction set, by its name; the portable one needs no flags.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  file(GLOB avx2 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/isa/*_avx2.cpp)
  file(GLOB avx512 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/isa/*_avx512.cpp)
  set_source_files_properties(${avx2} PROPERTIES COMPILE_OPTIONS "-march=haswell;-maes")
  file(GLOB bf16 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/isa/*_bf16.cpp)
  set_source_files_properties(${avx512} PROPERTIES COMPILE_OPTIONS "-march=skylake-avx512")
  set_source_files_properties(${bf16} PROPERTIES COMPILE_OPTIONS "-march=cooperlake")
endif()
