"""The encryption methods as arguments for boto3, and bodies to put under them."""

import base64
import hashlib
import os
import random

from . import secrets

KIB, MIB = 1024, 1024 * 1024
SEGMENT = 64 * KIB


class CustomerKey:
    """An SSE-C key and the headers that carry it."""

    def __init__(self, key=None):
        self.key = key or os.urandom(32)
        secrets.note(self.key)

    @property
    def base64(self):
        return base64.b64encode(self.key).decode()

    @property
    def md5(self):
        return base64.b64encode(hashlib.md5(self.key).digest()).decode()

    def arguments(self):
        return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": self.key}

    def source_arguments(self):
        return {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": self.key}

    def headers(self, prefix="x-amz-"):
        start = f"{prefix}server-side-encryption-customer-"
        return {start + "algorithm": "AES256", start + "key": self.base64, start + "key-MD5": self.md5}


class Method:
    """One encryption method: what a write says, what a read must say, what an answer shows."""

    def __init__(self, name, write, customer=None, shown=None):
        self.name, self.write, self.customer, self.shown = name, write, customer, shown or {}

    @property
    def read(self):
        return self.customer.arguments() if self.customer else {}

    @property
    def copy_source(self):
        return self.customer.source_arguments() if self.customer else {}

    def check(self, answer):
        """The answer shows this method and no other."""
        for field in ("ServerSideEncryption", "BucketKeyEnabled", "SSECustomerAlgorithm"):
            assert answer.get(field) == self.shown.get(field), f"{self.name}: {field} is {answer.get(field)!r}"
        assert ("SSEKMSKeyId" in answer) == (self.shown.get("ServerSideEncryption") == "aws:kms"), self.name

    def __repr__(self):
        return self.name


METHOD_NAMES = ["plain", "sse-s3", "sse-kms", "sse-kms-bucket-key", "sse-c"]


def method(name, key_id) -> Method:
    """The method of a name; the two of SSE-KMS use the CMK given."""
    if name == "plain":
        return Method(name, {})
    if name == "sse-s3":
        return Method(name, {"ServerSideEncryption": "AES256"}, shown={"ServerSideEncryption": "AES256"})
    if name == "sse-c":
        key = CustomerKey(hashlib.sha256(b"the tests' customer key").digest())
        return Method(name, key.arguments(), key, {"SSECustomerAlgorithm": "AES256"})
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id}
    if name == "sse-kms":
        return Method(name, write, shown={"ServerSideEncryption": "aws:kms"})
    assert name == "sse-kms-bucket-key", name
    shown = {"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": True}
    return Method(name, write | {"BucketKeyEnabled": True}, shown=shown)


def body(size, seed=0) -> bytes:
    """Bytes that look random and are the same in every run."""
    return random.Random(f"{size}/{seed}").randbytes(size)
