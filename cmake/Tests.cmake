# SPDX-License-Identifier: Apache-2.0
# sdei_test(NAME name CONFIG unit|conformance|... SOURCES ... LINK ... [ARGS ...] [LABELS thread]
#           [TIMEOUT seconds])
# sdei_script_test(NAME name CONFIG cli|install|... COMMAND ... [LABELS ...] [TIMEOUT seconds])
#
# One program per test; CONFIG is the ctest label that `scripts/test CONFIG` selects.
# The target tests_CONFIG builds the programs of one CONFIG and nothing else.
# Exit code 77 means skipped, and the reason is the line the test prints that begins with "SKIP".
# tests/support/failing_heap.h stands between a test and its heap.
add_library(failing_heap INTERFACE)
target_link_options(failing_heap INTERFACE
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free)

function(sdei_test)
	cmake_parse_arguments(arg "" "NAME;CONFIG;TIMEOUT" "SOURCES;LINK;ARGS;LABELS" ${ARGN})
	set(target "${arg_CONFIG}_${arg_NAME}")
	add_executable(${target} ${arg_SOURCES})
	if(NOT TARGET tests_${arg_CONFIG})
		add_custom_target(tests_${arg_CONFIG})
	endif()
	add_dependencies(tests_${arg_CONFIG} ${target})
	target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
	target_link_libraries(${target} PRIVATE ${arg_LINK} dep::cunit Threads::Threads sdei_warnings)
	target_compile_definitions(${target} PRIVATE
		TEST_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TEST_BINARY_DIR="${PROJECT_BINARY_DIR}")
	sdei_script_test(NAME ${arg_NAME} CONFIG ${arg_CONFIG} TIMEOUT ${arg_TIMEOUT}
		COMMAND ${target} ${arg_ARGS} LABELS ${arg_LABELS})
endfunction()

function(sdei_script_test)
	cmake_parse_arguments(arg "" "NAME;CONFIG;TIMEOUT" "COMMAND;LABELS" ${ARGN})
	set(name "${arg_CONFIG}/${arg_NAME}")
	if(NOT arg_TIMEOUT) # a net for what hangs, not a limit for a busy machine
		set(arg_TIMEOUT 600)
	endif()
	set(labels ${arg_CONFIG} ${arg_LABELS})
	add_test(NAME "${name}" COMMAND ${arg_COMMAND})
	set_tests_properties("${name}" PROPERTIES
		LABELS "${labels}" SKIP_RETURN_CODE 77 TIMEOUT ${arg_TIMEOUT}
		ENVIRONMENT "SDEI_THIRD_PARTY_VECTORS=${SDEI_THIRD_PARTY_VECTORS}")
endfunction()
