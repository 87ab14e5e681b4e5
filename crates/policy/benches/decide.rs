//! What a decision costs: for a root identity, for a user with five policies, for a bucket policy of twenty statements;
//! and what reading a document costs.
//!
//! `cargo bench -p strongroom-policy`. Nothing is asserted: figures of a shared machine prove nothing alone.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set up has nothing to say")]

use model::{AccountId, AccountNumber, BucketName, EntityName, EntityPath, ObjectName, Timestamp, UserUid};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use strongroom_policy::{
    AccessRequest, Acl, Action, Attached, BucketRules, Caller, ConditionKey, Conditions, Grammar, Identity, Ownership,
    Permissions, Policy, Principal, PublicAccessBlock, Resource, decide, explain,
};

const CALLS: usize = 20_000;
const ROUNDS: usize = 21;

/// Best time per call over the rounds.
fn measure(name: &str, calls: usize, mut call: impl FnMut()) {
    call();
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() / calls as f64
    });
    println!("{name:<52} {:>9.0} ns", rounds.fold(f64::INFINITY, f64::min) * 1e9);
}

fn user(policies: &[String]) -> Principal {
    let attached = |text: &String| Attached {
        source: "user alice: policy P".into(),
        policy: Arc::new(Policy::parse(text, Grammar::Identity).unwrap()),
    };
    let identity = Identity::User {
        uid: UserUid::from_bytes([1; 16]),
        name: EntityName::parse("alice").unwrap(),
        path: EntityPath::default(),
    };
    let permissions = Permissions { identity: policies.iter().map(attached).collect(), ..Permissions::default() };
    let account = AccountId::parse(&"a".repeat(32)).unwrap();
    let number = AccountNumber::parse("111111111111").unwrap();
    Principal::Caller(Arc::new(Caller::new(account, number, "a".into(), identity, None, permissions)))
}

fn main() {
    let bucket = BucketName::parse("bucket").unwrap();
    let object = ObjectName::parse(b"photos/2024/02/29/0001.jpg").unwrap();
    let account = AccountId::parse(&"a".repeat(32)).unwrap();
    let root = Principal::root(account.clone(), AccountNumber::parse("111111111111").unwrap(), "a");
    let mut conditions = Conditions {
        time: Timestamp::from_secs(1_709_209_815),
        secure_transport: true,
        source_ip: Some("192.0.2.7".parse().unwrap()),
        ..Conditions::default()
    };
    conditions.add(ConditionKey::ServerSideEncryption, "kms").add(ConditionKey::UserAgent, "aws-sdk-rust/1");
    let plain = BucketRules {
        owner: account.clone(),
        policy: None,
        policy_binds_root: false,
        acl: Acl::default(),
        block: PublicAccessBlock::default(),
        ownership: Ownership::ObjectWriter,
    };
    let statement = |i: usize, more: &str| {
        format!(
            r#"{{"Sid":"S{i}","Effect":"Deny",{more}"Action":["s3:PutObject","s3:Delete*"],
            "Resource":["arn:aws:s3:::bucket/area{i}/*","arn:aws:s3:::bucket/*/private{i}"],
            "Condition":{{"NotIpAddress":{{"aws:SourceIp":"192.0.2.0/24"}},"Bool":{{"aws:SecureTransport":"false"}}}}}}"#
        )
    };
    let document =
        |statements: &[String]| format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    let allow = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/photos/*"}"#.to_owned();
    let mut policies: Vec<String> =
        (0..4).map(|p| document(&[statement(p, ""), statement(p + 10, ""), statement(p + 20, "")])).collect();
    policies.push(document(&[allow]));
    let alice = user(&policies);

    let mut of_bucket: Vec<String> = (0..17).map(|i| statement(i, r#""Principal":"*","#)).collect();
    for (i, operator) in ["StringNotEquals", "StringNotLike"].iter().enumerate() {
        of_bucket.push(format!(
            r#"{{"Sid":"E{i}","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/*",
            "Condition":{{"{operator}":{{"s3:x-amz-server-side-encryption":"aws:kms"}}}}}}"#
        ));
    }
    of_bucket.push(
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/alice"},"Action":"s3:PutObject",
        "Resource":"arn:aws:s3:::bucket/*"}"#
            .to_owned(),
    );
    let text = document(&of_bucket);
    let policy = Arc::new(Policy::parse(&text, Grammar::Bucket(&bucket)).unwrap());
    let guarded = BucketRules { policy: Some(policy), ..plain.clone() };
    let bare = user(&[]);

    let request = |principal, bucket_rules| AccessRequest {
        principal,
        action: Action::PutObject,
        resource: Resource::Object(&bucket, &object),
        owner: Some(&account),
        bucket: Some(bucket_rules),
        object_acl: None,
        cmk: None,
        conditions: &conditions,
        facts: &[],
    };
    for (name, request) in [
        ("root", request(&root, &plain)),
        ("user with 5 policies, 13 statements", request(&alice, &plain)),
        ("bucket policy with 20 statements", request(&bare, &guarded)),
        ("user with 5 policies and that bucket policy", request(&alice, &guarded)),
    ] {
        assert!(decide(&request).is_ok(), "{name}");
        measure(name, CALLS, || drop(black_box(decide(black_box(&request)))));
    }
    let both = request(&alice, &guarded);
    measure("the last one, explained", CALLS / 10, || drop(black_box(explain(black_box(&both)))));
    measure("reading that bucket policy", CALLS / 100, || {
        drop(black_box(Policy::parse(black_box(&text), Grammar::Bucket(&bucket))));
    });
    let actions = r#""s3:*Get*","#.repeat(1800);
    let worst = document(&[format!(r#"{{"Effect":"Allow","Action":[{actions}"*"],"Resource":"*"}}"#)]);
    measure("reading 20 KiB of nothing but action patterns", 2, || {
        drop(black_box(Policy::parse(black_box(&worst), Grammar::Identity)));
    });
}
