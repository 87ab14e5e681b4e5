//! Which credential a request carries, and that it carries one.

use super::*;

fn get(target: &str, headers: &[(&str, &str)]) -> Request {
    Request::new("GET", target, headers)
}

fn found(request: &Request) -> Result<Option<&'static str>, AuthError> {
    detect(&request.borrowed()).map(|credential| credential.map(|credential| credential.scheme().name()))
}

const V4: &str = "AWS4-HMAC-SHA256 Credential=AK/20261120/r/s3/aws4_request, SignedHeaders=host, Signature=00";
const V4_QUERY: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261120%2Fr%2Fs3%2Faws4_request\
                        &X-Amz-Date=20261120T202254Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
const V2_QUERY: &str = "AWSAccessKeyId=AK&Expires=1&Signature=s";
const OBS_QUERY: &str = "AccessKeyId=AK&Expires=1&Signature=s";

#[test]
fn each_form_is_recognised() {
    for (target, authorization, scheme) in [
        ("/", Some(V4), "v4-header"),
        ("/", Some("AWS AK:s"), "v2-header"),
        ("/", Some("OBS AK:s"), "obs-header"),
        (&format!("/?{V4_QUERY}"), None, "v4-query"),
        (&format!("/?{V2_QUERY}"), None, "v2-query"),
        (&format!("/?{OBS_QUERY}"), None, "obs-query"),
    ] {
        let mut request = get(target, &[("host", "h")]);
        if let Some(value) = authorization {
            request = request.set("authorization", value);
        }
        assert_eq!(found(&request), Ok(Some(scheme)));
        let credential = detect(&request.borrowed()).unwrap().unwrap();
        let obs = scheme.starts_with("obs");
        assert_eq!(credential.dialect(), if obs { Dialect::Obs } else { Dialect::S3 });
        assert_eq!(credential.is_presigned(), scheme.ends_with("query"));
        assert_eq!(credential.scheme().version(), if scheme.starts_with("v4") { 4 } else { 2 });
        assert_eq!(credential.scope_service(), scheme.starts_with("v4").then_some("s3"));
        assert_eq!(credential.access_key().as_str(), "AK");
    }
}

#[test]
fn a_request_without_a_credential_is_anonymous() {
    for target in ["/", "/?prefix=a&Expires=1", "/?X-Amz-Date=x&signature=mine&accesskeyid=x", "/?%", "/?=&&="] {
        assert_eq!(found(&get(target, &[("host", "h")])), Ok(None), "{target}");
    }
    assert_eq!(anonymous_dialect(&get("/", &[("x-amz-acl", "a")]).headers), Dialect::S3);
    assert_eq!(anonymous_dialect(&get("/", &[("x-obs-acl", "a")]).headers), Dialect::Obs);
    assert_eq!(anonymous_dialect(&HeaderMap::new()), Dialect::Obs);
}

#[test]
fn two_credentials_of_any_kind_are_one_refusal() {
    let headers = [V4, "AWS AK:s", "OBS AK:s", "", "Basic x"];
    let queries = [V4_QUERY, V2_QUERY, OBS_QUERY];
    for first in headers {
        for second in headers {
            let request = get("/", &[("authorization", first), ("authorization", second)]);
            assert_eq!(found(&request), Err(AuthError::MultipleCredentials));
        }
        for query in queries {
            let request = get(&format!("/?{query}"), &[("authorization", first)]);
            assert_eq!(found(&request), Err(AuthError::MultipleCredentials), "{first} {query}");
        }
    }
    for first in queries {
        for second in queries.iter().filter(|second| **second != first) {
            let request = get(&format!("/?{first}&{second}"), &[]);
            assert_eq!(found(&request), Err(AuthError::MultipleCredentials));
        }
        assert!(matches!(found(&get(&format!("/?{first}&{first}"), &[])), Err(AuthError::MalformedQuery(_))));
    }
    assert_eq!(AuthError::MultipleCredentials.to_string(), "Only one auth mechanism allowed");
}

#[test]
fn an_unknown_scheme_says_so_in_the_words_that_clients_fall_back_on() {
    for value in ["Basic dXNlcjpwYXNz", "Bearer x", "OBS4-HMAC-SHA256 x", "aws AK:s", "AWS4-HMAC-SHA1 x", "\u{7f}x"] {
        let Ok(header) = HeaderValue::from_bytes(value.as_bytes()) else { continue };
        let mut request = get("/", &[]);
        request.headers.insert("authorization", header);
        let error = found(&request).unwrap_err();
        assert_eq!(error, AuthError::UnsupportedAuthorizationType);
        assert_eq!(error.to_string(), "Unsupported Authorization Type");
    }
    let mut request = get("/", &[]);
    request.headers.insert("authorization", HeaderValue::from_bytes(b"OBS \xff:x").unwrap());
    assert_eq!(found(&request), Err(AuthError::UnsupportedAuthorizationType));
    assert_eq!(found(&get("/", &[("authorization", "")])), Err(AuthError::EmptyAuthorization));
    assert_eq!(
        found(&get("/", &[("authorization", "AWS4-ECDSA-P256-SHA256 x")])),
        Err(AuthError::UnsupportedAlgorithm)
    );
}

#[test]
fn credentials_that_cannot_be_read_are_refused() {
    let scope = "20261120/r/s3/aws4_request";
    for value in [
        "AWS4-HMAC-SHA256".to_owned(),
        "AWS4-HMAC-SHA256 Credential=HAHAHA".to_owned(),
        "AWS4-HMAC-SHA256 Credential=AK////, SignedHeaders=host, Signature=0".to_owned(),
        "AWS4-HMAC-SHA256 Credential=AK////aws4_request, SignedHeaders=host, Signature=0".to_owned(),
        "AWS4-HMAC-SHA256 Credential=AK/20261120//s3/aws4_request, SignedHeaders=host, Signature=0".to_owned(),
        "AWS4-HMAC-SHA256 Credential=AK/20261120/r//aws4_request, SignedHeaders=host, Signature=0".to_owned(),
        "AWS4-HMAC-SHA256 Credential=AK/20261120/r/s3/aws2_request, SignedHeaders=host, Signature=0".to_owned(),
        "AWS4-HMAC-SHA256 Credential=AK/2026112x/r/s3/aws4_request, SignedHeaders=host, Signature=0".to_owned(),
        format!("AWS4-HMAC-SHA256 Credential=AK/{scope}, SignedHeaders=, Signature=0"),
        format!("AWS4-HMAC-SHA256 Credential=AK/{scope}, SignedHeaders=host;;date, Signature=0"),
        format!("AWS4-HMAC-SHA256 Credential=AK/{scope}, SignedHeaders=date, Signature=0"),
        format!("AWS4-HMAC-SHA256 Credential=AK/{scope}, SignedHeaders=host;HOST, Signature=0"),
        format!("AWS4-HMAC-SHA256 Credential=AK/{scope}, SignedHeaders=host, Signature=0, Signature=1"),
        format!("AWS4-HMAC-SHA256 Credential=AK/{scope}, SignedHeaders=host, Signature=0, Extra=1"),
        format!("AWS4-HMAC-SHA256 Credential=AK/{scope}, SignedHeaders=host;{}, Signature=0", "a;b".repeat(300)),
    ] {
        let outcome = found(&get("/", &[("authorization", &value)]));
        assert!(matches!(outcome, Err(AuthError::MalformedHeader(_))), "{value}: {outcome:?}");
    }
    for value in ["AWS HAHAHA", "AWS", "AWS :s", "OBS AK:", "OBS :"] {
        let outcome = found(&get("/", &[("authorization", value)]));
        assert!(matches!(outcome, Err(AuthError::MalformedLegacyHeader(_))), "{value}: {outcome:?}");
    }
    for query in [
        "Signature=s",
        "AccessKeyId=AK",
        "AccessKeyId=AK&Expires=1",
        "AccessKeyId=AK&Signature=s",
        "AWSAccessKeyId=&Expires=1&Signature=s",
        "AWSAccessKeyId=AK&Expires=%FF&Signature=s",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Signature=0",
        "x-amz-credential=AK",
    ] {
        let outcome = found(&get(&format!("/?{query}"), &[]));
        assert!(matches!(outcome, Err(AuthError::MalformedQuery(_))), "{query}: {outcome:?}");
    }
    for value in ["AWS A/K:s", "OBS a b:s"] {
        assert_eq!(found(&get("/", &[("authorization", value)])), Err(AuthError::UnknownAccessKey));
    }
}

#[test]
fn the_session_token_is_found_in_header_or_query_and_must_be_one() {
    let token = |request: Request| {
        detect(&request.borrowed()).map(|credential| credential.unwrap().session_token().map(str::to_owned))
    };
    let some = |text: &str| Ok(Some(text.to_owned()));
    let obs = get("/", &[("authorization", "OBS AK:s")]);
    assert_eq!(token(obs.clone()), Ok(None));
    assert_eq!(token(obs.clone().set("x-obs-security-token", "T")), some("T"));
    assert_eq!(token(obs.clone().set("x-amz-security-token", "T")), Ok(None));
    assert_eq!(token(obs.clone().with_target("/?security-token=T")), Ok(None));
    assert_eq!(token(get(&format!("/?{OBS_QUERY}&security-token=T"), &[])), Ok(None), "no signature covers it");
    assert_eq!(token(get(&format!("/?{OBS_QUERY}&x-obs-security-token=T%2B"), &[])), some("T+"));
    assert_eq!(token(get(&format!("/?{OBS_QUERY}&x-obs-security-token=T"), &[])), some("T"));
    assert_eq!(token(get(&format!("/?{V4_QUERY}&X-Amz-Security-Token=T"), &[])), some("T"));
    let same = obs.clone().with_target("/?x-obs-security-token=T").set("x-obs-security-token", "T");
    assert_eq!(token(same), some("T"));
    let differ = obs.with_target("/?x-obs-security-token=U").set("x-obs-security-token", "T");
    assert_eq!(token(differ), Err(AuthError::MultipleCredentials));
}

#[test]
fn forms_carry_one_credential_or_none() {
    let detect = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        detect_form(&fields).map(|credential| credential.map(|credential| credential.scheme().name()))
    };
    assert_eq!(detect(&[("key", "a")]), Ok(None));
    assert_eq!(detect(&[("accesskeyid", "AK"), ("POLICY", "p"), ("Signature", "s")]), Ok(Some("obs-form")));
    assert_eq!(detect(&[("AWSAccessKeyId", "AK"), ("policy", "p"), ("signature", "s")]), Ok(Some("v2-form")));
    assert_eq!(detect(&[("token", "AK:s:p"), ("AccessKeyId", "other")]), Ok(Some("obs-form")));
    let both = [("AWSAccessKeyId", "AK"), ("AccessKeyId", "AK"), ("policy", "p"), ("signature", "s")];
    assert_eq!(detect(&both), Err(AuthError::MultipleCredentials));
    assert_eq!(detect(&[("token", "AK:s:p"), ("AWSAccessKeyId", "AK")]), Err(AuthError::MultipleCredentials));
    for fields in [
        &[("signature", "s"), ("policy", "p")][..],
        &[("AccessKeyId", "AK"), ("signature", "s")],
        &[("AccessKeyId", "AK"), ("policy", "p")],
        &[("AccessKeyId", "AK"), ("accesskeyid", "AK"), ("policy", "p"), ("signature", "s")],
        &[("token", "AK:s")],
        &[("policy", "p")],
        &[("x-amz-credential", "AK/20261120/r/s3/aws4_request")],
        &[("x-amz-security-token", "t")],
        &[("x-obs-security-token", "t")],
        &[("token", "AK:s:p"), ("x-amz-security-token", "t"), ("x-obs-security-token", "t")],
    ] {
        assert!(matches!(detect(fields), Err(AuthError::MalformedForm(_))), "{fields:?}");
    }
}

#[test]
fn a_session_token_of_a_form_is_found_under_either_name() {
    for name in ["x-amz-security-token", "X-Obs-Security-Token"] {
        let fields = [("token".to_owned(), "AK:s:p".to_owned()), (name.to_owned(), "T".to_owned())];
        let credential = detect_form(&fields).unwrap().unwrap();
        assert_eq!(credential.session_token(), Some("T"));
        assert!(!format!("{credential:?}").contains("\"T\""));
    }
}
