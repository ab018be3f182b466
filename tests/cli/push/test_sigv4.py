#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""S3: every request is signed as the store wants it, and the store's own check is right."""
import datetime
import hashlib
import os

import servers
import sigv4
import store as stores
from cli import ask, check, expect, fails, main
from scene import DATA, file, read

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "sec/ret+with=signs", "to/ken+=="


class Client:
    """push and pull with keys in the environment."""

    def __init__(self, directory, server, token=TOKEN, secret=SECRET, authority=None):
        self.directory, self.url = directory, server.url
        self.env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": secret,
                    "AWS_ENDPOINT_URL": server.url, "AWS_REGION": "eu-west-3"}
        if token:
            self.env["AWS_SESSION_TOKEN"] = token
        self.more = ["--ca", authority.path] if authority else ["--insecure-no-tls"]

    def __call__(self, verb, *args, failing=None, **env):
        args = (verb, *args, "--any-file", *self.more,
                *(("--state", os.path.join(self.directory, "state")) if verb == "push" else ()))
        if failing:
            return fails(*failing, *args, env={**self.env, **env})
        return ask(*args, env={**self.env, **env})


def signed_store(**more):
    return stores.Store(keys={KEY: (SECRET, more.pop("token", TOKEN))}, region="eu-west-3", **more)


def test_the_published_example(_):
    """S3 API reference, "Authenticating Requests: Using the Authorization Header", example GET Object."""
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    headers = {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9", "x-amz-date": "20130524T000000Z",
               "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
               "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
               "aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature="
               "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}
    keys = {"AKIAIOSFODNN7EXAMPLE": (secret, None)}
    now = datetime.datetime(2013, 5, 24, 0, 5, tzinfo=datetime.timezone.utc)
    sigv4.check("GET", "/test.txt", headers, b"", keys, "us-east-1", now)
    wrong = ({"x-amz-date": "20130524T000001Z"}, {"range": "bytes=0-8"}, {"host": "other"})
    for change in wrong:
        try:
            sigv4.check("GET", "/test.txt", {**headers, **change}, b"", keys, "us-east-1", now)
            check(False, f"a changed request is refused: {change}")
        except sigv4.Refused as refused:
            check(refused.code == "SignatureDoesNotMatch", "for its signature", refused.code)


def test_there_and_back(directory):
    authority = servers.Authority(directory)
    store = signed_store()
    server = stores.serve(store, authority.make("s3"))
    client = Client(directory, server, authority=authority)
    small, large = file(directory, "small", DATA[:100000]), file(directory, "large", DATA)
    keys = ("plain", "folder/with a space", "ü+%2f&?=#;:@!$'()*,~-._", "a//b/../c/./d", "%41")
    for name in keys:
        here = os.path.join(directory, "got")
        client("push", small, "s3://bucket-1/" + name)
        check(store.objects.get("/bucket-1/" + name, {}).get("bytes") == DATA[:100000],
              f"{name} is there", str(list(store.objects)))
        client("pull", "s3://bucket-1/" + name, here)
        check(read(here) == DATA[:100000], f"{name} is here")
        os.unlink(here)
    told = client("push", large, "s3://bucket-1/large", "--part-size", "5M")
    check(told["parts"] == 3 and store.objects["/bucket-1/large"]["bytes"] == DATA, "in parts")
    check(told["etag"] == store.objects["/bucket-1/large"]["etag"] and not store.uploads, "and whole")
    check(not os.listdir(os.path.join(directory, "state/uploads")), "no note stays")
    client("push", small, "s3://bucket-1/large", failing=(1, "io"))
    client("push", small, "s3://bucket-1/large", "--overwrite")
    check(store.objects["/bucket-1/large"]["bytes"] == DATA[:100000], "replaced when asked")
    client("push", file(directory, "empty", b""), "s3://bucket-1/empty")
    client("pull", "s3://bucket-1/empty", os.path.join(directory, "none"))
    check(read(os.path.join(directory, "none")) == b"", "nothing at all goes, too")
    server.shutdown()


def test_keys(directory):
    store = signed_store(token=None)
    server = stores.serve(store)
    small, url = file(directory, "small", b"x" * 1000), "s3://bucket-1/k"
    client = Client(directory, server, token=None)
    client("push", small, url)
    told = client("push", small, url + "2", failing=(4, "refused"), AWS_SECRET_ACCESS_KEY="wrong-secret")
    check("credentials" in told["advice"], "403", str(told))
    put = client("push", small, url + "2", "--overwrite", failing=(4, "refused"),
                 AWS_SECRET_ACCESS_KEY="wrong-secret")
    check("SignatureDoesNotMatch" in put["actual"], "the store's own word is told", str(put))
    client("push", small, url + "2", failing=(4, "refused"), AWS_SESSION_TOKEN="not ours")
    client("push", small, url + "2", "--region", "us-east-1", failing=(4, "refused"))
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    told = client("push", small, url + "2", failing=(15, "no-key"), **none)
    check("--credentials" in told["advice"], "who has no keys is told where they go")
    path = file(directory, "keys", f"# of the AWS tools\n[other]\naws_access_key_id = x\n"
                f"aws_secret_access_key = y\n[default]\naws_access_key_id={KEY}\n"
                f"aws_secret_access_key = {SECRET}\nregion = elsewhere\n".encode())
    client("push", small, url + "3", "--credentials", path, failing=(15, "key-permissions"), **none)
    os.chmod(path, 0o600)
    client("push", small, url + "3", "--credentials", path, **none)
    client("push", small, url + "4", AWS_SHARED_CREDENTIALS_FILE=path, **none)
    client("push", small, url + "5", "--credentials", path, failing=(4, "refused"), AWS_PROFILE="other")
    bad = file(directory, "bad", b"[default]\nmy secret is hidden here\n")
    os.chmod(bad, 0o600)
    told = client("push", small, url + "5", "--credentials", bad, failing=(2, "usage"), **none)
    check("secret is" not in str(told), "and what stands there is not shown")
    check(sorted(store.objects) == [f"/bucket-1/k{n}" for n in ("", "3", "4")], "only these", str(store.objects.keys()))
    server.shutdown()


def test_nothing_is_told(directory):
    """No secret in a message, a process list or a record, whatever happens."""
    store = signed_store()
    store.fault("PUT", stores.cut, times=99)
    server = stores.serve(store)
    client = Client(directory, server)
    small = file(directory, "small", b"x" * 1000)
    for more in (("--tries", "2"), ("--tries", "1", "--overwrite")):
        done = expect(5, "push", small, "s3://bucket-1/k", "-v", "-v", "--any-file", *client.more, *more,
                      "--state", os.path.join(directory, "state"), env=client.env)
        for secret in (SECRET, TOKEN, "Signature"):
            check(secret not in done.stdout + done.stderr, f"{secret} is not told", done.stderr)
    presigned = server.url + "/k?X-Amz-Signature=5ecre7"
    done = expect(5, "push", small, presigned, "--any-file", *client.more, "--tries", "1", env=client.env)
    check("5ecre7" not in done.stdout + done.stderr, "nor is a query", done.stderr)
    server.shutdown()


def test_clocks_and_regions(directory):
    store = signed_store()
    server = stores.serve(store)
    client = Client(directory, server)
    small = file(directory, "small", b"x" * 1000)
    store.skew = 3600
    store.fault("HEAD", stores.status(403, "RequestTimeTooSkewed"))
    store.fault("PUT", stores.status(403, "RequestTimeTooSkewed"))
    told = client("push", small, "s3://bucket-1/k", failing=(4, "refused"))
    check("clock" in told["advice"] and "behind" in told["advice"] and "3600" in told["advice"].replace(
        "3599", "3600"), "the advice names the clock", told["advice"])
    store.skew = 0
    store.fault("HEAD", stores.status(301, x_amz_bucket_region="ap-south-9"))
    told = client("push", small, "s3://bucket-1/k", failing=(4, "refused"))
    check("--region ap-south-9" in told["advice"], "the advice names the region", told["advice"])
    server.shutdown()


def test_names(directory):
    store = signed_store()
    server = stores.serve(store)
    client = Client(directory, server)
    small = file(directory, "small", b"x" * 1000)
    for url in ("s3://", "s3://b/k", "s3://UPPER/k", "s3://bucket", "s3://bucket/", "s3://bu_cket/k",
                "s3://bucket@host/k", "s3://../k", "s3://bucket/" + "k" * 1025):
        client("push", small, url, failing=(2, "usage"))
    for endpoint in (server.url + "/path", server.url + "?x", "https://user:pw@127.0.0.1", "ftp://127.0.0.1"):
        client("push", small, "s3://bucket/k", "--endpoint", endpoint, failing=(2, "usage"))
    client("push", small, "s3://bucket/k", "--region", "a:b", failing=(2, "usage"))
    check(not store.log, "and nobody was asked", str(store.log))
    client("push", small, "s3://bucket/k", "--addressing", "host", "--tries", "1", failing=(5, "peer"))
    server.shutdown()


if __name__ == "__main__":
    main(__name__)
