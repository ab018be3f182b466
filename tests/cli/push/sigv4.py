# SPDX-License-Identifier: Apache-2.0
"""The server's side of AWS Signature Version 4, written from the S3 API reference, "Authenticating requests".

Stricter than a real one where that finds a careless signer: the path and the query have to arrive in their canonical
form, and what is signed must be all that means something.
"""
import datetime
import hashlib
import hmac
import urllib.parse

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = 900


class Refused(Exception):
    """Carries S3's name of the error."""

    def __init__(self, code, message, status=403):
        super().__init__(message)
        self.code, self.status = code, status


def encode(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


def canonical_query(query):
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    return "&".join(sorted(f"{encode(name)}={encode(value)}" for name, value in pairs))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def signing_key(secret, date, region, service):
    key = ("AWS4" + secret).encode()
    for text in (date, region, service, "aws4_request"):
        key = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return key


def signature(secret, scope, method, path, query, headers, signed, payload):
    """@headers by lower-case name; @signed names in order; @scope DATE/REGION/SERVICE/aws4_request."""
    date, region, service, _ = scope.split("/")
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed)
    request = "\n".join((method, path, canonical_query(query), lines, ";".join(signed), payload))
    text = "\n".join((ALGORITHM, headers["x-amz-date"], scope, digest(request.encode())))
    return hmac.new(signing_key(secret, date, region, service), text.encode(),
                    hashlib.sha256).hexdigest()


def check(method, target, headers, body, keys, region, now=None):
    """Refuses a request that is not signed as it has to be. @keys: {access key: (secret, session token or None)}"""
    headers = {name.lower(): value for name, value in headers.items()}
    path, _, query = target.partition("?")
    if path != encode(urllib.parse.unquote(path), "/"):
        raise Refused("InvalidURI", "the path is not canonical", 400)
    if query != canonical_query(query):
        raise Refused("InvalidURI", "the query is not canonical: " + query, 400)
    words = headers.get("authorization", "").replace(",", " ").split()
    if not words or words[0] != ALGORITHM:
        raise Refused("AccessDenied", "not signed")
    fields = dict(word.split("=", 1) for word in words[1:])
    access, date, where, service, last = fields["Credential"].split("/")
    signed = fields["SignedHeaders"].split(";")
    if access not in keys:
        raise Refused("InvalidAccessKeyId", "no such key")
    secret, token = keys[access]
    if (service, last) != ("s3", "aws4_request") or where != region:
        raise Refused("AuthorizationHeaderMalformed", f"the region is {region}", 400)
    when = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(
        tzinfo=datetime.timezone.utc)
    now = now or datetime.datetime.now(datetime.timezone.utc)
    if abs((now - when).total_seconds()) > MAX_SKEW or date != headers["x-amz-date"][:8]:
        raise Refused("RequestTimeTooSkewed", "the clocks differ too much")
    must = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    must |= {name for name in ("content-type", "if-none-match", "if-match") if name in headers}
    if not must <= set(signed) or any(name not in headers for name in signed) or signed != sorted(signed):
        raise Refused("AccessDenied", f"signed are {signed}, not {sorted(must)}")
    if token != headers.get("x-amz-security-token"):
        raise Refused("InvalidToken", "another session token", 400)
    payload = headers.get("x-amz-content-sha256", "")
    if payload != digest(body):
        raise Refused("XAmzContentSHA256Mismatch", "the body is another", 400)
    if signature(secret, fields["Credential"].split("/", 1)[1], method, path, query, headers, signed,
                 payload) != fields["Signature"]:
        raise Refused("SignatureDoesNotMatch", "the signature is wrong")
