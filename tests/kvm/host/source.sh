# SPDX-License-Identifier: Apache-2.0
# The scenario of the first of two hosts: its guest moves to the other, and what the other then offers is refused.
network 1
WORDS="$WORDS least_events=$LEAST_EVENTS"
vmm_start 0 --no-reboot --kernel /guest/Image --initrd /guest/initrd --append "$WORDS" --outgoing tcp:10.0.0.2:7001 \
	>/tmp/console.0 2>&1
tail -f /tmp/console.0 &
wait_for '"ready":true' /tmp/console.0 300 || say '{"boot":"failed"}'
sleep 3
mover send a b --to tcp:10.0.0.2:7000 --control /run/vmm.0 >/tmp/send 2>&1
sent=$?
say "{\"migration\":1,\"send\":$sent,\"told\":$(said /tmp/send)}"
vmm_start 1 --incoming tcp:10.0.0.1:7003 >/tmp/console.1 2>&1
timeout 600 sdei-migrate recv --once --listen tcp:10.0.0.1:7002 --control /run/vmm.1 --key /keys/a.key --peer /keys/b.crt \
	--state /tmp/state.a --timeout 120000 >/tmp/recv 2>&1
cat /tmp/recv
