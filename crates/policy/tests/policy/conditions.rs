//! Condition operators and keys (obs-api §8.3, §8.4). Each line asks one statement that allows everyone to write, under
//! the condition.

use crate::setup::{Has, a, ask, role, root, root_session, rules_with, user, user_with};
use strongroom_policy::{Action, ConditionKey as K, Conditions, Outcome, Principal, Reason};

fn with_condition(effect: &str, version: &str, condition: &str) -> String {
    format!(
        r#"{{{version}"Statement":[{{"Effect":"{effect}","Principal":"*","Action":"*","Resource":"bucket/*","Condition":{condition}}}]}}"#
    )
}

/// Whether a request that says `said` meets the condition.
fn holds(condition: &str, said: &[(K, &str)]) -> bool {
    holds_for(&Principal::Anonymous, condition, said, |_| {})
}

fn holds_for(principal: &Principal, condition: &str, said: &[(K, &str)], set: impl Fn(&mut Conditions)) -> bool {
    let document = with_condition("Allow", r#""Version":"2012-10-17","#, condition);
    let rules = rules_with(&document);
    let mut asked = ask(principal, Action::PutObject, "key", &rules);
    set(&mut asked.conditions);
    for (key, value) in said {
        asked.conditions.add(key.clone(), *value);
    }
    asked.allowed()
}

/// operator, values, and whether it holds for: the key absent, each value.
type Row<'t> = (&'t str, &'t str, bool, &'t [(&'t str, bool)]);

#[test]
fn every_operator_on_one_value_and_on_none() {
    let rows: &[Row<'_>] = &[
        ("StringEquals", r#"["x","y"]"#, false, &[("x", true), ("y", true), ("X", false), ("", false), ("xy", false)]),
        ("StringNotEquals", r#"["x","y"]"#, true, &[("x", false), ("y", false), ("X", true), ("", true)]),
        ("StringEqualsIgnoreCase", r#""Straße""#, false, &[("sTRAßE", true), ("strasse", false)]),
        ("StringNotEqualsIgnoreCase", r#""x""#, true, &[("X", false), ("y", true)]),
        ("StringLike", r#""a*c?""#, false, &[("abcd", true), ("acd", true), ("Acd", false), ("ac", false)]),
        ("StringNotLike", r#"["a*","b*"]"#, true, &[("abc", false), ("bcd", false), ("cde", true)]),
        ("StringEquals", r#""a*""#, false, &[("a*", true), ("ab", false)]),
        ("StringStartWith", r#""a*""#, false, &[("a*b", true), ("ab", false)]),
        ("StringNotStartWith", r#""ab""#, true, &[("abc", false), ("cab", true)]),
        ("StringEndWith", r#""bc""#, false, &[("abc", true), ("bcd", false)]),
        ("StringNotEndWith", r#""bc""#, true, &[("abc", false), ("bcd", true)]),
        ("StringMatch", r#""a?""#, false, &[("ab", true), ("a", false)]),
        ("BinaryEquals", r#""QmluYXJ5""#, false, &[("QmluYXJ5", true), ("QmluYXJ6", false)]),
        ("NumericEquals", r#"[10, "20"]"#, false, &[("10", true), ("20.0", true), ("1", false), ("ten", false)]),
        ("NumericNotEquals", "10", true, &[("10", false), ("11", true), ("ten", true)]),
        ("NumericLessThan", "10", false, &[("9", true), ("10", false), ("-1", true), ("ten", false), ("", false)]),
        ("NumericLessThanEquals", "10", false, &[("10", true), ("10.5", false)]),
        (
            "NumericGreaterThan",
            "10",
            false,
            &[("11", true), ("10", false), ("9", false), ("inf", false), ("NaN", false)],
        ),
        ("NumericGreaterThanEquals", "10", false, &[("10", true), ("9.9", false)]),
        (
            "DateEquals",
            r#""2024-01-01T00:00:00Z""#,
            false,
            &[("2024-01-01T01:00:00+01:00", true), ("2024-01-02", false)],
        ),
        ("DateNotEquals", r#""2024-01-01""#, true, &[("2024-01-01", false), ("2024-01-02", true), ("soon", true)]),
        (
            "DateLessThan",
            r#""2024-01-01""#,
            false,
            &[("2023-12-31T23:59:59Z", true), ("2024-01-01", false), ("x", false)],
        ),
        ("DateLessThanEquals", r#""1704067200""#, false, &[("2024-01-01", true), ("2024-01-01T00:00:01Z", false)]),
        ("DateGreaterThan", "1704067200", false, &[("2024-01-01", false), ("2024-01-01T00:00:01Z", true)]),
        ("DateGreaterThanEquals", r#""2024-01-01""#, false, &[("2024-01-01", true), ("2023-12-31", false)]),
        ("Bool", "true", false, &[("true", true), ("TRUE", true), ("false", false), ("yes", false)]),
        ("Bool", r#""false""#, false, &[("false", true), ("yes", true), ("true", false)]),
        (
            "IpAddress",
            r#"["10.0.0.0/8","2001:db8::/32"]"#,
            false,
            &[("10.1.1.1", true), ("2001:db8::1", true), ("x", false)],
        ),
        ("NotIpAddress", r#""10.0.0.0/8""#, true, &[("10.1.1.1", false), ("11.1.1.1", true)]),
        (
            "ArnEquals",
            r#""arn:aws:iam::*:user/x*""#,
            false,
            &[("arn:aws:iam::1:user/x/y", true), ("arn:aws:iam:a:b:1:user/x", false), ("x", false)],
        ),
        (
            "ArnLike",
            r#""arn:aws:*:::b""#,
            false,
            &[("arn:aws:s3:::b", true), ("arn:aws:s3:::B", false), ("arn:aws:s:3:::b", false)],
        ),
        (
            "ArnNotEquals",
            r#""arn:aws:s3:::b""#,
            true,
            &[("arn:aws:s3:::b", false), ("arn:aws:s3:::c", true), ("x", true)],
        ),
        ("ArnNotLike", r#""arn:aws:s3:::b*""#, true, &[("arn:aws:s3:::b/c", false), ("arn:aws:s3:::c", true)]),
        ("Null", "true", true, &[("x", false), ("", false)]),
        ("Null", r#""false""#, false, &[("x", true)]),
        ("IsNullOrEmpty", "true", true, &[("x", false), ("", true)]),
        ("IsNullOrEmpty", "false", false, &[("x", true), ("", false)]),
        ("StringEquals", r#"["${null}","x"]"#, true, &[("x", true), ("y", false), ("${null}", false)]),
        ("StringNotEquals", r#""${null}""#, false, &[("x", true)]),
    ];
    let short = [
        ("StringEquals", "streq"),
        ("StringNotEquals", "strneq"),
        ("StringEqualsIgnoreCase", "streqi"),
        ("StringNotEqualsIgnoreCase", "strneqi"),
        ("StringLike", "strl"),
        ("StringNotLike", "strnl"),
        ("NumericEquals", "numeq"),
        ("NumericNotEquals", "numneq"),
        ("NumericLessThan", "numlt"),
        ("NumericLessThanEquals", "numlteq"),
        ("NumericGreaterThan", "numgt"),
        ("NumericGreaterThanEquals", "numgteq"),
        ("DateEquals", "dateeq"),
        ("DateNotEquals", "dateneq"),
        ("DateLessThan", "datelt"),
        ("DateLessThanEquals", "datelteq"),
        ("DateGreaterThan", "dategt"),
        ("DateGreaterThanEquals", "dategteq"),
    ];
    for (name, values, absent, present) in rows {
        let mut names = vec![(*name).to_owned(), name.to_uppercase()];
        names.extend(short.iter().filter(|(long, _)| long == name).map(|(_, short)| (*short).to_owned()));
        for name in names {
            let condition = format!(r#"{{"{name}":{{"s3:RequestObjectTag/k":{values}}}}}"#);
            assert_eq!(holds(&condition, &[]), *absent, "{condition} without the key");
            for (value, expected) in *present {
                let said = [(K::RequestObjectTag("k".into()), *value)];
                assert_eq!(holds(&condition, &said), *expected, "{condition} on `{value}`");
                if name.contains("ull") || name.contains("NULL") {
                    continue;
                }
                // With `IfExists` nothing changes but the absent key.
                let lenient = condition.replacen(&name, &format!("{name}IfExists"), 1);
                assert_eq!(holds(&lenient, &said), *expected, "{lenient} on `{value}`");
                assert!(holds(&lenient, &[]), "{lenient} without the key");
            }
        }
    }
}

#[test]
fn quantifiers_over_no_value_some_and_all() {
    // operator, then for: absent, [a], [a, x], [x], [a, b]; the policy's values are a and b.
    for (operator, expected) in [
        ("StringEquals", [false, true, true, false, true]),
        ("StringNotEquals", [true, false, false, true, false]),
        ("ForAllValues:StringEquals", [true, true, false, false, true]),
        ("ForAnyValue:StringEquals", [false, true, true, false, true]),
        ("ForAllValues:StringNotEquals", [true, false, false, true, false]),
        ("ForAnyValue:StringNotEquals", [false, false, true, true, false]),
        ("ForAllValues:StringLike", [true, true, false, false, true]),
        ("ForAnyValue:StringNotLike", [false, false, true, true, false]),
        ("ForAllValues:StringEqualsIfExists", [true, true, false, false, true]),
        ("ForAnyValue:StringEqualsIfExists", [true, true, true, false, true]),
        ("ForAnyValue:StringNotEqualsIfExists", [true, false, true, true, false]),
    ] {
        let condition = format!(r#"{{"{operator}":{{"s3:RequestObjectTagKeys":["a","b"]}}}}"#);
        for (values, expected) in [&[][..], &["a"], &["a", "x"], &["x"], &["a", "b"]].iter().zip(expected) {
            let said: Vec<(K, &str)> = values.iter().map(|value| (K::RequestObjectTagKeys, *value)).collect();
            assert_eq!(holds(&condition, &said), expected, "{operator} on {values:?}");
        }
    }
}

#[test]
fn keys_and_operators_are_joined_by_and() {
    let both = r#"{"StringEquals":{"s3:prefix":"a","s3:delimiter":"/"},"NumericLessThan":{"s3:max-keys":"10"}}"#;
    let all = [(K::Prefix, "a"), (K::Delimiter, "/"), (K::MaxKeys, "9")];
    assert!(holds(both, &all));
    for leave_out in 0..3 {
        let said: Vec<_> =
            all.iter().enumerate().filter(|(i, _)| *i != leave_out).map(|(_, pair)| pair.clone()).collect();
        assert!(!holds(both, &said));
    }
    // A key that is listed twice keeps its last values.
    let twice = r#"{"StringEquals":{"s3:prefix":"a","s3:prefix":"b"}}"#;
    assert!(holds(twice, &[(K::Prefix, "b")]) && !holds(twice, &[(K::Prefix, "a")]));
}

#[test]
fn encryption_compares_without_regard_to_the_dialect() {
    for name in [
        "server-side-encryption",
        "x-obs-server-side-encryption",
        "obs:x-obs-server-side-encryption",
        "s3:x-amz-server-side-encryption",
    ] {
        for wanted in ["kms", "aws:kms"] {
            for sent in ["kms", "aws:kms"] {
                for operator in ["StringEquals", "StringLike"] {
                    let condition = format!(r#"{{"{operator}":{{"{name}":"{wanted}"}}}}"#);
                    assert!(holds(&condition, &[(K::ServerSideEncryption, sent)]), "{condition} on {sent}");
                    assert!(!holds(&condition, &[(K::ServerSideEncryption, "AES256")]), "{condition}");
                    assert!(!holds(&condition.replacen("String", "StringNot", 1), &[(K::ServerSideEncryption, sent)]));
                }
            }
        }
        let any_kms = format!(r#"{{"StringLike":{{"{name}":"aws:*"}}}}"#);
        assert!(holds(&any_kms, &[(K::ServerSideEncryption, "kms")]));
        assert!(!holds(&any_kms, &[(K::ServerSideEncryption, "AES256")]));
    }
}

#[test]
fn copy_sources_compare_with_and_without_the_leading_slash() {
    for wanted in ["/source/public/*", "source/public/*"] {
        let condition = format!(r#"{{"StringLike":{{"copy-source":"{wanted}"}}}}"#);
        for sent in ["/source/public/x", "source/public/x"] {
            assert!(holds(&condition, &[(K::CopySource, sent)]), "{wanted} on {sent}");
        }
        assert!(!holds(&condition, &[(K::CopySource, "source/private/x")]));
    }
}

#[test]
fn the_published_policies_that_deny_unencrypted_uploads() {
    let obs = r#"{"Statement":[
        {"Sid":"DenyUnencrypted","Effect":"Deny","Principal":"*","Action":"PutObject","Resource":"bucket/*",
         "Condition":{"StringNotEquals":{"x-obs-server-side-encryption":"kms"}}}]}"#;
    let s3 = r#"{"Version":"2012-10-17","Id":"PutObjPolicy","Statement":[
        {"Sid":"DenyIncorrectEncryptionHeader","Effect":"Deny","Principal":"*","Action":"s3:PutObject",
         "Resource":"arn:aws:s3:::bucket/*","Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}},
        {"Sid":"DenyUnencryptedObjectUploads","Effect":"Deny","Principal":"*","Action":"s3:PutObject",
         "Resource":"arn:aws:s3:::bucket/*","Condition":{"Null":{"s3:x-amz-server-side-encryption":"true"}}}]}"#;
    let root = root(a());
    for document in [obs, s3] {
        let rules = rules_with(document);
        let writes = |value: Option<&str>| {
            let mut asked = ask(&root, Action::PutObject, "key", &rules);
            if let Some(value) = value {
                asked.conditions.add(K::ServerSideEncryption, value);
            }
            asked.explain()
        };
        assert!(writes(Some("kms")).allowed && writes(Some("aws:kms")).allowed);
        for refused in [None, Some("AES256"), Some(""), Some("KMS"), Some("aws:kms:dsse")] {
            let explained = writes(refused);
            assert!(!explained.allowed, "{refused:?}");
            assert!(matches!(explained.reason, Reason::Statement { index: 0, .. }));
        }
        assert!(ask(&root, Action::GetObject, "key", &rules).allowed());
    }
    // The second S3 statement alone: only the absent header.
    let null_only = format!(r#"{{"Version":"2012-10-17","Statement":[{}"#, &s3[s3.rfind(r#"{"Sid""#).unwrap()..]);
    let rules = rules_with(&null_only);
    assert!(!ask(&root, Action::PutObject, "key", &rules).allowed());
    assert!(ask(&root, Action::PutObject, "key", &rules).with(K::ServerSideEncryption, "AES256").allowed());
}

#[test]
fn what_the_server_derives_cannot_be_said() {
    let key = |name: &str| K::parse(name);
    let spoofed = [
        ("aws:SourceIp", "10.0.0.1"),
        ("aws:SecureTransport", "true"),
        ("aws:CurrentTime", "2001-01-01"),
        ("aws:EpochTime", "1"),
        ("aws:PrincipalArn", "arn:aws:iam::111111111111:root"),
        ("aws:PrincipalAccount", "111111111111"),
        ("aws:PrincipalType", "Account"),
        ("aws:userid", "111111111111"),
        ("aws:username", "alice"),
        ("aws:TokenIssueTime", "2001-01-01"),
        ("aws:MultiFactorAuthPresent", "true"),
        ("aws:ResourceAccount", "222222222222"),
        ("aws:PrincipalTag/team", "red"),
        ("g:DomainId", "x"),
        ("g:DomainName", "x"),
        ("kms:CallerAccount", "111111111111"),
        ("aws:SourceVpc", "vpc-1"),
    ];
    for (name, value) in spoofed {
        let operator = if name.contains("SourceIp") { "IpAddress" } else { "StringEquals" };
        let condition = format!(r#"{{"{operator}":{{"{name}":"{value}"}}}}"#);
        let document = with_condition("Allow", "", &condition);
        let Ok(_) = crate::setup::bucket_policy(&document) else { panic!("{document}") };
        assert!(!holds(&condition, &[(key(name), value)]), "{condition}");
        let rules = rules_with(&document);
        let facts = [(key(name), value)];
        let mut asked = ask(&Principal::Anonymous, Action::PutObject, "key", &rules);
        asked.facts = &facts;
        assert!(!asked.allowed(), "{condition}");
    }
}

#[test]
fn facts_of_the_resource_stand_over_what_was_said() {
    let rules = rules_with(&with_condition("Allow", "", r#"{"StringEquals":{"versionId":"v1"}}"#));
    let facts = [(K::VersionId, "v2")];
    let mut asked = ask(&Principal::Anonymous, Action::DeleteObjectVersion, "key", &rules).with(K::VersionId, "v1");
    assert!(asked.allowed());
    asked.facts = &facts;
    assert!(!asked.allowed());
}

#[test]
fn what_the_server_derives() {
    let nobody = Principal::Anonymous;
    let plain = |_: &mut Conditions| {};
    let from = |address: &'static str| move |c: &mut Conditions| c.source_ip = Some(address.parse().unwrap());
    let net = r#"{"IpAddress":{"SourceIp":["192.0.2.0/24","2001:db8::/32"]}}"#;
    assert!(holds_for(&nobody, net, &[], from("192.0.2.7")));
    assert!(holds_for(&nobody, net, &[], from("::ffff:192.0.2.7")));
    assert!(holds_for(&nobody, net, &[], from("2001:db8::7")));
    assert!(!holds_for(&nobody, net, &[], from("192.0.3.7")));
    assert!(!holds_for(&nobody, net, &[], plain), "an unknown address is in no network");
    assert!(holds_for(&nobody, r#"{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}"#, &[], plain));
    let secure = |c: &mut Conditions| c.secure_transport = true;
    assert!(holds_for(&nobody, r#"{"Bool":{"g:SecureTransport":"true"}}"#, &[], secure));
    assert!(holds_for(&nobody, r#"{"Bool":{"aws:SecureTransport":false}}"#, &[], plain));
    assert!(!holds_for(&nobody, r#"{"Bool":{"aws:SecureTransport":"false"}}"#, &[], secure));
    // The clock stands at 2024-02-29T12:30:15Z.
    for (condition, expected) in [
        (r#"{"DateGreaterThan":{"CurrentTime":"2024-02-29T12:30:14Z"}}"#, true),
        (r#"{"DateGreaterThan":{"CurrentTime":"2024-02-29T12:30:15Z"}}"#, false),
        (r#"{"DateEquals":{"aws:CurrentTime":"2024-02-29T12:30:15Z"}}"#, true),
        (r#"{"StringEquals":{"aws:CurrentTime":"2024-02-29T12:30:15Z"}}"#, true),
        (r#"{"NumericEquals":{"aws:EpochTime":1709209815}}"#, true),
        (r#"{"DateLessThan":{"aws:EpochTime":"2024-03-01"}}"#, true),
        (r#"{"StringEquals":{"aws:PrincipalType":"Anonymous"}}"#, true),
        (r#"{"StringEquals":{"aws:userid":"anonymous"}}"#, true),
        (r#"{"Null":{"aws:username":"true","aws:PrincipalArn":"true","aws:TokenIssueTime":"true"}}"#, true),
    ] {
        assert_eq!(holds(condition, &[]), expected, "{condition}");
    }
    let (alice, session) = (user(a(), "alice", Has::default()), role(a(), "Deploy", "run-7", Has::default()));
    let temporary = root_session(a(), Has::default());
    let account = a();
    for (principal, condition, expected) in [
        (&alice, r#"{"StringEquals":{"aws:username":"alice","g:UserName":"alice"}}"#.to_owned(), true),
        (&alice, r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/al*"}}"#.to_owned(), true),
        (&alice, r#"{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}"#.to_owned(), true),
        (&alice, format!(r#"{{"StringEquals":{{"aws:PrincipalAccount":"{account}"}}}}"#), true),
        (&alice, format!(r#"{{"StringNotEquals":{{"aws:PrincipalAccount":"{account}"}}}}"#), false),
        (&alice, format!(r#"{{"StringEquals":{{"g:DomainId":"{account}","g:DomainName":"an account"}}}}"#), true),
        (&alice, r#"{"StringEquals":{"aws:ResourceAccount":"111111111111"}}"#.to_owned(), true),
        (&alice, r#"{"StringEquals":{"aws:PrincipalType":"User"}}"#.to_owned(), true),
        (&alice, r#"{"Null":{"aws:TokenIssueTime":true}}"#.to_owned(), true),
        (&session, r#"{"StringEquals":{"aws:PrincipalType":"AssumedRole"}}"#.to_owned(), true),
        (&session, r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/Deploy"}}"#.to_owned(), true),
        (&session, r#"{"StringLike":{"aws:userid":"*:run-7"}}"#.to_owned(), true),
        (&session, r#"{"StringLike":{"aws:userid":"AROA*:run-7"}}"#.to_owned(), true),
        (&session, r#"{"StringNotLike":{"aws:userid":"AROA*:run-7"}}"#.to_owned(), false),
        (&alice, r#"{"StringLike":{"aws:userid":"AIDA??????????????????????????"}}"#.to_owned(), true),
        (&session, r#"{"Null":{"aws:username":true}}"#.to_owned(), true),
        (&session, r#"{"DateLessThan":{"aws:TokenIssueTime":"1970-01-13"}}"#.to_owned(), true),
        (&temporary, r#"{"StringEquals":{"aws:PrincipalType":"Account"}}"#.to_owned(), true),
    ] {
        // Asked as a Deny, for a root identity is allowed anyway.
        let rules = rules_with(&with_condition("Deny", r#""Version":"2012-10-17","#, &condition));
        let explained = ask(principal, Action::PutObject, "key", &rules).explain();
        let matched = explained.statements.iter().any(|trace| trace.outcome == Outcome::Matched);
        assert_eq!(matched, expected, "{condition}: {explained}");
    }
}

#[test]
fn policy_variables() {
    let own = |version: &str| {
        format!(
            r#"{{{version}"Statement":[{{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${{aws:username}}/*"}}]}}"#
        )
    };
    let may = |principal: &Principal, object: &str| {
        ask(principal, Action::GetObject, object, &crate::setup::rules()).allowed()
    };
    let alice = user_with(a(), "alice", &own(r#""Version":"2012-10-17","#));
    assert!(may(&alice, "alice/x"));
    assert!(!may(&alice, "bob/x") && !may(&alice, "${aws:username}/x"));
    // In older versions it is a text.
    for version in ["", r#""Version":"2008-10-17","#] {
        let old = user_with(a(), "alice", &own(version));
        assert!(!may(&old, "alice/x") && may(&old, "${aws:username}/x"), "{version}");
    }
    // A session has no user name: no match, and never an empty text.
    let session = role(a(), "R", "s", Has { identity: &[&own(r#""Version":"2012-10-17","#)], ..Has::default() });
    assert!(!may(&session, "/x") && !may(&session, "alice/x"));
    let with_default = own(r#""Version":"2012-10-17","#).replace("aws:username", "aws:username, 'guest'");
    assert!(may(&role(a(), "R", "s", Has { identity: &[&with_default], ..Has::default() }), "guest/x"));
    // What a variable stands for is no pattern.
    let home = r#"{"StringLike":{"s3:prefix":"${s3:delimiter}/*"}}"#;
    assert!(holds(home, &[(K::Prefix, "*/x"), (K::Delimiter, "*")]));
    assert!(!holds(home, &[(K::Prefix, "a/x"), (K::Delimiter, "*")]));
    // Unresolved: the positive comparison fails, the negated one does not let an Allow through, yet a Deny applies.
    let negated = r#"{"StringNotEquals":{"s3:prefix":"${aws:PrincipalTag/team}"}}"#;
    assert!(!holds(r#"{"StringEquals":{"s3:prefix":"${aws:PrincipalTag/team}"}}"#, &[(K::Prefix, "red")]));
    assert!(!holds(negated, &[(K::Prefix, "red")]));
    let deny = rules_with(&with_condition("Deny", r#""Version":"2012-10-17","#, negated));
    assert!(!ask(&root(a()), Action::PutObject, "key", &deny).with(K::Prefix, "red").allowed());
    let elsewhere = r#"{"Version":"2012-10-17","Statement":[{"Effect":"EFFECT","Action":"s3:*","NotResource":"arn:aws:s3:::bucket/${aws:PrincipalTag/t}"}]}"#;
    assert!(!may(&user_with(a(), "alice", &elsewhere.replace("EFFECT", "Allow")), "x"));
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let denied = elsewhere.replace("EFFECT", "Deny");
    assert!(!may(&user(a(), "alice", Has { identity: &[all, &denied], ..Has::default() }), "x"));
    // A variable of several values stands for none.
    let several = r#"{"StringEquals":{"s3:delimiter":"${s3:RequestObjectTagKeys}"}}"#;
    assert!(holds(several, &[(K::Delimiter, "a"), (K::RequestObjectTagKeys, "a")]));
    assert!(!holds(several, &[(K::Delimiter, "a"), (K::RequestObjectTagKeys, "a"), (K::RequestObjectTagKeys, "b")]));
}

#[test]
fn tags_and_versions_of_the_object_are_seen() {
    let rules =
        rules_with(&with_condition("Allow", "", r#"{"StringEquals":{"s3:ExistingObjectTag/security":"public"}}"#));
    let seen = |facts: &[(K, &str)]| {
        let mut asked = ask(&Principal::Anonymous, Action::GetObject, "key", &rules);
        asked.facts = facts;
        asked.allowed()
    };
    assert!(seen(&[(K::ExistingObjectTag("security".into()), "public")]));
    assert!(!seen(&[(K::ExistingObjectTag("security".into()), "private")]));
    assert!(!seen(&[(K::ExistingObjectTag("Security".into()), "public")]));
    assert!(!seen(&[]));
}
