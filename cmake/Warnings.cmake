# SPDX-License-Identifier: Apache-2.0
# The warning list of the house. Generated code links sdei_plain instead.
option(SDEI_WERROR "Treat warnings as errors" ON)

add_library(sdei_warnings INTERFACE)
target_compile_options(sdei_warnings INTERFACE
	-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
	-Wundef -Wvla -Wimplicit-fallthrough $<$<BOOL:${SDEI_WERROR}>:-Werror>
	# -Wconversion means the same with both compilers: gcc's leaves signs out, clang's does not.
	$<$<C_COMPILER_ID:Clang>:-Wno-sign-conversion>)

add_library(sdei_plain INTERFACE)
target_compile_options(sdei_plain INTERFACE -w)
