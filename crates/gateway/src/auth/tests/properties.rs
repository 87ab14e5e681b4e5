//! Properties: nothing panics, whatever arrives; what our signer signs, our verifier accepts; what is altered, it
//! refuses.

use super::*;
use proptest::prelude::*;

fn any_header() -> impl Strategy<Value = (String, Vec<u8>)> {
    let names = prop_oneof![
        Just("authorization".to_owned()),
        Just("host".to_owned()),
        Just("date".to_owned()),
        Just("x-amz-date".to_owned()),
        Just("x-amz-content-sha256".to_owned()),
        "x-(amz|obs)-[a-z]{1,6}",
        "[a-z]{1,8}",
    ];
    let values = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        "(AWS4-HMAC-SHA256 |AWS |OBS |)[ -~]{0,80}".prop_map(String::into_bytes),
        "AWS4-HMAC-SHA256 Credential=[a-z/0-9]{0,40},? ?SignedHeaders=[a-z;]{0,10}, Signature=[0-9a-f]{0,4}"
            .prop_map(String::into_bytes),
    ];
    (names, values)
}

fn any_target() -> impl Strategy<Value = String> {
    let parameter = prop_oneof![
        "[ -~]{0,12}",
        "(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature)|AWSAccessKeyId|AccessKeyId|Expires|Signature)\
         =[ -~]{0,24}",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "(x-obs-|x-amz-)[a-z%=&]{0,8}=[ -~]{0,8}",
        "(acl|uploadId|customdomain|bucketStatus%20)(=[a-z%]{0,4})?",
    ];
    ("/?[ -~]{0,20}", proptest::collection::vec(parameter, 0..8))
        .prop_map(|(path, parameters)| format!("{path}?{}", parameters.join("&")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_request_is_anonymous_or_refused_and_never_a_panic(
        method in "[A-Z]{0,7}",
        target in any_target(),
        headers in proptest::collection::vec(any_header(), 0..6),
        bucket in proptest::option::of("[a-z.]{0,8}"),
        seconds in any::<u64>(),
    ) {
        let mut request = Request::new(&method, &target, &[]);
        request.host_bucket = bucket;
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers.append(HeaderName::try_from(name).unwrap(), value);
            }
        }
        let borrowed = request.borrowed();
        if let Ok(Some(credential)) = detect(&borrowed) {
            let config = VerifyConfig { regions: AcceptedRegions::Any, obs_unsigned_subresources: true, ..config() };
            for now in [NOW, Timestamp::from_secs(seconds)] {
                prop_assert!(credential.verify(&borrowed, SECRET, now, &config).is_err());
            }
        }
        let _ = unsigned_request_payload(&request.headers);
    }

    #[test]
    fn any_text_is_a_date_or_none(text in "[ -~]{0,40}") {
        if let Some(at) = date::parse(&text) {
            prop_assert_eq!(date::parse(&date::format_iso_basic(at)), Some(at));
        }
    }

    #[test]
    fn what_is_signed_verifies_and_another_name_does_not(
        name in "[^\\x00]{1,20}",
        other in "[^\\x00]{1,20}",
        value in "[!-~]{1,20}",
    ) {
        prop_assume!(name != other);
        let path = |name: &str| format!("/bkt/o{}", target::encode(name.as_bytes(), true));
        let request = |name: &str| Request::new("PUT", &path(name), &[("host", "h")]);
        let v4 = request(&name).set("x-amz-meta-a", &value).signed_v4(SignedPayload::Unsigned);
        let obs = request(&name).set("x-obs-meta-a", &value).signed_legacy(Dialect::Obs);
        for signed in [
            v4,
            obs,
            request(&name).set("x-amz-meta-a", &value).signed_legacy(Dialect::S3),
            request(&name).presigned_v4(),
            request(&name).presigned_legacy(Dialect::Obs),
        ] {
            prop_assert!(signed.check().is_ok());
            let moved = signed.target.replacen(&path(&name), &path(&other), 1);
            prop_assert!(signed.with_target(&moved).check().is_err());
        }
    }

    #[test]
    fn encoding_then_decoding_gives_the_bytes_back(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let text = target::encode(&bytes, false);
        prop_assert_eq!(&*target::decode(&text, true), &bytes[..]);
        let text = target::encode(&bytes, true);
        prop_assert_eq!(&*target::decode(&text, false), &bytes[..]);
    }
}
