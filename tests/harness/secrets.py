"""Every secret that the tests come across, and the proof that no server's log holds one.

The clients are watched, not the tests: what a client sends or is given under a name that means a secret is noted as it
passes, so that a test cannot forget to. Every server of the suite logs at trace level, and its log is searched when the
server is done with.
"""

import base64
import json
import re
import subprocess
import tempfile
from urllib.parse import quote

import requests

# Members of requests and replies, in any spelling, that hold a secret.
SECRET_NAMES = re.compile(
    r"^(secret|secret_?access_?key|session_?token|security_?token|securitytoken|password|new_?password|adminpass"
    r"|plaintext|plain_text|plain_text_base64|data_key|random_data|ssecustomerkey|copysourcessecustomerkey"
    r"|x-subject-token|x-auth-token|x-amz-security-token|x-obs-security-token"
    r"|x-(amz|obs)(-copy-source)?-server-side-encryption-customer-key)$",
    re.IGNORECASE,
)
# Shorter ones could stand in a log by chance.
CHARACTERS_MIN = 16
SIGNATURES = re.compile(r"[Ss]ignature[=:]\s*\"?(?:[0-9a-f]{64}|[A-Za-z0-9+/%]{27,}=)")

_seen = set()


def note(secret):
    """Notes a secret, as text or bytes."""
    if isinstance(secret, (bytes, bytearray)):
        _seen.add(bytes(secret))
    elif isinstance(secret, str):
        _seen.add(secret.encode())


def note_in(document):
    """Notes what stands in a document under a name that means a secret, however deep."""
    if isinstance(document, dict):
        for name, value in document.items():
            if isinstance(name, str) and SECRET_NAMES.match(name):
                if isinstance(value, (str, bytes, bytearray)):
                    note(value)
            note_in(value)
    elif isinstance(document, (list, tuple)):
        for value in document:
            note_in(value)


def forms(secret: bytes):
    """The ways in which a secret could be printed. One of hardly any variety, zeros for example, stands anywhere."""
    if len(set(secret)) < 5:
        return set()
    encoded = base64.b64encode(secret).decode()
    shown = [secret.hex(), secret.hex().upper(), encoded, quote(encoded, safe=""), ", ".join(map(str, secret))]
    try:
        shown.append(secret.decode())
    except UnicodeDecodeError:
        pass
    return {form for form in shown if len(form) >= CHARACTERS_MIN and "\n" not in form and "\0" not in form}


def found_in(path) -> list:
    """The lines of a log that hold a secret seen so far, cut short."""
    wanted = {form for secret in _seen for form in forms(secret)}
    if not wanted or not path.exists():
        return []
    with tempfile.NamedTemporaryFile("w", suffix=".patterns") as patterns:
        patterns.write("\n".join(sorted(wanted)) + "\n")
        patterns.flush()
        search = subprocess.run(
            ["grep", "-a", "-F", "-m", "5", "-f", patterns.name, str(path)], capture_output=True, check=False
        )
    lines = search.stdout.decode(errors="replace").splitlines()
    log = path.read_text(errors="replace")
    lines += [log[max(0, m.start() - 80) : m.end()] for m in list(SIGNATURES.finditer(log))[:5]]
    return [line[:300] for line in lines]


def check(server):
    """No secret stands in a server's log."""
    for secret in (server.secret_key, server.given_credentials and server.given_credentials[1]):
        if secret:
            note(secret)
    root = server.data / "root.key"
    if root.is_file() and re.fullmatch(rb"[0-9a-f]{64}\n?", root.read_bytes()):
        note(bytes.fromhex(root.read_text().strip()))
    leaks = [leak for log in (server.stderr_path, *(server.data / "audit").glob("*.log")) for leak in found_in(log)]
    assert not leaks, "secrets in a log:\n" + "\n".join(leaks)


def _watch_requests():
    send = requests.Session.send

    def watched(self, request, **options):
        note_in(dict(request.headers))
        _note_json(request.body)
        reply = send(self, request, **options)
        note_in(dict(reply.headers))
        if "json" in reply.headers.get("content-type", "") and not options.get("stream"):
            _note_json(reply.content)
        return reply

    requests.Session.send = watched


def _note_json(body):
    if isinstance(body, (bytes, str)) and body[:1] in (b"{", "{"):
        try:
            note_in(json.loads(body))
        except ValueError:
            pass


def _watch_boto():
    from botocore.client import BaseClient

    call = BaseClient._make_api_call

    def watched(self, operation, parameters):
        note_in(parameters)
        reply = call(self, operation, parameters)
        note_in({name: value for name, value in reply.items() if name != "Body"})
        return reply

    BaseClient._make_api_call = watched


def watch():
    """Watches the clients from now on."""
    _watch_requests()
    _watch_boto()
