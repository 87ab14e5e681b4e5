"""Fixtures: a server per test module, clients for it, and names that resolve to this machine."""

import shutil
import socket
import uuid

import pytest

from harness import clients, huawei, secrets, sse
from harness.providers import FaultProxy, Moto
from harness.server import DOMAIN, Server

_resolve = socket.getaddrinfo


def _resolve_test_names(host, *args, **kwargs):
    """`*.local.test` is this machine: the OBS SDK needs a name, and no resolver need know it."""
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.endswith(".local.test"):
        host = "127.0.0.1"
    return _resolve(host, *args, **kwargs)


socket.getaddrinfo = _resolve_test_names
secrets.watch()


def discard(server):
    """Gives the gigabytes of a finished server back; its log stays for whoever looks at a failure, and holds no secret."""
    secrets.check(server)
    shutil.rmtree(server.data, ignore_errors=True)


@pytest.fixture(scope="session")
def make_server(tmp_path_factory):
    """Makes servers, each with its own data directory; all are stopped at the end."""
    made = []

    def make(*arguments, start=True, **options):
        server = Server(tmp_path_factory.mktemp("server"), "--domain", DOMAIN, *arguments, **options)
        made.append(server)
        return server.start() if start else server

    yield make
    for server in made:
        if server.process and server.process.poll() is None:
            server.kill()
        discard(server)


@pytest.fixture(scope="module")
def server(make_server):
    """The module's server, with the defaults a user has."""
    server = make_server()
    yield server
    assert server.process.poll() is None or server.process.returncode in (0, -9), server.log()[-4000:]
    server.stop()
    discard(server)
    assert "panicked" not in server.log(), server.log()[-4000:]


@pytest.fixture(scope="module")
def s3(server):
    return clients.s3(server)


@pytest.fixture(scope="module")
def s3_http(server):
    return clients.s3(server, tls=False)


@pytest.fixture(scope="module")
def kms(server):
    return clients.kms(server)


@pytest.fixture(scope="module")
def cmk(kms):
    """The ARN of a CMK made for the module."""
    return kms.create_key(Description="tests")["KeyMetadata"]["Arn"]


@pytest.fixture(scope="module")
def dew(server):
    """The Huawei KMS SDK's client of the module's server."""
    return huawei.kms(server)


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    """AWS KMS as moto plays it."""
    moto = Moto(tmp_path_factory.mktemp("moto"))
    yield moto
    moto.stop()


@pytest.fixture(scope="module")
def proxy(moto):
    """What stands between the server and moto, counts its calls and makes it fail."""
    proxy = FaultProxy(moto.url)
    yield proxy
    proxy.stop()


@pytest.fixture
def bucket(s3):
    """A fresh bucket; whatever the test leaves in it goes with the data directory."""
    name = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=sse.METHOD_NAMES)
def method(request, cmk):
    """Every encryption method in turn."""
    return sse.method(request.param, cmk)
