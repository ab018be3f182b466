# SPDX-License-Identifier: Apache-2.0
sdei_test(NAME spans CONFIG unit SOURCES test_spans.c LINK kvmcore_internal)
foreach(name guard guard_access guard_attr guard_straddle)
	sdei_test(NAME ${name} CONFIG unit SOURCES test_${name}.c LINK kvmcore)
endforeach()
