"""A disk that can be filled: a file system in memory of a fixed size.

It is mounted plainly where that is permitted, else in a user and mount namespace of its own, which a process keeps for as
long as the disk is used: servers then run in that namespace (`enter`), and the test reaches the disk through
`/proc/<pid>/root`. Where neither is possible tests are skipped, unless `STRONGROOM_TEST_MOUNT=required` says that this is
a failure.
"""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = 'mount -t tmpfs -o size="$1",mode=700 tmpfs "$2" && echo mounted && exec cat'


class SmallDisk:
    """`path` is where it is for a server, `seen` where it is for the test, `enter` what a server's command begins with."""

    def __init__(self, directory, size):
        self.path = self.seen = Path(directory)
        self.path.mkdir()
        self.enter, self.keeper, self.why = [], None, ""
        if not self._mount(size) and not self._mount_in_namespace(size):
            assert os.environ.get("STRONGROOM_TEST_MOUNT") != "required", f"there is no disk to fill: {self.why}"
            pytest.skip(f"there is no disk to fill: {self.why}")

    def _mount(self, size):
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", self.path]
        done = subprocess.run(command, capture_output=True, text=True)
        self.why = done.stderr.strip()
        return done.returncode == 0

    def _mount_in_namespace(self, size):
        command = ["unshare", "-rm", "sh", "-c", SCRIPT, "sh", size, self.path]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.keeper = subprocess.Popen(command, text=True, **pipes)
        if self.keeper.stdout.readline().strip() != "mounted":
            self.why += "; " + self.keeper.communicate()[1].strip()
            return False
        pid = str(self.keeper.pid)
        self.seen = Path("/proc", pid, "root", *self.path.parts[1:])
        self.enter = ["nsenter", "--preserve-credentials", "-U", "-m", "-t", pid, "--"]
        return True

    def fill(self):
        """Writes until nothing more is taken, in pieces down to one page."""
        with open(self.seen / "ballast", "ab", buffering=0) as ballast:
            for size in (1 << 16, 4096):
                try:
                    while True:
                        ballast.write(b"\1" * size)
                except OSError:
                    pass

    def leave_free(self, size):
        """Fills it, and gives back what is named."""
        spare = self.seen / "spare"
        spare.write_bytes(b"\1" * size)
        self.fill()
        spare.unlink()

    def free(self):
        """Removes what filled it."""
        (self.seen / "ballast").unlink()

    def unmount(self):
        if self.keeper:
            self.keeper.communicate()
        else:
            subprocess.run(["umount", "-l", self.path], check=True)
