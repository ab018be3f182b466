# SPDX-License-Identifier: Apache-2.0
"""Real servers on loopback, started by the test on free ports, and the certificates they show."""
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NPM_S3 = "s3rver@3.7.1"


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=60)


class Authority:
    """Makes certificates in a folder."""

    def __init__(self, directory):
        self.directory = directory
        self.path = os.path.join(directory, "ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.path + ".key", "-out", self.path, "-days", "2", "-subj",
                "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE")

    def make(self, name, names="IP:127.0.0.1,DNS:localhost", days=1):
        """Returns the paths of a certificate and its key; negative @days: it has run out."""
        path = os.path.join(self.directory, name)
        with open(path + ".ext", "w", encoding="ascii") as out:
            out.write(f"subjectAltName={names}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", path + ".key", "-out", path + ".csr", "-subj", "/CN=" + name)
        openssl("x509", "-req", "-in", path + ".csr", "-CA", self.path, "-CAkey",
                self.path + ".key", "-set_serial", str(time.time_ns()), "-days", str(days),
                "-extfile", path + ".ext", "-out", path + ".pem")
        return path + ".pem", path + ".key"


def free_port():
    """A port that no one else is given meanwhile: a connection of it that is closed lingers for a minute, which only stands
    in the way of who does not ask for it by its number."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()):
            server.accept()[0].close()  # who closes first lingers
        return server.getsockname()[1]


def wait_for(port, process, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def end(process):
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def apt(*packages):
    """Install them where this may be done."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "install", "-y",
                        "--no-install-recommends", *packages], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                       env={**os.environ, "DEBIAN_FRONTEND": "noninteractive",
                            "RUNLEVEL": "1"})


def nginx_program():
    """Debian's nginx, installed where this may be done, else None."""
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if not found:
        apt("nginx-light")
        found = shutil.which("/usr/sbin/nginx")
    return found


NGINX = """
daemon off; master_process off; worker_processes 1; user root;
pid {directory}/nginx.pid; error_log {directory}/error.log warn;
events {{ worker_connections 64; }}
http {{
	access_log {directory}/access.log;
	client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
	fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
	scgi_temp_path {directory}/scgi;
	client_max_body_size {limit};
	server {{
		listen 127.0.0.1:{port} ssl;
		ssl_certificate {certificate}; ssl_certificate_key {key}; {more}
		root {directory}/files;
		location / {{ dav_methods PUT DELETE; create_full_put_path off; {auth} }}
	}}
}}
"""


@contextlib.contextmanager
def nginx(directory, certificate, more="", auth="", limit="1g"):
    """A WebDAV server with TLS. Gives its URL, or None where there is no nginx."""
    program, port = nginx_program(), free_port()
    if not program:
        yield None
        return
    os.makedirs(os.path.join(directory, "files"), exist_ok=True)
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write(NGINX.format(directory=directory, port=port, certificate=certificate[0],
                               key=certificate[1], more=more, auth=auth, limit=limit))
    with subprocess.Popen([program, "-p", directory, "-c", path, "-e",
                           os.path.join(directory, "error.log")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL) as process:
        try:
            if not wait_for(port, process):
                raise RuntimeError("nginx does not start: " + open(
                    os.path.join(directory, "error.log"), encoding="utf-8").read())
            yield f"https://127.0.0.1:{port}"
        finally:
            end(process)


def s3_server(cache):
    """The folder of an S3 server from npm, installed once into @cache; None where that cannot be done."""
    place = os.path.join(cache, "s3rver")
    if not shutil.which("npm") or not shutil.which("node"):
        apt("nodejs", "npm")
    if not shutil.which("npm"):
        return None
    main = os.path.join(place, "node_modules", "s3rver", "bin", "s3rver.js")
    if not os.path.exists(main):
        os.makedirs(place, exist_ok=True)
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts",
                        "--prefix", place, NPM_S3], check=False, timeout=240, cwd=place,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return main if os.path.exists(main) else None


@contextlib.contextmanager
def s3rver(directory, cache, bucket, certificate=None):
    """Gives its URL, or None. Its keys are S3RVER, S3RVER."""
    main, port = s3_server(cache), free_port()
    if not main:
        yield None
        return
    tls = ["--key", certificate[1], "--cert", certificate[0]] if certificate else []
    with subprocess.Popen(["node", main, "-d", os.path.join(directory, "objects"), "-a", "127.0.0.1",
                           "-p", str(port), "-s", "--configure-bucket", bucket, *tls],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL) as process:
        try:
            if not wait_for(port, process):
                raise RuntimeError("the S3 server does not start: " +
                                   process.communicate(timeout=10)[0].decode())
            yield f"http{'s' if certificate else ''}://127.0.0.1:{port}"
        finally:
            end(process)
