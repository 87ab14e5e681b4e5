#!/usr/bin/env python3
"""Reads records-v1.txt as docs/formats/kms-records.md and docs/keys.md describe it, sharing no code with the server.

Needs only the `cryptography` package. Unwraps every key from the root key down and compares with what the file says the
keys are. Run: python3 vectors/kms/check_golden.py
"""

import hashlib
import hmac
import pathlib
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import CounterLocation, KBKDFHMAC, Mode

FILE = pathlib.Path(__file__).parent / "records-v1.txt"
ROOT_KEY = bytes([0x42]) * 32
CONTEXT = {"aws:s3:arn": "arn:aws:s3:::bucket/name", "purpose": "golden"}


def lp(field):
    return struct.pack(">I", len(field)) + field


def binding(domain, *fields):
    return b"".join(lp(field) for field in (domain.encode(), *fields))


def unwrap(kek, kek_label, role, wrapped, bound):
    """keys.md, "Wrap"."""
    assert len(wrapped) == 112
    salt, ct, commit = wrapped[:32], wrapped[32:80], wrapped[80:]
    pair = KBKDFHMAC(
        algorithm=hashes.SHA256(), mode=Mode.CounterMode, length=64, rlen=4, llen=4,
        location=CounterLocation.BeforeFixed, label=f"strongroom/v1/wrap/{kek_label}/{role}".encode(),
        context=salt + bound, fixed=None,
    ).derive(kek)
    assert hmac.compare_digest(hmac.new(pair[32:], ct + bound, hashlib.sha256).digest(), commit), "commitment"
    return AESGCM(pair[:32]).decrypt(bytes(12), ct, bound)


class Reader:
    def __init__(self, data):
        self.data = data

    def raw(self, n):
        assert len(self.data) >= n, "record ends early"
        head, self.data = self.data[:n], self.data[n:]
        return head

    def int(self, n):
        return int.from_bytes(self.raw(n), "big")

    def bytes(self):
        return self.raw(self.int(4))

    def str(self):
        return self.bytes().decode()

    def end(self):
        assert not self.data, "trailing bytes"


def cmk(value):
    r = Reader(value)
    assert r.int(1) == 1
    record = {"revision": r.int(8), "spec": r.int(1), "manager": r.int(1), "state": r.int(1)}
    if record["state"] == 4:
        record["delete_at"] = r.int(8)
    record |= {"version": r.int(4), "created": r.int(8)}
    record |= {name: r.str() for name in ("account", "number", "region", "description")}
    r.end()
    assert record["spec"] == 1 and record["manager"] in (0, 1) and record["state"] in (2, 3, 4)
    return record


def main():
    tables = {}
    for line in FILE.read_text().splitlines():
        name, key, value = line.split("\t")
        tables.setdefault(name, {})[bytes.fromhex(key)] = bytes.fromhex(value)

    (check,) = tables["system"].values()
    assert check[0] == 1
    unwrap(ROOT_KEY, "root", "data", check[1:], binding("root-check"))

    cmks = {uid: cmk(value) for uid, value in tables["cmks"].items()}
    assert sorted(c["state"] for c in cmks.values()) == [2, 2, 3, 4]
    assert [c["description"] for c in cmks.values() if c["state"] == 3] == ["gesperrt: ü"]

    material = {}
    for key, value in tables["cmk_versions"].items():
        r = Reader(value)
        assert (r.int(1), r.int(1)) == (1, 1)
        r.int(8)
        reference = r.bytes()
        r.end()
        uid, version = key[:16], key[16:]
        material[key] = unwrap(ROOT_KEY, "root", "cmk", reference, binding("cmk-version", uid, version))

    names = set()
    for key, value in tables["cmk_aliases"].items():
        account, _, name = key.partition(b"\0")
        r = Reader(value)
        assert r.int(1) == 1 and r.raw(16) in cmks and account == b"aa"
        r.raw(16)
        r.end()
        names.add(name.decode())
    assert names == {"aws/s3", "obs/default", "mine"}

    keys = {}
    for key, value in tables["internal_keys"].items():
        assert value[:2] == b"\1\1"
        role = "bucket" if key.startswith(b"sse-obs/") else key.decode()
        keys[key] = unwrap(ROOT_KEY, "root", role, value[10:], binding("internal-key", key))
    ((bucket, sse_obs),) = tables["sse-obs-key"].items()
    assert keys[b"sse-obs/" + bucket] == sse_obs

    ((dek, blob),) = tables["blob"].items()
    assert len(blob) == 136 and blob[:4] == b"SK\1\1"
    pairs = b"".join(lp(k.encode()) + lp(CONTEXT[k].encode()) for k in sorted(CONTEXT))
    context = struct.pack(">I", len(CONTEXT)) + pairs
    bound = binding("cmk-use", blob[:24], context)
    assert unwrap(material[blob[4:24]], "cmk", "dek", blob[24:], bound) == dek
    print(f"{FILE.name}: {sum(len(rows) for rows in tables.values())} rows as documented")


main()
