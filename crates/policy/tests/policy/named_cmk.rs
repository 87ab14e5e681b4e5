//! The CMK that a request names (s3-sse-behaviour §14): one value in several spellings, for every operator alike, and no
//! spelling that a caller can choose makes a pattern fit.

use crate::setup::{ask, rules_with};
use strongroom_policy::{Action, CmkNames, ConditionKey as K, Principal};

const UUID: &str = "11111111-2222-4333-8444-555555555555";
const OTHER: &str = "99999999-2222-4333-8444-555555555555";

fn arn(uuid: &str) -> String {
    format!("arn:aws:kms:local-1:111111111111:key/{uuid}")
}

fn obs(uuid: &str) -> String {
    format!("local-1:aa:key/{uuid}")
}

/// Whether a statement of this effect, under this condition, speaks of a request that sends `sent`, found to name the CMK.
fn speaks(effect: &str, condition: &str, sent: &str, names: Option<&str>) -> bool {
    let statement = |effect: &str, more: &str| {
        format!(r#"{{"Effect":"{effect}","Principal":"*","Action":"*","Resource":"bucket/*"{more}}}"#)
    };
    let own = statement(effect, &format!(r#","Condition":{condition}"#));
    let all = statement("Allow", "");
    let statements = if effect == "Deny" { format!("{all},{own}") } else { own };
    let rules = rules_with(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#));
    let mut asked = ask(&Principal::Anonymous, Action::PutObject, "key", &rules);
    asked.conditions.add(K::SseKmsKeyId, sent);
    asked.conditions.named_cmk = names.map(|uuid| CmkNames { arn: arn(uuid), obs: obs(uuid), uuid: uuid.to_owned() });
    asked.allowed() == (effect == "Allow")
}

#[test]
fn every_spelling_of_a_cmk_is_that_cmk_for_every_operator() {
    let values = [arn(UUID), obs(UUID), UUID.to_owned()];
    for sent in [arn(UUID), obs(UUID), UUID.to_owned(), UUID.to_uppercase(), "alias/x".to_owned()] {
        for effect in ["Allow", "Deny"] {
            for value in &values {
                for (operator, holds) in [
                    ("StringEquals", true),
                    ("StringEqualsIfExists", true),
                    ("StringLike", true),
                    ("ForAnyValue:StringEquals", true),
                    ("ForAllValues:StringEquals", true),
                    ("StringNotEquals", false),
                    ("StringNotLike", false),
                    ("ForAnyValue:StringNotEquals", false),
                    ("ForAllValues:StringNotEquals", false),
                ] {
                    let condition =
                        format!(r#"{{"{operator}":{{"s3:x-amz-server-side-encryption-aws-kms-key-id":"{value}"}}}}"#);
                    assert_eq!(speaks(effect, &condition, &sent, Some(UUID)), holds, "{effect} {condition} {sent}");
                    if sent != *value {
                        assert_eq!(
                            speaks(effect, &condition, &sent, Some(OTHER)),
                            !holds,
                            "{effect} {condition} {sent}"
                        );
                    }
                }
            }
            for (operator, holds) in [("ArnEquals", true), ("ArnLike", true), ("ArnNotEquals", false)] {
                let condition =
                    format!(r#"{{"{operator}":{{"x-obs-server-side-encryption-kms-key-id":"{}"}}}}"#, arn(UUID));
                assert_eq!(speaks(effect, &condition, &sent, Some(UUID)), holds, "{effect} {condition} {sent}");
            }
        }
    }
}

/// Not found, or not theirs: what was sent is all there is.
#[test]
fn a_reference_that_names_nothing_for_the_caller_is_as_sent() {
    let by_arn = format!(r#"{{"StringEquals":{{"s3:x-amz-server-side-encryption-aws-kms-key-id":"{}"}}}}"#, arn(UUID));
    assert!(speaks("Deny", &by_arn, &arn(UUID), None) && !speaks("Deny", &by_arn, UUID, None));
}

/// An alias is of the caller's making. It counts as a whole, and against the caller in every way; it never lets through by
/// fitting a pattern.
#[test]
fn an_alias_does_not_fit_a_pattern_in_its_maker_s_favour() {
    let condition = |operator: &str, value: &str| {
        format!(r#"{{"{operator}":{{"s3:x-amz-server-side-encryption-aws-kms-key-id":"{value}"}}}}"#)
    };
    let (alias, pattern) = (format!("alias/key/{UUID}"), format!("*key/{UUID}"));
    for (effect, operator, speaks_of_it) in [
        ("Allow", "StringLike", false),
        ("Deny", "StringNotLike", true),
        ("Allow", "StringEndWith", false),
        ("Deny", "StringNotEndWith", true),
        ("Deny", "StringLike", true),
        ("Allow", "StringNotLike", false),
    ] {
        let value = if operator.contains("End") { &pattern[1..] } else { &pattern };
        assert_eq!(
            speaks(effect, &condition(operator, value), &alias, Some(OTHER)),
            speaks_of_it,
            "{effect} {operator}"
        );
    }
    for (effect, operator, speaks_of_it) in [
        ("Allow", "StringEquals", true),
        ("Deny", "StringEquals", true),
        ("Deny", "StringNotEquals", false),
        ("Allow", "StringNotEquals", false),
    ] {
        assert_eq!(
            speaks(effect, &condition(operator, &alias), &alias, Some(OTHER)),
            speaks_of_it,
            "{effect} {operator}"
        );
    }
}
