"""Every secret that the tests come across, and the proof that no server's log holds one.

The clients are watched, not the tests: what a client sends or is given under a name that means a secret is noted as it
passes, so that a test cannot forget to. Clients are `requests`, boto, and every command that is run: its environment, the
files with secrets that it is pointed at, what it is told on standard input and what it prints. Material that is imported
travels wrapped, so that who wraps it notes it. Every server of the suite logs at trace level, and its log is searched when
the server is done with.
"""

import base64
import json
import re
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import requests

# Members of requests and replies, in any spelling, that hold a secret.
SECRET_NAMES = re.compile(
    r"^(secret|secret_?access_?key|secret_?key|passphrase|session_?token|security_?token|securitytoken|password|new_?password|adminpass"
    r"|plaintext|plain_text|plain_text_base64|data_key|random_data|ssecustomerkey|copysourcessecustomerkey"
    r"|x-subject-token|x-auth-token|x-amz-security-token|x-obs-security-token"
    r"|x-(amz|obs)(-copy-source)?-server-side-encryption-customer-key)$",
    re.IGNORECASE,
)
# Variables of the environment, and options and their files, that hold a secret of a command.
SECRET_VARIABLES = re.compile(r"^(STRONGROOM|AWS)_\w*(SECRET|PASSPHRASE|TOKEN|PIN|PASSWORD)\w*$")
SECRET_FILES = re.compile(r"^--[a-z-]*(passphrase|secret|material|password|pin|plaintext)(-file)?$")
# Commands that print a secret alone, or take one on standard input, by their first words.
PRINTS_A_SECRET = ("kms", "decrypt")
TAKES_A_SECRET = ("kms", "encrypt")
# A secret in text for people: `secret key   AbC...`.
PRINTED = re.compile(r"^\s*(?:secret key|secret|password|token|plaintext)\s*[:=]?\s+(\S{16,})(?:\s|$)", re.MULTILINE | re.IGNORECASE)
# Shorter ones could stand in a log by chance.
CHARACTERS_MIN = 16
# A file with a secret is small.
FILE_BYTES_MAX = 64 << 10
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
                if isinstance(value, str):
                    _note_encoded(value)
                elif isinstance(value, (bytes, bytearray)):
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


def _watch_commands():
    """Every process that is started, whoever starts it: `subprocess.run` goes through here too."""

    class Watched(subprocess.Popen):
        def __init__(self, arguments, *rest, **options):
            self._words = [str(word) for word in arguments] if isinstance(arguments, (list, tuple)) else []
            note_command(self._words, options.get("env") or {})
            super().__init__(arguments, *rest, **options)

        def communicate(self, input=None, timeout=None):
            output = super().communicate(input, timeout)
            note_exchange(self._words, input, output[0])
            return output

    subprocess.Popen = Watched


def note_command(words, environment):
    """Notes the secrets that a command is given by its environment and in files."""
    for name, value in environment.items():
        if SECRET_VARIABLES.match(name):
            note(str(value))
    for option, value in zip(words, words[1:]):
        option, _, joined = option.partition("=")
        value = value if not joined else joined
        if SECRET_FILES.match(option):
            path = Path(value.removeprefix("fileb://").removeprefix("file://"))
            if path.is_file():
                _note_file(path)
            elif not option.endswith("-file"):
                _note_encoded(value)
    if tuple(words[1:3]) == TAKES_A_SECRET:
        for path in map(Path, words[3:]):
            if path.is_file():
                _note_file(path)


def _note_file(path):
    """A file with a secret: its bytes, and without the end of the line."""
    content = path.read_bytes()
    if len(content) <= FILE_BYTES_MAX:
        note(content)
        note(content.strip())


def note_exchange(words, said, printed):
    """Notes the secrets that a command was told on standard input and that it printed."""
    if said and (any(map(SECRET_FILES.match, words)) or tuple(words[1:3]) == TAKES_A_SECRET):
        note(said.strip())
    if not printed:
        return
    text = printed if isinstance(printed, str) else printed.decode(errors="replace")
    _note_json(text.strip())
    for secret in PRINTED.findall(text):
        note(secret)
    if tuple(words[1:3]) == PRINTS_A_SECRET and len(text.split()) == 1:
        _note_encoded(text.strip())


def _note_encoded(text):
    """A secret that came in base64, and what it says."""
    note(text)
    try:
        note(base64.b64decode(text, validate=True))
    except ValueError:
        pass


def watch():
    """Watches the clients from now on."""
    _watch_requests()
    _watch_boto()
    _watch_commands()
