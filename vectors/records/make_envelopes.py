"""Writes the golden envelopes from docs/formats/envelope.md alone: an independent reading of the document."""

import pathlib

HERE = pathlib.Path(__file__).parent
WRAPPED = bytes([0xA1]) * 112
CMK_UID = bytes(range(16))


def text(value: str) -> bytes:
    return len(value.encode()).to_bytes(4, "big") + value.encode()


def counted(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


# docs/formats/kms-records.md: magic, format, algorithm, CMK uid, version, wrapped key
KMS_BLOB = b"SK" + bytes([1, 1]) + CMK_UID + (3).to_bytes(4, "big") + bytes([0xB2]) * 112
KMS = (
    bytes([1, 2, 1, 1])
    + text("local-1")
    + text("0123456789abcdef0123456789abcdef")
    + text("000000000001")
    + CMK_UID
    + (2).to_bytes(2, "big")
    + text("a") + text("1") + text("b") + text("2")
)
FILES = {
    "envelope-plain": bytes([1, 0, 0]),
    "envelope-obs": bytes([1, 1, 1]) + WRAPPED,
    "envelope-kms": KMS + bytes([0]) + counted(KMS_BLOB),
    "envelope-kms-bucket-key": KMS + bytes([1]) + bytes([0xC3]) * 16 + counted(KMS_BLOB) + WRAPPED,
    "envelope-customer": bytes([1, 3, 1]) + WRAPPED,
}

for name, data in FILES.items():
    lines = [data[i : i + 32].hex() for i in range(0, len(data), 32)]
    (HERE / f"{name}.hex").write_text(f"# {name}, see docs/formats\n" + "\n".join(lines) + "\n")
