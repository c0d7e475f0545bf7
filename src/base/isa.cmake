# Nobody reads errno after a square root; without it the loop over normal draws is compiled to vectors.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/base/random_draws.cpp PROPERTIES COMPILE_OPTIONS "-fno-math-errno")
