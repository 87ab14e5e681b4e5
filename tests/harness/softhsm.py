"""SoftHSM2: a token in software that speaks PKCS#11 as an HSM does (Debian `softhsm2`, installed by `.ci/run`)."""

import os
import subprocess
from pathlib import Path

import pytest

from .providers import private_file, table

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)
PIN = "pin-of-the-tests-0123456789"


# Set to `required` where its absence must not pass for a test: `.ci/run` installs it.
DEMAND = "STRONGROOM_TEST_SOFTHSM"


def module() -> Path:
    found = [Path(path) for path in MODULES if Path(path).exists()]
    if not found:
        missing = "SoftHSM2 is not installed: apt-get install softhsm2"
        assert os.environ.get(DEMAND) != "required", missing
        pytest.skip(missing)
    return found[0]


class Token:
    """A token of its own, with one user."""

    label = "vault one"

    def __init__(self, directory):
        module()
        self.directory = Path(directory)
        self.store = self.directory / "tokens"
        self.store.mkdir()
        conf = self.directory / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {self.store}\nlog.level = ERROR\n")
        self.env = {"SOFTHSM2_CONF": str(conf)}
        self._run("--init-token", "--free", "--label", self.label, "--pin", PIN, "--so-pin", "so-" + PIN)

    def _run(self, *arguments):
        command = ["softhsm2-util", *arguments]
        done = subprocess.run(command, env=os.environ | self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def settings(self, name="hsm", **more) -> str:
        """The table of a provider that keeps its keys here."""
        said = {
            "kind": "pkcs11",
            "module": str(module()),
            "token_label": self.label,
            "pin_file": str(private_file(self.directory, "pin", PIN)),
            "probe_interval_seconds": 0,
            "breaker_pause_ms": 100,
        }
        return table(name, said | more)

    def objects(self) -> int:
        """How many objects the token holds."""
        return len(list(self.store.glob("*/*.object"))) - len(list(self.store.glob("*/token.object")))
