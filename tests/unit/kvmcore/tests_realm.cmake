# SPDX-License-Identifier: Apache-2.0
foreach(name commands life limits rsi host)
	sdei_test(NAME realm_${name} CONFIG unit SOURCES test_realm_${name}.c
		LINK kvmcore_internal dep::jansson)
endforeach()
