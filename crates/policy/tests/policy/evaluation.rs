//! Which layer decides.

use crate::setup::{
    Has, a, ask, attached, b, bucket_policy, id, reads, role, root, root_session, rules, rules_with, user, user_uid,
    user_with,
};
use std::sync::Arc;
use strongroom_policy::{
    AccessRequest, Action, Attached, BucketRules, Caller, Conditions, Identity, Layer, Ownership, Permissions, Policy,
    Principal, PublicAccessBlock, Reason, Resource, decide,
};

const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}"#;
const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#;
const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

fn allow_to(principal: &str) -> String {
    format!(
        r#"{{"Statement":[{{"Sid":"S","Effect":"Allow","Principal":{principal},"Action":"*","Resource":["bucket","bucket/*"]}}]}}"#
    )
}

fn deny_to(principal: &str) -> String {
    allow_to(principal).replace("Allow", "Deny")
}

#[test]
fn within_one_account() {
    let plain = rules();
    assert!(ask(&root(a()), Action::GetObject, "key", &plain).allowed());
    assert!(!ask(&user(a(), "alice", Has::default()), Action::GetObject, "key", &plain).allowed());
    assert!(ask(&user_with(a(), "alice", READ), Action::GetObject, "key", &plain).allowed());
    assert!(!ask(&user_with(a(), "alice", READ), Action::PutObject, "key", &plain).allowed());
    assert!(!ask(&Principal::Anonymous, Action::GetObject, "key", &plain).allowed());
    let alice = user(a(), "alice", Has::default());
    // Named by itself, in every form, the bucket's policy is enough.
    let (account, uid) = (a(), user_uid("alice"));
    for form in [
        r#"{"AWS":"arn:aws:iam::111111111111:user/alice"}"#.to_owned(),
        format!(r#"{{"AWS":"arn:aws:iam::{account}:user/alice"}}"#),
        format!(r#"{{"AWS":["arn:aws:iam::{account}:user/{uid}"]}}"#),
        format!(r#"{{"ID":"domain/{account}:user/alice"}}"#),
        format!(r#"{{"ID":" domain/{account}:user/{uid} "}}"#),
        format!(r#"{{"ID":["domain/{account}:user/*"]}}"#),
        format!(r#"{{"IAM":"iam::{account}:user:alice"}}"#),
        r#""*""#.to_owned(),
        r#"{"AWS":"*"}"#.to_owned(),
        r#"{"ID":"*"}"#.to_owned(),
    ] {
        assert!(reads(&alice, &allow_to(&form)), "{form}");
        assert!(!reads(&alice, &deny_to(&form)), "{form}");
        assert!(!reads(&root(a()), &deny_to(&form)) || form.contains("user"), "{form}");
    }
    // Named by its account, or not at all, it is not.
    for form in [
        r#"{"AWS":"111111111111"}"#.to_owned(),
        r#"{"AWS":"arn:aws:iam::111111111111:root"}"#.to_owned(),
        format!(r#"{{"CanonicalUser":"{account}"}}"#),
        format!(r#"{{"ID":"domain/{account}"}}"#),
        format!(r#"{{"ID":"domain/{account}:root"}}"#),
        format!(r#"{{"ID":"domain/{account}:user/bob"}}"#),
        format!(r#"{{"ID":"domain/{}:user/alice"}}"#, b()),
        r#"{"AWS":"arn:aws:iam::111111111111:user/path/alice"}"#.to_owned(),
        r#"{"AWS":"arn:aws:iam::111111111111:user/Alice"}"#.to_owned(),
        r#"{"AWS":"arn:aws:iam::111111111111:role/alice"}"#.to_owned(),
        r#"{"Service":"obs"}"#.to_owned(),
        r#"{"Federated":"arn:aws:iam::111111111111:identity-provider/x"}"#.to_owned(),
    ] {
        assert!(!reads(&alice, &allow_to(&form)), "{form}");
    }
    // A Deny to the account is a Deny to its users.
    let with_rights = user_with(a(), "alice", ALL);
    assert!(!reads(&with_rights, &deny_to(r#"{"AWS":"111111111111"}"#)));
    assert!(reads(&with_rights, &deny_to(r#"{"AWS":"222222222222"}"#)));
}

#[test]
fn between_accounts_both_sides_must_allow() {
    let (rights, none) = (user_with(b(), "bob", ALL), user(b(), "bob", Has::default()));
    let plain = rules();
    assert!(!ask(&rights, Action::GetObject, "key", &plain).allowed());
    assert!(!ask(&root(b()), Action::GetObject, "key", &plain).allowed());
    for form in [r#"{"AWS":"222222222222"}"#, r#"{"AWS":"arn:aws:iam::222222222222:root"}"#, r#""*""#] {
        let rules = rules_with(&allow_to(form));
        assert!(ask(&rights, Action::GetObject, "key", &rules).allowed(), "{form}");
        assert!(ask(&root(b()), Action::GetObject, "key", &rules).allowed(), "{form}");
        let denied = ask(&none, Action::GetObject, "key", &rules).explain();
        assert_eq!((denied.allowed, denied.reason), (false, Reason::NoIdentityAllow), "{form}");
    }
    let named = rules_with(&allow_to(r#"{"AWS":"arn:aws:iam::222222222222:user/bob"}"#));
    assert!(ask(&rights, Action::GetObject, "key", &named).allowed());
    assert!(!ask(&none, Action::GetObject, "key", &named).allowed());
    assert!(!ask(&root(b()), Action::GetObject, "key", &named).allowed());
    let explained = ask(&rights, Action::GetObject, "key", &named).explain();
    let expected = Reason::Statement {
        layer: Layer::BucketPolicy,
        source: "bucket policy".into(),
        index: 0,
        sid: Some("S".into()),
    };
    assert_eq!(explained.reason, expected);
}

#[test]
fn roles_and_their_sessions() {
    let session = role(a(), "Deploy", "run-7", Has::default());
    for (form, expected) in [
        (r#"{"AWS":"arn:aws:iam::111111111111:role/Deploy"}"#.to_owned(), true),
        (r#"{"AWS":"arn:aws:sts::111111111111:assumed-role/Deploy/run-7"}"#.to_owned(), true),
        (r#"{"AWS":"arn:aws:sts::111111111111:assumed-role/Deploy/run-8"}"#.to_owned(), false),
        (r#"{"AWS":"arn:aws:iam::111111111111:user/Deploy"}"#.to_owned(), false),
        (format!(r#"{{"ID":"domain/{}:agency/Deploy"}}"#, a()), true),
        (format!(r#"{{"ID":"domain/{}:agency/*"}}"#, a()), true),
        (format!(r#"{{"ID":"domain/{}:user/*"}}"#, a()), false),
        (format!(r#"{{"AWS":"arn:aws:iam::{}:agency/Deploy"}}"#, a()), true),
        (format!(r#"{{"IAM":"sts::{}:assumed-agency:Deploy/run-7"}}"#, a()), true),
        (r#"{"AWS":"111111111111"}"#.to_owned(), false),
    ] {
        assert_eq!(reads(&session, &allow_to(&form)), expected, "{form}");
    }
}

#[test]
fn not_principal() {
    let policy = |effect: &str, names: &str| {
        format!(
            r#"{{"Statement":{{"Effect":"{effect}","NotPrincipal":{{"AWS":[{names}]}},"Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}}}}"#
        )
    };
    let (alice, bob) = (user_with(a(), "alice", ALL), user_with(a(), "bob", ALL));
    let deny = policy("Deny", r#""arn:aws:iam::111111111111:user/alice","111111111111""#);
    assert!(reads(&alice, &deny));
    assert!(!reads(&bob, &deny), "the account alone does not except its users");
    assert!(reads(&root(a()), &deny));
    assert!(!reads(&root(a()), &policy("Deny", r#""arn:aws:iam::111111111111:user/alice""#)));
    // An Allow to everybody else leaves out all of an account it names.
    let allow = policy("Allow", r#""111111111111""#);
    assert!(!reads(&user(a(), "alice", Has::default()), &allow));
    assert!(reads(&Principal::Anonymous, &allow));
    assert!(bucket_policy(&allow).unwrap().is_public());
}

#[test]
fn anonymous_has_the_resource_side_only() {
    assert!(reads(&Principal::Anonymous, &allow_to(r#""*""#)));
    assert!(!reads(&Principal::Anonymous, &deny_to(r#""*""#)));
    assert!(!reads(&Principal::Anonymous, &allow_to(r#"{"AWS":"111111111111"}"#)));
    for action in
        [Action::ListAllMyBuckets, Action::KmsDecrypt, Action::StsGetCallerIdentity, Action::StsGetSessionToken]
    {
        let conditions = Conditions::default();
        let request = AccessRequest {
            principal: &Principal::Anonymous,
            action,
            resource: Resource::Service,
            owner: Some(&a()),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: &conditions,
            facts: &[],
        };
        assert!(decide(&request).is_err());
        assert!(decide(&AccessRequest { owner: None, ..request }).is_err());
    }
}

#[test]
fn an_explicit_deny_wins_for_every_action_and_from_every_layer() {
    let plain = rules();
    let open = rules_with(&allow_to(r#""*""#));
    let closed = rules_with(&deny_to(r#""*""#));
    for &action in Action::ALL {
        if action == Action::StsGetCallerIdentity {
            continue;
        }
        let object = if action.is_on_object() { "key" } else { "" };
        for has in [
            Has { identity: &[ALL, DENY_ALL], ..Has::default() },
            Has { identity: &[DENY_ALL, ALL], ..Has::default() },
            Has { identity: &[ALL], boundary: Some(DENY_ALL), ..Has::default() },
            Has { identity: &[ALL], session: Some(&[ALL, DENY_ALL]), ..Has::default() },
        ] {
            let alice = user(a(), "alice", has);
            for rules in [&plain, &open] {
                assert!(!ask(&alice, action, object, rules).allowed(), "{action:?}");
            }
        }
        if action.is_of_store() {
            let way_out =
                matches!(action, Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy);
            assert!(!ask(&user_with(a(), "alice", ALL), action, object, &closed).allowed(), "{action:?}");
            assert_eq!(ask(&root(a()), action, object, &closed).allowed(), way_out, "{action:?}");
            let binding = BucketRules { policy_binds_root: true, ..closed.clone() };
            assert!(!ask(&root(a()), action, object, &binding).allowed(), "{action:?}");
            assert!(!ask(&root(b()), action, object, &closed).allowed(), "{action:?}");
        }
    }
}

#[test]
fn an_unreadable_policy_denies() {
    let broken = BucketRules { policy: Some(Arc::new(Policy::unreadable("x"))), ..rules() };
    for (principal, action, expected) in [
        (root(a()), Action::GetObject, false),
        (root(a()), Action::DeleteBucketPolicy, true),
        (user_with(a(), "alice", ALL), Action::DeleteBucketPolicy, false),
        (root(b()), Action::GetBucketPolicy, false),
    ] {
        let object = if action.is_on_object() { "key" } else { "" };
        assert_eq!(ask(&principal, action, object, &broken).allowed(), expected, "{action:?}");
    }
    let unreadable = Attached { source: "user alice: policy P".into(), policy: Arc::new(Policy::unreadable("")) };
    let alice = |permissions| {
        let identity = Identity::User {
            uid: user_uid("alice"),
            name: model::EntityName::parse("alice").unwrap(),
            path: model::EntityPath::default(),
        };
        let number = model::AccountNumber::parse("111111111111").unwrap();
        Principal::Caller(Arc::new(Caller::new(a(), number, "x".into(), identity, None, permissions)))
    };
    for permissions in [
        Permissions { identity: vec![attached(ALL), unreadable.clone()], ..Permissions::default() },
        Permissions { identity: vec![attached(ALL)], boundary: Some(unreadable.clone()), ..Permissions::default() },
        Permissions {
            identity: vec![attached(ALL)],
            session: Some(vec![attached(ALL), unreadable.clone()]),
            ..Permissions::default()
        },
    ] {
        let explained = ask(&alice(permissions), Action::GetObject, "key", &rules()).explain();
        assert!(!explained.allowed && matches!(explained.reason, Reason::Unreadable { .. }));
    }
}

#[test]
fn boundaries_and_session_policies_narrow_and_never_widen() {
    let open = rules_with(&allow_to(r#"{"AWS":"arn:aws:iam::111111111111:user/alice"}"#));
    let may = |has, action| ask(&user(a(), "alice", has), action, "key", &rules()).allowed();
    assert!(may(Has { identity: &[ALL], boundary: Some(READ), ..Has::default() }, Action::GetObject));
    assert!(!may(Has { identity: &[ALL], boundary: Some(READ), ..Has::default() }, Action::PutObject));
    assert!(!may(Has { boundary: Some(ALL), ..Has::default() }, Action::GetObject), "a boundary grants nothing");
    assert!(!may(Has { session: Some(&[ALL]), ..Has::default() }, Action::GetObject), "nor does a session policy");
    assert!(may(Has { identity: &[ALL], session: Some(&[NOTHING, READ]), ..Has::default() }, Action::GetObject));
    assert!(!may(Has { identity: &[ALL], session: Some(&[]), ..Has::default() }, Action::GetObject));
    assert!(!may(Has { identity: &[READ], session: Some(&[ALL]), ..Has::default() }, Action::PutObject));
    // Both bind also where the bucket's policy names the user.
    for has in [Has { boundary: Some(NOTHING), ..Has::default() }, Has { session: Some(&[NOTHING]), ..Has::default() }]
    {
        assert!(!ask(&user(a(), "alice", has), Action::GetObject, "key", &open).allowed());
    }
    let narrowed = root_session(a(), Has { session: Some(&[READ]), ..Has::default() });
    assert!(ask(&narrowed, Action::GetObject, "key", &rules()).allowed());
    let explained = ask(&narrowed, Action::PutObject, "key", &rules()).explain();
    assert_eq!((explained.allowed, explained.reason), (false, Reason::NotAllowedBy(Layer::Session)));
    assert!(ask(&root_session(a(), Has::default()), Action::PutObject, "key", &rules()).allowed());
}

fn on_account(principal: &Principal, action: Action) -> bool {
    let conditions = Conditions::default();
    let owner = principal.account().cloned();
    decide(&AccessRequest {
        principal,
        action,
        resource: Resource::Service,
        owner: owner.as_ref(),
        bucket: None,
        object_acl: None,
        cmk: None,
        conditions: &conditions,
        facts: &[],
    })
    .is_ok()
}

#[test]
fn a_narrowed_session_changes_no_identity() {
    for &action in Action::ALL {
        for principal in [
            user(a(), "alice", Has { identity: &[ALL], session: Some(&[ALL]), ..Has::default() }),
            root_session(a(), Has { session: Some(&[ALL]), ..Has::default() }),
            role(a(), "Admin", "s", Has { identity: &[ALL], session: Some(&[ALL]), ..Has::default() }),
        ] {
            assert_eq!(on_account(&principal, action), !action.is_mutating_identity(), "{action:?}");
        }
        assert!(on_account(&root_session(a(), Has::default()), action), "{action:?}");
        let name = action.name();
        let reads = ["Get", "List", "Explain", "Simulate"].iter().any(|verb| name.contains(&format!(":{verb}")));
        let of_identities = name.starts_with("iam:") || name.starts_with("strongroom:");
        // What lets others use a CMK, after the session as well.
        let of_keys = matches!(action, Action::KmsCreateGrant | Action::KmsPutKeyPolicy);
        assert_eq!(action.is_mutating_identity(), of_keys || (of_identities && !reads), "{action:?}");
    }
}

#[test]
fn what_needs_no_permission() {
    let bare = user(a(), "alice", Has::default());
    assert!(on_account(&bare, Action::StsGetCallerIdentity));
    assert!(on_account(&bare, Action::StsGetSessionToken));
    assert!(!on_account(&bare, Action::StsAssumeRole));
    let denied = user_with(a(), "alice", DENY_ALL);
    assert!(on_account(&denied, Action::StsGetCallerIdentity));
    assert!(!on_account(&denied, Action::StsGetSessionToken));
    // A narrowed session gets no token its session policy does not speak of.
    let narrowed = user(a(), "alice", Has { session: Some(&[READ]), ..Has::default() });
    assert!(!on_account(&narrowed, Action::StsGetSessionToken));
    assert!(on_account(&narrowed, Action::StsGetCallerIdentity));
}

#[test]
fn keys_and_identities_are_their_own_accounts_only() {
    let region = model::RegionName::parse("local-1").unwrap();
    let number = model::AccountNumber::parse("111111111111").unwrap();
    let uid = model::CmkUid::from_bytes([7; 16]);
    let (account, conditions) = (a(), Conditions::default());
    let may = |principal: &Principal, action, resource| {
        let owner = Some(&account);
        let request = AccessRequest {
            principal,
            action,
            resource,
            owner,
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: &conditions,
            facts: &[],
        };
        decide(&request).is_ok()
    };
    let cmk = Resource::Cmk { region: &region, account: &account, number: &number, uid };
    let alice = Resource::Iam { account: &account, number: &number, entity: "user/team/alice" };
    assert!(may(&root(a()), Action::KmsDecrypt, cmk));
    assert!(!may(&root(b()), Action::KmsDecrypt, cmk));
    assert!(!may(&user_with(b(), "bob", ALL), Action::KmsDecrypt, cmk));
    assert!(!may(&user_with(b(), "bob", ALL), Action::IamDeleteUser, alice));
    let uuid = uid.to_uuid();
    for (version, resource, expected) in [
        ("2012-10-17", format!("arn:aws:kms:local-1:111111111111:key/{uuid}"), true),
        ("2012-10-17", "arn:aws:kms:*:111111111111:key/*".into(), true),
        ("2012-10-17", "arn:aws:kms:*:222222222222:key/*".into(), false),
        ("1.1", format!("KMS:*:*:KeyId:{uuid}"), true),
        ("1.1", format!("kms:local-1:{account}:keyid:{uuid}"), true),
        ("1.1", format!("kms:local-2:{account}:KeyId:{uuid}"), false),
        ("1.1", format!("kms:*:{}:KeyId:*", b()), false),
        ("5.0", format!("kms:*:*:KeyId:{}", "0".repeat(8)), false),
    ] {
        let action = if version == "2012-10-17" { "kms:Decrypt" } else { "kms:dek:crypto" };
        let text = format!(
            r#"{{"Version":"{version}","Statement":[{{"Effect":"Allow","Action":["{action}"],"Resource":["{resource}"]}}]}}"#
        );
        assert_eq!(may(&user_with(a(), "bob", &text), Action::KmsDecrypt, cmk), expected, "{text}");
    }
    for (version, resource, expected) in [
        ("2012-10-17", "arn:aws:iam::111111111111:user/team/*", true),
        ("2012-10-17", "arn:aws:iam::111111111111:user/${aws:username}", false),
        ("2012-10-17", "arn:aws:iam::111111111111:user/team/${aws:username}", true),
        ("5.0", "iam::*:user:team/alice", true),
        ("5.0", "iam::*:group:team/alice", false),
    ] {
        let action = if version == "5.0" { "iam:users:deleteUserV5" } else { "iam:DeleteUser" };
        let text = format!(
            r#"{{"Version":"{version}","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}]}}"#
        );
        assert_eq!(may(&user_with(a(), "alice", &text), Action::IamDeleteUser, alice), expected, "{text}");
    }
}

#[test]
fn objects_of_another_owner() {
    let open = rules_with(&allow_to(r#""*""#));
    let foreign = |principal: &Principal, action, rules: &BucketRules| {
        let mut asked = ask(principal, action, "key", rules);
        asked.owner = Some(b());
        asked.allowed()
    };
    // Their owner decides about reading; the bucket's owner gives away only what is his.
    assert!(!foreign(&root(a()), Action::GetObject, &open));
    assert!(!foreign(&Principal::Anonymous, Action::GetObject, &open));
    assert!(foreign(&root(b()), Action::GetObject, &rules()));
    assert!(foreign(&user_with(b(), "bob", ALL), Action::GetObjectAcl, &rules()));
    assert!(!foreign(&user(b(), "bob", Has::default()), Action::GetObject, &open));
    // The bucket's owner may forbid and remove.
    assert!(!foreign(&root(b()), Action::GetObject, &rules_with(&deny_to(r#""*""#))));
    assert!(foreign(&root(a()), Action::DeleteObject, &rules()));
    assert!(!foreign(&root(b()), Action::DeleteObject, &rules()));
    assert!(foreign(&root(b()), Action::DeleteObject, &open));
    // Enforced, everything is the bucket owner's.
    let enforced = BucketRules { ownership: Ownership::BucketOwnerEnforced, ..rules() };
    assert!(foreign(&root(a()), Action::GetObject, &enforced));
    assert!(!foreign(&root(b()), Action::GetObject, &enforced));
}

/// Whoever writes into another's bucket must not choose by that which policies speak of it.
#[test]
fn an_object_is_of_its_buckets_account_whoever_wrote_it() {
    let deny = |rest: &str| {
        let deny = format!(r#"{{"Effect":"Deny","Action":["obs:object:getObject"],{rest}}}"#);
        format!(
            r#"{{"Version":"5.0","Statement":[{{"Effect":"Allow","Action":["obs:*:*"],"Resource":["*"]}},{deny}]}}"#
        )
    };
    let by_resource = deny(&format!(r#""Resource":["obs:*:{}:object:bucket/*"]"#, a()));
    let by_condition =
        deny(&format!(r#""Resource":["*"],"Condition":{{"StringEquals":{{"aws:ResourceAccount":["{}"]}}}}"#, a()));
    let elsewhere = deny(&format!(r#""Resource":["obs:*:{}:object:bucket/*"]"#, b()));
    let open = rules_with(&allow_to(r#""*""#));
    for owner in [None, Some(b())] {
        for (document, denied) in [(&by_resource, true), (&by_condition, true), (&elsewhere, false)] {
            let alice = user_with(b(), "alice", document);
            let mut asked = ask(&alice, Action::GetObject, "key", &open);
            asked.owner = owner.clone();
            assert_eq!(asked.allowed(), !denied, "{document} {owner:?}");
        }
    }
}

#[test]
fn public_policies_can_be_restricted_to_the_owner_account() {
    let block = PublicAccessBlock { restrict_public_buckets: true, ..PublicAccessBlock::default() };
    let restricted = |document: &str| BucketRules { block, ..rules_with(document) };
    let public = restricted(&allow_to(r#""*""#));
    assert!(!ask(&Principal::Anonymous, Action::GetObject, "key", &public).allowed());
    assert!(!ask(&root(b()), Action::GetObject, "key", &public).allowed());
    assert!(ask(&user(a(), "alice", Has::default()), Action::GetObject, "key", &public).allowed());
    let private = restricted(&allow_to(r#"{"AWS":"222222222222"}"#));
    assert!(ask(&root(b()), Action::GetObject, "key", &private).allowed());
    assert!(!ask(&root(id("c")), Action::GetObject, "key", &private).allowed());
}

#[test]
fn the_service_as_a_whole_and_buckets_that_do_not_exist_yet() {
    let allow = |action: &str, resource: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}}}"#
        )
    };
    for (resource, expected) in [
        ("*", true),
        ("arn:aws:s3:::*", true),
        ("obs:*:*:*:*", true),
        ("arn:aws:s3:::bucket", false),
        ("arn:aws:kms:*:*:*", false),
        ("kms:*:*:*:*", false),
    ] {
        let alice = user_with(a(), "alice", &allow("s3:ListAllMyBuckets", resource));
        assert_eq!(on_account(&alice, Action::ListAllMyBuckets), expected, "{resource}");
    }
    for (resource, expected) in [("arn:aws:s3:::bucket", true), ("arn:aws:s3:::team-*", false), ("*", true)] {
        let alice = user_with(a(), "alice", &allow("s3:CreateBucket", resource));
        let (bucket, account, other) = (crate::setup::bucket_name(), a(), b());
        let conditions = Conditions::default();
        let request = AccessRequest {
            principal: &alice,
            action: Action::CreateBucket,
            resource: Resource::Bucket(&bucket),
            owner: Some(&account),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: &conditions,
            facts: &[],
        };
        assert_eq!(decide(&request).is_ok(), expected, "{resource}");
        assert!(decide(&AccessRequest { owner: Some(&other), ..request }).is_err());
        assert!(decide(&AccessRequest { owner: None, ..request }).is_err());
    }
}
