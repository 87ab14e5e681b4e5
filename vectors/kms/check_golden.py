#!/usr/bin/env python3
"""Reads records-v1.txt and records-v2.txt as docs/formats/kms-records.md and docs/keys.md describe it, sharing no code with the server.

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

HERE = pathlib.Path(__file__).parent
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
    fmt = r.int(1)
    assert fmt in (1, 2)
    record = {"revision": r.int(8), "spec": r.int(1), "manager": r.int(1), "state": r.int(1)}
    if record["state"] == 4:
        record["delete_at"] = r.int(8)
        if fmt == 2:
            assert r.int(1) == 0, "not forced"
    record |= {"version": r.int(4), "created": r.int(8)}
    record |= {name: r.str() for name in ("account", "number", "region", "description")}
    if fmt == 2:
        record |= {"origin": r.int(1), "provider": r.str(), "project": r.bytes(), "last period": r.int(4)}
        if r.int(1) == 1:
            record |= {"period": r.int(4), "next": r.int(8)}
        record["tags"] = [(r.str(), r.str()) for _ in range(r.int(4))]
        assert record["tags"] == sorted(dict(record["tags"]).items())
        record["policy"] = r.str() if r.int(1) == 1 else None
        assert record["origin"] in (0, 1) and record["provider"] == "embedded" and len(record["project"]) in (0, 16)
    r.end()
    assert record["spec"] == 1 and record["manager"] in (0, 1) and record["state"] in (2, 3, 4)
    return record


def version(value):
    r = Reader(value)
    fmt = r.int(1)
    if fmt == 1:
        assert r.int(1) == 1
    else:
        assert fmt == 2 and r.str() == "embedded"
    r.int(8)
    reference = r.bytes()
    if fmt == 2:
        assert r.int(1) == 0, "made with the CMK"
        assert r.raw(32) != bytes(32) and r.raw(32) == bytes(32) and r.int(1) == 0
    r.end()
    return reference


def grant(value):
    r = Reader(value)
    assert r.int(1) == 1
    r.raw(8)
    issuer, name, grantee = r.str(), r.str(), r.str()
    assert issuer == "arn:aws:iam::000000000097:root" and name == "root:aa" and grantee.endswith("user/bob")
    if r.int(1) == 1:
        assert r.str() == grantee
    codes = r.bytes()
    assert codes == bytes(range(1, 10))
    kind = r.int(1)
    if kind:
        assert {r.str(): r.str() for _ in range(r.int(4))} == {"a": "1", "b": ""}
    assert r.str() == "golden" and len(r.raw(32)) == 32
    r.end()
    return kind


def main(file):
    tables = {}
    for line in file.read_text().splitlines():
        name, key, value = line.split("\t")
        tables.setdefault(name, {})[bytes.fromhex(key)] = bytes.fromhex(value)

    (check,) = tables["system"].values()
    assert check[0] == 1
    unwrap(ROOT_KEY, "root", "data", check[1:], binding("root-check"))

    cmks = {uid: cmk(value) for uid, value in tables["cmks"].items()}
    rich = [c for c in cmks.values() if c["description"] == "everything"]
    assert sorted(c["state"] for c in cmks.values()) == sorted([2, 2, 3, 4] + [2] * len(rich))
    if rich:
        assert rich[0]["tags"] == [("empty", ""), ("purpose", "golden")] and "kms:*" in rich[0]["policy"]
        assert sorted(grant(value) for value in tables["cmk_grants"].values()) == [0, 1, 2]
        assert {key[:16] for key in tables["cmk_grants"]} <= set(cmks)
    assert [c["description"] for c in cmks.values() if c["state"] == 3] == ["gesperrt: ü"]

    material = {}
    for key, value in tables["cmk_versions"].items():
        uid, number = key[:16], key[16:]
        bound = binding("cmk-version", uid, number)
        material[key] = unwrap(ROOT_KEY, "root", "cmk", version(value), bound)

    names = set()
    for key, value in tables["cmk_aliases"].items():
        account, _, name = key.partition(b"\0")
        r = Reader(value)
        assert r.int(1) == 1 and r.raw(16) in cmks and account == b"aa"
        r.raw(16)
        r.end()
        names.add(name.decode())
    assert names == {"aws/s3", "obs/default", "mine"} | ({"rich"} if rich else set())

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
    print(f"{file.name}: {sum(len(rows) for rows in tables.values())} rows as documented")


for name in ("records-v1.txt", "records-v2.txt"):
    main(HERE / name)
