#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the guest that examples/vmm runs: sdei_watch counts events while programs at EL0 hold
# their registers and CPUs go and come, until the console says "stop". Lines that begin with @G: are results.
B=/bin/busybox
$B mkdir -p /proc /sys /dev
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
$B stty -echo </dev/console
# The first CPU does the work of this script and of the console, so that others may stand still (see pose).
$B taskset -p 1 1 >/dev/null
echo 1 >/sys/devices/virtual/workqueue/cpumask

say() {
	echo "@G:$*"
}

# What the kernel's log has to complain of; then it is empty.
complaints() {
	$B dmesg -c | $B grep -v 'module verification failed' |
		$B grep -A 24 -E 'WARNING:|BUG|Oops|detected stall|hard LOCKUP|sdei.*(fail|error)|Unable to handle' |
		$B head -n 60 |
		while read -r line; do
			say "{\"log\":\"$(echo "$line" | $B tr -d '"\\')\"}"
		done
}

# Linux 6.12's server of fair tasks loses its accounts when CPUs go while the machine is starved, and warns of it; it
# warns as well when it is told to stop.
stop_fair_server() {
	$B mount -t debugfs debug /sys/kernel/debug
	for runtime in /sys/kernel/debug/sched/fair_server/cpu*/runtime; do
		echo 0 >"$runtime"
	done
	$B dmesg -c >/dev/null
}

hotplug() {
	while [ ! -e /stop ]; do
		for cpu in 2 3; do
			echo 0 >/sys/devices/system/cpu/cpu$cpu/online
			$B usleep 100000
			echo 1 >/sys/devices/system/cpu/cpu$cpu/online
			$B usleep 500000
		done
	done
}

# Each character on this console costs the host an exit or two: only how far it is.
count() {
	while [ ! -e /stop ]; do
		say "$($B cut -d, -f1 /proc/sdei_watch)}"
		$B sleep 1
	done
}

# How often a CPU has been in this depth of sleep, which it enters by PSCI CPU_SUSPEND.
slept() {
	$B cat /sys/devices/system/cpu/cpu[0-9]/cpuidle/state$1/usage | $B awk '{ n += $1 } END { print n }'
}

counted() {
	$B sed "s/.*\"$1\":\([0-9]*\).*/\1/" /proc/sdei_watch
}

# All CPUs but the first stay where a hand-over seldom finds them, until "go".
pose() {
	echo pose >/proc/sdei_watch &
	posing=$!
	seconds=0
	while [ "$(counted posed)" -lt "$(counted poses)" ] && [ $seconds -lt 100 ]; do
		$B sleep 1
		seconds=$((seconds + 1))
	done
	say "{\"posed\":$(counted posed)}"
}

go() {
	echo go >/proc/sdei_watch
	wait $posing
}

say "{\"up\":$($B cut -d' ' -f1 /proc/uptime),\"cpus\":$($B grep -c ^processor /proc/cpuinfo)}"
say "{\"sdei\":\"$($B dmesg | $B sed -n 's/.*sdei: *//p' | $B head -1)\"}"
complaints
$B sleep 1
say "{\"slept\":[$(slept 1),$(slept 2)]}"
stop_fair_server
say "$(/hold abort 0x0b000010)"
say "$(/hold odd-abort 0x0b000010)"
$B insmod /sdei_watch.ko interval_us=1000 || say '{"insmod":"failed"}'
echo guard >/proc/sdei_watch || say '{"guard":"failed"}'
echo bench >/proc/sdei_watch
say "$($B dmesg | $B sed -n 's/.*sdei_watch: {/{/p')"
for cpu in 1 2 4 8; do
	$B taskset $cpu /hold 50000 >/tmp.$cpu &
done
tries=0 # each has to be on its CPU before one is switched off
while [ "$($B pidof hold | $B wc -w)" -lt 4 ] && [ $tries -lt 100 ]; do
	$B usleep 100000
	tries=$((tries + 1))
done
echo run >/proc/sdei_watch
hotplug &
changes=$!
count &
reports=$!
say '{"ready":true}'

while read -r line </dev/console; do
	case $line in
	again) $B reboot -f ;;
	pose) pose ;;
	go) go ;;
	stop) break ;;
	esac
done
seconds=0 # so that many events take as long as they take; this bound is for a machine on which none come
while [ "$(counted total)" -lt "${least_events:-1000}" ] && [ $seconds -lt 600 ]; do
	$B sleep 1
	seconds=$((seconds + 1))
done
: >/stop
wait $changes $reports
echo stop >/proc/sdei_watch
say "{\"end\":$($B cat /proc/sdei_watch)}"
$B killall hold
wait
for cpu in 1 2 4 8; do
	say "$($B cat /tmp.$cpu)"
done
say "$(/hold abort 0x0b000010)"
say "$(/hold odd-abort 0x0b000010)"
$B sleep 2
say "{\"slept\":[$(slept 1),$(slept 2)]}"
$B rmmod sdei_watch
complaints
say '{"off":true}'
$B poweroff -f
