# SPDX-License-Identifier: Apache-2.0
foreach(name bits event matrix profile queue limits)
	sdei_test(NAME sdei_${name} CONFIG unit SOURCES test_sdei_${name}.c LINK kvmcore_internal)
endforeach()
