"""What an auditor does to a data directory: look for plaintext in every file, and change bytes."""

import os
import stat
import time
from pathlib import Path


def files(directory):
    """Every regular file below a directory, those deleted meanwhile left out."""
    for base, _, names in os.walk(directory):
        for name in sorted(names):
            path = Path(base) / name
            if path.is_file() and not path.is_symlink():
                yield path


def settled_blobs(server):
    """The blob files in their final places: a fresh one is moved there soon after the answer."""
    deadline = time.monotonic() + 30
    while any(files(server.data / "blobs/pending")):
        assert time.monotonic() < deadline, "blobs stay pending"
    return set(files(server.data / "blobs"))


def files_holding(directory, *needles, edges_bytes=None):
    """Names of the files in which any of the needles occurs, and which. With `edges_bytes`, large files are looked at
    within so many bytes of their beginning and end only: enough for what might be put around a sealed body."""
    found = []
    for path in files(directory):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        if edges_bytes and len(content) > 2 * edges_bytes:
            content = content[:edges_bytes] + content[-edges_bytes:]
        found += [(str(path.relative_to(directory)), needle[:40]) for needle in needles if needle in content]
    return found


def modes(directory):
    """Path relative to the directory to its mode bits, for everything below it and itself."""
    result = {".": stat.S_IMODE(os.stat(directory).st_mode)}
    for base, folders, names in os.walk(directory):
        for name in folders + names:
            path = Path(base) / name
            result[str(path.relative_to(directory))] = stat.S_IMODE(path.lstat().st_mode)
    return result


def flip(path, offset):
    """Inverts one bit of one byte; calling it again puts it back."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))
