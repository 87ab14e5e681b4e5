"""Key services that stand outside a server under test, and what can go wrong on the way to them.

`Moto` is the AWS KMS of the moto package as a process of its own. `FaultProxy` stands between a server and such a service:
it counts the calls, and answers as a service that is slow, down, throttling, or wrong.
"""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import requests

from . import huawei, secrets
from .server import REPOSITORY, clean_environment

START_SECONDS_MAX = 60
AWS_ACCESS_KEY, AWS_SECRET_KEY = "AKIAPROVIDERTESTS000", "the-secret-at-the-other-service-0123456789"
AWS_REGION = "eu-central-1"


def wait_until(true, what, seconds=60):
    """Asks over and over until it is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Moto:
    """moto's AWS KMS. It checks no signatures and no key states; what it shows is that we speak the protocol."""

    def __init__(self, directory):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(Path(directory) / "moto.log", "ab")
        command = [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, env=clean_environment(), stdout=self.log, stderr=self.log)
        wait_until(self._answers, "moto listens", START_SECONDS_MAX)
        # It loads what an operation needs at its first use, which takes seconds.
        kms = self.client()
        key = kms.create_key()["KeyMetadata"]["Arn"]
        kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"])

    def _answers(self):
        assert self.process.poll() is None, "moto has ended"
        try:
            return requests.get(f"{self.url}/moto-api/data.json", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def client(self):
        return boto3.client(
            "kms", endpoint_url=self.url, region_name=AWS_REGION, aws_access_key_id=AWS_ACCESS_KEY,
            aws_secret_access_key=AWS_SECRET_KEY,
        )  # fmt: skip

    def keys(self) -> dict:
        """What is known of each key, by its ARN."""
        kms = self.client()
        found = [key["KeyArn"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]]
        return {arn: kms.describe_key(KeyId=arn)["KeyMetadata"] for arn in found}

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class FaultProxy:
    """A proxy before a key service. `mode` is what it does:

    `pass`       hands requests and answers on
    `down`       closes every connection without an answer
    `slow`       answers only when it is told to do something else
    `busy`       answers 503
    `throttling` answers as the service does when it asks for fewer requests
    `garbage`    answers 200 with something that is not of the protocol
    `truncated`  sends half of the answer
    `another`    answers each wrap and each unwrap with what the service said of another key: a real wrap, a real key
    `another-wrap`, `another-key`
                 the same of wraps alone, and of unwraps alone

    What it has said while nothing was wrong is kept for that: two keys must have been wrapped and unwrapped under before.
    """

    FAULTS = ("down", "slow", "busy", "throttling", "garbage", "truncated", "another")
    # Beginnings of the operations that each mode exchanges the answers of, in both dialects (`Encrypt`, `encrypt-data`).
    EXCHANGES = {"another": ("encrypt", "decrypt"), "another-wrap": ("encrypt",), "another-key": ("decrypt",)}

    def __init__(self, upstream):
        self.upstream = urlsplit(upstream)
        self.mode = "pass"
        self.calls = []
        # The last good answer to each operation under each key; and how many were given in place of others.
        self.said, self.exchanged = {}, 0
        self._changed = threading.Condition()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                try:
                    proxy._answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    # The server under test has waited long enough and gone.
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def be(self, mode):
        with self._changed:
            self.mode = mode
            self._changed.notify_all()

    def taken(self) -> list:
        """The calls since this was last asked, by the names of their operations."""
        calls, self.calls = self.calls, []
        return calls

    def stop(self):
        self.be("down")
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, request):
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        operation = request.headers.get("x-amz-target", request.path).rsplit(".", 1)[-1].rsplit("/", 1)[-1]
        mode = self.mode
        self.calls.append(operation)
        if mode == "slow":
            with self._changed:
                self._changed.wait_for(lambda: self.mode != "slow", START_SECONDS_MAX)
        if mode in ("down", "slow"):
            request.close_connection = True
            return
        if mode == "busy":
            self._send(request, 503, b"{}")
        elif mode == "throttling":
            aws = {"__type": "ThrottlingException", "message": "Rate exceeded"}
            huawei = {"error_code": "APIGW.0308", "error_msg": "The throttling threshold has been reached"}
            is_aws = "x-amz-target" in request.headers
            self._send(request, 400 if is_aws else 429, json.dumps(aws if is_aws else huawei).encode())
        elif mode == "garbage":
            self._send(request, 200, b"<html>please sign in</html>")
        else:
            status, reply = self._hand_on(request, body)
            if operation.lower().startswith(self.EXCHANGES["another"]) and status == 200:
                reply = self._exchange(mode, operation, key_named_in(body), reply)
            self._send(request, status, reply, half=mode == "truncated")

    def _exchange(self, mode, operation, key, reply):
        """The reply, or what was said of another key to the same operation. The key that the reply names stays."""
        with self._changed:
            if mode == "pass":
                self.said[operation, key] = reply
            if not operation.lower().startswith(self.EXCHANGES.get(mode, ())):
                return reply
            other = next(said for (op, of), said in reversed(self.said.items()) if op == operation and of != key)
            self.exchanged += 1
        genuine, document = json.loads(reply), json.loads(other)
        return json.dumps(document | {name: genuine[name] for name in KEY_NAMES if name in genuine}).encode()

    def _hand_on(self, request, body):
        upstream = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=30)
        # As they came: the service verifies what the server has signed, the `Host` among it.
        upstream.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        reply = answer.read()
        upstream.close()
        return answer.status, reply

    @staticmethod
    def _send(request, status, reply, half=False):
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(reply)))
        request.end_headers()
        if half:
            reply = reply[: len(reply) // 2]
            request.close_connection = True
        request.wfile.write(reply)


# How a request and its answer name the key, in both dialects.
KEY_NAMES = ("KeyId", "key_id")


def key_named_in(body):
    """The key that a request is about."""
    document = json.loads(body)
    return next(document[name] for name in KEY_NAMES if name in document)


def private_file(directory, name, text) -> Path:
    """A file that only its owner may read, with a secret."""
    secrets.note(text)
    path = Path(directory) / name
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def aws_settings(server, name, endpoint, **more) -> str:
    """A `[provider.NAME]` table for AWS KMS at an address, with a short pause of the breaker so that tests need not wait."""
    settings = {
        "kind": "aws-kms", "endpoint": endpoint, "region": AWS_REGION, "access_key": AWS_ACCESS_KEY,
        "secret_file": str(private_file(server.directory, f"{name}.secret", AWS_SECRET_KEY)),
        "timeout_ms": 5000, "breaker_pause_ms": 100, "probe_interval_seconds": 0, **more,
    }  # fmt: skip
    return table(name, settings)


def project_of(server) -> str:
    """The project of a server's root account in its own region."""
    keys = (server.access_key, server.secret_key)
    return huawei.call(server, "GET", "/v3/auth/projects", keys=keys).json()["projects"][0]["id"]


def dew_settings(server, name, other, **more) -> str:
    """A `[provider.NAME]` table for another Strongroom, reached over TLS unless an endpoint is given."""
    settings = {
        "kind": "huawei-dew", "endpoint": other.control(tls=True), "project_id": project_of(other),
        "access_key": other.access_key,
        "secret_file": str(private_file(server.directory, f"{name}.secret", other.secret_key)),
        "timeout_ms": 5000, "breaker_pause_ms": 100, "probe_interval_seconds": 0, **more,
    }  # fmt: skip
    if settings["endpoint"].startswith("https:"):
        settings["ca_file"] = str(other.ca)
    return table(name, settings)


def table(name, settings) -> str:
    return f"[provider.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def configure(server, *texts):
    """Writes the configuration file of a server that has not been started."""
    server.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (server.data / "strongroom.toml").write_text("\n".join(texts))
    return server


def suite(name, **environment):
    """Runs the suite of all key providers against a service that the environment names."""
    command = ["cargo", "test", "--workspace", "--locked", "--test", "services", "--", name]
    return subprocess.run(
        command, cwd=REPOSITORY, env=clean_environment(**environment), capture_output=True, text=True, timeout=280
    )  # fmt: skip
