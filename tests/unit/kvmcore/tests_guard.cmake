# SPDX-License-Identifier: Apache-2.0
foreach(name spans guard guard_access guard_attr guard_straddle)
	sdei_test(NAME ${name} CONFIG unit SOURCES test_${name}.c LINK kvmcore_internal)
endforeach()
