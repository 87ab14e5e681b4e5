"""Signatures by hand, so that a test can sign what no SDK would: written from the published algorithms, apart from the
server's code and from the SDKs."""

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from urllib.parse import quote

from .server import DOMAIN, REGION

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
# Sub-resources that OBS signs, as far as the tests use them (obs: signed when present in the query).
OBS_SIGNED = {
    "acl", "attributes", "delete", "encryption", "location", "partNumber", "policy", "tagging", "uploadId", "uploads", "versionId",
    "versioning", "versions", "response-content-type", "response-content-disposition", "x-obs-security-token",
}  # fmt: skip


@dataclass
class Reply:
    """Status, headers (lower-case names) and body of an answer."""

    status: int
    headers: dict
    body: bytes

    @property
    def code(self):
        """The error document's code, or None."""
        text = self.body.decode(errors="replace")
        return text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else None


@dataclass
class Request:
    """A request in the making. `path` and `query` are sent exactly as they stand."""

    method: str
    path: str
    query: list = field(default_factory=list)  # (name, value or None), already percent-encoded
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def target(self):
        if not self.query:
            return self.path
        return self.path + "?" + "&".join(n if v is None else f"{n}={v}" for n, v in self.query)


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def amz_date(moment=None):
    return (moment or datetime.now(timezone.utc)).strftime("%Y%m%dT%H%M%SZ")


def _v4_key(secret, day, service):
    key = _hmac(f"AWS4{secret}".encode(), day)
    for part in (REGION, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _v4_signature(request, host, secret, stamp, payload, signed, service, extra_query=()):
    headers = {k.lower(): " ".join(str(v).split()) for k, v in request.headers.items()} | {"host": host}
    query = sorted((n, v or "") for n, v in [*request.query, *extra_query])
    canonical = "\n".join([
        request.method,
        request.path,
        "&".join(f"{n}={v}" for n, v in query),
        "".join(f"{name}:{headers[name]}\n" for name in signed),
        ";".join(signed),
        payload,
    ])  # fmt: skip
    scope = f"{stamp[:8]}/{REGION}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return scope, hmac.new(_v4_key(secret, stamp[:8], service), to_sign.encode(), hashlib.sha256).hexdigest()


def sign_v4(request, server, host=None, payload=None, unsigned=(), stamp=None, service="s3"):
    """Adds a SigV4 Authorization header. Headers named in `unsigned` are sent but not covered."""
    host = host or f"127.0.0.1:{server.port if service == 's3' else server.control_port}"
    stamp = stamp or amz_date()
    request.headers.setdefault("x-amz-date", stamp)
    if payload is None:
        payload = hashlib.sha256(request.body).hexdigest()
    if service == "s3":
        request.headers.setdefault("x-amz-content-sha256", payload)
    signed = sorted({k.lower() for k in request.headers} - {n.lower() for n in unsigned} | {"host"})
    scope, signature = _v4_signature(request, host, server.secret_key, stamp, payload, signed, service)
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={server.access_key}/{scope}, SignedHeaders={';'.join(signed)}, Signature={signature}"
    )
    return request


def presign_v4(request, server, host=None, expires=300, stamp=None):
    """Adds SigV4 query authentication; the headers present are signed."""
    host = host or f"127.0.0.1:{server.port}"
    stamp = stamp or amz_date()
    signed = sorted({k.lower() for k in request.headers} | {"host"})
    credential = quote(f"{server.access_key}/{stamp[:8]}/{REGION}/s3/aws4_request", safe="")
    request.query += [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", credential),
        ("X-Amz-Date", stamp),
        ("X-Amz-Expires", str(expires)),
        ("X-Amz-SignedHeaders", quote(";".join(signed), safe="")),
    ]
    _, signature = _v4_signature(request, host, server.secret_key, stamp, "UNSIGNED-PAYLOAD", signed, "s3")
    request.query.append(("X-Amz-Signature", signature))
    return request


def _obs_signature(request, secret, resource, date, prefix):
    lower = {k.lower(): str(v).strip() for k, v in request.headers.items()}
    extra = "".join(f"{k}:{lower[k]}\n" for k in sorted(lower) if k.startswith(prefix))
    signed = sorted((n, v) for n, v in request.query if n in OBS_SIGNED or n.startswith(prefix))
    if signed:
        resource += "?" + "&".join(n if v is None else f"{n}={v}" for n, v in signed)
    to_sign = "\n".join([
        request.method, lower.get("content-md5", ""), lower.get("content-type", ""), date, extra + resource
    ])  # fmt: skip
    return base64.b64encode(hmac.new(secret.encode(), to_sign.encode(), hashlib.sha1).digest()).decode()


def sign_obs(request, server, bucket=None, scheme="OBS", date=None):
    """Adds an OBS (or, with scheme `AWS`, a SigV2) Authorization header. `bucket`: virtual-hosted."""
    request.headers.setdefault("Date", date or format_datetime(datetime.now(timezone.utc), usegmt=True))
    resource = (f"/{bucket}" if bucket else "") + request.path
    prefix = "x-obs-" if scheme == "OBS" else "x-amz-"
    signature = _obs_signature(request, server.secret_key, resource, request.headers["Date"], prefix)
    request.headers["Authorization"] = f"{scheme} {server.access_key}:{signature}"
    return request


def presign_obs(request, server, bucket=None, expires_in=300):
    """Adds OBS query authentication."""
    expires = str(int((datetime.now(timezone.utc) + timedelta(seconds=expires_in)).timestamp()))
    resource = (f"/{bucket}" if bucket else "") + request.path
    signature = _obs_signature(request, server.secret_key, resource, expires, "x-obs-")
    request.query += [("AccessKeyId", server.access_key), ("Expires", expires), ("Signature", quote(signature, safe=""))]
    return request


def connect(server, tls=False, control=False, timeout=30):
    """An HTTP connection that sends what it is given."""
    port = server.control_port if control else server.port
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    context = ssl.create_default_context(cafile=str(server.ca))
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=context)


def send(request, server, tls=False, host=None, control=False) -> Reply:
    """Sends a request, with `Host` as signed, and reads the answer."""
    connection = connect(server, tls, control)
    try:
        port = server.control_port if control else server.port
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or f"127.0.0.1:{port}")
        names = {k.lower() for k in request.headers}
        if "content-length" not in names and (request.body or request.method in ("PUT", "POST")):
            connection.putheader("Content-Length", str(len(request.body)))
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            if request.body:
                connection.send(request.body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the body was read; the answer tells
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def v4(server, method, path, body=b"", headers=None, query=(), tls=False, **options) -> Reply:
    """Signs (SigV4, path style) and sends in one go."""
    request = Request(method, path, list(query), dict(headers or {}), body)
    return send(sign_v4(request, server, **options), server, tls)


def obs(server, method, path, bucket=None, body=b"", headers=None, query=(), tls=False) -> Reply:
    """Signs (OBS, virtual-hosted when a bucket is named) and sends in one go."""
    request = Request(method, path, list(query), dict(headers or {}), body)
    host = f"{bucket}.{DOMAIN}:{server.port}" if bucket else f"{DOMAIN}:{server.port}"
    return send(sign_obs(request, server, bucket), server, tls, host=host)


def raw(server, data: bytes, tls=False, timeout=30) -> bytes:
    """Sends bytes as they are and returns everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as plain:
        link = plain
        if tls:
            context = ssl.create_default_context(cafile=str(server.ca))
            link = context.wrap_socket(plain, server_hostname="127.0.0.1")
        link.sendall(data)
        received = b""
        while piece := link.recv(65536):
            received += piece
        return received
