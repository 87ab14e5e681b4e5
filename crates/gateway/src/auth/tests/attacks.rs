//! What has gone wrong in stores like this one, each as a test that keeps it out of ours.

use super::*;

#[test]
fn unsigned_trailer_streaming_does_not_excuse_from_a_signature() {
    // CVE-2025-31489, CVE-2026-41145: valid access key, garbage signature.
    let put = Request::new(
        "PUT",
        "/bkt/k",
        &[("host", "127.0.0.1:9000"), ("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-decoded-content-length", "5")],
    );
    let signed = put.clone().signed_v4(SignedPayload::StreamingUnsignedTrailer);
    assert!(matches!(signed.check().unwrap().payload(), Payload::StreamingUnsignedTrailer));
    let authorization = signed.headers["authorization"].to_str().unwrap();
    let garbage = format!("{}Signature={}", authorization.split_once("Signature=").unwrap().0, "a".repeat(64));
    assert!(is_mismatch(&signed.clone().set("authorization", &garbage).refusal()));

    let presigned = put.set("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER").presigned_v4();
    assert!(matches!(presigned.check().unwrap().payload(), Payload::StreamingUnsignedTrailer));
    let (before, _) = presigned.target.split_once("&X-Amz-Signature=").unwrap();
    let garbage = format!("{before}&X-Amz-Signature={}", "a".repeat(64));
    assert!(is_mismatch(&presigned.clone().with_target(&garbage).refusal()));
}

#[test]
fn a_foreign_copy_source_on_a_signed_url_is_refused() {
    let signed = Request::new("PUT", "/k", &[("host", "bkt.obs.local.test")])
        .with_host_bucket("bkt")
        .presigned_legacy(Dialect::Obs);
    signed.check().unwrap();
    let error = signed.set("x-amz-copy-source", "/victim/secret").refusal();
    assert_eq!(error, AuthError::ForeignHeader("x-amz-copy-source".to_owned()));
    let signed = Request::new("PUT", "/bkt/k", &[("host", "h")]).presigned_legacy(Dialect::S3);
    let error = signed.set("x-obs-copy-source", "/victim/secret").refusal();
    assert_eq!(error, AuthError::ForeignHeader("x-obs-copy-source".to_owned()));
}

#[test]
fn harmless_obs_headers_of_an_obs_sdk_in_v2_mode_pass() {
    let signed = Request::new("GET", "/", &[("host", "h")]).signed_legacy(Dialect::S3);
    signed.clone().set("x-obs-bucket-type", "POSIX").check().unwrap();
    assert!(matches!(signed.set("x-obs-expires", "1").refusal(), AuthError::ForeignHeader(_)));
}

#[test]
fn one_signature_never_authorises_two_operations() {
    let names = [
        "acl",
        "policy",
        "encryption",
        "lifecycle",
        "versioning",
        "website",
        "cors",
        "delete",
        "uploads",
        "tagging",
        "versionId=v",
        "uploadId=u",
        "partNumber=1",
        "restore",
        "torrent",
        "logging",
        "location",
        "notification",
        "object-lock",
        "retention",
        "legal-hold",
        "publicAccessBlock",
        "policyStatus",
        "customdomain",
        "attributes",
        "ownershipControls",
        "append",
        "position=0",
        "truncate",
        "rename",
        "modify",
        "x-image-process=style",
        "response-content-type=text/html",
    ];
    for dialect in [Dialect::Obs, Dialect::S3] {
        for presigned in [false, true] {
            let plain = Request::new("PUT", "/bkt/k", &[("host", "h")]);
            let signed = if presigned { plain.presigned_legacy(dialect) } else { plain.signed_legacy(dialect) };
            signed.check().unwrap();
            for name in names {
                let separator = if signed.target.contains('?') { '&' } else { '?' };
                let altered = signed.clone().with_target(&format!("{}{separator}{name}", signed.target));
                assert!(is_mismatch(&altered.refusal()), "{name}");
            }
        }
    }
}

#[test]
fn a_signed_value_cannot_be_split_between_header_and_query() {
    // AWS's own SDKs sign parameters of a V2 URL as headers, where the values of one name are joined by commas.
    let copy = "/bkt/k?x-amz-copy-source=%2Fbkt%2Fa%2Cb";
    let as_headers = Request::new("PUT", "/bkt/k", &[("host", "h"), ("x-amz-copy-source", "/bkt/a,b")]);
    let moved = as_headers.clone().presigned_legacy(Dialect::S3);
    let with = |parameter: &str| {
        let target = format!("{}&x-amz-copy-source={parameter}", moved.target);
        moved.clone().with_target(&target)
    };
    moved.check().unwrap();
    with("%2Fbkt%2Fa%2Cb").without("x-amz-copy-source").check().unwrap();
    with("%2Fbkt%2Fa%2Cb").check().expect("what is said twice in the same words is one thing");
    for (header, parameter) in [("/bkt/a", "b"), ("/bkt/a,b", ""), ("/bkt", "a,b")] {
        for name in ["x-amz-copy-source", "X-Amz-Copy-Source"] {
            let target = format!("{}&{name}={parameter}", moved.target);
            let split = moved.clone().set("x-amz-copy-source", header).with_target(&target);
            assert!(matches!(split.refusal(), AuthError::MalformedQuery(_)), "{header} {name}={parameter}");
        }
    }
    let split =
        with("b").without("x-amz-copy-source").append("x-amz-copy-source", "/bkt").append("x-amz-copy-source", "a");
    assert!(matches!(split.refusal(), AuthError::MalformedQuery(_)));
    // Signed as sub-resources they are not joined; still one name has one value.
    for (dialect, name) in [(Dialect::S3, "x-amz-copy-source"), (Dialect::Obs, "x-obs-copy-source")] {
        let target = copy.replace("x-amz-copy-source", name);
        let both = Request::new("PUT", &target, &[("host", "h"), (name, "/bkt/c")]).presigned_legacy(dialect);
        assert!(matches!(both.refusal(), AuthError::MalformedQuery(_)), "{name}");
        Request::new("PUT", &target, &[("host", "h")]).presigned_legacy(dialect).check().unwrap();
    }
}

#[test]
fn subresources_may_be_left_out_of_headers_by_permission_and_of_urls_never() {
    let allowed = VerifyConfig { obs_unsigned_subresources: true, ..config() };
    let with_retention = |request: Request| {
        let separator = if request.target.contains('?') { '&' } else { '?' };
        let target = format!("{}{separator}retention", request.target);
        request.with_target(&target)
    };
    let plain = Request::new("PUT", "/bkt/k", &[("host", "h")]);
    for dialect in [Dialect::Obs, Dialect::S3] {
        let header = with_retention(plain.clone().signed_legacy(dialect));
        assert!(is_mismatch(&header.refusal()));
        assert!(header.check_with(NOW, &allowed).unwrap().leaves_out_subresources());
        let url = with_retention(plain.clone().presigned_legacy(dialect));
        assert!(is_mismatch(&url.check_with(NOW, &allowed).unwrap_err()));
        // Signed in full is preferred, and nothing else may be left out.
        let full = plain.clone().with_target("/bkt/k?retention").signed_legacy(dialect);
        assert!(!full.check_with(NOW, &allowed).unwrap().leaves_out_subresources());
        let acl = plain.clone().signed_legacy(dialect).with_target("/bkt/k?acl");
        assert!(is_mismatch(&acl.check_with(NOW, &allowed).unwrap_err()));
    }
}

#[test]
fn a_signature_of_one_scheme_is_none_in_another() {
    let get = Request::new("GET", "/bkt/k", &[("host", "h"), ("date", "Fri, 20 Nov 2026 20:22:54 GMT")]);
    let v2 = get.clone().signed_legacy(Dialect::S3);
    let value = v2.headers["authorization"].to_str().unwrap();
    // Without own headers the text of OBS and V2 is the same by design; what separates them is the foreign-header rule.
    v2.clone().set("authorization", &value.replace("AWS ", "OBS ")).check().unwrap();
    let signature = value.rsplit(':').next().unwrap();
    let v4 = format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20261120/{REGION}/s3/aws4_request,SignedHeaders=date;host,\
         Signature={signature}"
    );
    assert_eq!(v2.clone().set("authorization", &v4).refusal(), AuthError::MissingPayloadHash);
    let with_payload = get.signed_v4(SignedPayload::Unsigned);
    let v4_signature = with_payload.headers["authorization"].to_str().unwrap().rsplit('=').next().unwrap();
    let as_v2 = with_payload.clone().set("authorization", &format!("AWS {ACCESS_KEY}:{v4_signature}"));
    assert!(is_mismatch(&as_v2.refusal()));
    // A header signature moved into the query, and the reverse.
    let moved = v2.clone().without("authorization").with_target(&format!(
        "/bkt/k?AWSAccessKeyId={ACCESS_KEY}&Expires=9999999999&Signature={}",
        target::encode(signature.as_bytes(), false)
    ));
    assert!(is_mismatch(&moved.refusal()));
}

#[test]
fn the_body_hash_must_be_signed_where_the_service_asks_for_it() {
    let body = crypto::sha256(b"Action=GetCallerIdentity&Version=2011-06-15");
    let signer = SignerV4 { credential: credential(), region: REGION, service: "sts" };
    let mut request = Request::new("POST", "/", &[("host", "h")]);
    signer.sign("POST", "/", &mut request.headers, SignedPayload::Sha256(body), NOW).unwrap();
    let sts = VerifyConfig { service: "sts", body_sha256: Some(body), ..config() };
    request.check_with(NOW, &sts).unwrap();
    let other = VerifyConfig { body_sha256: Some(crypto::sha256(b"other")), ..sts };
    assert_eq!(request.check_with(NOW, &other).unwrap_err(), AuthError::PayloadHashMismatch);
    assert!(matches!(request.check_with(NOW, &config()).unwrap_err(), AuthError::WrongService { .. }));

    let mut unsigned = Request::new("POST", "/", &[("host", "h")]);
    signer.sign("POST", "/", &mut unsigned.headers, SignedPayload::Unsigned, NOW).unwrap();
    assert_eq!(unsigned.check_with(NOW, &sts).unwrap_err(), AuthError::InvalidPayloadHash);
}

#[test]
fn a_control_plane_signature_without_the_hash_header_covers_the_body() {
    // As AWS SDKs sign for STS and KMS: the body's hash is in the canonical request and in no header.
    let body = crypto::sha256(b"{}");
    let hash = data_encoding::HEXLOWER.encode(&body);
    let request = format!("POST\n/\n\nhost:h\nx-amz-date:20261120T202254Z\n\nhost;x-amz-date\n{hash}");
    let hash_of_request = data_encoding::HEXLOWER.encode(&crypto::sha256(request.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n20261120T202254Z\n20261120/{REGION}/kms/aws4_request\n{hash_of_request}");
    let mut key = [b"AWS4", SECRET].concat();
    for label in ["20261120", REGION, "kms", "aws4_request"] {
        key = crypto::hmac_sha256(&key, &[label.as_bytes()]).to_vec();
    }
    let signature = data_encoding::HEXLOWER.encode(&crypto::hmac_sha256(&key, &[text.as_bytes()]));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20261120/{REGION}/kms/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}"
    );
    let request = Request::new(
        "POST",
        "/",
        &[("host", "h"), ("x-amz-date", "20261120T202254Z"), ("authorization", &authorization)],
    );
    let kms = VerifyConfig { service: "kms", body_sha256: Some(body), ..config() };
    assert!(matches!(request.check_with(NOW, &kms).unwrap().payload(), Payload::Sha256(hash) if *hash == body));
    let replayed = VerifyConfig { body_sha256: Some(crypto::sha256(b"{\"a\":1}")), ..kms };
    assert!(is_mismatch(&request.check_with(NOW, &replayed).unwrap_err()));
    let none = VerifyConfig { body_sha256: None, ..kms };
    assert_eq!(request.check_with(NOW, &none).unwrap_err(), AuthError::MissingPayloadHash);
}

#[test]
fn signed_chunks_need_a_v4_header_signature() {
    let signed_streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let put = Request::new("PUT", "/bkt/k", &[("host", "h"), ("x-amz-content-sha256", signed_streaming)]);
    assert_eq!(put.clone().signed_legacy(Dialect::S3).refusal(), AuthError::InvalidPayloadHash);
    assert_eq!(put.clone().presigned_v4().refusal(), AuthError::InvalidPayloadHash);
    assert!(matches!(unsigned_request_payload(&put.headers), Err(AuthError::InvalidPayloadHash)));
    let ecdsa = put.set("x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD");
    assert!(matches!(unsigned_request_payload(&ecdsa.headers), Err(AuthError::UnsupportedAlgorithm)));
}

#[test]
fn chunking_is_told_by_the_payload_header_and_not_by_the_content_encoding() {
    let payload = |headers: &[(&str, &str)]| unsigned_request_payload(&Request::new("PUT", "/", headers).headers);
    assert!(matches!(payload(&[("content-encoding", "gzip, aws-chunked")]), Ok(Payload::None)));
    let announced = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-decoded-content-length", "5"),
    ];
    assert!(matches!(payload(&announced), Ok(Payload::StreamingUnsignedTrailer)));
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let base64 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    for header in [("x-amz-content-sha256", hash), ("x-obs-content-sha256", hash), ("x-obs-content-sha256", base64)] {
        let Ok(Payload::Sha256(found)) = payload(&[header]) else { panic!("{header:?}") };
        assert_eq!(found, crypto::sha256(b"hello"));
    }
    assert!(payload(&[("x-amz-content-sha256", base64)]).is_err());
}

#[test]
fn no_error_and_no_debug_text_shows_a_key_a_token_or_a_signature() {
    let customer_key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let wrong = |error: AuthError| {
        let text = format!("{error:?} {error}");
        assert!(text.contains("<hidden>"), "{text}");
        for secret in [customer_key, "TOKENTOKEN", std::str::from_utf8(SECRET).unwrap()] {
            assert!(!text.contains(secret), "{text}");
        }
    };
    let v4 = Request::new(
        "PUT",
        "/bkt/k",
        &[
            ("host", "h"),
            ("x-amz-server-side-encryption-customer-key", customer_key),
            ("x-amz-security-token", "TOKENTOKEN"),
        ],
    )
    .signed_v4(SignedPayload::Unsigned);
    wrong(v4.clone().with_method("GET").refusal());
    let credential = format!("{:?}", detect(&v4.borrowed()).unwrap().unwrap());
    assert!(credential.contains(ACCESS_KEY) && !credential.contains("TOKENTOKEN"));
    let signature = v4.headers["authorization"].to_str().unwrap().rsplit('=').next().unwrap();
    assert!(!credential.contains(signature));

    let obs = Request::new(
        "PUT",
        "/bkt/k?x-obs-security-token=TOKENTOKEN",
        &[("host", "h"), ("x-obs-copy-source-server-side-encryption-customer-key", customer_key)],
    )
    .presigned_legacy(Dialect::Obs);
    wrong(obs.with_method("GET").refusal());
    let query = Request::new(
        "PUT",
        &format!("/bkt/k?x-obs-server-side-encryption-customer-key={}", target::encode(customer_key.as_bytes(), false)),
        &[("host", "h")],
    )
    .presigned_legacy(Dialect::Obs);
    wrong(query.with_method("GET").refusal());
}

#[test]
fn a_path_may_be_signed_as_encoded_by_rule_or_as_sent_and_names_the_same_object() {
    // As sent: `%2F` and a bare `*`, which AWS's rule would write as `/` and `%2A`.
    let request = |target: &str| Request::new("GET", target, &[("host", "h")]);
    let by_rule = request("/bkt/a*%2Fb").signed_v4(SignedPayload::Unsigned);
    by_rule.check().unwrap();
    by_rule.with_target("/bkt/a%2A/b").check().unwrap();
}

#[test]
fn an_unsigned_session_token_is_refused_in_every_scheme() {
    let get = || Request::new("GET", "/bkt/k", &[("host", "h")]);
    let signed = [
        ("amz", get().signed_v4(SignedPayload::Sha256(crypto::sha256(b"")))),
        ("amz", get().presigned_v4()),
        ("amz", get().signed_legacy(Dialect::S3)),
        ("amz", get().presigned_legacy(Dialect::S3)),
        ("obs", get().signed_legacy(Dialect::Obs)),
        ("obs", get().presigned_legacy(Dialect::Obs)),
    ];
    for (dialect, request) in signed {
        request.check().unwrap();
        let name = format!("x-{dialect}-security-token");
        let in_header = request.clone().set(&name, "TOKEN");
        in_header.check().expect_err("a token in a header that is not signed");
        let mark = if request.target.contains('?') { '&' } else { '?' };
        for spelling in [name.clone(), name.to_uppercase()] {
            let target = format!("{}{mark}{spelling}=TOKEN", request.target);
            let in_query = request.clone().with_target(&target);
            let found = detect(&in_query.borrowed()).unwrap().expect("a credential");
            if found.session_token().is_some() {
                in_query.check().expect_err("a token in a parameter that is not signed");
            }
        }
    }
}

#[test]
fn a_signed_session_token_cannot_be_exchanged() {
    let with = |name: &str| Request::new("GET", "/bkt/k", &[("host", "h"), (name, "TOKEN")]);
    let amz = with("x-amz-security-token");
    let obs = with("x-obs-security-token");
    for signed in [
        amz.clone().signed_v4(SignedPayload::Sha256(crypto::sha256(b""))),
        amz.clone().presigned_v4(),
        amz.signed_legacy(Dialect::S3),
        obs.clone().signed_legacy(Dialect::Obs),
        obs.presigned_legacy(Dialect::Obs),
    ] {
        signed.check().unwrap();
        let name = if signed.headers.contains_key("x-obs-security-token") {
            "x-obs-security-token"
        } else {
            "x-amz-security-token"
        };
        signed.clone().set(name, "OTHER").check().expect_err("another token");
        signed.without(name).check().expect_err("no token");
    }
}
