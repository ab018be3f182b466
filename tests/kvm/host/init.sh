#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the emulated arm64 host: what is common to all that run examples/vmm on it, then the
# file "scenario". Lines that begin with @J: are for scripts/test kvm.
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp /run
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
GUEST="--memory 128 --cpus 4 --guard S"
# Emulation is slow, and slower where others work: what a guest calls a stall begins later, and nobody waits for its
# kernel's tests of its own ciphers.
WORDS="console=ttyAMA0 quiet panic=-1 watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=300 cryptomgr.notests"

say() {
	echo "@J:$*"
}

# Host "a" and host "b" have a key each, and know the other's certificate.
chmod 600 /keys/*.key
mkdir -p /tmp/state.a /tmp/state.b

# mover VERB HOST PEER OPTION...: sdei-migrate as one of both
mover() {
	verb=$1
	us=$2
	peer=$3
	shift 3
	sdei-migrate "$verb" --json --key "/keys/$us.key" --peer "/keys/$peer.crt" --state "/tmp/state.$us" \
		--timeout 120000 "$@"
}

# said FILE: the last line of JSON in it, which is the result of send
said() {
	grep '^{' "$1" | tail -n 1
}

# network N: this is host 10.0.0.N
network() {
	for module in /modules/*.ko; do
		insmod "$module"
	done
	ifconfig lo 127.0.0.1 up
	tries=0
	until ifconfig eth0 "10.0.0.$1" netmask 255.255.255.0 up 2>/dev/null || [ $tries -gt 50 ]; do
		usleep 100000
		tries=$((tries + 1))
	done
}

# vmm_start N OPTION...: the Nth VMM; what is typed into it is written to /run/in.N. All CPUs of its guest are always busy,
# and would take the movers' time.
vmm_start() {
	number=$1
	shift
	mkfifo "/run/in.$number"
	sh -c 'renice -n 10 -p $$ >/dev/null; exec vmm "$@"' vmm --control "/run/vmm.$number" $GUEST "$@" \
		<>"/run/in.$number" &
	eval "vmm_$number=$!"
	tries=0
	while [ ! -S "/run/vmm.$number" ] && [ $tries -lt 100 ]; do
		usleep 100000
		tries=$((tries + 1))
	done
}

# wait_for WORDS FILE SECONDS [LINES]: until that many lines of the file have the words
wait_for() {
	tries=0
	until [ "$(grep -c "$1" "$2" 2>/dev/null)" -ge "${4:-1}" ] 2>/dev/null; do
		[ $tries -lt $(($3 * 5)) ] || return 1
		usleep 200000
		tries=$((tries + 1))
	done
}

. /scenario
say '"end"'
poweroff -f
