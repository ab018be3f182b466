#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process of an emulated arm64 host that runs one guest of examples/vmm to its end, with the options
# of /options. Lines that begin with @J: are for scripts/test kvm; the guest's own come through as they are.
/bin/busybox mkdir -p /proc /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
vmm $(cat /options) --no-reboot --kernel /guest/Image --initrd /guest/initrd --tree /tmp/tree \
	--append "console=ttyAMA0 quiet panic=-1 cryptomgr.notests" </dev/null 2>/tmp/said
ended=$?
echo
sed 's/"/\\"/g; s/.*/@J:{"vmm":"&"}/' /tmp/said
echo "@J:{\"ended\":$ended}"
echo "@J:{\"tree\":\"$(gzip -c /tmp/tree | od -An -v -tx1 | tr -d ' \n')\"}"
echo '@J:"end"'
poweroff -f
