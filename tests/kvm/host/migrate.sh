# SPDX-License-Identifier: Apache-2.0
# The scenario: a Linux guest resets itself and begins anew; then it moves from VMM to VMM on one host, MIGRATIONS
# times, at random moments.
RANDOM=$SEED
WORDS="$WORDS least_events=$LEAST_EVENTS"

# hand_over FROM TO HOST PEER: VMM number FROM gives its guest to TO
hand_over() {
	mover recv "$4" "$3" --listen "unix:/run/mover.$2" --control "/run/vmm.$2" --once >"/tmp/recv.$2" 2>&1 &
	receiver=$!
	wait_for uri "/tmp/recv.$2" 60
	[ $posed ] && pose "$1"
	mover send "$3" "$4" --to "unix:/run/mover.$2" --control "/run/vmm.$1" >"/tmp/send.$1" 2>&1
	sent=$?
	wait $receiver
	say "{\"migration\":$2,\"send\":$sent,\"recv\":$?,\"told\":$(said "/tmp/send.$1")}"
	return $sent
}

# pose N: the guest of VMM number N gets into moments that are rare; the third of five hand-overs finds it there
pose() {
	echo pose >"/run/in.$1"
	wait_for 'G:{"posed"' "/tmp/console.$1" 120
}

vmm_start 0 --kernel /guest/Image --initrd /guest/initrd --append "$WORDS" --outgoing unix:/run/guest.1 \
	>/tmp/console.0 2>&1
tail -f /tmp/console.0 &
wait_for '"ready":true' /tmp/console.0 300 || say '{"boot":"failed"}'
say "{\"before\":$(sdei-migrate vm status --json --control /run/vmm.0)}"
echo again >/run/in.0
wait_for '"ready":true' /tmp/console.0 300 2 || say '{"boot":"failed again"}'
say "{\"again\":$(sdei-migrate vm status --json --control /run/vmm.0)}"
from=0
here=a
there=b
while [ $from -lt "$MIGRATIONS" ]; do
	to=$((from + 1))
	vmm_start $to --incoming unix:/run/guest.$to --outgoing unix:/run/guest.$((to + 1)) >/tmp/console.$to 2>&1
	tail -f /tmp/console.$to &
	usleep $((RANDOM * 50))
	[ $((to % 5)) = 3 ] && posed=yes || posed=
	hand_over $from $to $here $there || break
	[ $posed ] && echo go >/run/in.$to
	swap=$here
	here=$there
	there=$swap
	from=$to
	wait_for '"total"' /tmp/console.$to 120 3 # it counts on; the first report may be one that began elsewhere
done
echo stop >/run/in.$from
eval "wait \$vmm_$from"
say "{\"vmm\":$?}"
sleep 3 # until tail has shown the last lines
