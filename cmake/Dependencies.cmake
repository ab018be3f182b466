# SPDX-License-Identifier: Apache-2.0
# Every outside dependency, with the package that brings it on Debian and on Fedora.
find_package(PkgConfig)
if(NOT PKG_CONFIG_FOUND)
	message(FATAL_ERROR "pkg-config is missing: install pkg-config (Debian) or pkgconf-pkg-config (Fedora)")
endif()
find_package(Threads REQUIRED)

set(SDEI_MISSING "")

# sdei_need(TARGET pkg-config-name minimum debian-package fedora-package)
function(sdei_need target module minimum debian fedora)
	pkg_check_modules(${target} QUIET IMPORTED_TARGET GLOBAL "${module}>=${minimum}")
	if(${target}_FOUND)
		add_library(dep::${target} ALIAS PkgConfig::${target})
	else()
		list(APPEND SDEI_MISSING "  ${module} >= ${minimum}: ${debian} (Debian), ${fedora} (Fedora)")
		set(SDEI_MISSING "${SDEI_MISSING}" PARENT_SCOPE)
	endif()
endfunction()

sdei_need(protobufc  libprotobuf-c 1.4    libprotobuf-c-dev      protobuf-c-devel)
sdei_need(zstd       libzstd       1.5    libzstd-dev            libzstd-devel)
sdei_need(crypto     libcrypto     3.0    libssl-dev             openssl-devel)
sdei_need(ssl        libssl        3.0    libssl-dev             openssl-devel)
sdei_need(curl       libcurl       7.88   libcurl4-openssl-dev   libcurl-devel)
sdei_need(jansson    jansson       2.13   libjansson-dev         jansson-devel)
sdei_need(sqlite     sqlite3       3.34   libsqlite3-dev         sqlite-devel)
sdei_need(seccomp    libseccomp    2.5    libseccomp-dev         libseccomp-devel)
sdei_need(systemd    libsystemd    247    libsystemd-dev         systemd-devel)
sdei_need(zlib       zlib          1.2    zlib1g-dev             zlib-devel)

function(sdei_need_program variable program debian fedora)
	find_program(${variable} ${program})
	if(NOT ${variable})
		list(APPEND SDEI_MISSING "  ${program}: ${debian} (Debian), ${fedora} (Fedora)")
		set(SDEI_MISSING "${SDEI_MISSING}" PARENT_SCOPE)
	endif()
endfunction()

# sdei_need_library(TARGET header library debian fedora): for libraries without a pkg-config file.
function(sdei_need_library target header library debian fedora)
	find_path(${target}_INCLUDE ${header})
	find_library(${target}_LIBRARY ${library})
	if(${target}_INCLUDE AND ${target}_LIBRARY)
		add_library(dep::${target} UNKNOWN IMPORTED GLOBAL)
		set_target_properties(dep::${target} PROPERTIES
			IMPORTED_LOCATION "${${target}_LIBRARY}"
			INTERFACE_INCLUDE_DIRECTORIES "${${target}_INCLUDE}")
	else()
		list(APPEND SDEI_MISSING "  ${header}: ${debian} (Debian), ${fedora} (Fedora)")
		set(SDEI_MISSING "${SDEI_MISSING}" PARENT_SCOPE)
	endif()
endfunction()

sdei_need_program(PROTOC_C protoc-c protobuf-c-compiler protobuf-c-compiler)
sdei_need_library(cbor cbor.h cbor libcbor-dev libcbor-devel)
sdei_need_library(fdt libfdt.h fdt libfdt-dev libfdt-devel)
if(BUILD_TESTING)
	sdei_need_library(cunit CUnit/CUnit.h cunit libcunit1-dev CUnit-devel)
endif()

if(SDEI_MISSING)
	list(JOIN SDEI_MISSING "\n" text)
	message(FATAL_ERROR "Missing dependencies, and the packages that bring them:\n${text}\n"
		"On Debian, scripts/setup installs all of them.")
endif()
