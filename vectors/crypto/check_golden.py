#!/usr/bin/env python3
"""Derives every golden file from docs/keys.md and docs/formats/segment.md, sharing no code with the server.

Needs only the `cryptography` package. Every construction is written here as the docs put it; where a value depends on
randomness (the salt of a wrap) it is taken from the file. Run: python3 vectors/crypto/check_golden.py
"""

import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.kbkdf import CounterLocation, KBKDFHMAC, Mode

GOLDEN = pathlib.Path(__file__).parent / "golden"
S = 65536


def kdf(key, label, context, length):
    """keys.md, "KDF"; the library puts `label || 00 || context || [L]` together itself."""
    return KBKDFHMAC(
        algorithm=hashes.SHA256(), mode=Mode.CounterMode, length=length, rlen=4, llen=4,
        location=CounterLocation.BeforeFixed, label=label.encode(), context=context, fixed=None,
    ).derive(key)


def mac(key, *pieces):
    return hmac.new(key, b"".join(pieces), hashlib.sha256).digest()


def lp(field):
    return len(field).to_bytes(4, "big") + field


def wrap(kek, kek_label, key_label, salt, binding, key):
    """keys.md, "Wrap"."""
    pair = kdf(kek, f"strongroom/v1/wrap/{kek_label}/{key_label}", salt + binding, 64)
    ct = AESGCM(pair[:32]).encrypt(bytes(12), key, binding)
    return salt + ct + mac(pair[32:], ct, binding)


def mac_sm3(key, *pieces):
    state = HMAC(key, hashes.SM3())
    state.update(b"".join(pieces))
    return state.finalize()


def sm4_gcm(key, plain, aad, nonce=bytes(12)):
    """SM4 in GCM, from the block cipher (SP 800-38D)."""
    block = Cipher(algorithms.SM4(key), modes.ECB()).encryptor().update

    def multiply(x, y):
        z = 0
        for i in range(127, -1, -1):
            z ^= y if x >> i & 1 else 0
            y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
        return z

    counters = b"".join(nonce + n.to_bytes(4, "big") for n in range(2, 2 + -(-len(plain) // 16)))
    ct = bytes(a ^ b for a, b in zip(plain, block(counters)))
    hashed = 0
    hash_key = int.from_bytes(block(bytes(16)), "big")
    for part in (aad, ct):
        for i in range(0, len(part), 16):
            hashed = multiply(hashed ^ int.from_bytes(part[i:i + 16].ljust(16, b"\0"), "big"), hash_key)
    hashed = multiply(hashed ^ (len(aad) * 8 << 64 | len(ct) * 8), hash_key)
    return ct + (hashed ^ int.from_bytes(block(nonce + bytes([0, 0, 0, 1])), "big")).to_bytes(16, "big")


def kdf_sm3(key, label, context, length):
    """keys.md, "KDF", with HMAC-SM3."""
    fixed = label.encode() + b"\0" + context + (length * 8).to_bytes(4, "big")
    return b"".join(mac_sm3(key, i.to_bytes(4, "big"), fixed) for i in range(1, 1 + -(-length // 32)))[:length]


def wrap_sm4(material, key_label, salt, binding, key):
    """keys.md, "Wrap under SM4"."""
    pair = kdf_sm3(material, f"strongroom/v1/wrap/cmk-sm4/{key_label}", salt + binding, 48)
    ct = sm4_gcm(pair[:16], key, binding)
    return salt + ct + mac_sm3(pair[16:], ct, binding)


def wrap_dek_sm4(kek, kek_label, salt, binding, dek):
    """keys.md, "Below a DEK with SM4"."""
    pair = kdf_sm3(kek, f"strongroom/v1/sm4/wrap/{kek_label}/dek", salt + binding, 48)
    ct = sm4_gcm(pair[:16], dek, binding)
    return salt + ct + mac_sm3(pair[16:], ct, binding)


def note_sm4(dek, note_id, plain):
    """keys.md, "Below a DEK with SM4"."""
    pair = kdf_sm3(dek, "strongroom/v1/sm4/dek/note", note_id, 48)
    nonce = mac_sm3(pair[16:], plain)[:12]
    return nonce + sm4_gcm(pair[:16], plain, note_id, nonce)


def note(key, role, note_id, plain):
    """keys.md, "Notes"."""
    pair = kdf(key, f"strongroom/v1/{role}/note", note_id, 64)
    nonce = mac(pair[32:], plain)[:12]
    return nonce + AESGCM(pair[:32]).encrypt(nonce, plain, note_id)


def crc32c(data):
    """segment.md, "Suite 0": CRC-32C, bitwise."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")


def cut(plain):
    """segment.md, "Bytes of a stream": (index, is the last, text)."""
    k = max(1, -(-len(plain) // S))
    return [(i, i == k - 1, plain[i * S:(i + 1) * S]) for i in range(k)]


def seal_aes(dek, uid, plain):
    """segment.md, "Suite 1"."""
    cipher = AESGCM(kdf(dek, "strongroom/v1/dek/segment", uid, 32))
    aad = hashlib.sha256(bytes([1, 1, 16]) + uid).digest()
    return b"".join(
        cipher.encrypt(bytes(4) + i.to_bytes(7, "big") + bytes([last]), text, aad) for i, last, text in cut(plain)
    )


def seal_sm4(dek, uid, plain):
    """segment.md, "Suite 2"."""
    key = kdf_sm3(dek, "strongroom/v1/sm4/dek/segment", uid, 16)
    digest = hashes.Hash(hashes.SM3())
    digest.update(bytes([1, 2, 16]) + uid)
    aad = digest.finalize()
    return b"".join(
        sm4_gcm(key, text, aad, bytes(4) + i.to_bytes(7, "big") + bytes([last])) for i, last, text in cut(plain)
    )


def seal_plain(uid, plain):
    return b"".join(text + crc32c(uid + i.to_bytes(8, "big") + bytes([last]) + text) for i, last, text in cut(plain))


def main():
    golden = json.loads((GOLDEN / "golden.json").read_text())
    value = {name: bytes.fromhex(text) for name, text in golden.items() if isinstance(text, str)}
    wrong = []

    def check(name, ours, theirs):
        if ours != theirs:
            wrong.append(name)

    assert crc32c(b"123456789").hex() == "e3069283"
    fields = [golden["binding"]["domain"].encode()] + [bytes.fromhex(f) for f in golden["binding"]["fields"]]
    binding = b"".join(lp(field) for field in fields)
    check("binding", binding, bytes.fromhex(golden["binding"]["bytes"]))
    for entry in golden["wraps"]:
        wrapped = bytes.fromhex(entry["wrapped"])
        ours = wrap(value["kek"], entry["kek"], entry["key"], wrapped[:32], binding, value["wrapped_key"])
        check(f"wrap {entry['kek']}/{entry['key']}", ours, wrapped)
    check("record_mac", mac(kdf(value["dek"], "strongroom/v1/dek/meta", b"", 32), value["record"]), value["record_mac"])
    for role, text in golden["notes"].items():
        check(f"note {role}", note(value["dek"], role, value["note_id"], value["note_plain"]), bytes.fromhex(text))
    for size in golden["stream_sizes"]:
        plain = bytes((7 * i + i // 256) % 256 for i in range(size))
        aes, sm4, clear = (GOLDEN / f"stream-{suite}-{size}.bin" for suite in ("aes", "sm4", "plain"))
        check(sm4.name, seal_sm4(value["dek"], value["stream_uid"], plain), sm4.read_bytes())
        check(aes.name, seal_aes(value["dek"], value["stream_uid"], plain), aes.read_bytes())
        check(clear.name, seal_plain(value["stream_uid"], plain), clear.read_bytes())

    sm4 = bytes.fromhex((GOLDEN / "wrap-sm4.hex").read_text())
    check("wrap-sm4.hex", wrap_sm4(b"\x40" * 16, "dek", b"\x5a" * 32, lp(b"golden") + lp(b"bucket"), b"\x80" * 32), sm4)

    below = json.loads((GOLDEN / "golden-sm4.json").read_text())
    for entry in below["wraps"]:
        wrapped = bytes.fromhex(entry["wrapped"])
        ours = wrap_dek_sm4(value["kek"], entry["kek"], wrapped[:32], binding, value["wrapped_key"])
        check(f"SM4 wrap {entry['kek']}/dek", ours, wrapped)
    record_key = kdf_sm3(value["dek"], "strongroom/v1/sm4/dek/meta", b"", 32)
    check("SM4 record_mac", mac_sm3(record_key, value["record"]), bytes.fromhex(below["record_mac"]))
    check("SM4 note", note_sm4(value["dek"], value["note_id"], value["note_plain"]), bytes.fromhex(below["note"]))

    count = 5 + len(golden["wraps"]) + len(golden["notes"]) + 3 * len(golden["stream_sizes"]) + len(below["wraps"])
    print(f"{count - len(wrong)} of {count} golden values agree with the docs")
    for name in wrong:
        print("differs:", name)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
