//! The table of routes, the codes of refusals, and reading what clients send.

use super::aad;
use super::call::{is_uuid_like, reference};
use super::code::Code;
use super::data::{Form, ciphertext};
use super::data_keys::{bytes_of, digest, parts, unhex};
use super::fault::{Doing, Fault, code_of};
use super::grants::{actions, names, principal};
use super::page::{self, Page};
use super::routes::{Found, ROUTES, Route};
use super::tags;
use crate::control::huawei;
use crate::reply::ReplyBody;
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use kms::{CONTEXT_BYTES_MAX, EncryptionContext, KeyImpact, KeySpec, KmsError};
use policy::Action;
use serde_json::{Value, json};

fn code(outcome: Result<impl Sized, Fault>) -> Code {
    match outcome {
        Err(Fault::Said(code, _) | Fault::Recorded(code)) => code,
        Err(Fault::NoCiphertext) => code_of(&KmsError::InvalidCiphertext, Doing::Key),
        Err(Fault::Kms(error)) => code_of(&error, Doing::Key),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn at_most_one_route_fits_a_request_and_each_finds_itself() {
    for route in ROUTES {
        let path = route.path.replace("{}", "x1");
        let fitting = ROUTES
            .iter()
            .filter(|other| other.method == route.method && huawei::routes::parameters(other.path, &path).is_some());
        assert_eq!(fitting.count(), 1, "{} {path}", route.method);
        match Route::find(route.method, &path) {
            Found::Route(found, parameters) => {
                assert!(std::ptr::eq(found, route));
                assert_eq!(parameters.len(), route.path.matches("{}").count());
            }
            _ => panic!("{path}"),
        }
    }
}

#[test]
fn tags_and_keys_are_not_taken_for_each_other() {
    let found = |method, path| match Route::find(method, path) {
        Found::Route(route, parameters) => Some((route.path, parameters)),
        _ => None,
    };
    assert_eq!(found("GET", "/v1.0/p/kms/tags").unwrap().0, "/v1.0/{}/kms/tags");
    assert_eq!(found("GET", "/v1.0/p/kms/k/tags").unwrap().1, ["p", "k"]);
    assert_eq!(found("DELETE", "/v1.0/p/kms/k/tags/a%20b").unwrap().1, ["p", "k", "a b"]);
    assert!(matches!(Route::find("GET", "/v1.0/p/kms/create-key"), Found::OtherMethod));
    for nothing in ["/v1.0/p/kms", "/v1.0//kms/create-key", "/v1.0/p/kms/create-key/x", "/v1.0/p/kms/create_key"] {
        assert!(matches!(Route::find("POST", nothing), Found::Nothing), "{nothing}");
    }
}

fn shown(fault: Fault, doing: Doing) -> (u16, Value) {
    let reply = fault.reply(doing, "REQ");
    let ReplyBody::Full(bytes) = reply.body else { panic!("a document") };
    (reply.status.as_u16(), serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn refusals_have_the_shapes_that_clients_parse() {
    let (status, document) = shown(Code::NoSuchKey.into(), Doing::Key);
    let inner = json!({ "error_code": "KMS.0207", "error_msg": "The key does not exist." });
    assert_eq!((status, document), (404, json!({ "error": inner })));
    let (status, document) = shown(KmsError::Throttled.into(), Doing::DataKey);
    let flat = json!({ "error_code": "APIGW.0308", "error_msg": "Too many requests.", "request_id": "REQ" });
    assert_eq!((status, document), (429, flat));
    let (_, document) = shown(Fault::parameter("na\nme", "no"), Doing::Key);
    assert_eq!(document["error"]["error_msg"], "A parameter is not valid. (name: no)");
}

#[test]
fn what_this_api_refuses_by_itself_is_still_to_be_put_on_record() {
    assert_eq!(Fault::from(Code::NotOffered).to_record(), Some("KMS.0201"));
    assert_eq!(Fault::from(Code::WrongProject).to_record(), Some("KMS.0305"));
    assert_eq!(ciphertext("53").err().unwrap().to_record(), Some("InvalidCiphertext"));
    for recorded in [Fault::Recorded(Code::NotEnabled), KmsError::Denied.into(), KmsError::Throttled.into()] {
        assert_eq!(recorded.to_record(), None, "{recorded:?}");
    }
    // The operations that the key service has go by its names.
    let known = |operation: &str| {
        let mut actions = Action::ALL.iter().filter_map(|action| action.name().strip_prefix("kms:"));
        operation == "ReEncrypt" || actions.any(|name| name == operation)
    };
    assert_eq!(ROUTES.iter().filter(|route| known(route.operation)).count(), 42);
}

#[test]
fn codes_are_well_formed_and_their_classes_are_those_of_their_status() {
    for code in Code::ALL {
        let (family, number) = code.name().split_once('.').unwrap();
        assert!(["KMS", "APIGW"].contains(&family) && number.len() == 4, "{code:?}");
        assert!(code.text().ends_with('.') && (400..600).contains(&code.status()), "{code:?}");
    }
}

/// Every refusal of the key service, by what is being done.
#[test]
fn errors_of_the_key_service_by_what_is_done() {
    use Doing::{Account, Create, DataKey, Deletion, Grant, Import, Key, Material, Rotation, Tag};
    let impact = || Box::new(KeyImpact { objects: 1, ..KeyImpact::default() });
    let text = || "why".to_owned();
    let table: Vec<(KmsError, Doing, u16, &str)> = vec![
        (KmsError::NotFound, Key, 404, "KMS.0207"),
        (KmsError::Denied, Account, 403, "KMS.0307"),
        (KmsError::Denied, Create, 403, "KMS.0307"),
        (KmsError::Denied, Key, 403, "KMS.0306"),
        (KmsError::Denied, DataKey, 403, "KMS.0306"),
        (KmsError::Disabled, DataKey, 400, "KMS.0209"),
        (KmsError::PendingDeletion, Key, 400, "KMS.0210"),
        (KmsError::PendingDeletion, Deletion, 400, "KMS.1402"),
        (KmsError::PendingImport, DataKey, 400, "KMS.0308"),
        (KmsError::InUse(impact()), Deletion, 400, "KMS.0308"),
        (KmsError::Unsupported("x"), Rotation, 400, "KMS.0312"),
        (KmsError::Unsupported("x"), Import, 400, "KMS.0309"),
        (KmsError::Unsupported("x"), Material, 400, "KMS.0309"),
        (KmsError::Unsupported("x"), Create, 400, "KMS.0308"),
        (KmsError::LimitExceeded("x"), Create, 400, "KMS.1105"),
        (KmsError::LimitExceeded("x"), Grant, 400, "KMS.2404"),
        (KmsError::LimitExceeded("x"), Tag, 400, "KMS.0409"),
        (KmsError::LimitExceeded("x"), Key, 400, "KMS.0308"),
        (KmsError::Conflict("x"), Rotation, 400, "KMS.0308"),
        (KmsError::MalformedPolicy(text()), Grant, 400, "KMS.2402"),
        (KmsError::MalformedPolicy(text()), Key, 400, "KMS.0308"),
        (KmsError::Tag("x"), Tag, 400, "KMS.0406"),
        (KmsError::InvalidGrantId, Grant, 400, "KMS.2501"),
        (KmsError::InvalidGrantToken, Grant, 400, "KMS.2501"),
        (KmsError::InvalidImportToken, Import, 400, "KMS.2605"),
        (KmsError::ExpiredImportToken, Import, 400, "KMS.2601"),
        (KmsError::IncorrectMaterial, Import, 400, "KMS.2606"),
        (KmsError::AuditUnavailable, DataKey, 503, "KMS.0104"),
        (KmsError::NotPendingDeletion, Key, 400, "KMS.1501"),
        (KmsError::ServiceManaged, Key, 400, "KMS.0211"),
        (KmsError::InvalidCiphertext, DataKey, 400, "KMS.2201"),
        (KmsError::InvalidCiphertext, Key, 400, "KMS.0308"),
        (KmsError::InvalidCiphertext, Import, 400, "KMS.0311"),
        (KmsError::IncorrectKey, DataKey, 400, "KMS.2201"),
        (KmsError::IncorrectKey, Key, 400, "KMS.0308"),
        (KmsError::InvalidArn, Key, 400, "KMS.0205"),
        (KmsError::InvalidAlias("x"), Create, 400, "KMS.1101"),
        (KmsError::AlreadyExists, Create, 400, "KMS.1104"),
        (KmsError::Validation(text()), Import, 400, "KMS.2604"),
        (KmsError::Validation(text()), Grant, 400, "KMS.2402"),
        (KmsError::Validation(text()), Rotation, 400, "KMS.3001"),
        (KmsError::Validation(text()), Key, 400, "KMS.0308"),
        (KmsError::Throttled, Account, 429, "APIGW.0308"),
        (KmsError::Unavailable(text()), DataKey, 503, "KMS.0104"),
        (KmsError::WrongRootKey, Key, 500, "KMS.0101"),
        (KmsError::Damaged(text()), Key, 500, "KMS.0101"),
    ];
    for (error, doing, status, name) in table {
        let code = code_of(&error, doing);
        assert_eq!((code.status(), code.name()), (status, name), "{error:?} {doing:?}");
    }
}

#[test]
fn a_wrong_key_and_a_changed_ciphertext_look_the_same_and_what_broke_inside_is_not_told() {
    let wrong_key = shown(KmsError::IncorrectKey.into(), Doing::Key);
    assert_eq!(wrong_key, shown(KmsError::InvalidCiphertext.into(), Doing::Key));
    for inside in [KmsError::Damaged("row 42".into()), KmsError::Unavailable("10.0.0.1 refused".into())] {
        let (status, document) = shown(inside.into(), Doing::Key);
        let text = document.to_string();
        assert!(status >= 500 && !text.contains("42") && !text.contains("10.0.0.1"), "{text}");
    }
    let impact = KeyImpact { objects: 7, buckets: vec!["b".into()], ..KeyImpact::default() };
    let (_, document) = shown(KmsError::InUse(Box::new(impact)).into(), Doing::Deletion);
    let text = document["error"]["error_msg"].as_str().unwrap();
    assert!(text.contains("7 objects") && text.contains("--force"), "{text}");
}

#[test]
fn additional_data_and_older_contexts_never_stand_for_each_other() {
    let text = |text: &str| aad::context(Some(&json!(text)), None).unwrap();
    let object = |object: Value| aad::context(None, Some(&object)).unwrap();
    let pairs = |key: &str, value: &str| EncryptionContext::from_pairs([(key.to_owned(), value.to_owned())]).unwrap();
    let all = [
        EncryptionContext::new(),
        text("a"),
        text("A"),
        text(r#"{"a":"b"}"#),
        object(json!({ "a": "b" })),
        object(json!({ "a": "b", "c": "" })),
        object(json!({ "a\":\"b": "" })),
        pairs("a", "b"),
        pairs("huawei:aad", "a"),
        pairs("huawei:context", r#"{"a":"b"}"#),
    ];
    for (i, one) in all.iter().enumerate() {
        for (j, other) in all.iter().enumerate() {
            assert_eq!(one.canonical() == other.canonical(), i == j, "{one:?} {other:?}");
        }
    }
    assert_eq!(object(json!({ "b": "2", "a": "1" })), object(json!({ "a": "1", "b": "2" })));
    for none in [aad::context(None, None), aad::context(Some(&json!("")), Some(&json!(null)))] {
        assert!(none.unwrap().is_empty());
    }
    assert!(aad::context(None, Some(&json!({}))).unwrap().is_empty());
}

#[test]
fn contexts_that_are_refused() {
    assert!(aad::context(Some(&json!("é".repeat(64))), None).is_ok());
    let long = "x".repeat(CONTEXT_BYTES_MAX);
    for (text, object) in [
        (Some(json!("a")), Some(json!({ "a": "b" }))),
        (Some(json!("é".repeat(64) + "x")), None),
        (Some(json!(7)), None),
        (Some(json!({ "a": "b" })), None),
        (None, Some(json!("a"))),
        (None, Some(json!(["a"]))),
        (None, Some(json!({ "a": 1 }))),
        (None, Some(json!({ "a": { "b": "c" } }))),
        (None, Some(json!({ "a": long }))),
    ] {
        assert_eq!(code(aad::context(text.as_ref(), object.as_ref())), Code::Context, "{text:?} {object:?}");
    }
}

#[test]
fn references_to_keys() {
    let id = "0d0466b0-e727-4d9c-b35d-f84bb474a37f";
    let domain = "0123456789abcdef0123456789abcdef";
    assert!(is_uuid_like(id) && is_uuid_like("zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"));
    for wrong in ["", &id[1..], &id.to_uppercase(), &id.replace('-', "0"), &format!("{id}0"), "alias/x"] {
        assert!(!is_uuid_like(wrong), "{wrong}");
    }
    let long = format!("local-1:{domain}:key/{id}");
    for (given, read) in [
        (id.to_owned(), id.to_owned()),
        ("alias/a:b/c".into(), "alias/a:b/c".into()),
        (long.clone(), long.clone()),
        (format!("kms:local-1:{domain}:KeyId:{id}"), long),
        (format!("kms:local-1:{domain}:alias:a:b"), format!("local-1:{domain}:alias/a:b")),
        (format!("kms:local-1:{domain}:alias:alias/a"), format!("local-1:{domain}:alias/a")),
    ] {
        assert_eq!(reference(&given).unwrap(), read);
    }
    for wrong in ["", "x", "kms:", "kms:r:d:bucket:x", "kms:r:d:KeyId:x", &id.to_uppercase()] {
        assert_eq!(code(reference(wrong)), Code::KeyId, "{wrong}");
    }
}

#[test]
fn data_keys_and_their_digests() {
    // kms-iam-api §1.2.5
    let expected = "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b";
    assert_eq!(HEXLOWER.encode(&digest(KeySpec::Aes256, &[0; 64])), expected);
    let abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
    assert_eq!(HEXLOWER.encode(&digest(KeySpec::Sm4, b"abc")), abc);
    let whole: Vec<u8> = (0..=32).collect();
    let (key, behind) = parts(&whole).unwrap();
    assert_eq!((key, behind[0], behind[31]), (&[0][..], 1, 32));
    assert!(parts(&vec![0; 1024 + 32]).is_ok());
    for length in [0, 31, 32, 1024 + 33] {
        assert_eq!(code(parts(&vec![0; length])), Code::DataKeyTextLength, "{length}");
    }
}

#[test]
fn lengths_in_bits_and_hexadecimal_text() {
    for (bits, bytes) in [(8, Some(1)), (256, Some(32)), (8192, Some(1024)), (0, None), (7, None), (12, None)] {
        assert_eq!(bytes_of(bits), bytes, "{bits}");
    }
    assert_eq!(bytes_of(8200), None);
    assert_eq!(unhex("0aFF", 2, Code::DataKeyText).unwrap(), [10, 255]);
    for wrong in ["0", "0g", "00 ", "000000"] {
        assert_eq!(code(unhex(wrong, 2, Code::DataKeyText)), Code::DataKeyText, "{wrong}");
    }
}

#[test]
fn ciphertexts_in_both_forms() {
    let bytes = [b"SK\x01\x01".as_slice(), &[7; 120]].concat();
    let (read, form) = ciphertext(&BASE64.encode(&bytes)).unwrap();
    assert_eq!((read.as_bytes(), form), (&bytes[..], Form::Base64));
    for text in [HEXLOWER.encode(&bytes), HEXUPPER.encode(&bytes)] {
        let (read, form) = ciphertext(&text).unwrap();
        assert_eq!((read.as_bytes(), form), (&bytes[..], Form::Hex));
    }
    for wrong in ["", "SK", "====", &BASE64.encode(&[0; 100]), &"53".repeat(7000)] {
        assert_eq!(code(ciphertext(wrong)), Code::Parameter, "{wrong}");
    }
}

#[test]
fn grants_name_operations_and_principals() {
    let read = actions(&["create-datakey", "decrypt-datakey", "decrypt-data", "create-grant"]).unwrap();
    assert_eq!(read, [Action::KmsGenerateDataKey, Action::KmsDecrypt, Action::KmsCreateGrant]);
    assert_eq!(names(&read), ["create-datakey", "decrypt-datakey", "decrypt-data", "create-grant"]);
    assert_eq!(names(&[Action::KmsReEncryptTo]), ["kms:ReEncryptTo"]);
    assert_eq!(code(actions(&["create-grant"])), Code::OnlyCreateGrant);
    assert_eq!(code(actions(&["create-grant", "create-grant"])), Code::OnlyCreateGrant);
    assert_eq!(code(actions(&[])), Code::Missing);
    assert_eq!(code(actions(&["schedule-key-deletion"])), Code::Parameter);
    let id = "0123456789abcdef0123456789abcdef";
    assert_eq!(principal(&format!("domain/{id}")), (id, "domain"));
    assert_eq!(principal(id), (id, "user"));
    assert_eq!(principal("arn:aws:iam::000000000001:root"), ("arn:aws:iam::000000000001:root", "domain"));
    assert_eq!(principal("arn:aws:iam::000000000001:user/a").1, "user");
}

#[test]
fn rules_of_tags() {
    assert!(tags::check("k", "").is_ok() && tags::check(&"é".repeat(36), &"é".repeat(43)).is_ok());
    for (key, value, wanted) in [
        ("", "v", Code::TagKeyLength),
        (&*"k".repeat(37), "v", Code::TagKeyLength),
        ("k", &*"v".repeat(44), Code::TagValueLength),
        ("a*", "v", Code::TagKey),
        ("a\u{7}", "v", Code::TagKey),
        ("k", "a=b", Code::TagValue),
        ("k", "a\\b", Code::TagValue),
    ] {
        assert_eq!(code(tags::check(key, value)), wanted, "{key} {value}");
    }
}

#[test]
fn pages_are_cut_by_offset() {
    let items: Vec<u32> = (0..5).collect();
    let page = |start, limit| Page { start, limit }.cut(items.clone());
    assert_eq!(page(0, 2), (vec![0, 1], Some(2)));
    assert_eq!(page(4, 2), (vec![4], None));
    assert_eq!(page(3, 2), (vec![3, 4], None));
    assert_eq!(page(9, 2), (vec![], None));
    assert_eq!(page(usize::MAX, 1000), (vec![], None));
    let mut document = json!({});
    page::add_to(&mut document, Some(2), 5);
    assert_eq!(document, json!({ "next_marker": "2", "truncated": "true", "total": 5 }));
    page::add_to(&mut document, None, 5);
    assert_eq!(document, json!({ "next_marker": "", "truncated": "false", "total": 5 }));
}
