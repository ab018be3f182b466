# SPDX-License-Identifier: Apache-2.0
# The CMake package (find_package(sdei-migrate), targets sdei::kvmcore ...) and the schema files.
# Included last: it exports what the rooms have installed.
include(CMakePackageConfigHelpers)

file(GLOB protos CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/proto/*.proto")
install(FILES ${protos} DESTINATION ${CMAKE_INSTALL_DATADIR}/sdei-migrate/proto)

get_property(libraries GLOBAL PROPERTY SDEI_LIBRARIES)
if(libraries)
	set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sdei-migrate)
	install(EXPORT sdei-migrate-targets NAMESPACE sdei:: DESTINATION ${package_dir})
	configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/sdei-migrate-config.cmake.in"
		"${PROJECT_BINARY_DIR}/sdei-migrate-config.cmake" INSTALL_DESTINATION ${package_dir})
	write_basic_package_version_file("${PROJECT_BINARY_DIR}/sdei-migrate-config-version.cmake"
		COMPATIBILITY SameMajorVersion)
	install(FILES "${PROJECT_BINARY_DIR}/sdei-migrate-config.cmake"
		"${PROJECT_BINARY_DIR}/sdei-migrate-config-version.cmake"
		DESTINATION ${package_dir})
endif()
