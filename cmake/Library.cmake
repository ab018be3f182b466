# SPDX-License-Identifier: Apache-2.0
# sdei_library(name VERSION_SCRIPT file DESCRIPTION text SOURCES ... LINK ... [REQUIRES library ...])
#
# REQUIRES names those of our libraries whose public headers this one's include.
#
# Builds one shared library with SONAME, version script and pkg-config file, and a static twin
# <name>_internal with the same objects, for tests that look behind the public headers.

# Installed programs find the libraries beside them, wherever the tree is put.
file(RELATIVE_PATH SDEI_BIN_TO_LIB "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
set(CMAKE_INSTALL_RPATH "$ORIGIN/${SDEI_BIN_TO_LIB}")

function(sdei_library name)
	cmake_parse_arguments(arg "" "VERSION_SCRIPT;DESCRIPTION" "SOURCES;LINK;REQUIRES" ${ARGN})
	add_library(${name}_objects OBJECT ${arg_SOURCES})
	target_include_directories(${name}_objects PUBLIC
		"${CMAKE_CURRENT_SOURCE_DIR}/include" PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src")
	target_link_libraries(${name}_objects PUBLIC ${arg_LINK} PRIVATE sdei_warnings)

	add_library(${name}_internal STATIC $<TARGET_OBJECTS:${name}_objects>)
	target_include_directories(${name}_internal PUBLIC
		"${CMAKE_CURRENT_SOURCE_DIR}/include" "${CMAKE_CURRENT_SOURCE_DIR}/src")
	target_link_libraries(${name}_internal PUBLIC ${arg_LINK})

	add_library(${name} SHARED $<TARGET_OBJECTS:${name}_objects>)
	target_include_directories(${name} PUBLIC
		$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
		$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
	target_link_libraries(${name} PRIVATE ${arg_LINK})
	target_link_options(${name} PRIVATE
		"LINKER:--version-script=${CMAKE_CURRENT_SOURCE_DIR}/${arg_VERSION_SCRIPT}" LINKER:--no-undefined-version)
	if(NOT CMAKE_C_FLAGS MATCHES "-fsanitize=")	# a sanitizer's symbols come with the program
		target_link_options(${name} PRIVATE LINKER:--no-undefined)
	endif()
	set_target_properties(${name} PROPERTIES
		VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} INSTALL_RPATH "$ORIGIN"
		LINK_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${arg_VERSION_SCRIPT}")

	install(TARGETS ${name} EXPORT sdei-migrate-targets
		LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
	install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
	set_property(GLOBAL APPEND PROPERTY SDEI_LIBRARIES ${name})

	# Relative to the file itself, so that an installed tree can be moved.
	file(RELATIVE_PATH PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
	string(REGEX REPLACE "/$" "" PC_PREFIX "${PC_PREFIX}")
	set(PC_NAME ${name})
	set(PC_DESCRIPTION "${arg_DESCRIPTION}")
	list(TRANSFORM arg_REQUIRES PREPEND lib)
	list(JOIN arg_REQUIRES " " PC_REQUIRES)
	configure_file("${PROJECT_SOURCE_DIR}/cmake/library.pc.in"
		"${CMAKE_CURRENT_BINARY_DIR}/lib${name}.pc" @ONLY)
	install(FILES "${CMAKE_CURRENT_BINARY_DIR}/lib${name}.pc"
		DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
