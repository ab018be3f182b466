#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""push and pull against an S3 server that others wrote, from npm."""
import os
import sys

import servers
from cli import ask, check, fails, main
from scene import file, read, sealed

CACHE = os.path.abspath(sys.argv[2])
LARGE = os.urandom(11 << 20)
KEYS = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}


def test_there_and_back(directory):
    authority = servers.Authority(directory)
    snapshot, public = sealed(directory)
    large, here = file(directory, "large", LARGE), os.path.join(directory, "got")
    with servers.s3rver(directory, CACHE, "vms", authority.make("s3")) as url:
        how = {"env": {**KEYS, "AWS_ENDPOINT_URL_S3": url}}
        more = ("--ca", authority.path)
        ask("push", snapshot, "s3://vms/one/snapshot 1", *more, **how)
        ask("pull", "s3://vms/one/snapshot 1", here, *more, "--trust", public, **how)
        check(read(here) == read(snapshot), "a snapshot, there and back, verified")
        fails(1, "io", "push", snapshot, "s3://vms/one/snapshot 1", *more, **how)
        told = ask("push", large, "s3://vms/large", *more, "--part-size", "5M", "--any-file", **how)
        check(told["parts"] == 3, "in parts", str(told))
        ask("pull", "s3://vms/large", here, *more, "--any-file", "--overwrite", **how)
        check(read(here) == LARGE, "and back")
        ask("push", snapshot, "s3://vms/large", *more, "--overwrite", **how)
        ask("pull", "s3://vms/large", here, *more, "--overwrite", **how)
        check(read(here) == read(snapshot), "replaced when asked")
        told = fails(1, "io", "pull", "s3://vms/none", here + "2", *more, **how)
        check("NoSuchKey" in told["actual"], "what is not there", str(told))
        told = fails(1, "io", "push", snapshot, "s3://other/x", *more, "--overwrite", **how)
        check("NoSuchBucket" in told["actual"], "a bucket has to be there", str(told))
        told = fails(4, "refused", "push", snapshot, "s3://vms/x", *more, "--overwrite",
                     env={**how["env"], "AWS_ACCESS_KEY_ID": "nobody"})
        check("InvalidAccessKeyId" in told["actual"], "another key", str(told))


if __name__ == "__main__":
    if not servers.s3_server(CACHE):
        print("SKIP no s3rver here, and npm cannot install it")
        sys.exit(77)
    main(__name__)
