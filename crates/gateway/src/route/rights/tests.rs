//! The table of principal by operation, as the evaluator decides it, held against the file.

use super::*;
use model::{AccountId, AccountNumber, BucketName, EntityName, EntityPath, ObjectName, UserUid};
use policy::{
    AccessRequest, Acl, Attached, BucketRules, Caller, CannedAcl, Conditions, Grammar, Identity, Ownership,
    Permissions, Policy, Principal, PublicAccessBlock, Resource, decide,
};
use std::fmt::Write;
use std::sync::Arc;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/dialects/authorisation.md");

fn account(n: u8) -> (AccountId, AccountNumber) {
    let id = AccountId::parse(&format!("{n:032x}")).unwrap();
    (id, AccountNumber::parse(&format!("{n:012}")).unwrap())
}

fn root(n: u8) -> Principal {
    let (id, number) = account(n);
    Principal::root(id, number, "name")
}

/// A user of account `n`, with a policy that allows these actions.
fn user(n: u8, rights: &[Right]) -> Principal {
    let (id, number) = account(n);
    let identity = Identity::User {
        uid: UserUid::from_bytes([n; 16]),
        name: EntityName::parse("alice").unwrap(),
        path: EntityPath::parse("/").unwrap(),
    };
    let mut permissions = Permissions::default();
    if !rights.is_empty() {
        let policy = Policy::parse(&statement(rights, ""), Grammar::Identity).unwrap();
        permissions.identity.push(Attached { source: "test".into(), policy: Arc::new(policy) });
    }
    Principal::Caller(Arc::new(Caller::new(id, number, "name".into(), identity, None, permissions)))
}

fn statement(rights: &[Right], more: &str) -> String {
    let actions: Vec<String> = rights.iter().map(|right| format!("\"{}\"", right.action.name())).collect();
    let effect = if more.contains("Effect") { "" } else { "\"Effect\":\"Allow\"," };
    let resource = if more.contains("Resource") { "" } else { "\"Resource\":\"*\"," };
    let actions = actions.join(",");
    format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{{{more}{resource}{effect}\"Action\":[{actions}]}}]}}")
}

/// What the bucket's policy says to whom.
#[derive(Clone, Copy)]
enum Bucket {
    Silent,
    Allows(&'static str),
    DeniesEveryone,
}

/// Whether all rights that are always asked are given. The bucket and its objects belong to account 1.
fn may(principal: &Principal, rights: &[Right], bucket: Bucket) -> bool {
    let name = BucketName::parse("bkt").unwrap();
    let object = ObjectName::parse(b"o").unwrap();
    let resources = "\"Resource\":[\"arn:aws:s3:::bkt\",\"arn:aws:s3:::bkt/*\"],";
    let owner = account(1).0;
    let document = match bucket {
        Bucket::Silent => None,
        Bucket::Allows(whom) => Some(format!("\"Principal\":{whom},{resources}")),
        Bucket::DeniesEveryone => Some(format!("\"Effect\":\"Deny\",\"Principal\":\"*\",{resources}")),
    };
    let on_bucket: Vec<Right> =
        rights.iter().copied().filter(|r| !matches!(r.touches, Touches::Service | Touches::NewBucket)).collect();
    let policy = document.filter(|_| !on_bucket.is_empty()).map(|more| {
        let text = statement(&on_bucket, &more);
        Arc::new(Policy::parse(&text, Grammar::Bucket(&name)).unwrap_or_else(|e| panic!("{e}: {text}")))
    });
    let rules = BucketRules {
        owner: owner.clone(),
        policy,
        policy_binds_root: false,
        acl: CannedAcl::Private.expand(&owner, &owner),
        block: PublicAccessBlock::default(),
        ownership: Ownership::ObjectWriter,
    };
    let conditions = Conditions::default();
    rights.iter().filter(|right| right.when.is_empty()).all(|right| {
        let (resource, owner, bucket) = match right.touches {
            Touches::Service => (Resource::Service, principal.account(), None),
            Touches::NewBucket => (Resource::Bucket(&name), principal.account(), None),
            Touches::Bucket | Touches::OwnBucket => (Resource::Bucket(&name), Some(&owner), Some(&rules)),
            Touches::Object | Touches::Source => (Resource::Object(&name, &object), Some(&owner), Some(&rules)),
        };
        let own = right.touches != Touches::OwnBucket || principal.account() == Some(&account(1).0);
        let object_acl: Option<&Acl> = None;
        let request = AccessRequest {
            principal,
            action: right.action,
            resource,
            owner,
            bucket,
            object_acl,
            cmk: None,
            conditions: &conditions,
            facts: &[],
        };
        own && decide(&request).is_ok()
    })
}

/// The columns: a heading, and who asks with what.
fn columns(rights: &[Right]) -> Vec<(&'static str, bool)> {
    const OTHER: &str = "{\"AWS\":\"arn:aws:iam::000000000002:root\"}";
    let always: Vec<Right> = rights.iter().copied().filter(|right| right.when.is_empty()).collect();
    let may = |principal: &Principal, bucket| may(principal, &always, bucket);
    vec![
        ("anonymous", may(&Principal::Anonymous, Bucket::Silent)),
        ("owner's root", may(&root(1), Bucket::Silent)),
        ("user without policy", may(&user(1, &[]), Bucket::Silent)),
        ("user with the actions", may(&user(1, &always), Bucket::Silent)),
        ("other account's root", may(&root(2), Bucket::Silent)),
        ("other account's user with the actions", may(&user(2, &always), Bucket::Silent)),
        ("anonymous, bucket policy for everyone", may(&Principal::Anonymous, Bucket::Allows("\"*\""))),
        ("other account's root, bucket policy for it", may(&root(2), Bucket::Allows(OTHER))),
        ("other account's user without policy, bucket policy for it", may(&user(2, &[]), Bucket::Allows(OTHER))),
        ("other account's user with the actions, bucket policy for it", may(&user(2, &always), Bucket::Allows(OTHER))),
        ("owner's root, bucket policy denies everyone", may(&root(1), Bucket::DeniesEveryone)),
    ]
}

const INTRODUCTION: &str = "# Who may do what

One row for each operation of the data plane: what it asks the authoriser, in this order, and what comes of it for each
kind of requester. The bucket and its objects belong to one account, without ACLs, with no other policy than the heading
says. `yes` and `no` are what the evaluator decides on the rights that are always asked; further ones (`with an ACL`) are
asked in the same way. A new bucket belongs to whoever makes it. Parts are sent to, and completed is, an upload that the
requester's own account began, or as the bucket owner's account any; of the anonymous, one that the anonymous began.
`HEAD ?apiversion` asks nothing.

The table is written by `UPDATE_TABLES=1 cargo test -p strongroom-gateway route::rights` from `Operation::rights` and the
evaluator, and the same test holds it against them. Each row that clients can ask for is asked for, as each of them, in
`tests/test_authorisation.py`.

";

fn render() -> String {
    let mut out = INTRODUCTION.to_owned();
    let headings: Vec<&str> = columns(&[]).into_iter().map(|(heading, _)| heading).collect();
    writeln!(out, "| operation | asks | {} |", headings.join(" | ")).unwrap();
    writeln!(out, "|{}", "---|".repeat(headings.len() + 2)).unwrap();
    for operation in Operation::ALL {
        let rights = operation.rights();
        let asks: Vec<String> = rights
            .iter()
            .map(|right| {
                let when = if right.when.is_empty() { String::new() } else { format!(" ({})", right.when) };
                let name = if right.action == Action::HeadBucket {
                    "s3:ListBucket (`HeadBucket`)"
                } else {
                    right.action.name()
                };
                format!("{name} on {}{when}", right.touches.name())
            })
            .collect();
        let cells: Vec<&str> = columns(rights).into_iter().map(|(_, may)| if may { "yes" } else { "no" }).collect();
        writeln!(out, "| {} | {} | {} |", operation.name(), asks.join("; "), cells.join(" | ")).unwrap();
    }
    out
}

#[test]
fn the_table_of_rights_is_what_the_evaluator_decides() {
    let rendered = render();
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(FILE, &rendered).unwrap();
    }
    let file = std::fs::read_to_string(FILE).unwrap_or_default();
    for (line, expected) in file.lines().zip(rendered.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(file, rendered, "docs/dialects/authorisation.md");
}

#[test]
fn nobody_is_let_in_by_default() {
    for operation in Operation::ALL.iter().filter(|operation| **operation != Operation::ApiVersion) {
        assert!(!operation.rights().is_empty(), "{}", operation.name());
        for (who, may) in columns(operation.rights()) {
            let own = matches!(operation, Operation::ListBuckets | Operation::CreateBucket);
            match who {
                "anonymous" | "user without policy" => assert!(!may, "{} {who}", operation.name()),
                "other account's root" | "other account's user with the actions" if !own => {
                    assert!(!may, "{} {who}", operation.name());
                }
                "owner's root" | "user with the actions" => assert!(may, "{} {who}", operation.name()),
                _ => {}
            }
        }
    }
}
