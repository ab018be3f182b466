# SPDX-License-Identifier: Apache-2.0
# The scenario of the second of two hosts, with another kernel: a guest comes and goes on here; then one that began
# here is to go where the kernel is older.
network 2
vmm_start 1 --incoming tcp:10.0.0.2:7001 >/tmp/console.1 2>&1
tail -f /tmp/console.1 &
mover recv b a --listen tcp:10.0.0.2:7000 --control /run/vmm.1 --once >/tmp/recv 2>&1
say "{\"recv\":$?}"
sleep 3
echo stop >/run/in.1
eval "wait \$vmm_1"
say "{\"vmm\":$?}"
sleep 3 # until tail has shown the last lines
vmm_start 2 --kernel /guest/Image --append "$WORDS" --outgoing tcp:10.0.0.1:7003 >/tmp/console.2 2>&1
tries=0
until [ $tries -ge 60 ]; do
	mover send b a --to tcp:10.0.0.1:7002 --control /run/vmm.2 >/tmp/send 2>&1
	grep -q '"reason":"peer"' /tmp/send || break
	sleep 1
	tries=$((tries + 1))
done
say "{\"back\":$(said /tmp/send)}"
