# SPDX-License-Identifier: Apache-2.0
# sdei_fuzz(NAME SOURCES ... LINK ...)
#
# One libFuzzer harness, fuzz_NAME, with its seeds in fuzz/corpus/NAME/. As a test it fuzzes for
# SDEI_FUZZ_SECONDS (5 without it) from those seeds; what it finds stays in the build tree.
function(sdei_fuzz)
	cmake_parse_arguments(arg "" "NAME" "SOURCES;LINK" ${ARGN})
	set(target "fuzz_${arg_NAME}")
	add_executable(${target} ${arg_SOURCES})
	target_include_directories(${target} PRIVATE
		"${PROJECT_SOURCE_DIR}/fuzz" "${PROJECT_SOURCE_DIR}/tests")
	target_compile_definitions(${target} PRIVATE TEST_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
	target_link_libraries(${target} PRIVATE ${arg_LINK} Threads::Threads sdei_warnings)
	target_link_options(${target} PRIVATE -fsanitize=fuzzer)
	add_test(NAME "fuzz/${arg_NAME}" COMMAND "${PROJECT_SOURCE_DIR}/scripts/lib/fuzz"
		$<TARGET_FILE:${target}> "${PROJECT_SOURCE_DIR}/fuzz/corpus/${arg_NAME}"
		"${PROJECT_BINARY_DIR}/corpus/${arg_NAME}")
	set_tests_properties("fuzz/${arg_NAME}" PROPERTIES LABELS fuzz TIMEOUT 180)
endfunction()

if(SDEI_FUZZ AND NOT CMAKE_C_COMPILER_ID MATCHES Clang)
	message(FATAL_ERROR "SDEI_FUZZ needs clang: install clang and libclang-rt-14-dev (Debian), "
		"clang and compiler-rt (Fedora), and use the fuzz preset")
endif()
