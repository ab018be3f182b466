# SPDX-License-Identifier: Apache-2.0
"""Two hosts with libvirt on one machine: each a libvirtd in a mount and UTS namespace of its own.

What they write lies in their own tmpfs; what both see is the test's folder, with their sockets and those of QEMU. Nothing
listens on a network. Needs root.
"""
import contextlib
import os
import shlex
import subprocess
import time

import guests
import qemu_packages

SECONDS = 60
SCRIPT = r"""
set -e
root=$1 dir=$2 name=$3
mount --make-rprivate /
mkdir -p "$dir/ns"
mount -t tmpfs none "$dir/ns"
mkdir -p "$dir/ns/up" "$dir/ns/work"
mount -t overlay overlay -o "lowerdir=$root/etc:/etc,upperdir=$dir/ns/up,workdir=$dir/ns/work" /etc
mount -t overlay overlay -o "lowerdir=$root/lib:/usr/lib" /usr/lib
mount -t overlay overlay -o "lowerdir=$dir/usr:$root/usr:/usr" /usr
for own in /run /var/lib /var/cache /var/log; do mount -t tmpfs none "$own"; done
hostname "$name"
# The package's user, whom libvirt looks for although it is not to use him.
grep -q '^libvirt-qemu:' /etc/passwd || echo 'libvirt-qemu:x:64055:65534::/nonexistent:/bin/false' >>/etc/passwd
for group in libvirt-qemu kvm; do
	grep -q "^$group:" /etc/group || echo "$group:x:64055:" >>/etc/group
done
mkdir -p /etc/libvirt/hooks/qemu.d
cp "$dir"/*.conf /etc/libvirt/
mkdir -p /etc/sdei-migrate/libvirt
[ ! -e "$dir/g.sdei" ] || cp "$dir/g.sdei" /etc/sdei-migrate/libvirt/g.conf
[ ! -e "$dir/hook" ] || cp "$dir/hook" /etc/libvirt/hooks/qemu.d/sdei-migrate
exec /usr/sbin/libvirtd --config /etc/libvirt/libvirtd.conf --pid-file "$dir/pid"
"""
LIBVIRTD_CONF = """unix_sock_dir = "{dir}"
auth_unix_rw = "none"
host_uuid = "{uuid}"
log_outputs = "2:file:{dir}/libvirtd.log"
"""
# No other daemon, no privileges to give up: this is not what a host should have.
QEMU_CONF = """security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
"""


class Libvirt:
    """One host: start() first, then virsh()."""

    def __init__(self, directory, name, number):
        self.dir = os.path.join(directory, name)
        self.name = name
        self.uuid = f"5de1000{number}-0000-4000-8000-0000000000{number:02x}"
        os.makedirs(os.path.join(self.dir, "usr", "bin"))
        self.root = qemu_packages.libvirt()
        self.env = guests.debian.environment(self.root)
        self.process = None

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def emulator(self, tool):
        """libvirt clears the environment that an unpacked QEMU needs."""
        return self.write("qemu", f"#!/bin/sh\nLD_LIBRARY_PATH={tool.env['LD_LIBRARY_PATH']} "
                          f"exec {shlex.join(tool.command)} \"$@\"\n", 0o755)

    def start(self, hook=None):
        self.write("libvirtd.conf", LIBVIRTD_CONF.format(dir=self.dir, uuid=self.uuid))
        self.write("qemu.conf", QEMU_CONF)
        if hook:
            self.write("hook", hook, 0o755)
        self.log = open(os.path.join(self.dir, "log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--uts", "sh", "-c", SCRIPT, "sh", self.root, self.dir, self.name],
            env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + SECONDS
        while self.virsh("list").returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.said())
            time.sleep(0.05)

    def said(self):
        self.log.flush()
        said = ""
        for name in ("log", "libvirtd.log"):
            with contextlib.suppress(OSError), open(os.path.join(self.dir, name), encoding="utf-8") as file:
                said += file.read()
        return said

    @property
    def uri(self):
        return f"qemu+unix:///system?socket={self.dir}/libvirt-sock"

    def virsh(self, *words):
        """Returns the finished process."""
        return subprocess.run(["virsh", "-c", self.uri, *words], env=self.env, capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, timeout=SECONDS, check=False)

    def stop(self):
        if self.process:
            for line in self.virsh("list", "--all", "--name").stdout.split():
                self.virsh("destroy", line)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()


@contextlib.contextmanager
def two(directory, hook=None, before=lambda host: None):
    hosts = [Libvirt(directory, name, number) for number, name in enumerate(("here", "there"))]
    try:
        for host in hosts:
            before(host)
            host.start(hook)
        yield hosts
    finally:
        for host in hosts:
            host.stop()
