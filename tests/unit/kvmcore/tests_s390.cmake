# SPDX-License-Identifier: Apache-2.0
foreach(name s390 s390_cpu s390_mem s390_vm)
	sdei_test(NAME ${name} CONFIG unit SOURCES test_${name}.c LINK kvmcore_internal)
endforeach()
