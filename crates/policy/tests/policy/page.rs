//! docs/policies.md: its examples are documents that are accepted, and its explanation is one that is given.

use crate::cmks::key_policy;
use crate::setup::{Has, a, ask, rules_with, user};
use model::BucketName;
use strongroom_policy::{Action, ConditionKey, Grammar, Policy};

/// The blocks of the page: what stands behind the fence, and the text.
fn blocks() -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policies.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut blocks = Vec::new();
    let mut pieces = page.split("\n```");
    pieces.next();
    while let (Some(block), Some(_)) = (pieces.next(), pieces.next()) {
        let (info, text) = block.split_once('\n').unwrap();
        blocks.push((info.to_owned(), text.to_owned()));
    }
    blocks
}

#[test]
fn every_example_is_a_right_document() {
    let bucket = BucketName::parse("photos").unwrap();
    let mut seen = 0;
    for (info, text) in blocks().iter().filter(|(info, _)| info.starts_with("json")) {
        let grammar = match info.as_str() {
            "json bucket" => Grammar::Bucket(&bucket),
            "json identity" => Grammar::Identity,
            "json trust" => Grammar::Trust,
            "json key" => {
                key_policy(text).unwrap_or_else(|e| panic!("{e}:\n{text}"));
                seen += 1;
                continue;
            }
            other => panic!("```{other}: which grammar?"),
        };
        Policy::parse(text, grammar).unwrap_or_else(|e| panic!("{e}:\n{text}"));
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn the_explanation_is_the_one_given() {
    let bucket = r#"{"Statement":[
        {"Sid":"Encrypted","Effect":"Deny","Principal":"*","Action":"PutObject","Resource":"bucket/*",
         "Condition":{"StringNotEquals":{"x-obs-server-side-encryption":"kms"}}},
        {"Sid":"Team","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"*","Resource":"bucket/*"}]}"#;
    let own = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*",
        "Condition":{"StringLike":{"s3:x-amz-storage-class":"STANDARD*"}}}}"#;
    let rules = rules_with(bucket);
    let alice = user(a(), "alice", Has { identity: &[own], ..Has::default() });
    let asked = ask(&alice, Action::PutObject, "key", &rules).with(ConditionKey::ServerSideEncryption, "AES256");
    let (_, expected) = blocks().into_iter().find(|(info, _)| info == "text explanation").unwrap();
    assert_eq!(asked.explain().to_string().trim_end(), expected.trim_end());
}
