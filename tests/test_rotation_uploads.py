"""A CMK that is rotated while an upload in parts is under way, through both SDKs: the upload goes on, and opens."""

import pytest
from obs import CompleteMultipartUploadRequest, CompletePart, SseKmsHeader

from harness import clients, keys
from harness.server import REGION
from harness.sse import body

PART = 5 << 20


@pytest.mark.parametrize("bucket_key", [False, True], ids=["direct", "bucket-key"])
def test_an_upload_of_s3_goes_on_over_rotations(kms, s3, bucket, bucket_key):
    key = keys.make(kms)["KeyId"]
    parts = [body(PART), body(PART)[::-1], body(1000)]
    upload = {"Bucket": bucket, "Key": "k"}
    begun = s3.create_multipart_upload(
        **upload, ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=bucket_key
    )
    upload["UploadId"] = begun["UploadId"]
    tags = []
    for number, part in enumerate(parts, 1):
        tags.append({"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=part)["ETag"]})
        kms.rotate_key_on_demand(KeyId=key)
    s3.put_object(Bucket=bucket, Key="between", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": tags})
    assert done["ServerSideEncryption"] == "aws:kms" and done["SSEKMSKeyId"].endswith(key)
    assert done.get("BucketKeyEnabled", False) == bucket_key
    kms.rotate_key_on_demand(KeyId=key)
    whole = b"".join(parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == whole
    over_the_seam = f"bytes={PART - 10}-{PART + 9}"
    assert s3.get_object(Bucket=bucket, Key="k", Range=over_the_seam)["Body"].read() == whole[PART - 10 : PART + 10]
    # Three while the parts came, one after; and what came between is under a later version than the upload.
    rotations = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert len(rotations) == 5
    assert s3.get_object(Bucket=bucket, Key="between")["Body"].read() == b"x"


def test_an_upload_of_obs_goes_on_over_rotations(server, kms, s3, bucket):
    obs, made = clients.obs(server), keys.make(kms)
    key = made["KeyId"]
    begun = obs.initiateMultipartUpload(bucket, "k", sseHeader=SseKmsHeader.getInstance(key))
    assert begun.status == 200, begun
    parts, done = [body(PART), body(1000)], []
    for number, part in enumerate(parts, 1):
        sent = obs.uploadPart(bucket, "k", number, begun.body.uploadId, content=part)
        assert sent.status == 200, sent
        done.append(CompletePart(partNum=number, etag=sent.body.etag))
        kms.rotate_key_on_demand(KeyId=key)
    ended = obs.completeMultipartUpload(bucket, "k", begun.body.uploadId, CompleteMultipartUploadRequest(parts=done))
    assert ended.status == 200, ended
    kms.rotate_key_on_demand(KeyId=key)
    read = obs.getObject(bucket, "k", loadStreamInMemory=True)
    assert read.status == 200 and read.body.buffer == b"".join(parts)
    assert s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == made["Arn"] and REGION in made["Arn"]
