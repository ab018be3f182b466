# SPDX-License-Identifier: Apache-2.0
"""A small object store in memory that speaks HTTP and S3 and breaks where a test asks for it.

A fault is {"method", "in" (a piece of the target), "times", "do" (a function of the handler), "skip"}: it is
asked before a request is answered, after its body was read unless it is "early", and returns True if it has
answered, or closed the connection.
"""
import fcntl
import hashlib
import http.server
import re
import socket
import ssl
import struct
import termios
import threading
import time
import urllib.parse

import sigv4


class Store:
    """Objects, uploads, faults, and what was asked."""

    def __init__(self, keys=None, region="us-east-1"):
        self.keys, self.region = keys, region
        self.objects, self.uploads, self.faults, self.log = {}, {}, [], []
        self.lists_parts = self.conditions = True
        self.skew = 0  # seconds its clock is ahead
        self.credentials = None  # what the header Authorization has to be, without keys
        self.bodies = []
        self.lock = threading.Lock()

    def fault(self, method, do, times=1, where="", early=False, skip=0):
        self.faults.append({"method": method, "do": do, "times": times, "in": where, "early": early,
                            "skip": skip})

    def asked(self, method, where=""):
        return [target for how, target, _ in self.log if how == method and where in target]


def etag(data):
    return '"' + hashlib.md5(data).hexdigest() + '"'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def log_message(self, *args):
        """Quiet."""

    def date_time_string(self, timestamp=None):
        return super().date_time_string((timestamp or time.time()) + self.store.skew)

    def answer(self, status, body=b"", **headers):
        if isinstance(body, str):
            body = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if not any(name.lower() in ("content_length", "transfer_encoding") for name in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def error(self, status, code, message=""):
        return self.answer(status, f"<?xml version=\"1.0\"?><Error><Code>{code}</Code>"
                           f"<Message>{message}</Message></Error>", Content_Type="application/xml")

    def wait_until_taken(self):
        """A cut takes back what the other end's kernel has not got yet."""
        self.wfile.flush()
        left = b"\1"
        while any(left):
            time.sleep(0.2)
            left = fcntl.ioctl(self.connection, termios.TIOCOUTQ, bytes(4))

    def cut(self):
        """Close without a goodbye."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR) if not isinstance(
            self.connection, ssl.SSLSocket) else socket.socket.close(self.connection)
        return True

    def find_fault(self, early):
        with self.store.lock:
            for fault in self.store.faults:
                if (fault["method"] == self.command and fault["in"] in self.path and
                        fault["times"] > 0 and fault["early"] == early):
                    if fault["skip"]:
                        fault["skip"] -= 1
                        return None
                    fault["times"] -= 1
                    return fault["do"]
        return None

    def serve(self):
        store = self.store
        self.key = urllib.parse.unquote(self.path.partition("?")[0])
        self.query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2], keep_blank_values=True))
        store.log.append((self.command, self.path, dict(self.headers)))
        do = self.find_fault(True)
        if do and do(self):
            return None
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        do = self.find_fault(False)
        if do and do(self):
            return None
        if store.keys:
            try:
                sigv4.check(self.command, self.path, self.headers, self.body, store.keys, store.region)
            except sigv4.Refused as refused:
                return self.error(refused.status, refused.code, str(refused))
        elif store.credentials and self.headers.get("Authorization") != store.credentials:
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        return getattr(self, "on_" + self.command.lower())()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

    def on_head(self):
        data = self.store.objects.get(self.key)
        if data is None:
            return self.error(404, "NoSuchKey")
        return self.answer(200, data["bytes"], ETag=data["etag"])

    def on_get(self):
        if "uploadId" in self.query and self.store.lists_parts:
            return self.list_parts()
        data = self.store.objects.get(self.key)
        if data is None:
            return self.error(404, "NoSuchKey")
        body, tag = data["bytes"], data["etag"]
        if self.headers.get("If-Match", tag) != tag:
            return self.error(412, "PreconditionFailed")
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not match or self.headers.get("If-Range", tag) != tag:
            return self.answer(200, body, ETag=tag)
        start = int(match.group(1))
        if start >= len(body):
            return self.answer(416, Content_Range=f"bytes */{len(body)}")
        return self.answer(206, body[start:], ETag=tag,
                           Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")

    def exists(self):
        return (self.store.conditions and self.headers.get("If-None-Match") == "*" and
                self.key in self.store.objects)

    def keep(self, data, tag):
        self.store.objects[self.key] = {"bytes": data, "etag": tag}

    def on_put(self):
        if "uploadId" in self.query:
            upload = self.store.uploads.get(self.query["uploadId"])
            if upload is None:
                return self.error(404, "NoSuchUpload")
            upload["parts"][int(self.query["partNumber"])] = self.body
            return self.answer(200, ETag=etag(self.body))
        if self.exists():
            return self.error(412, "PreconditionFailed")
        self.keep(self.body, etag(self.body))
        return self.answer(200 if self.store.keys else 201, ETag=etag(self.body))

    def list_parts(self):
        upload = self.store.uploads.get(self.query["uploadId"])
        if upload is None:
            return self.error(404, "NoSuchUpload")
        after = int(self.query.get("part-number-marker", 0))
        numbers = [n for n in sorted(upload["parts"]) if n > after]
        page = numbers[:2]  # S3 says 1000
        parts = "".join(
            f"<Part><PartNumber>{n}</PartNumber><LastModified>x</LastModified><ETag>"
            f"{etag(upload['parts'][n]).replace(chr(34), '&quot;')}</ETag>"
            f"<Size>{len(upload['parts'][n])}</Size></Part>" for n in page)
        more = "true" if len(numbers) > len(page) else "false"
        return self.answer(200, f'<?xml version="1.0"?><ListPartsResult xmlns="x"><IsTruncated>{more}'
                           f"</IsTruncated>{parts}</ListPartsResult>")

    def on_post(self):
        if "uploads" in self.query:
            name = f"id/{len(self.store.uploads) + len(self.store.log)}+="
            self.store.uploads[name] = {"key": self.key, "parts": {}}
            return self.answer(200, "<InitiateMultipartUploadResult><UploadId>" + name +
                               "</UploadId></InitiateMultipartUploadResult>")
        return self.complete()

    def complete(self):
        upload = self.store.uploads.get(self.query.get("uploadId"))
        if upload is None:
            return self.error(404, "NoSuchUpload")
        if self.exists():
            return self.error(412, "PreconditionFailed")
        wanted = re.findall(r"<PartNumber>(\d+)</PartNumber><ETag>&quot;(\w+)&quot;</ETag>",
                            self.body.decode())
        data, tags = b"", b""
        for number, tag in wanted:
            part = upload["parts"].get(int(number))
            if part is None or hashlib.md5(part).hexdigest() != tag:
                return self.error(400, "InvalidPart")
            data, tags = data + part, tags + hashlib.md5(part).digest()
        self.keep(data, f'"{hashlib.md5(tags).hexdigest()}-{len(wanted)}"')
        del self.store.uploads[self.query["uploadId"]]
        return self.answer(200, "<CompleteMultipartUploadResult><ETag>&quot;" +
                           self.store.objects[self.key]["etag"].strip('"') +
                           "&quot;</ETag></CompleteMultipartUploadResult>")

    def on_delete(self):
        if self.store.uploads.pop(self.query.get("uploadId"), None) is None:
            return self.error(404, "NoSuchUpload")
        return self.answer(204)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is no news."""


def serve(store, certificate=None):
    """Start one. Returns the server; its URL is in server.url; server.shutdown() ends it."""
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"store": store}))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    server.url = ("https" if certificate else "http") + f"://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


# --- faults -----------------------------------------------------------------------------------------------

def status(number, code="Trouble", **headers):
    def do(handler):
        handler.error(number, code) if not headers else handler.answer(number, **headers)
        return True
    return do


def cut(handler):
    return handler.cut()


def cut_after(count):
    """Read so many bytes of the request's body, then close."""
    def do(handler):
        if handler.headers.get("Expect"):
            handler.send_response_only(100)
            handler.end_headers()
        handler.rfile.read(count)
        return handler.cut()
    return do


def truncated(count, **more):
    """An answer that ends after so many bytes of its body."""
    def do(handler):
        data = handler.store.objects[handler.key]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data["bytes"])))
        for name, value in {"ETag": data["etag"], **more}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data["bytes"][:count])
        handler.wait_until_taken()
        return handler.cut()
    return do


def endless(handler):
    """Chunks without end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    except OSError:
        handler.close_connection = True
    return True


def stall(handler):
    """Says how much will come, sends a little, and falls silent."""
    data = handler.store.objects[handler.key]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data["bytes"])))
    handler.send_header("ETag", data["etag"])
    handler.end_headers()
    handler.wfile.write(data["bytes"][:100])
    handler.wfile.flush()
    time.sleep(60)
    return handler.cut()
