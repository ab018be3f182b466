# SPDX-License-Identifier: Apache-2.0
foreach(name commands life limits rsi host edges reads)
	sdei_test(NAME realm_${name} CONFIG unit SOURCES test_realm_${name}.c
		LINK kvmcore dep::jansson)
endforeach()
sdei_test(NAME realm_no_memory CONFIG unit SOURCES test_realm_no_memory.c
	LINK kvmcore_internal failing_heap)
sdei_test(NAME realm_lost_step CONFIG unit SOURCES test_realm_lost_step.c
	LINK kvmcore_internal sdeistate -Wl,--wrap=EVP_DigestFinal_ex)
