# SPDX-License-Identifier: Apache-2.0
foreach(name s390 s390_cpu s390_mem s390_vm)
	sdei_test(NAME ${name} CONFIG unit SOURCES test_${name}.c LINK kvmcore_internal)
endforeach()
sdei_test(NAME room_no_memory CONFIG unit SOURCES test_room_no_memory.c
	LINK kvmcore_internal failing_heap)
