//! The grammars: what is accepted, and what is said about what is not.

use crate::setup::{Has, a, ask, bucket_policy, id, root, rules_with, user};
use proptest::prelude::*;
use strongroom_policy::{Action, Grammar, Policy, Principal};

fn statement(rest: &str) -> String {
    format!(r#"{{"Statement":[{{{rest}}}]}}"#)
}

/// A right statement of a bucket policy, with one of its members replaced.
fn with(member: &str, text: &str) -> String {
    let members = [
        ("Effect", r#""Effect":"Allow""#),
        ("Principal", r#""Principal":"*""#),
        ("Action", r#""Action":"s3:GetObject""#),
        ("Resource", r#""Resource":"bucket/*""#),
        ("Condition", r#""Condition":{"Bool":{"aws:SecureTransport":"true"}}"#),
    ];
    let members: Vec<&str> = members
        .iter()
        .map(|(name, right)| if *name == member { text } else { *right })
        .filter(|t| !t.is_empty())
        .collect();
    statement(&members.join(","))
}

#[test]
fn bucket_policies_of_both_dialects_mixed() {
    let document = format!(
        r#"{{"Version":"2008-10-17","Id":"aaa","Statement":{{
            "Sid":"mixed","Effect":" Allow ",
            "Principal":{{"AWS":["arn:aws:iam::111111111111:user/alice"],"ID":" domain/{}:user/bob "}},
            "Action":["s3:Get*"," listbucket ","obs:object:PutObject"],
            "Resource":[" bucket ","arn:aws:s3:::bucket/*","obs:*:*:object:bucket/*"],
            "Condition":{{"streq":{{" s3:prefix ":["a",1,true]}}}}}}}}"#,
        a()
    );
    let rules = rules_with(&document);
    for (name, action, prefix, expected) in [
        ("alice", Action::GetObject, "a", true),
        ("bob", Action::PutObject, "1", true),
        ("bob", Action::PutObject, "true", true),
        ("bob", Action::PutObject, "b", false),
        ("bob", Action::DeleteObject, "a", false),
        ("carol", Action::GetObject, "a", false),
    ] {
        let asked = ask(&user(a(), name, Has::default()), action, "key", &rules)
            .with(strongroom_policy::ConditionKey::Prefix, prefix)
            .allowed();
        assert_eq!(asked, expected, "{name} {action:?} {prefix}");
    }
    assert_eq!(bucket_policy(&document).unwrap().text(), document);
}

#[test]
fn faults_are_named_with_their_place() {
    let head = "Statement[0]";
    for (document, message) in [
        ("".to_owned(), "not JSON: EOF while parsing a value at line 1 column 0".to_owned()),
        ("[]".into(), "not a JSON object".into()),
        ("{}".into(), "Statement is missing".into()),
        (r#"{"Statement":[]}"#.into(), "Statement: empty list".into()),
        (r#"{"Statement":"x"}"#.into(), "Statement: not a list of statements".into()),
        (r#"{"Statement":[1]}"#.into(), format!("{head}: not a JSON object")),
        (r#"{"Statement":[],"Statments":[]}"#.into(), "Statments: unknown element".into()),
        (r#"{"Version":"1.1","Statement":[]}"#.into(), "Version: unknown version".into()),
        (r#"{"Version":1,"Statement":[]}"#.into(), "Version: not a text".into()),
        (r#"{"Id":1,"Statement":[]}"#.into(), "Id: not a text".into()),
        (with("Effect", ""), format!("{head}: Effect is missing")),
        (with("Effect", r#""Effect":"allow""#), format!("{head}.Effect: neither `Allow` nor `Deny`")),
        (with("Effect", r#""Effect":"Deny","Effect":"Allow""#), format!("{head}.Effect: given twice")),
        (with("Effect", r#""Effect":"Deny","Sid":1"#), format!("{head}.Sid: not a text")),
        (with("Effect", r#""Effect":"Deny","Conditions":{}"#), format!("{head}.Conditions: unknown element")),
        (with("Principal", ""), format!("{head}: Principal is missing")),
        (
            with("Principal", r#""Principal":"*","NotPrincipal":"*""#),
            format!("{head}: both Principal and NotPrincipal"),
        ),
        (with("Principal", r#""Principal":{}"#), format!("{head}.Principal: names nobody")),
        (with("Principal", r#""Principal":{"AWS":[]}"#), format!("{head}.Principal.AWS: empty list")),
        (with("Principal", r#""Principal":{"AWS":["*","bob"]}"#), format!("{head}.Principal.AWS[1]: not a principal")),
        (with("Principal", r#""Principal":{"AWS":"arn:aws:iam::111111111111:group/g"}"#), String::new()),
        (
            with("Principal", r#""Principal":{"CanonicalUser":"*"}"#),
            format!("{head}.Principal.CanonicalUser: not a principal"),
        ),
        (with("Principal", r#""Principal":{"AWS":"11111111111"}"#), format!("{head}.Principal.AWS: not a principal")),
        (with("Principal", r#""Principal":{"USER":"x"}"#), format!("{head}.Principal.USER: unknown kind of principal")),
        (
            with("Principal", r#""Principal":{"AWS":"arn:aws:iam::111111111111:user/a*"}"#),
            format!("{head}.Principal.AWS: not a principal"),
        ),
        (with("Action", ""), format!("{head}: Action is missing")),
        (with("Action", r#""Action":[]"#), format!("{head}.Action: empty list")),
        (with("Action", r#""Action":["GetObject","GetObjct"]"#), format!("{head}.Action[1]: unknown action")),
        (with("Action", r#""Action":"kms:Decrypt""#), format!("{head}.Action: unknown action")),
        (with("Action", r#""Action":"s3:*","NotAction":"s3:*""#), format!("{head}: both Action and NotAction")),
        (with("Resource", ""), format!("{head}: Resource is missing")),
        (with("Resource", r#""Resource":"other/*""#), format!("{head}.Resource: not of this bucket")),
        (
            with("Resource", r#""Resource":["bucket","arn:aws:s3:::bucketx/*"]"#),
            format!("{head}.Resource[1]: not of this bucket"),
        ),
        (with("Resource", r#""NotResource":"arn:aws:s3:::other""#), format!("{head}.NotResource: not of this bucket")),
        (
            with("Resource", r#""Resource":"obs:eu-1:*:object:bucket/*""#),
            format!("{head}.Resource: the region of a bucket is `*`"),
        ),
        (with("Resource", r#""Resource":"""#), format!("{head}.Resource: not the name of a resource")),
        (with("Condition", r#""Condition":[]"#), format!("{head}.Condition: not a JSON object")),
        (
            with("Condition", r#""Condition":{"StringEqual":{"s3:prefix":"a"}}"#),
            format!("{head}.Condition.StringEqual: unknown operator"),
        ),
        (with("Condition", r#""Condition":{"Bool":{}}"#), format!("{head}.Condition.Bool: no condition key")),
        (
            with("Condition", r#""Condition":{"Bool":{"s3:prefx":"true"}}"#),
            format!("{head}.Condition.Bool.s3:prefx: unknown condition key"),
        ),
        (
            with("Condition", r#""Condition":{"Bool":{"aws:SecureTransport":"yes"}}"#),
            format!("{head}.Condition.Bool.aws:SecureTransport: neither `true` nor `false`"),
        ),
        (
            with("Condition", r#""Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/99"}}"#),
            format!("{head}.Condition.IpAddress.aws:SourceIp: neither an address nor a network"),
        ),
        (
            with("Condition", r#""Condition":{"numlt":{"max-keys":"many"}}"#),
            format!("{head}.Condition.numlt.max-keys: not a number"),
        ),
        (
            with("Condition", r#""Condition":{"datelt":{"CurrentTime":"soon"}}"#),
            format!("{head}.Condition.datelt.CurrentTime: not a date"),
        ),
        (
            with("Condition", r#""Condition":{"ArnLike":{"aws:PrincipalArn":"bob"}}"#),
            format!("{head}.Condition.ArnLike.aws:PrincipalArn: not an ARN"),
        ),
        (
            with("Condition", r#""Condition":{"streq":{"prefix":[]}}"#),
            format!("{head}.Condition.streq.prefix: empty list"),
        ),
        (
            with("Condition", r#""Condition":{"streq":{"prefix":[["a"]]}}"#),
            format!("{head}.Condition.streq.prefix: neither a value nor a list of values"),
        ),
        (with("Condition", r#""Condition":{"streq":{"prefix":null}}"#), String::new()),
        (
            with("Condition", r#""Condition":{"Bool":{"acl":"true"},"Bool":{"acl":"true"}}"#),
            format!("{head}.Condition.Bool: given twice"),
        ),
    ] {
        let error = bucket_policy(&document).expect_err(&document);
        if !message.is_empty() {
            assert_eq!(error.to_string(), message, "{document}");
        }
    }
    let variable =
        with("Resource", r#""Resource":"bucket/${aws:usrname}""#).replacen('{', r#"{"Version":"2012-10-17","#, 1);
    assert_eq!(
        bucket_policy(&variable).unwrap_err().to_string(),
        "Statement[0].Resource: unknown policy variable `aws:usrname`"
    );
    let open = variable.replace("usrname}", "usrname");
    assert_eq!(bucket_policy(&open).unwrap_err().to_string(), "Statement[0].Resource: policy variable without end");
    assert!(bucket_policy(&with("", "")).is_ok());
    for good in [
        with("Action", r#""Action":"s3:PutLifecycleConfiguration""#),
        with("Action", r#""Action":"*""#),
        with("Resource", r#""Resource":"*""#),
        with("Resource", r#""Resource":["arn:aws:s3:::*","arn:aws:s3:::*/*"]"#),
        with("Resource", r#""Resource":"arn:aws:s3:::buck*/a:b:c:d:e""#),
        with("Condition", r#""Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"}}"#),
        with("Condition", r#""Condition":{}"#),
    ] {
        assert!(bucket_policy(&good).is_ok(), "{good}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let long = with("Effect", &format!(r#""Sid":"{}","Effect":"Deny""#, "x".repeat(20 * 1024)));
    assert_eq!(bucket_policy(&long).unwrap_err().to_string(), "longer than 20480 bytes");
    for deep in ["[".repeat(20_000), r#"{"a":"#.repeat(4000), format!(r#"{{"Statement":{}"#, "[".repeat(10_000))] {
        assert!(bucket_policy(&deep).unwrap_err().to_string().contains("recursion limit"));
    }
    let name = "x".repeat(10_000);
    assert!(bucket_policy(&format!(r#"{{"{name}":1}}"#)).unwrap_err().to_string().len() < 200);
}

#[test]
fn documents_of_identities() {
    let right = r#"{"Version":"VERSION","Statement":[{"Effect":"Allow","Action":["ACTION"],"Resource":"RESOURCE"}]}"#;
    let parse = |version: &str, action: &str, resource: &str| {
        let text = right.replace("VERSION", version).replace("ACTION", action).replace("RESOURCE", resource);
        Policy::parse(&text, Grammar::Identity)
    };
    for (version, action, resource) in [
        ("2012-10-17", "s3:GetObject", "arn:aws:s3:::bucket/*"),
        ("2008-10-17", "ec2:RunInstances", "*"),
        ("1.1", "obs:object:PutObject", "obs:*:*:object:bucket/*"),
        ("1.1", "ecs:servers:list", "ecs:*:*:server:*"),
        ("1.0", "obs:*:*", "*"),
        ("5.0", "obs:object:putObject", "obs:*:*:object:bucket/${g:UserName}/*"),
    ] {
        assert!(parse(version, action, resource).is_ok(), "{version} {action} {resource}");
    }
    for (version, action, resource, message) in [
        ("2011-01-01", "s3:*", "*", "Version: unknown version"),
        (
            "2012-10-17",
            "GetObject",
            "*",
            "Statement[0].Action[0]: an action begins with its service, as in `s3:GetObject`",
        ),
        ("2012-10-17", "s3:*", "bucket/*", "Statement[0].Resource: not the name of a resource"),
    ] {
        assert_eq!(parse(version, action, resource).unwrap_err().to_string(), message);
    }
    let parse = |text: &str, grammar| Policy::parse(text, grammar).map(|_| ()).map_err(|e| e.to_string());
    // The resource may be left out in Huawei's versions only.
    let bare = r#"{"Version":"1.1","Statement":[{"Effect":"Allow","Action":["obs:*:*"]}]}"#;
    assert_eq!(parse(bare, Grammar::Identity), Ok(()));
    assert_eq!(
        parse(&bare.replace("1.1", "2012-10-17"), Grammar::Identity),
        Err("Statement[0]: Resource is missing".into())
    );
    let role = bare.replace("1.1", "1.0").replace(r#""Statement""#, r#""Depends":[{"catalog":"BASE"}],"Statement""#);
    assert_eq!(parse(&role, Grammar::Identity), Ok(()));
    assert!(parse(&role.replace("1.0", "1.1"), Grammar::Identity).unwrap_err().starts_with("Depends"));
    let named = statement(r#""Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*""#);
    assert!(parse(&named, Grammar::Identity).unwrap_err().starts_with("Statement[0].Principal"));
    let trust = statement(r#""Effect":"Allow","Principal":"*","Action":"sts:AssumeRole""#);
    assert_eq!(parse(&trust, Grammar::Trust), Ok(()));
    assert!(parse(&named, Grammar::Trust).unwrap_err().starts_with("Statement[0].Resource"));
    assert!(
        parse(&trust.replace(r#""Principal":"*","#, ""), Grammar::Trust).unwrap_err().contains("Principal is missing")
    );
    // Misspelt elements are refused everywhere: they would go unheard.
    let misspelt = trust.replace(r#""Effect":"Allow""#, r#""Effect":"Allow","Conditon":{}"#);
    assert!(parse(&misspelt, Grammar::Trust).unwrap_err().contains("unknown element"));
}

#[test]
fn public_policies() {
    let public = |principal: &str, condition: &str| {
        let document = statement(&format!(
            r#""Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"bucket/*","Condition":{condition}"#
        ));
        bucket_policy(&document).unwrap().is_public()
    };
    for (condition, expected) in [
        ("{}", true),
        (r#"{"Bool":{"aws:SecureTransport":"true"}}"#, true),
        (r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/32"}}"#, false),
        (r#"{"IpAddress":{"aws:SourceIp":"192.0.2.0/9"}}"#, false),
        (r#"{"IpAddress":{"aws:SourceIp":"192.0.2.0/8"}}"#, true),
        (r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, false),
        (r#"{"IpAddress":{"aws:SourceIp":["192.0.2.1","0.0.0.0/0"]}}"#, true),
        (r#"{"IpAddress":{"aws:SourceIp":"2001:db8::/33"}}"#, false),
        (r#"{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}"#, true),
        (r#"{"IpAddressIfExists":{"aws:SourceIp":"192.0.2.1"}}"#, true),
        (r#"{"NotIpAddress":{"aws:SourceIp":"192.0.2.1"}}"#, true),
        (r#"{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}"#, false),
        (r#"{"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}}"#, true),
        (r#"{"ForAllValues:StringEquals":{"aws:PrincipalAccount":"111111111111"}}"#, true),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/x"}}"#, false),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/*"}}"#, true),
        (r#"{"StringEquals":{"aws:SourceVpce":"vpce-1"}}"#, false),
        (r#"{"StringLike":{"aws:userid":"A*"}}"#, true),
        (r#"{"StringEquals":{"aws:userid":"AIDAEXAMPLE"}}"#, false),
        // Everybody who does not sign has this id.
        (r#"{"StringEquals":{"aws:userid":"anonymous"}}"#, true),
        (r#"{"StringEquals":{"aws:userid":["AIDAEXAMPLE","anonymous"]}}"#, true),
        (r#"{"StringEqualsIgnoreCase":{"g:UserId":"Anonymous"}}"#, true),
        // Anybody may send a header.
        (r#"{"StringEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"k"}}"#, true),
        (r#"{"StringEquals":{"aws:UserAgent":"secret"}}"#, true),
        (r#"{"StringEquals":{"s3:prefix":"public"}}"#, true),
    ] {
        assert_eq!(public(r#""*""#, condition), expected, "{condition}");
        assert_eq!(public(r#"{"AWS":"*"}"#, condition), expected, "{condition}");
        assert!(!public(r#"{"AWS":"111111111111"}"#, condition), "{condition}");
    }
    let deny = statement(r#""Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"bucket/*""#);
    assert!(!bucket_policy(&deny).unwrap().is_public());
}

/// Documents to be mutated: one of each grammar.
const SEEDS: [&str; 4] = [
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:user/a","*"]},"Action":["s3:Get*","s3:?ut*"],"Resource":["arn:aws:s3:::bucket/${aws:username, 'x'}/*"],"Condition":{"ForAnyValue:StringNotLikeIfExists":{"s3:prefix":["a*","${*}"]},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}"#,
    r#"{"Statement":[{"Effect":"Deny","NotPrincipal":{"ID":"domain/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:user/*"},"NotAction":"PutObject","NotResource":"bucket/*","Condition":{"datelt":{"CurrentTime":"2024-02-29T12:00:00+01:00"},"numgteq":{"max-keys":1.5e3},"ArnLike":{"aws:PrincipalArn":"arn:*:iam::1:a/b:c"}}}]}"#,
    r#"{"Version":"1.1","Statement":[{"Effect":"Allow","Action":["kms:dek:*"],"Resource":["KMS:*:*:KeyId:*"],"Condition":{"StringEndWith":{"g:UserName":["é"]},"Null":{"obs:prefix":[true]}}}]}"#,
    r#"{"Version":"5.0","Statement":{"Effect":"Allow","Principal":{"IAM":["iam::111111111111:agency:x"]},"Action":"sts:agencies:assume","Condition":{"Bool":{"g:MFAPresent":"false"}}}}"#,
];

fn parse_and_ask(text: &str) {
    let bucket = crate::setup::bucket_name();
    for grammar in [Grammar::Bucket(&bucket), Grammar::Identity, Grammar::Trust] {
        let Ok(policy) = Policy::parse(text, grammar) else { continue };
        let rules =
            strongroom_policy::BucketRules { policy: Some(std::sync::Arc::new(policy)), ..crate::setup::rules() };
        for principal in [Principal::Anonymous, root(id("d")), user(a(), "a", Has::default())] {
            for action in [Action::GetObject, Action::ListBucket, Action::StsAssumeRole] {
                let asked = ask(&principal, action, "a/é", &rules).with(strongroom_policy::ConditionKey::Prefix, "é*");
                assert!(!asked.explain().to_string().is_empty());
            }
        }
    }
}

#[test]
fn the_seeds_are_right_documents() {
    let bucket = crate::setup::bucket_name();
    let grammars = [Grammar::Bucket(&bucket), Grammar::Bucket(&bucket), Grammar::Identity, Grammar::Trust];
    for (seed, grammar) in SEEDS.iter().zip(grammars) {
        assert!(Policy::parse(seed, grammar).is_ok(), "{:?}", Policy::parse(seed, grammar));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_the_parser_panic(text in "\\PC{0,200}") {
        parse_and_ask(&text);
    }

    #[test]
    fn mutated_documents_neither_panic_nor_disagree(
        seed in 0..SEEDS.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..12usize), 1..6),
    ) {
        const BITS: [&str; 11] = ["", "\"", "*", "${", "}", "[]", "{}", ":", "\\u0000", "é", "999999999999999999999"];
        let mut text: Vec<char> = SEEDS[seed].chars().collect();
        for (from, length, bit) in cuts {
            let from = from.index(text.len().max(1));
            let until = (from + length.index(8)).min(text.len());
            match BITS.get(bit) {
                Some(bit) => drop(text.splice(from.min(until)..until, bit.chars())),
                // Double a piece instead.
                None => {
                    let piece: Vec<char> = text[from.min(until)..until].to_vec();
                    drop(text.splice(until..until, piece));
                }
            }
        }
        parse_and_ask(&text.into_iter().collect::<String>());
    }
}
