"""Makes provider-frame.hex from docs/formats/provider-records.md and docs/keys.md alone, apart from the server's code.

    python3 vectors/kms/make_provider_frame.py > vectors/kms/provider-frame.hex      (needs `cryptography`)
"""

import hashlib
import hmac
import struct
import textwrap

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def u32(number):
    return struct.pack(">I", number)


def binding(label, *fields):
    return b"".join(u32(len(field)) + field for field in (label.encode(), *fields))


def kdf(key, label, context, length):
    fixed = label.encode() + b"\0" + context + u32(length * 8)
    blocks = (hmac.digest(key, u32(i) + fixed, "sha256") for i in range(1, length // 32 + 2))
    return b"".join(blocks)[:length]


def wrap(kek, label, plain, bound_to, salt):
    keys = kdf(kek, f"strongroom/v1/wrap/{label}", salt + bound_to, 64)
    sealed = AESGCM(keys[:32]).encrypt(bytes(12), plain, bound_to)
    return salt + sealed + hmac.digest(keys[32:], sealed + bound_to, "sha256")


uid, version, role, caller = bytes([7] * 16), 0x01020304, b"bucket", binding("golden")
one_time_key, plain, salt = bytes([5] * 32), bytes([9] * 32), bytes(range(32))
outer = b"what the service made"

bound = hashlib.sha256(binding("provider-bound", uid, u32(version), b"\1", role, caller)).digest()
inner = wrap(one_time_key, "provider/bucket", plain, binding("provider-inner", bound, outer), salt)
digest = hashlib.sha256(binding("provider-frame", bound, outer, inner)).digest()[:16]
frame = b"\1" + digest + struct.pack(">H", len(outer)) + outer + inner

print("# provider-frame, see docs/formats/provider-records.md")
print("\n".join(textwrap.wrap(frame.hex(), 64)))
