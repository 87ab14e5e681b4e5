//! Huawei's SDK signatures: published vectors, requests signed by the real SDK, and requests wrong on purpose, from
//! vectors/signatures/huawei-sdk.json.

use super::super::{AcceptedRegions, AuthError, SdkCredential, SdkVerifyConfig, SignedRequest, VerifiedSdkSignature};
use http::{HeaderMap, HeaderName, HeaderValue};
use model::Timestamp;
use serde_json::Value;

const FILE: &str = include_str!("../../../../../vectors/signatures/huawei-sdk.json");

fn file() -> Value {
    serde_json::from_str(FILE).unwrap()
}

fn headers(case: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in case["headers"].as_array().unwrap() {
        let name = HeaderName::try_from(header[0].as_str().unwrap()).unwrap();
        headers.append(name, HeaderValue::from_str(header[1].as_str().unwrap()).unwrap());
    }
    headers
}

fn check(file: &Value, case: &Value) -> Result<VerifiedSdkSignature, AuthError> {
    check_at(file, case, Timestamp::from_secs(case["now"].as_u64().or(file["now"].as_u64()).unwrap()))
}

fn check_at(file: &Value, case: &Value, now: Timestamp) -> Result<VerifiedSdkSignature, AuthError> {
    let headers = headers(case);
    let request = SignedRequest {
        method: case["method"].as_str().unwrap(),
        raw_target: case["target"].as_str().unwrap(),
        headers: &headers,
        host_bucket: None,
    };
    let region = file["region"].as_str().unwrap();
    let config = SdkVerifyConfig { regions: AcceptedRegions::Configured(region), services: &["kms", "iam"] };
    let credential = SdkCredential::find(&headers)?.expect("a credential");
    assert_eq!(credential.access_key().as_str(), file["access_key"].as_str().unwrap());
    assert_eq!(credential.security_token(), headers.get("x-security-token").map(|token| token.to_str().unwrap()));
    let secret = file["secret"].as_str().unwrap().as_bytes();
    credential.verify(&request, case["body"].as_str().unwrap().as_bytes(), secret, now, &config)
}

#[test]
fn every_vector_verifies() {
    let file = file();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= 8);
    for case in cases {
        let verified = check(&file, case).unwrap_or_else(|error| panic!("{}: {error:?}", case["name"]));
        assert_eq!(verified.access_key().as_str(), file["access_key"].as_str().unwrap());
    }
}

#[test]
fn every_wrong_vector_is_refused_for_its_reason() {
    let file = file();
    let wrong = file["wrong"].as_array().unwrap();
    assert!(wrong.len() >= 35);
    for case in wrong {
        let error = check(&file, case).expect_err(case["name"].as_str().unwrap());
        let shown = format!("{error:?}");
        let variant = shown.split(['(', ' ', '{']).next().unwrap();
        assert_eq!(variant, case["error"].as_str().unwrap(), "{}: {shown}", case["name"]);
    }
}

#[test]
fn with_another_secret_no_vector_verifies() {
    let mut file = file();
    let secret = file["secret"].as_str().unwrap().replacen('S', "T", 1);
    file["secret"] = Value::from(secret);
    for case in file["cases"].as_array().unwrap() {
        assert!(matches!(check(&file, case), Err(AuthError::SignatureMismatch { .. })), "{}", case["name"]);
    }
}

#[test]
fn the_last_second_of_the_quarter_of_an_hour_counts() {
    let file = file();
    let at = file["now"].as_u64().unwrap();
    for seconds in [at - 900, at + 900] {
        check_at(&file, &file["cases"][0], Timestamp::from_secs(seconds)).unwrap();
    }
}

#[test]
fn without_an_authorization_there_is_no_credential_and_nothing_secret_shows() {
    assert!(SdkCredential::find(&HeaderMap::new()).unwrap().is_none());
    let file = file();
    let case = &file["cases"][4];
    let shown = format!("{:?}", SdkCredential::find(&headers(case)).unwrap());
    assert!(shown.contains("AKEXAMPLE0000001"));
    assert!(!shown.contains("tok/en") && !shown.contains("Signature="), "{shown}");
}

#[test]
fn the_path_is_read_as_it_is_signed() {
    // Whoever signs `/a/b` has signed `/a%2Fb` and `/a/b/` too: the router must not tell them apart.
    let file = file();
    let mut case = file["cases"][0].clone();
    for same in ["/v1.0/p123/kms/describe-key/", "/v1.0/p123%2Fkms/describe%2dkey"] {
        case["target"] = Value::from(same);
        check(&file, &case).unwrap();
    }
    for other in ["/v1.0/p123//kms/describe-key", "/v1.0/p123/kms/describe-key//", "/v1.0/p123%252Fkms/describe-key"] {
        case["target"] = Value::from(other);
        assert!(check(&file, &case).is_err(), "{other}");
    }
}
