//! Golden vectors: `vectors/policy/`.

use crate::setup::{Has, a, ask, b, bucket_policy, role, root, root_session, rules, rules_with, user};
use serde_json::Value;
use strongroom_policy::{Action, ConditionKey, Principal};

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/policy/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty(), "{path}");
    cases
}

fn documents(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(Value::to_string).collect()
}

fn principal(case: &Value) -> Principal {
    let (identity, session) = (documents(&case["identity"]), documents(&case["session"]));
    let identity: Vec<&str> = identity.iter().map(String::as_str).collect();
    let session: Vec<&str> = session.iter().map(String::as_str).collect();
    let boundary = case.get("boundary").map(Value::to_string);
    let session = case.get("session").map(|_| &session[..]);
    let has = Has { identity: &identity, boundary: boundary.as_deref(), session };
    let words: Vec<&str> = case["as"].as_str().unwrap().split(' ').collect();
    let account = |letter: &str| if letter == "a" { a() } else { b() };
    match words[..] {
        ["anonymous"] => Principal::Anonymous,
        ["root", letter] if session.is_none() => root(account(letter)),
        ["root", letter] => root_session(account(letter), has),
        ["user", letter, name] => user(account(letter), name, has),
        ["role", letter, name] => role(account(letter), name, "session", has),
        _ => panic!("{case}"),
    }
}

fn run(file: &str) {
    for case in cases(file) {
        let rules = case.get("bucket_policy").map_or_else(rules, |policy| rules_with(&policy.to_string()));
        let principal = principal(&case);
        let action = Action::parse(case["action"].as_str().unwrap()).unwrap();
        let mut asked = ask(&principal, action, case["object"].as_str().unwrap_or_default(), &rules);
        asked.conditions.secure_transport = case["secure"].as_bool().unwrap_or_default();
        asked.conditions.source_ip = case["ip"].as_str().map(|ip| ip.parse().unwrap());
        for (key, values) in case["says"].as_object().into_iter().flatten() {
            for value in values.as_array().unwrap() {
                asked.conditions.add(ConditionKey::parse(key), value.as_str().unwrap());
            }
        }
        let explained = asked.explain();
        let found = (explained.allowed, explained.reason.to_string());
        let expected = (case["allowed"].as_bool().unwrap(), case["reason"].as_str().unwrap().to_owned());
        assert_eq!(found, expected, "{file}: {}\n{explained}", case["name"]);
    }
}

#[test]
fn bucket_policies_of_obs() {
    run("obs");
}

#[test]
fn bucket_policies_of_s3() {
    run("s3");
}

#[test]
fn policies_of_identities() {
    run("identities");
}

#[test]
fn refused_documents() {
    for case in cases("refused") {
        let error = bucket_policy(&case["policy"].to_string()).expect_err(&case.to_string());
        assert_eq!(error.to_string(), case["fault"].as_str().unwrap(), "{}", case["name"]);
    }
}
