# SPDX-License-Identifier: Apache-2.0
# Toolchain for arm64 from what scripts/test arm64 unpacks below build/kvm: Debian's cross compiler, its
# arm64 libraries, and QEMU's user emulation, by which CTest runs the programs.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(triplet aarch64-linux-gnu)
get_filename_component(home "${CMAKE_CURRENT_LIST_DIR}/../build/kvm" ABSOLUTE)

set(CMAKE_C_COMPILER "${home}/tools/usr/bin/${triplet}-gcc")
set(CMAKE_C_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_SYSROOT "${home}/sysroot")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
	set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(ENV{PKG_CONFIG_LIBDIR}
	"${CMAKE_SYSROOT}/usr/lib/${triplet}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${CMAKE_SYSROOT}")

find_program(SDEI_ARM64_EMULATOR qemu-aarch64-static PATHS "${home}/tools/usr/bin")
set(CMAKE_CROSSCOMPILING_EMULATOR "${SDEI_ARM64_EMULATOR};-L;${CMAKE_SYSROOT}")
