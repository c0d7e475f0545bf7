# Every kernel family has a file for each instruction set, by its name; the portable one needs no flags.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  file(GLOB avx2 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/isa/*_avx2.cpp)
  file(GLOB avx512 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/isa/*_avx512.cpp)
  set_source_files_properties(${avx2} PROPERTIES COMPILE_OPTIONS "-march=haswell;-maes")
  file(GLOB bf16 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/isa/*_bf16.cpp)
  file(GLOB vnni CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/isa/*_vnni.cpp)
  set_source_files_properties(${avx512} PROPERTIES COMPILE_OPTIONS "-march=skylake-avx512")
  set_source_files_properties(${bf16} PROPERTIES COMPILE_OPTIONS "-march=cooperlake")
  set_source_files_properties(${vnni} PROPERTIES COMPILE_OPTIONS "-march=cascadelake")
endif()

# Unrolled loops grow a hundredfold under checks that are compiled in: calls instead, of the address sanitizer alone.
if(FOVEA_SANITIZE)
  file(GLOB unrolled CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/isa/*.cpp)
  set_property(SOURCE ${unrolled} APPEND PROPERTY COMPILE_OPTIONS
    "-O1;-fno-sanitize=undefined;--param=asan-instrumentation-with-call-threshold=0")
endif()
