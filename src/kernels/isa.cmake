# Pointwise, reduction and row kernels.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  foreach(file pointwise rows)
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/isa/${file}_avx2.cpp PROPERTIES COMPILE_OPTIONS "-march=haswell;-maes")
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/isa/${file}_avx512.cpp PROPERTIES COMPILE_OPTIONS "-march=skylake-avx512")
  endforeach()
endif()

# Register tiles of the dense products.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/isa/gemm_tile_avx2.cpp PROPERTIES COMPILE_OPTIONS "-march=haswell;-maes")
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/isa/gemm_tile_avx512.cpp PROPERTIES COMPILE_OPTIONS "-march=skylake-avx512")
endif()

# Depthwise convolution, pooling and attention.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  foreach(file depthwise pool attention)
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/isa/${file}_avx2.cpp PROPERTIES COMPILE_OPTIONS "-march=haswell;-maes")
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/isa/${file}_avx512.cpp PROPERTIES COMPILE_OPTIONS "-march=skylake-avx512")
  endforeach()
endif()
