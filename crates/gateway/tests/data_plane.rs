//! The data plane over TCP, in both dialects: what stands in docs/dialects, with the same words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use support::{ACCESS_KEY, Server};

const SSE: &str = "x-amz-server-side-encryption";
const SSE_OBS: &str = "x-obs-server-side-encryption";

#[tokio::test]
async fn an_obs_client_asks_for_the_version_before_it_signs() {
    let server = Server::start().await;
    let answer = server.unsigned("HEAD", "/?apiversion").send().await.expect(200);
    assert_eq!(answer.header("x-obs-api"), "3.0");
    server.unsigned("HEAD", "/nobucket?apiversion").send().await.expect(404);
    server.s3("PUT", "/bkt").send().await.expect(200);
    server.unsigned("HEAD", "/bkt?apiversion").send().await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn an_object_is_sealed_under_a_key_and_comes_back() {
    let server = Server::start().await;
    server.obs("PUT", "bkt", "/").send().await.expect(200);
    let put = server.obs("PUT", "bkt", "/dir/a%20b+c").header(SSE_OBS, "kms").header("x-obs-meta-colour", "red");
    let put = put.body("hello").send().await.expect(200);
    assert_eq!(put.header(SSE_OBS), "kms");
    let key_id = put.header("x-obs-server-side-encryption-kms-key-id");
    assert!(key_id.starts_with("local-1:") && key_id.contains(":key/"), "{key_id}");
    assert_eq!(put.header("x-obs-request-id").len(), 32);

    let get = server.obs("GET", "bkt", "/dir/a%20b+c").send().await.expect(200);
    assert_eq!(get.text(), "hello");
    assert_eq!(get.header("x-obs-meta-colour"), "red");
    assert_eq!(get.header("etag"), put.header("etag"));
    assert_eq!(get.header("content-length"), "5");
    assert_eq!(get.header(SSE_OBS), "kms");

    // The same object in the words of S3, path style.
    let get = server.s3("GET", "/bkt/dir/a%20b%2Bc").header("range", "bytes=1-3").send().await.expect(206);
    assert_eq!(get.text(), "ell");
    assert_eq!(get.header("content-range"), "bytes 1-3/5");
    assert_eq!(get.header(SSE), "aws:kms");
    assert!(get.header("x-amz-server-side-encryption-aws-kms-key-id").starts_with("arn:aws:kms:local-1:"));
    assert!(!get.headers.keys().any(|name| name.as_str().starts_with("x-obs-")), "{:?}", get.headers);

    let head = server.s3("HEAD", "/bkt/dir/a%20b%2Bc").send().await.expect(200);
    assert_eq!(head.header("content-length"), "5");
    assert!(head.body.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn obs_clients_with_v2_signatures_get_s3_words_and_obs_key_ids() {
    let server = Server::start().await;
    server.v2("PUT", "/bkt").header("user-agent", "obs-sdk-python/3.26.6").send().await.expect(200);
    let again = server.v2("PUT", "/bkt").header("user-agent", "obs-sdk-python/3.26.6").send().await;
    again.expect(200);
    server.v2("PUT", "/bkt").send().await.expect_error(409, "BucketAlreadyOwnedByYou");
    let put = server.v2("PUT", "/bkt/o").header("user-agent", "obs-sdk-python/3.26.6").header(SSE, "aws:kms");
    let put = put.body("x").send().await.expect(200);
    assert_eq!(put.header(SSE), "aws:kms");
    assert!(put.header("x-amz-server-side-encryption-aws-kms-key-id").starts_with("local-1:"));
    let location = server.v2("GET", "/bkt?location").header("user-agent", "obs-sdk-python/3.26.6").send().await;
    assert_eq!(location.expect(200).element("LocationConstraint"), "local-1");
    server.stop().await;
}

#[tokio::test]
async fn a_buckets_default_is_set_shown_and_applied() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let none = server.s3("GET", "/bkt?encryption").send().await;
    none.expect_error(404, "ServerSideEncryptionConfigurationNotFoundError");
    server.obs("GET", "bkt", "/?encryption").send().await.expect_error(404, "NoSuchEncryptionConfiguration");
    let document = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>kms\
                    </SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
    server.obs("PUT", "bkt", "/?encryption").body(document).send().await.expect(200);
    assert_eq!(server.s3("GET", "/bkt?encryption").send().await.expect(200).element("SSEAlgorithm"), "aws:kms");
    assert_eq!(server.obs("GET", "bkt", "/?encryption").send().await.expect(200).element("SSEAlgorithm"), "kms");
    let put = server.s3("PUT", "/bkt/o").body("x").send().await.expect(200);
    assert_eq!(put.header(SSE), "aws:kms", "shown although the request did not ask");
    for _ in 0..2 {
        server.s3("DELETE", "/bkt?encryption").send().await.expect(204);
    }
    // A bad document about a missing bucket is 404, about a present one 400.
    server.s3("PUT", "/missing?encryption").body("<x>").send().await.expect_error(404, "NoSuchBucket");
    server.s3("PUT", "/bkt?encryption").body("<x>").send().await.expect_error(400, "MalformedXML");
    server.s3("PUT", "/bkt?encryption").send().await.expect_error(400, "MissingRequestBodyError");
    server.stop().await;
}

#[tokio::test]
async fn a_bucket_is_created_with_its_encryption_by_headers() {
    let server = Server::start().await;
    server.obs("PUT", "one", "/").header(SSE_OBS, "obs").send().await.expect(200);
    assert_eq!(server.obs("GET", "one", "/?encryption").send().await.expect(200).element("SSEAlgorithm"), "AES256");
    server.obs("PUT", "two", "/").header(SSE_OBS, "des").send().await.expect_error(400, "InvalidArgument");
    server.obs("HEAD", "two", "/").send().await.expect(404);
    let elsewhere = "<CreateBucketConfiguration><Location>elsewhere</Location></CreateBucketConfiguration>";
    server.obs("PUT", "two", "/").body(elsewhere).send().await.expect_error(400, "InvalidLocationConstraint");
    server.stop().await;
}

#[tokio::test]
async fn listings_page_in_both_versions() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    for name in ["a", "b/1", "b/2", "c%20d"] {
        server.s3("PUT", &format!("/bkt/{name}")).body("x").send().await.expect(200);
    }
    let first = server.obs("GET", "bkt", "/?delimiter=/&max-keys=2").send().await.expect(200);
    assert_eq!(first.element("IsTruncated"), "true");
    assert_eq!(first.element("NextMarker"), "b/");
    assert!(first.text().contains("<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>"));
    let second = server.obs("GET", "bkt", "/?delimiter=/&marker=b/&encoding-type=url").send().await.expect(200);
    assert_eq!(second.element("Key"), "c+d");
    assert_eq!(second.element("IsTruncated"), "false");
    let first = server.s3("GET", "/bkt?list-type=2&max-keys=3").send().await.expect(200);
    assert_eq!(first.element("KeyCount"), "3");
    let token = first.element("NextContinuationToken");
    let target = format!("/bkt?continuation-token={token}&list-type=2");
    assert_eq!(server.s3("GET", &target).send().await.expect(200).element("Key"), "c d");
    let bad = server.s3("GET", "/bkt?continuation-token=%21&list-type=2").send().await;
    bad.expect_error(400, "InvalidArgument");
    server.s3("GET", "/missing?max-keys=x").send().await.expect_error(404, "NoSuchBucket");
    server.stop().await;
}

#[tokio::test]
async fn a_multipart_upload_from_begin_to_end() {
    let server = Server::start().await;
    server.obs("PUT", "bkt", "/").send().await.expect(200);
    let begun = server.obs("POST", "bkt", "/big?uploads").header(SSE_OBS, "AES256").send().await.expect(200);
    assert_eq!(begun.header(SSE_OBS), "AES256");
    let upload = begun.element("UploadId");
    let mut document = String::from("<CompleteMultipartUpload>");
    for (number, size) in [(1, 100 * 1024), (2, 7)] {
        let target = format!("/big?partNumber={number}&uploadId={upload}");
        let part = server.obs("PUT", "bkt", &target).body(vec![b'x'; size]).send().await.expect(200);
        assert_eq!(part.header(SSE_OBS), "AES256", "the upload's method although the part did not name it");
        let etag = part.header("etag");
        document += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    document += "</CompleteMultipartUpload>";
    let listed = server.obs("GET", "bkt", &format!("/big?uploadId={upload}")).send().await.expect(200);
    assert_eq!(listed.element("Size"), "102400");
    assert_eq!(server.obs("GET", "bkt", "/?uploads").send().await.expect(200).element("UploadId"), upload);
    let target = format!("/big?uploadId={upload}");
    let done = server.obs("POST", "bkt", &target).body(document.clone()).send().await.expect(200);
    assert!(done.element("ETag").ends_with("-2&quot;"));
    let get = server.obs("GET", "bkt", "/big").send().await.expect(200);
    assert_eq!(get.body.len(), 100 * 1024 + 7);
    // A client that lost the answer asks again and gets the same; once the object is another, the upload is gone.
    let again = server.obs("POST", "bkt", &target).body(document.clone()).send().await.expect(200);
    assert_eq!(again.element("ETag"), done.element("ETag"));
    server.obs("DELETE", "bkt", "/big").send().await.expect(204);
    let gone = server.obs("POST", "bkt", &target).body(document).send().await;
    gone.expect_error(404, "NoSuchUpload");
    server.obs("DELETE", "bkt", "/big?uploadId=nonsense").send().await.expect_error(404, "NoSuchUpload");
    server.stop().await;
}

#[tokio::test]
async fn copies_name_their_source_as_clients_do() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    server.s3("PUT", "/bkt/s%20r/c").body("source").send().await.expect(200);
    for (target, source) in [("/bkt/t1", "/bkt/s%20r/c"), ("/bkt/t2", "bkt%2Fs%20r%2Fc")] {
        let copy = server.s3("PUT", target).header("x-amz-copy-source", source).header(SSE, "aws:kms");
        let copy = copy.send().await.expect(200);
        assert_eq!(copy.header(SSE), "aws:kms");
        assert!(copy.element("ETag").starts_with("&quot;"));
        assert_eq!(server.s3("GET", target).send().await.expect(200).text(), "source");
    }
    let from_go = server.obs("PUT", "bkt", "/t3").header("x-obs-copy-source", "bkt/s+r/c").send().await;
    from_go.expect(200);
    let nowhere = server.s3("PUT", "/bkt/t4").header("x-amz-copy-source", "bkt").send().await;
    nowhere.expect_error(400, "InvalidArgument");
    server.stop().await;
}

#[tokio::test]
async fn several_objects_are_deleted_at_once() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    server.s3("PUT", "/bkt/a").body("x").send().await.expect(200);
    let document = "<Delete><Object><Key>a</Key></Object><Object><Key>absent</Key></Object></Delete>";
    let answer = server.s3("POST", "/bkt?delete").body(document).send().await.expect(200);
    assert_eq!(answer.text().matches("<Deleted>").count(), 2, "{}", answer.text());
    server.s3("GET", "/bkt/a").send().await.expect_error(404, "NoSuchKey");
    let undigested = server.obs("POST", "bkt", "/?delete").body(document).send().await;
    undigested.expect_error(400, "InvalidRequest");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_offered_says_so_and_changes_nothing() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    server.s3("PUT", "/bkt/o?retention").body("x").send().await.expect_error(501, "NotImplemented");
    server.obs("PUT", "bkt", "/o?retention").body("x").send().await.expect_error(501, "ServiceNotImplemented");
    server.s3("GET", "/bkt/o").send().await.expect_error(404, "NoSuchKey");
    let locked = server.s3("PUT", "/bkt/o").header("x-amz-object-lock-mode", "COMPLIANCE").body("x").send().await;
    locked.expect_error(501, "NotImplemented");
    server.s3("PATCH", "/bkt/o").send().await.expect_error(405, "MethodNotAllowed");
    server.s3("GET", "/bkt/%zz").send().await.expect_error(400, "InvalidURI");
    server.unsigned("OPTIONS", "/bkt/o").send().await.expect(400);
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_is_told_in_the_right_order() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let wrong = server.s3("GET", "/bkt/o").secret("wrong").send().await.expect_error(403, "SignatureDoesNotMatch");
    assert_eq!(wrong.element("AWSAccessKeyId"), ACCESS_KEY);
    server.unsigned("GET", "/bkt/o").send().await.expect_error(403, "AccessDenied");
    server.unsigned("GET", "/").send().await.expect_error(403, "AccessDenied");
    let odd = server.unsigned("GET", "/bkt").header("authorization", "Bearer x").send().await;
    assert!(odd.expect_error(400, "InvalidArgument").text().contains("Unsupported Authorization Type"));
    let unknown = server.unsigned("GET", "/bkt").header("authorization", "OBS NOBODY:c2ln").header("date", "x");
    unknown.send().await.expect_error(403, "InvalidAccessKeyId");
    // Rights come before the sense of the encryption headers.
    let put = server.unsigned("PUT", "/bkt/o").header(SSE, "AES192").header("x-amz-date", "x").body("x").send().await;
    put.expect_error(403, "AccessDenied");
    let put = server.s3("PUT", "/bkt/o").header(SSE, "AES192").body("x").send().await;
    put.expect_error(400, "InvalidArgument");
    let other_owner = server.s3("GET", "/bkt").header("x-amz-expected-bucket-owner", "000000000009").send().await;
    other_owner.expect_error(403, "AccessDenied");
    server.stop().await;
}

#[tokio::test]
async fn head_tells_its_error_in_headers() {
    let server = Server::start().await;
    let answer = server.obs("HEAD", "missing", "/o").send().await.expect(404);
    assert_eq!(answer.header("x-obs-error-code"), "NoSuchBucket");
    assert!(answer.body.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn conditions_of_reads_and_writes() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let put = server.s3("PUT", "/bkt/o").header("if-none-match", "*").body("x").send().await.expect(200);
    let etag = put.header("etag").to_owned();
    let again = server.s3("PUT", "/bkt/o").header("if-none-match", "*").body("y").send().await;
    again.expect_error(412, "PreconditionFailed");
    let same = server.s3("GET", "/bkt/o").header("if-none-match", &etag).send().await.expect(304);
    assert!(same.body.is_empty());
    assert_eq!(same.header("etag"), etag);
    let escaped = etag.replace('"', "%22");
    server.s3("GET", "/bkt/o").header("if-match", &escaped).send().await.expect(200);
    server.s3("GET", "/bkt/o").header("if-match", "\"other\"").send().await.expect_error(412, "PreconditionFailed");
    let beyond = server.s3("GET", "/bkt/o").header("range", "bytes=1-").send().await.expect_error(416, "InvalidRange");
    assert_eq!(beyond.header("content-range"), "bytes */1");
    server.stop().await;
}

#[tokio::test]
async fn a_range_counts_only_while_the_object_is_the_one_that_if_range_names() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let put = server.s3("PUT", "/bkt/o").body("hello").send().await.expect(200);
    let etag = put.header("etag").to_owned();
    let read = |if_range: &str| server.s3("GET", "/bkt/o").header("range", "bytes=1-3").header("if-range", if_range);
    assert_eq!(read(&etag).send().await.expect(206).text(), "ell");
    for other in ["\"other\"", &format!("W/{etag}"), "nonsense"] {
        assert_eq!(read(other).send().await.expect(200).text(), "hello", "{other}");
    }
    let obs = server.obs("GET", "bkt", "/o").header("range", "bytes=1-3").header("if-range", "\"other\"");
    assert_eq!(obs.send().await.expect(206).text(), "ell", "OBS does not know it");
    server.stop().await;
}

#[tokio::test]
async fn a_completion_is_held_against_all_it_says() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let begun =
        server.s3("POST", "/bkt/o?uploads").header("x-amz-checksum-algorithm", "CRC32").send().await.expect(200);
    let target = format!("/bkt/o?uploadId={}", begun.element("UploadId"));
    let part = server.s3("PUT", &format!("{target}&partNumber=1")).header("x-amz-checksum-crc32", "NhCmhg==");
    let etag = part.body("hello").send().await.expect(200).header("etag").to_owned();
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag>\
         <ChecksumCRC32>NhCmhg==</ChecksumCRC32></Part></CompleteMultipartUpload>"
    );
    let complete = |name: &str, value: &str| server.s3("POST", &target).header(name, value).body(document.clone());
    for (name, value, code) in [
        ("x-amz-mp-object-size", "6", "InvalidRequest"),
        ("x-amz-mp-object-size", "five", "InvalidArgument"),
        ("x-amz-checksum-type", "FULL_OBJECT", "InvalidRequest"),
        ("x-amz-checksum-type", "HALF", "InvalidRequest"),
        ("x-amz-checksum-crc32", "NhCmhg==-2", "InvalidRequest"),
    ] {
        complete(name, value).send().await.expect_error(400, code);
    }
    complete("x-amz-mp-object-size", "5").header("x-amz-checksum-type", "COMPOSITE").send().await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn a_copy_has_its_own_redirect() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    const REDIRECT: &str = "x-amz-website-redirect-location";
    server.s3("PUT", "/bkt/a").header(REDIRECT, "/old").body("x").send().await.expect(200);
    let copy = |target: &str| server.s3("PUT", target).header("x-amz-copy-source", "/bkt/a");
    copy("/bkt/b").header(REDIRECT, "/new").send().await.expect(200);
    copy("/bkt/c").send().await.expect(200);
    copy("/bkt/d").header(REDIRECT, "javascript:x").send().await.expect_error(400, "InvalidRedirectLocation");
    assert_eq!(server.s3("HEAD", "/bkt/b").send().await.expect(200).header(REDIRECT), "/new");
    assert_eq!(server.s3("HEAD", "/bkt/c").send().await.expect(200).header(REDIRECT), "");
    server.stop().await;
}

#[tokio::test]
async fn a_customer_key_is_never_sent_back_and_never_taken_from_a_query() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let (key, md5) = ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "hRasmdxgYDKV3nvbahU1MA==");
    let with_key = |call: support::Call| {
        call.header("x-amz-server-side-encryption-customer-algorithm", "AES256")
            .header("x-amz-server-side-encryption-customer-key", key)
            .header("x-amz-server-side-encryption-customer-key-md5", md5)
    };
    let put = with_key(server.s3("PUT", "/bkt/o")).body("secret").send().await.expect(200);
    assert_eq!(put.header("x-amz-server-side-encryption-customer-key-md5"), md5);
    assert!(!put.headers.contains_key(SSE));
    assert!(!put.headers.contains_key("x-amz-server-side-encryption-customer-key"));
    assert_eq!(with_key(server.s3("GET", "/bkt/o")).send().await.expect(200).text(), "secret");
    server.s3("GET", "/bkt/o").send().await.expect_error(400, "InvalidRequest");
    let obs = server.obs("GET", "bkt", "/o").send().await;
    obs.expect_error(400, "InvalidEncryptionAlgorithmError");
    let in_query = format!("/bkt/o?x-amz-server-side-encryption-customer-key={}", key.trim_end_matches('='));
    let refused = server.s3("GET", &in_query).send().await.expect_error(400, "InvalidArgument");
    assert!(!refused.text().contains("MDEyMzQ1"));
    server.stop().await;
}

#[tokio::test]
async fn a_signed_url_speaks_for_its_headers_and_covers_them() {
    let server = Server::start().await;
    server.obs("PUT", "bkt", "/").send().await.expect(200);
    let put = server.obs_url("PUT", "bkt", &format!("/o?{SSE_OBS}=kms")).body("x").send().await.expect(200);
    assert_eq!(put.header(SSE_OBS), "kms", "the parameter acts as a header");
    let get = server.obs_url("GET", "bkt", "/o?response-content-type=text/x").send().await.expect(200);
    assert_eq!(get.header("content-type"), "text/x");
    let foreign = server.obs_url("PUT", "bkt", "/p").header(SSE, "aws:kms").body("x").send().await;
    foreign.expect_error(400, "InvalidArgument");

    let put = server.s3_url("PUT", "/bkt/q", &[(SSE, "aws:kms")]).body("x").send().await.expect(200);
    assert_eq!(put.header(SSE), "aws:kms");
    let in_query = server.s3_url("PUT", &format!("/bkt/q?{SSE}=AES256"), &[]).body("x").send().await.expect(200);
    assert_eq!(in_query.header(SSE), "AES256");
    let unsigned = server.s3_url("PUT", "/bkt/q", &[]).header(SSE, "aws:kms").body("x").send().await;
    unsigned.expect_error(403, "AccessDenied");
    let late = server.s3_url("GET", "/bkt/q", &[]);
    server.clock.advance_millis(61_000);
    late.send().await.expect_error(403, "AccessDenied");
    server.stop().await;
}

#[tokio::test]
async fn sse_kms_may_be_closed_to_signatures_of_version_2() {
    let server = Server::with(|config| config.accept_v2_for_kms = false, sse::RequireHttps::Off, None).await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    server.v2("PUT", "/bkt/o").header(SSE, "aws:kms").body("x").send().await.expect_error(400, "InvalidArgument");
    server.v2("PUT", "/bkt/plain").body("x").send().await.expect(200);
    server.s3("PUT", "/bkt/o").header(SSE, "aws:kms").body("x").send().await.expect(200);
    server.v2("GET", "/bkt/o").send().await.expect_error(400, "InvalidArgument");
    server.obs("GET", "bkt", "/o").send().await.expect(200);
    let document = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms\
                    </SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
    server.s3("PUT", "/bkt?encryption").body(document).send().await.expect(200);
    server.v2("PUT", "/bkt/plain").body("x").send().await.expect_error(400, "InvalidArgument");
    server.stop().await;
}

#[tokio::test]
async fn the_suite_of_ceph_is_answered_as_it_expects() {
    let server = Server::with(|config| config.compat = strongroom_gateway::Compat::Ceph, sse::RequireHttps::Off, None);
    let server = server.await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    server.s3("PUT", "/bkt/o").header(SSE, "aws:kms").body("x").send().await.expect_error(400, "InvalidArgument");
    server.s3("PUT", "/bkt/o").header("if-match", "*").body("x").send().await.expect_error(404, "NoSuchKey");
    server.s3("PUT", "/bkt/o").body("x").send().await.expect(200);
    server.s3("PUT", "/bkt/o").header("if-match", "*").body("y").send().await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn the_anonymous_send_documents_only_where_they_may() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let document = vec![b' '; 4 * 1024 * 1024];
    let refused = server.unsigned("POST", "/bkt?delete").body(document.clone()).send().await;
    refused.expect_error(403, "AccessDenied");
    let target = format!("/bkt/o?uploadId={}", "a".repeat(32));
    server.unsigned("POST", &target).body(document).send().await.expect_error(403, "AccessDenied");
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_create_buckets_learns_nothing_about_the_request() {
    let server = Server::start().await;
    let create = server.unsigned("PUT", "/fresh").header("x-amz-acl", "public-read");
    create.send().await.expect_error(403, "AccessDenied");
    server.stop().await;
}

#[tokio::test]
async fn requests_are_counted_by_dialect_operation_and_status() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    server.obs("PUT", "bkt", "/o").body("12345").send().await.expect(200);
    server.obs("GET", "bkt", "/absent").send().await.expect(404);
    let text = server.metrics.render().unwrap();
    for line in [
        "strongroom_requests_total{dialect=\"s3\",operation=\"CreateBucket\",status=\"200\"} 1",
        "strongroom_requests_total{dialect=\"obs\",operation=\"PutObject\",status=\"200\"} 1",
        "strongroom_requests_total{dialect=\"obs\",operation=\"GetObject\",status=\"404\"} 1",
        "strongroom_request_body_bytes_total 5",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    server.stop().await;
}
