# SPDX-License-Identifier: Apache-2.0
foreach(name s390)
	sdei_test(NAME ${name} CONFIG unit SOURCES test_${name}.c LINK kvmcore_internal)
endforeach()
