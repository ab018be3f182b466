# SPDX-License-Identifier: Apache-2.0
# sdei_test(NAME name CONFIG unit|conformance|... SOURCES ... LINK ...)
#
# One program per test; CONFIG is the ctest label that `scripts/test CONFIG` selects.
# Exit code 77 means skipped, and the reason is the line the test prints that begins with "SKIP".
function(sdei_test)
	cmake_parse_arguments(arg "" "NAME;CONFIG;TIMEOUT" "SOURCES;LINK;ARGS" ${ARGN})
	set(target "${arg_CONFIG}_${arg_NAME}")
	add_executable(${target} ${arg_SOURCES})
	target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
	target_link_libraries(${target} PRIVATE ${arg_LINK} dep::cunit Threads::Threads sdei_warnings)
	target_compile_definitions(${target} PRIVATE
		TEST_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TEST_BINARY_DIR="${PROJECT_BINARY_DIR}")
	add_test(NAME "${arg_CONFIG}/${arg_NAME}" COMMAND ${target} ${arg_ARGS})
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT 120)
	endif()
	set_tests_properties("${arg_CONFIG}/${arg_NAME}" PROPERTIES
		LABELS "${arg_CONFIG}" SKIP_RETURN_CODE 77 TIMEOUT ${arg_TIMEOUT}
		ENVIRONMENT "SDEI_THIRD_PARTY_VECTORS=${SDEI_THIRD_PARTY_VECTORS}")
endfunction()
