"""The real binary as a process: started on free ports, asked for its state, stopped or killed.

Nothing here waits for a fixed time: the server says its addresses on standard output when it listens, and readiness is
asked for over and over until it is given or a deadline passes.
"""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import requests

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT_ACCESS_KEY = "STRONGROOMTESTROOT01"
ROOT_SECRET_KEY = "a-secret-of-the-tests-0123456789abcdefgh"
REGION = "local-1"
# The tests' virtual-hosted endpoint. Names below it resolve to 127.0.0.1 in the test process (see conftest.py).
DOMAIN = "obs.local.test"
START_SECONDS_MAX = 60


def binary() -> Path:
    """The binary under test: STRONGROOM_BIN, or the one that `cargo build` makes."""
    said = os.environ.get("STRONGROOM_BIN")
    path = Path(said) if said else Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug/strongroom"
    assert path.is_file(), f"{path} is missing: run `cargo build`, or set STRONGROOM_BIN"
    return path


def clean_environment(**more) -> dict:
    """The environment without anything that would configure the server or a client behind a test's back."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("STRONGROOM_", "AWS_", "RUST_LOG"))}
    env.update(AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
    env.update({k: str(v) for k, v in more.items() if v is not None})
    return env


class StartFailed(Exception):
    """The server ended instead of listening; carries its exit code and what it printed."""

    def __init__(self, code, stdout, stderr):
        super().__init__(f"exit {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
        self.code, self.stdout, self.stderr = code, stdout, stderr


class Server:
    """One data directory and the process serving it. `start` may be called again after `stop` or `kill`."""

    def __init__(self, directory, *arguments, env=None, root_credentials=(ROOT_ACCESS_KEY, ROOT_SECRET_KEY)):
        self.directory = Path(directory)
        self.data = self.directory / "data"
        # On a disk in a namespace of its own (harness/small_disk.py) the server sees its directory at another place.
        self.enter, self.data_for_server = [], None
        self.stderr_path = self.directory / "stderr.log"
        self.arguments = list(arguments)
        self.env = dict(env or {})
        self.access_key, self.secret_key = root_credentials or (None, None)
        self.given_credentials = root_credentials
        self.process = None
        self.stdout = ""
        self.addresses = {}

    # ---- life -----------------------------------------------------------------------------------------------------

    def start(self) -> "Server":
        assert self.process is None or self.process.poll() is not None, "the server is running"
        # Free ports at the first start, the same ones again later: clients made before a restart stay good.
        command = [*self.enter, binary(), "server", "--data", self.data_for_server or self.data, *self.arguments]
        if "--address" not in self.arguments:
            command += ["--address", self.addresses.get("objects", "127.0.0.1:0")]
        command += ["--control-address", self.addresses.get("control", "127.0.0.1:0")]
        env = clean_environment(**self.env)
        if self.given_credentials:
            env["STRONGROOM_ROOT_ACCESS_KEY"], env["STRONGROOM_ROOT_SECRET_KEY"] = self.given_credentials
        # The whole suite runs at trace level: its logs are searched for every secret that the tests have seen.
        env.setdefault("STRONGROOM_LOG", "trace")
        self.stdout, self.says = "", {}
        self._listening = threading.Event()
        with open(self.stderr_path, "ab") as log:
            self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        self._listening.wait(START_SECONDS_MAX)
        if not self.says.get("control"):
            code = self.process.wait(START_SECONDS_MAX) if self.process.poll() is None else self.process.returncode
            raise StartFailed(code, self.stdout, self.log())
        self.addresses = self.says
        self.wait_ready()
        return self

    def _read(self, process):
        for line in process.stdout:
            self.stdout += line
            if found := re.match(r"\s+(objects|control)\s+http://(\S+:\d+)\s+https://", line):
                self.says[found[1]] = found[2]
            elif found := re.match(r"\s+access key\s+(\S+)", line):
                self.access_key = found[1]
            elif found := re.match(r"\s+secret key\s+(\S+)", line):
                self.secret_key = found[1]
            elif line.startswith("Paste next"):
                self._listening.set()
        self._listening.set()

    def wait_ready(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                if requests.get(f"{self.control()}/health/ready", timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                pass
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < deadline, f"not ready in {START_SECONDS_MAX} s:\n{self.log()}"

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=60) -> int:
        """The exit code, when the process has ended."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def stop(self) -> int:
        """Asks politely (SIGTERM) and returns the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """SIGKILL: nothing gets a chance to be tidied up."""
        self.process.kill()
        self.wait()

    def restart(self) -> "Server":
        assert self.stop() == 0, self.log()
        return self.start()

    # ---- where it is ----------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return int(self.addresses["objects"].rsplit(":", 1)[1])

    @property
    def control_port(self) -> int:
        return int(self.addresses["control"].rsplit(":", 1)[1])

    @property
    def ca(self) -> Path:
        return self.data / "tls/ca.crt"

    def objects(self, tls=False, host="127.0.0.1") -> str:
        return f"{'https' if tls else 'http'}://{host}:{self.port}"

    def control(self, tls=False) -> str:
        return f"{'https' if tls else 'http'}://127.0.0.1:{self.control_port}"

    # ---- what it says ---------------------------------------------------------------------------------------------

    def log(self) -> str:
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def metrics(self) -> dict:
        """Every sample of /metrics: `name{label="value",...}` (labels sorted) to its number."""
        reply = requests.get(f"{self.control()}/metrics", timeout=10)
        assert reply.status_code == 200, reply.text
        samples = {}
        for line in reply.text.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            name, labels, value = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)", line).groups()
            pairs = sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))
            samples[name + "".join(f"|{k}={v}" for k, v in pairs)] = float(value)
        return samples

    def counted(self, name, **labels) -> float:
        """The sum of a counter's samples that carry these labels."""
        wanted = {f"{k}={v}" for k, v in labels.items()}
        total = 0.0
        for key, value in self.metrics().items():
            parts = key.split("|")
            if parts[0] == name and wanted <= set(parts[1:]):
                total += value
        return total

    def kms_requests(self, operation) -> float:
        return self.counted("strongroom_kms_requests_total", operation=operation)
