"""Corners of the protocols that real clients reach: transfer codings, limits, races, names in hosts, what is not offered."""

import base64
import hashlib
import io
import threading
import uuid

import pytest
from botocore.exceptions import ClientError

from harness import clients, signing, sse
from harness.server import DOMAIN
from harness.signing import Request, send, sign_v4
from harness.sse import KIB, SEGMENT, body


def code(error):
    return error.value.response["Error"]["Code"]


def names(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def send_pieces(server, request, pieces, tls=True):
    """Sends with `Transfer-Encoding: chunked`, piece by piece."""
    link = signing.connect(server, tls)
    link.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    link.putheader("Host", f"127.0.0.1:{server.port}")
    link.putheader("Transfer-Encoding", "chunked")
    for name, value in request.headers.items():
        link.putheader(name, value)
    link.endheaders()
    for piece in pieces:
        link.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    link.send(b"0\r\n\r\n")
    answer = link.getresponse()
    return signing.Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


# ---- bodies ---------------------------------------------------------------------------------------------------------


def test_bodies_of_unknown_length(server, s3, bucket):
    pieces = [body(70_000, 1), b"x", body(3 * SEGMENT, 2)]
    request = sign_v4(Request("PUT", f"/{bucket}/k"), server, payload="UNSIGNED-PAYLOAD")
    assert send_pieces(server, request, pieces).status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(pieces)
    request = sign_v4(Request("PUT", f"/{bucket}/empty"), server, payload="UNSIGNED-PAYLOAD")
    assert send_pieces(server, request, []).status == 200
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""


def test_streams_of_the_obs_sdk(server, s3, bucket):
    """The SDK sends a stream without length in chunks of its own."""

    class Stream(io.RawIOBase):
        def __init__(self, data):
            self.inner = io.BytesIO(data)

        def readable(self):
            return True

        def read(self, size=-1):
            return self.inner.read(size)

    data = body(300 * KIB)
    obs = clients.obs(server)
    reply = obs.putContent(bucket, "k", content=Stream(data))
    assert reply.status == 200, reply.errorMessage
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


def test_aws_chunked_is_taken_out_of_the_stored_encoding(server, s3, bucket):
    for sent, kept in [("gzip, aws-chunked", "gzip"), ("aws-chunked,gzip", "gzip"), ("aws-chunked", None), ("br", "br")]:
        request = Request("PUT", f"/{bucket}/k", headers={"Content-Encoding": sent}, body=b"as it is")
        assert send(sign_v4(request, server), server, tls=True).status == 200, sent
        got = s3.get_object(Bucket=bucket, Key="k")
        assert got.get("ContentEncoding") == kept and got["Body"].read() == b"as it is", sent


def test_a_body_shorter_than_announced_commits_nothing(server, s3, bucket):
    request = sign_v4(Request("PUT", f"/{bucket}/k", body=b"x" * 1000), server)
    link = signing.connect(server, tls=True)
    link.putrequest("PUT", request.target, skip_host=True, skip_accept_encoding=True)
    link.putheader("Host", f"127.0.0.1:{server.port}")
    link.putheader("Content-Length", "1000")
    for name, value in request.headers.items():
        link.putheader(name, value)
    link.endheaders()
    link.send(b"x" * 999)
    link.close()
    assert names(s3, bucket) == []


def test_bodies_beyond_the_limit_are_refused_unread(server, s3, bucket):
    for size in (5 * 1024**3 + 1, 2**63, 2**64):
        head = sign_v4(Request("PUT", f"/{bucket}/k"), server, payload="UNSIGNED-PAYLOAD")
        text = f"PUT {head.target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {size}\r\n"
        text += "Expect: 100-continue\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.headers.items()) + "\r\n"
        answer = signing.raw(server, text.encode(), tls=True)
        assert answer.startswith(b"HTTP/1.1 4"), (size, answer[:200])
        assert size > 2**62 or b"EntityTooLarge" in answer
    assert names(s3, bucket) == []


def test_a_connection_serves_on_after_a_refusal(server, bucket):
    link = signing.connect(server, tls=True)
    for wanted, path, data in [(404, f"/{bucket}/missing", b""), (200, f"/{bucket}/k", b"x"), (404, f"/{bucket}/m", b"")]:
        request = sign_v4(Request("PUT" if data else "GET", path, body=data), server)
        link.request(request.method, request.target, body=data or None, headers=request.headers)
        answer = link.getresponse()
        answer.read()
        assert answer.status == wanted
    link.close()


def test_head_answers_have_no_body(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    for path, wanted in [(f"/{bucket}/k", 200), (f"/{bucket}/missing", 404), ("/no-such-bucket-at-all", 404), ("/", 405)]:
        request = sign_v4(Request("HEAD", path), server)
        text = f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
        text += "".join(f"{k}: {v}\r\n" for k, v in request.headers.items()) + "\r\n"
        head, _, rest = signing.raw(server, text.encode(), tls=True).partition(b"\r\n\r\n")
        assert rest == b"", path
        assert head.startswith(b"HTTP/1.1 %d" % wanted) or path == "/", head[:60]


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_part_numbers_and_uploads_of_others(server, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    for number in ("0", "10001", "-1", "x", "99999999999"):
        reply = signing.v4(
            server, "PUT", f"/{bucket}/k", b"x", query=[("partNumber", number), ("uploadId", upload)], tls=True
        )
        assert (reply.status, reply.code) == (400, "InvalidArgument"), number
    for key, id_ in [("other", upload), ("k", "0" * 32), ("k", "x"), ("k", ""), ("k", "../../etc")]:
        query = [("partNumber", "1"), ("uploadId", signing.quote(id_, safe=""))]
        reply = signing.v4(server, "PUT", f"/{bucket}/{key}", b"x", query=query, tls=True)
        assert reply.status in (400, 404) and reply.code in ("NoSuchUpload", "InvalidArgument"), (key, id_)
    tag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=10_000, Body=b"last")["ETag"]
    done = [{"PartNumber": 10_000, "ETag": tag}]
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": done})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"last"


def test_metadata_beyond_the_limit_is_refused(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "b" * 2000})
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k2", Body=b"x", Metadata={"a": "b" * 8200})
    assert code(error) == "MetadataTooLarge"
    assert names(s3, bucket) == ["k"]


def test_a_thousand_deletions_at_once_and_not_one_more(s3, bucket):
    for n, fine in [(1000, True), (1001, False)]:
        doomed = {"Objects": [{"Key": f"k{i}"} for i in range(n)]}
        if fine:
            assert len(s3.delete_objects(Bucket=bucket, Delete=doomed)["Deleted"]) == n
        else:
            with pytest.raises(ClientError) as error:
                s3.delete_objects(Bucket=bucket, Delete=doomed)
            assert code(error) == "MalformedXML"


def test_a_long_listing_in_pages(server, s3, bucket):
    wanted = sorted(f"{i % 7}/{i:04d}" for i in range(1200))
    work = iter(wanted)
    lock = threading.Lock()

    def write():
        client = clients.s3(server)
        while True:
            with lock:
                name = next(work, None)
            if name is None:
                return
            client.put_object(Bucket=bucket, Key=name, Body=b"")

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for operation, extra in [("list_objects_v2", {}), ("list_objects", {}), ("list_objects_v2", {"PaginationConfig": {"PageSize": 97}})]:
        pages = list(s3.get_paginator(operation).paginate(Bucket=bucket, **extra))
        assert [o["Key"] for page in pages for o in page["Contents"]] == wanted
        assert len(pages) > 1
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 3})
    assert [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])] == [f"{i}/" for i in range(7)]


@pytest.mark.parametrize(
    "query",
    [
        [("max-keys", "-1")], [("max-keys", "x")], [("list-type", "2"), ("max-keys", "99999999999999999999")],
        [("list-type", "2"), ("continuation-token", "!!!")], [("encoding-type", "base64")], [("list-type", "3")],
    ],
    ids=str,
)  # fmt: skip
def test_odd_listing_arguments(server, s3, bucket, query):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    reply = signing.v4(server, "GET", f"/{bucket}", query=[(n, signing.quote(v, safe="")) for n, v in query], tls=True)
    assert reply.status in (200, 400) and (reply.status == 200 or reply.code == "InvalidArgument"), reply
    none = signing.v4(server, "GET", f"/{bucket}", query=[("max-keys", "0")], tls=True)
    assert none.status == 200 and b"<Key>" not in none.body and b"<IsTruncated>false<" in none.body


# ---- races ----------------------------------------------------------------------------------------------------------


def at_once(count, work):
    """Runs `work(i)` in so many threads, released together; returns what each returned or raised."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(i):
        barrier.wait()
        try:
            results[i] = work(i)
        except Exception as error:  # noqa: BLE001
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("size", [10, 300 * KIB], ids=["inline", "blob"])
def test_of_many_first_writers_exactly_one_wins(server, s3, bucket, cmk, size):
    for name in ("plain", "sse-kms"):
        bodies = [body(size, i) for i in range(12)]
        write = sse.method(name, cmk).write
        pool = [clients.s3(server) for _ in bodies]
        results = at_once(
            12, lambda i: pool[i].put_object(Bucket=bucket, Key=name, Body=bodies[i], IfNoneMatch="*", **write)
        )
        winners = [i for i, result in enumerate(results) if not isinstance(result, Exception)]
        assert len(winners) == 1, winners
        lost = {r.response["Error"]["Code"] for r in results if isinstance(r, ClientError)}
        assert lost <= {"PreconditionFailed", "ConditionalRequestConflict"}, lost
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == bodies[winners[0]]


def test_of_many_updates_of_one_state_exactly_one_wins(server, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["ETag"]
    pool = [clients.s3(server) for _ in range(8)]
    results = at_once(8, lambda i: pool[i].put_object(Bucket=bucket, Key="k", Body=b"%d" % i, IfMatch=etag))
    winners = [i for i, result in enumerate(results) if not isinstance(result, Exception)]
    assert len(winners) == 1, results
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"%d" % winners[0]


def test_of_many_creators_of_a_bucket_none_fails_badly(server, s3):
    name = f"b-{uuid.uuid4().hex[:20]}"
    pool = [clients.s3(server) for _ in range(8)]
    results = at_once(8, lambda i: pool[i].create_bucket(Bucket=name))
    assert any(not isinstance(result, Exception) for result in results)
    lost = {r.response["Error"]["Code"] for r in results if isinstance(r, ClientError)}
    assert lost <= {"BucketAlreadyOwnedByYou", "OperationAborted"}, lost
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]].count(name) == 1


def test_a_bucket_is_not_deleted_under_a_writer(server):
    """Deleting and writing at once: either the bucket is gone and the object was refused, or both are there."""
    s3 = clients.s3(server)
    pool = [clients.s3(server) for _ in range(6)]
    for _ in range(15):
        name = f"b-{uuid.uuid4().hex[:20]}"
        s3.create_bucket(Bucket=name)

        def work(i):
            if i == 0:
                return pool[i].delete_bucket(Bucket=name)  # noqa: B023
            return pool[i].put_object(Bucket=name, Key=f"k{i}", Body=b"x")  # noqa: B023

        deleted, *written = at_once(6, work)
        kept = [f"k{i}" for i, result in enumerate(written, 1) if not isinstance(result, Exception)]
        if isinstance(deleted, Exception):
            assert code_of(deleted) == "BucketNotEmpty", deleted
            assert sorted(names(s3, name)) == kept
        else:
            assert kept == [], "an acknowledged object went with its bucket"
            assert {code_of(r) for r in written} == {"NoSuchBucket"}


def code_of(error):
    assert isinstance(error, ClientError), error
    return error.response["Error"]["Code"]


@pytest.mark.parametrize("method_name", ["plain", "sse-kms", "sse-c"])
def test_one_part_sent_many_times_at_once(server, s3, bucket, cmk, method_name):
    method = sse.method(method_name, cmk)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **method.write)["UploadId"]
    bodies = [body(200 * KIB, i) for i in range(8)]
    pool = [clients.s3(server) for _ in bodies]
    results = at_once(
        8,
        lambda i: pool[i].upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=bodies[i], **method.read
        )["ETag"],
    )
    (listed,) = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload, **{})["Parts"]
    assert listed["ETag"] in results
    done = {"Parts": [{"PartNumber": 1, "ETag": listed["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=done)
    received = s3.get_object(Bucket=bucket, Key="k", **method.read)["Body"].read()
    assert received == bodies[results.index(listed["ETag"])]


def test_complete_and_abort_at_once(server, bucket):
    s3 = clients.s3(server)
    pool = [clients.s3(server) for _ in range(4)]
    for round_ in range(10):
        key = f"k{round_}"
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        data = body(100 * KIB, round_)
        tag = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=data)["ETag"]
        done = {"Parts": [{"PartNumber": 1, "ETag": tag}]}

        def work(i):
            call = dict(Bucket=bucket, Key=key, UploadId=upload)  # noqa: B023
            if i % 2:
                return pool[i].abort_multipart_upload(**call)
            return pool[i].complete_multipart_upload(**call, MultipartUpload=done)  # noqa: B023

        results = at_once(4, work)
        completed = any(not isinstance(r, Exception) for r in results[::2])
        assert {code_of(r) for r in results if isinstance(r, Exception)} <= {"NoSuchUpload", "OperationAborted"}
        if completed:
            assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == data
        else:
            assert key not in names(s3, bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


# ---- hosts ----------------------------------------------------------------------------------------------------------


def test_hosts_name_buckets_whatever_their_port_and_case(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for host in (f"{bucket}.{DOMAIN}", f"{bucket}.{DOMAIN}:80", f"{bucket}.{DOMAIN.upper()}", f"{bucket}.{DOMAIN}."):
        request = sign_v4(Request("GET", "/k"), server, host=host)
        reply = send(request, server, tls=True, host=host)
        assert reply.status == 200 or host.endswith("."), (host, reply.code)
    for host in (f"evil{DOMAIN}", f"{bucket}.{DOMAIN}.evil.test"):
        request = sign_v4(Request("GET", "/k"), server, host=host)
        assert send(request, server, tls=True, host=host).status in (400, 403, 404), host


def test_bucket_names_with_dots_in_the_host(server):
    s3 = clients.s3(server, tls=False, virtual_hosted=True)
    name = f"a.b-c.{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k/ä", Body=b"x")
    assert s3.get_object(Bucket=name, Key="k/ä")["Body"].read() == b"x"
    host = f"{name}.{DOMAIN}:{server.port}"
    reply = send(signing.sign_obs(Request("GET", "/k/%C3%A4"), server, name), server, host=host)
    assert (reply.status, reply.body) == (200, b"x")


def test_locations(server):
    s3 = clients.s3(server)
    name = f"b-{uuid.uuid4().hex[:20]}"
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "elsewhere-1"})
    assert "Location" in code(error)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "local-1"})
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "local-1"


# ---- what is not offered --------------------------------------------------------------------------------------------

NOT_OFFERED = [
    ("DELETE", "b", "acl"), ("POST", "b", "policy"), ("PUT", "b", "tagging"), ("PUT", "b", "versioning"), ("PUT", "b", "cors"),
    ("PUT", "b", "lifecycle"), ("PUT", "b", "replication"), ("PUT", "b", "object-lock"), ("PUT", "b", "notification"),
    ("PUT", "k", "legal-hold"), ("DELETE", "k", "acl"), ("PUT", "k", "retention"), ("POST", "k", "restore"), ("POST", "k", "append"),
    ("PUT", "k", "encryption"),
]  # fmt: skip


@pytest.mark.parametrize("case", NOT_OFFERED, ids=str)
def test_what_is_not_offered_says_so_and_changes_nothing(server, s3, bucket, case):
    """Never mistaken for another operation: `PUT k?retention` must not store an object named k."""
    method, place, sub = case
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    path = f"/{bucket}" + ("/k" if place == "k" else "")
    query = [(sub, None)] if sub else []
    data = b"<x/>" if method in ("PUT", "POST") else b""
    headers = {"Content-MD5": base64.b64encode(hashlib.md5(data).digest()).decode()} if data else {}
    reply = signing.v4(server, method, path, data, headers, query, tls=True)
    assert reply.status in (400, 403, 404, 405, 412, 501) and reply.code, (case, reply.status, reply.body[:200])
    obs = signing.obs(server, method, "/k" if place == "k" else "/", bucket, data, headers, query, tls=True)
    assert obs.status in (400, 403, 404, 405, 411, 412, 501) and obs.code, (case, obs.status)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"
    assert names(s3, bucket) == ["k"]


def test_versions_are_not_pretended(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    state = s3.get_bucket_versioning(Bucket=bucket)
    assert "Status" not in state, "never enabled"
    with pytest.raises(ClientError):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"x"
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", VersionId="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY")
    assert code(error) in ("NoSuchVersion", "InvalidArgument")


def test_each_object_has_one_version(s3, bucket):
    for name in ("a/1", "a/2", "b", "c"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    listed, markers = [], {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, MaxKeys=2, **markers)
        listed += [(v["Key"], v["VersionId"], v["IsLatest"], v["Size"]) for v in page.get("Versions", [])]
        assert "DeleteMarkers" not in page
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert listed == [(name, "null", True, 1) for name in ("a/1", "a/2", "b", "c")]
    grouped = s3.list_object_versions(Bucket=bucket, Delimiter="/", Prefix="")
    assert [p["Prefix"] for p in grouped["CommonPrefixes"]] == ["a/"]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k, "VersionId": v} for k, v, _, _ in listed]})
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)


def test_the_obs_sdk_lists_versions(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"xy")
    done = clients.obs(server).listVersions(bucket)
    assert done.status == 200, done
    assert [(v.key, v.versionId, v.isLatest, v.size) for v in done.body.versions] == [("k", "null", True, 2)]


def test_uploads_end_with_their_bucket_in_s3_and_keep_it_in_obs(server, s3, bucket):
    for name in ("one", "two"):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"]
        s3.upload_part(Bucket=bucket, Key=name, UploadId=upload, PartNumber=1, Body=b"x" * 100_000)
    kept = clients.obs(server).deleteBucket(bucket)
    assert (kept.status, kept.errorCode) == (409, "BucketNotEmpty"), kept
    s3.put_object(Bucket=bucket, Key="object", Body=b"x")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket=bucket)
    assert code(error) == "BucketNotEmpty"
    assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 2, "a refused deletion ends nothing"
    s3.delete_object(Bucket=bucket, Key="object")
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
