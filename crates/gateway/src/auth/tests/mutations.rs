//! Vectors wrong on purpose: a signed request with one thing altered is refused, whatever the scheme and whatever the
//! thing.

use super::*;

type Alteration = (&'static str, fn(Request) -> Request, fn(&AuthError) -> bool);

fn refuse_each(base: &Request, alterations: &[Alteration]) {
    base.check().unwrap_or_else(|error| panic!("the unaltered request verifies: {error:?}"));
    for (what, alter, expected) in alterations {
        match alter(base.clone()).check() {
            Ok(_) => panic!("{what}: accepted"),
            Err(error) => assert!(expected(&error), "{what}: {error:?}"),
        }
    }
}

fn v4_put() -> Request {
    Request::new(
        "PUT",
        "/bkt/dir/a%20b?partNumber=1&uploadId=u",
        &[
            ("host", "127.0.0.1:9000"),
            ("content-type", "text/plain"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-meta-a", "one"),
        ],
    )
    .signed_v4(SignedPayload::Sha256(crypto::sha256(b"hello")))
}

fn authorization(request: &Request, from: &str, to: &str) -> Request {
    let value = request.headers["authorization"].to_str().unwrap();
    assert!(value.contains(from), "{value}");
    request.clone().set("authorization", &value.replacen(from, to, 1))
}

fn target(request: &Request, from: &str, to: &str) -> Request {
    assert!(request.target.contains(from), "{}", request.target);
    request.clone().with_target(&request.target.replacen(from, to, 1))
}

#[test]
fn every_altered_component_of_a_v4_header_request_is_refused() {
    refuse_each(
        &v4_put(),
        &[
            ("method", |r| r.with_method("DELETE"), is_mismatch),
            ("path", |r| target(&r, "a%20b", "a%20c"), is_mismatch),
            ("path: bucket", |r| target(&r, "/bkt/", "/bkt2/"), is_mismatch),
            ("path: dot segment", |r| target(&r, "/dir/", "/dir/./"), is_mismatch),
            ("path: double slash", |r| target(&r, "/dir/", "/dir//"), is_mismatch),
            ("path: double encoding", |r| target(&r, "%20", "%2520"), is_mismatch),
            ("query changed", |r| target(&r, "partNumber=1", "partNumber=2"), is_mismatch),
            ("query removed", |r| target(&r, "&uploadId=u", ""), is_mismatch),
            ("query added", |r| target(&r, "&uploadId=u", "&uploadId=u&acl"), is_mismatch),
            ("query: value moved into a name", |r| target(&r, "uploadId=u", "uploadId%3Du"), is_mismatch),
            ("query: two parameters made one", |r| target(&r, "&uploadId=u", "%26uploadId%3Du"), is_mismatch),
            ("query: repeated", |r| target(&r, "&uploadId=u", "&uploadId=u&uploadId=v"), is_mismatch),
            ("host", |r| r.set("host", "127.0.0.1:9001"), is_mismatch),
            ("content type", |r| r.set("content-type", "text/html"), is_mismatch),
            ("SSE header", |r| r.set("x-amz-server-side-encryption", "AES256"), is_mismatch),
            ("metadata", |r| r.set("x-amz-meta-a", "two"), is_mismatch),
            ("header repeated", |r| r.append("x-amz-meta-a", "two"), is_mismatch),
            ("date", |r| r.set("x-amz-date", "20261120T202255Z"), is_mismatch),
            ("body hash", |r| r.set("x-amz-content-sha256", &"0".repeat(64)), is_mismatch),
            ("body unsigned", |r| r.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), is_mismatch),
            ("body streaming", |r| r.set("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), is_mismatch),
            ("body hash is none", |r| r.set("x-amz-content-sha256", "abc"), |e| *e == AuthError::InvalidPayloadHash),
            (
                "body hash gone",
                |r| r.without("x-amz-content-sha256"),
                |e| matches!(e, AuthError::SignedHeaderMissing(_)),
            ),
            (
                "signed header gone",
                |r| r.without("x-amz-server-side-encryption"),
                |e| *e == AuthError::SignedHeaderMissing("x-amz-server-side-encryption".to_owned()),
            ),
            (
                "unsigned header added",
                |r| r.set("x-amz-acl", "public-read"),
                |e| *e == AuthError::UnsignedHeader("x-amz-acl".to_owned()),
            ),
            (
                "unsigned foreign header added",
                |r| r.set("x-obs-acl", "public-read"),
                |e| *e == AuthError::UnsignedHeader("x-obs-acl".to_owned()),
            ),
            ("signature", |r| authorization(&r, "Signature=", "Signature=0"), is_mismatch),
            (
                "signature gone",
                |r| {
                    let value = r.headers["authorization"].to_str().unwrap();
                    let cut = value.split_once(", Signature=").unwrap().0.to_owned();
                    r.set("authorization", &cut)
                },
                |e| matches!(e, AuthError::MalformedHeader(_)),
            ),
            ("scope date", |r| authorization(&r, "/20261120/", "/20261119/"), |e| *e == AuthError::WrongScopeDate),
            (
                "scope region",
                |r| authorization(&r, "/local-1/", "/local-2/"),
                |e| *e == AuthError::WrongRegion { expected: REGION.to_owned() },
            ),
            ("scope region, other accepted one", |r| authorization(&r, "/local-1/", "/us-east-1/"), is_mismatch),
            (
                "scope service",
                |r| authorization(&r, "/s3/", "/kms/"),
                |e| *e == AuthError::WrongService { expected: "s3".to_owned() },
            ),
            ("signed headers: one left out", |r| authorization(&r, "content-type;", ""), is_mismatch),
            (
                "signed headers: own header left out",
                |r| authorization(&r, ";x-amz-meta-a", ""),
                |e| *e == AuthError::UnsignedHeader("x-amz-meta-a".to_owned()),
            ),
            (
                "signed headers: host left out",
                |r| authorization(&r, "host;", ""),
                |e| matches!(e, AuthError::MalformedHeader(_)),
            ),
        ],
    );
}

#[test]
fn every_altered_component_of_a_v4_presigned_request_is_refused() {
    let base = Request::new(
        "PUT",
        "/bkt/k?versionId=v",
        &[("host", "127.0.0.1:9000"), ("x-amz-server-side-encryption", "aws:kms")],
    )
    .presigned_v4();
    refuse_each(
        &base,
        &[
            ("method", |r| r.with_method("GET"), is_mismatch),
            ("path", |r| target(&r, "/bkt/k", "/bkt/l"), is_mismatch),
            ("query changed", |r| target(&r, "versionId=v", "versionId=w"), is_mismatch),
            ("query removed", |r| target(&r, "versionId=v&", ""), is_mismatch),
            ("query added", |r| target(&r, "versionId=v", "versionId=v&acl"), is_mismatch),
            ("SSE parameter added", |r| target(&r, "?", "?x-amz-server-side-encryption=AES256&"), is_mismatch),
            ("expiry", |r| target(&r, "X-Amz-Expires=3600", "X-Amz-Expires=3601"), is_mismatch),
            ("date", |r| target(&r, "X-Amz-Date=20261120T202254Z", "X-Amz-Date=20261120T202255Z"), is_mismatch),
            (
                "expiry out of range",
                |r| target(&r, "Expires=3600", "Expires=604801"),
                |e| *e == AuthError::ExpiresOutOfRange,
            ),
            ("expiry zero", |r| target(&r, "Expires=3600", "Expires=0"), |e| *e == AuthError::ExpiresOutOfRange),
            ("expiry negative", |r| target(&r, "Expires=3600", "Expires=-7"), |e| *e == AuthError::ExpiresOutOfRange),
            ("signature", |r| target(&r, "X-Amz-Signature=", "X-Amz-Signature=0"), is_mismatch),
            ("SSE header changed", |r| r.set("x-amz-server-side-encryption", "AES256"), is_mismatch),
            (
                "SSE header not sent",
                |r| r.without("x-amz-server-side-encryption"),
                |e| *e == AuthError::SignedHeaderMissing("x-amz-server-side-encryption".to_owned()),
            ),
            (
                "unsigned header sent",
                |r| r.set("x-amz-acl", "public-read"),
                |e| *e == AuthError::UnsignedHeader("x-amz-acl".to_owned()),
            ),
            (
                "payload declared in an unsigned header",
                |r| r.set("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
                |e| *e == AuthError::UnsignedHeader("x-amz-content-sha256".to_owned()),
            ),
            (
                "scope region",
                |r| target(&r, "%2Flocal-1%2F", "%2Flocal-2%2F"),
                |e| matches!(e, AuthError::WrongRegion { .. }),
            ),
            ("scope service", |r| target(&r, "%2Fs3%2F", "%2Fsts%2F"), |e| matches!(e, AuthError::WrongService { .. })),
            ("scope date", |r| target(&r, "%2F20261120%2F", "%2F20261121%2F"), |e| *e == AuthError::WrongScopeDate),
            (
                "algorithm",
                |r| target(&r, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
                |e| matches!(e, AuthError::MalformedQuery(_)),
            ),
            (
                "parameter repeated",
                |r| target(&r, "X-Amz-Expires=3600", "X-Amz-Expires=3600&x-amz-expires=9"),
                |e| matches!(e, AuthError::MalformedQuery(_)),
            ),
        ],
    );
}

fn legacy_put(dialect: Dialect) -> Request {
    let prefix = if dialect == Dialect::Obs { "x-obs-" } else { "x-amz-" };
    Request::new(
        "PUT",
        "/dir/a%20b?partNumber=1&uploadId=u",
        &[("host", "bkt.obs.local.test"), ("content-type", "text/plain"), ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")],
    )
    .set(&format!("{prefix}server-side-encryption"), "kms")
    .with_host_bucket("bkt")
    .signed_legacy(dialect)
}

#[test]
fn every_altered_component_of_an_obs_or_v2_header_request_is_refused() {
    let common: &[Alteration] = &[
        ("method", |r| r.with_method("DELETE"), is_mismatch),
        ("path", |r| target(&r, "a%20b", "a%20c"), is_mismatch),
        ("path, other spelling of the same", |r| target(&r, "dir/", "dir%2F"), is_mismatch),
        ("path: dot segment", |r| target(&r, "/dir/", "/dir/./"), is_mismatch),
        ("bucket of the host", |r| r.with_host_bucket("other"), is_mismatch),
        ("sub-resource changed", |r| target(&r, "partNumber=1", "partNumber=2"), is_mismatch),
        ("sub-resource removed", |r| target(&r, "&uploadId=u", ""), is_mismatch),
        ("sub-resource added", |r| target(&r, "&uploadId=u", "&uploadId=u&acl"), is_mismatch),
        ("content type", |r| r.set("content-type", "text/html"), is_mismatch),
        ("content type gone", |r| r.without("content-type"), is_mismatch),
        ("content MD5", |r| r.set("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="), is_mismatch),
        ("content MD5 gone", |r| r.without("content-md5"), is_mismatch),
        (
            "content MD5 repeated",
            |r| r.append("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
            |e| *e == AuthError::RepeatedHeader("content-md5"),
        ),
        ("date", |r| r.set("date", "Fri, 20 Nov 2026 20:22:55 GMT"), is_mismatch),
        ("date gone", |r| r.without("date"), |e| *e == AuthError::MissingDate),
        ("date nonsense", |r| r.set("date", "tomorrow"), |e| *e == AuthError::MissingDate),
        ("signature", |r| authorization(&r, "EX01:", "EX01:A"), is_mismatch),
        (
            "signature empty",
            |r| r.set("authorization", "OBS AK:"),
            |e| matches!(e, AuthError::MalformedLegacyHeader(_)),
        ),
    ];
    for dialect in [Dialect::Obs, Dialect::S3] {
        refuse_each(&legacy_put(dialect), common);
    }
    refuse_each(
        &legacy_put(Dialect::Obs),
        &[
            ("SSE header changed", |r| r.set("x-obs-server-side-encryption", "AES256"), is_mismatch),
            ("SSE header gone", |r| r.without("x-obs-server-side-encryption"), is_mismatch),
            ("header added", |r| r.set("x-obs-acl", "public-read"), is_mismatch),
            ("header repeated", |r| r.append("x-obs-server-side-encryption", "AES256"), is_mismatch),
            (
                "foreign header added",
                |r| r.set("x-amz-acl", "public-read"),
                |e| *e == AuthError::ForeignHeader("x-amz-acl".to_owned()),
            ),
            (
                "foreign parameter added",
                |r| target(&r, "?", "?x-amz-acl=public-read&"),
                |e| *e == AuthError::ForeignHeader("x-amz-acl".to_owned()),
            ),
            ("date moved", |r| r.set("x-obs-date", "Fri, 20 Nov 2026 20:22:54 GMT"), is_mismatch),
            ("scheme", |r| authorization(&r, "OBS ", "AWS "), |e| matches!(e, AuthError::ForeignHeader(_))),
        ],
    );
    refuse_each(
        &legacy_put(Dialect::S3),
        &[
            ("SSE header changed", |r| r.set("x-amz-server-side-encryption", "AES256"), is_mismatch),
            ("header added", |r| r.set("x-amz-acl", "public-read"), is_mismatch),
            (
                "foreign header added",
                |r| r.set("x-obs-server-side-encryption", "kms"),
                |e| *e == AuthError::ForeignHeader("x-obs-server-side-encryption".to_owned()),
            ),
            ("scheme", |r| authorization(&r, "AWS ", "OBS "), |e| matches!(e, AuthError::ForeignHeader(_))),
        ],
    );
}

#[test]
fn every_altered_component_of_an_obs_signed_url_is_refused() {
    let base = Request::new(
        "PUT",
        "/k?x-obs-meta-a=1&x-obs-server-side-encryption=kms&versionId=v",
        &[("host", "bkt.obs.local.test"), ("x-obs-acl", "private"), ("content-type", "text/plain")],
    )
    .with_host_bucket("bkt")
    .presigned_legacy(Dialect::Obs);
    let malformed: fn(&AuthError) -> bool = |e| matches!(e, AuthError::MalformedQuery(_));
    refuse_each(
        &base,
        &[
            ("method", |r| r.with_method("GET"), is_mismatch),
            ("path", |r| target(&r, "/k?", "/l?"), is_mismatch),
            ("SSE parameter changed", |r| target(&r, "encryption=kms", "encryption=AES256"), is_mismatch),
            ("SSE parameter removed", |r| target(&r, "x-obs-server-side-encryption=kms&", ""), is_mismatch),
            ("SSE parameter added", |r| target(&r, "?", "?x-obs-server-side-data-encryption=SM4&"), is_mismatch),
            ("SSE parameter repeated", |r| target(&r, "?", "?x-obs-server-side-encryption=kms&"), malformed),
            ("SSE parameter's name in other case", |r| target(&r, "x-obs-server", "X-Obs-Server"), is_mismatch),
            (
                "SSE parameter moved to a header",
                |r| target(&r, "x-obs-server-side-encryption=kms&", "").set("x-obs-server-side-encryption", "kms"),
                is_mismatch,
            ),
            (
                "SSE parameter hidden in the value before",
                |r| target(&r, "=1&x-obs-server-side-encryption=kms", "=1%26x-obs-server-side-encryption=kms"),
                malformed,
            ),
            (
                "SSE parameter's name and value made one name",
                |r| target(&r, "encryption=kms", "encryption%3Dkms"),
                malformed,
            ),
            ("SSE parameter's name with a blank", |r| target(&r, "encryption=kms", "encryption%20=kms"), malformed),
            ("sub-resource removed", |r| target(&r, "versionId=v&", ""), is_mismatch),
            ("sub-resource added", |r| target(&r, "versionId=v&", "versionId=v&tagging&"), is_mismatch),
            ("header changed", |r| r.set("x-obs-acl", "public-read"), is_mismatch),
            ("header not sent", |r| r.without("x-obs-acl"), is_mismatch),
            ("header added", |r| r.set("x-obs-meta-b", "1"), is_mismatch),
            ("content type", |r| r.set("content-type", "text/html"), is_mismatch),
            ("expiry", |r| target(&r, "Expires=1795206474", "Expires=1795206475"), is_mismatch),
            ("expiry is no number", |r| target(&r, "Expires=1795206474", "Expires=%2B1795206474"), malformed),
            ("expiry repeated", |r| target(&r, "Expires=", "Expires=1&Expires="), malformed),
            ("signature", |r| target(&r, "Signature=", "Signature=A"), is_mismatch),
        ],
    );
}

#[test]
fn a_line_feed_in_a_moved_header_does_not_swallow_the_next_one() {
    // As an AWS SDK presigns: two headers moved into the query, signed as header lines.
    let request = |query: &str| Request::new("PUT", &format!("/bkt/k?{query}"), &[("host", "127.0.0.1:9000")]);
    let text = format!(
        "PUT\n\n\n{}\nx-amz-meta-a:1\nx-amz-server-side-encryption:aws:kms\n/bkt/k",
        NOW.plus_millis(60_000).as_secs()
    );
    let signature = data_encoding::BASE64.encode(&crypto::hmac_sha1(SECRET, &[text.as_bytes()]));
    let credential = format!(
        "AWSAccessKeyId={ACCESS_KEY}&Expires={}&Signature={}",
        NOW.plus_millis(60_000).as_secs(),
        target::encode(signature.as_bytes(), false)
    );
    request(&format!("x-amz-meta-a=1&x-amz-server-side-encryption=aws:kms&{credential}")).check().unwrap();
    let swallowed = request(&format!("x-amz-meta-a=1%0Ax-amz-server-side-encryption:aws:kms&{credential}"));
    assert!(matches!(swallowed.refusal(), AuthError::MalformedQuery(_)));
}
