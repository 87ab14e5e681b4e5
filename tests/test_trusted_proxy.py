"""Whose word about HTTPS counts: `X-Forwarded-Proto` of a proxy that is trusted decides, in both directions, and of anybody
else means nothing. For every method that needs HTTPS, in both dialects."""

import uuid

import pytest
from test_sse_rules import Dialect, expect

from harness import clients, signing
from harness.server import DOMAIN
from harness.signing import Request
from harness.sse import CustomerKey

KEY = CustomerKey()
SAID = ["https", "HTTPS", "http", "https, http", "https,https", "", None]


@pytest.fixture(scope="module", params=["trusted", "nobody trusted", "another trusted"])
def place(request, make_server):
    """A server that trusts whoever speaks to it here, nobody, or somebody else; and a bucket."""
    trusted = {"trusted": ["--trusted-proxies", "127.0.0.1"], "another trusted": ["--trusted-proxies", "192.0.2.7"]}
    server = make_server(*trusted.get(request.param, []))
    bucket = f"b-{uuid.uuid4().hex[:20]}"
    clients.s3(server).create_bucket(Bucket=bucket)
    yield request.param, server, bucket
    server.stop()


def counts_as_https(who, tls, said):
    """What the server is to believe."""
    if who != "trusted" or said is None:
        return tls
    return all(hop.strip().lower() == "https" for hop in said.split(","))


def send(server, d, verb, bucket, name, headers, said, tls):
    """The proxy adds its header to what the client has signed."""
    path, host = (f"/{name}", f"{bucket}.{DOMAIN}:{server.port}") if d.name == "obs" else (f"/{bucket}/{name}", None)
    request = Request(verb, path, headers=dict(headers), body=b"sealed" if verb == "PUT" else b"")
    signing.sign_obs(request, server, bucket) if d.name == "obs" else signing.sign_v4(request, server)
    if said is not None:
        request.headers["X-Forwarded-Proto"] = said
    return signing.send(request, server, tls=tls, host=host)


@pytest.mark.parametrize("dialect", ["s3", "obs"])
@pytest.mark.parametrize("method", ["SSE-C", "SSE-KMS"])
@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain HTTP"])
def test_https_is_what_a_trusted_proxy_says(place, tls, said, method, dialect):
    (who, server, bucket), d = place, Dialect(dialect)
    write = d.trio(KEY) if method == "SSE-C" else {d.method: d.kms}
    read = d.trio(KEY) if method == "SSE-C" else {}
    name = f"k-{uuid.uuid4().hex[:8]}"
    put = send(server, d, "PUT", bucket, name, write, said, tls)
    believed = counts_as_https(who, tls, said)
    if not believed:
        expect(put, 400, "InvalidRequest")
        expect(d.send(server, "HEAD", bucket, name), 404)
        expect(d.send(server, "PUT", bucket, name, b"sealed", write), 200)
    else:
        expect(put, 200)
    got = send(server, d, "GET", bucket, name, read, said, tls)
    if believed:
        assert expect(got, 200).body == b"sealed"
    else:
        assert b"sealed" not in expect(got, 400, "InvalidRequest").body


@pytest.mark.parametrize("dialect", ["s3", "obs"])
def test_two_lines_of_the_header_are_all_believed(place, dialect):
    """What a client writes itself comes first; the proxy's own line is not taken out by it."""
    (who, server, bucket), d = place, Dialect(dialect)
    path, host = ("/two", f"{bucket}.{DOMAIN}:{server.port}") if dialect == "obs" else (f"/{bucket}/two", None)
    request = Request("PUT", path, headers=d.trio(KEY), body=b"sealed")
    signing.sign_obs(request, server, bucket) if dialect == "obs" else signing.sign_v4(request, server)
    request.headers |= {"X-Forwarded-Proto": "https", "x-forwarded-proto": "http"}
    expect(signing.send(request, server, tls=False, host=host), 400, "InvalidRequest")
    over_tls = signing.send(request, server, tls=True, host=host)
    assert over_tls.status == (400 if who == "trusted" else 200), over_tls.body
