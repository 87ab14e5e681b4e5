//! ACLs (obs-api §8.7).

use crate::setup::{Has, a, ask, b, root, rules, user, user_with};
use strongroom_policy::{
    Acl, Action, BucketRules, Grant, Grantee, Ownership, Permission, Principal, PublicAccessBlock, Reason,
};

const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

fn acl(grantee: Grantee, permission: Permission, delivered: bool) -> Acl {
    Acl { grants: vec![Grant { grantee, permission, delivered }] }
}

/// The actions that a grant on bucket or object lets the anonymous do.
fn given(bucket: Option<Acl>, object: Option<Acl>) -> Vec<Action> {
    let rules = BucketRules { acl: bucket.unwrap_or_default(), ..rules() };
    let may = |action: &Action| {
        let name = if action.is_on_object() { "key" } else { "" };
        let mut asked = ask(&Principal::Anonymous, *action, name, &rules);
        asked.object_acl = object.as_ref();
        asked.allowed()
    };
    Action::ALL.iter().copied().filter(may).collect()
}

#[test]
fn the_table_of_permissions() {
    use Action as A;
    let everyone = |permission| Some(acl(Grantee::AllUsers, permission, false));
    let delivered = |permission| Some(acl(Grantee::AllUsers, permission, true));
    let read = [A::HeadBucket, A::ListBucket, A::ListBucketVersions, A::ListBucketMultipartUploads];
    let write = [A::PutObject, A::DeleteObject, A::DeleteObjectVersion];
    assert_eq!(given(everyone(Permission::Read), None), read);
    assert_eq!(given(everyone(Permission::Write), None), write);
    assert_eq!(given(everyone(Permission::ReadAcp), None), [A::GetBucketAcl]);
    assert_eq!(given(everyone(Permission::WriteAcp), None), [A::PutBucketAcl]);
    let all: Vec<A> = given(everyone(Permission::FullControl), None);
    assert_eq!(all.len(), read.len() + write.len() + 2);
    assert_eq!(given(None, everyone(Permission::Read)), [A::GetObject, A::GetObjectVersion]);
    assert_eq!(given(None, everyone(Permission::Write)), []);
    assert_eq!(given(None, everyone(Permission::ReadAcp)), [A::GetObjectAcl, A::GetObjectVersionAcl]);
    assert_eq!(given(None, everyone(Permission::WriteAcp)), [A::PutObjectAcl, A::PutObjectVersionAcl]);
    assert_eq!(given(None, everyone(Permission::FullControl)).len(), 6);
    assert_eq!(given(delivered(Permission::Read), None), [&read[..], &[A::GetObject, A::GetObjectVersion]].concat());
    assert_eq!(given(delivered(Permission::FullControl), None).len(), all.len() + 6);
    assert_eq!(given(Some(acl(Grantee::LogDelivery, Permission::FullControl, true)), None), []);
    assert_eq!(given(Some(acl(Grantee::AuthenticatedUsers, Permission::Read, true)), None), []);
}

#[test]
fn grants_to_accounts_need_their_word_for_their_users() {
    let shared = BucketRules { acl: acl(Grantee::Account(b()), Permission::Read, false), ..rules() };
    let lists = |principal: &Principal, rules: &BucketRules| ask(principal, Action::ListBucket, "", rules).explain();
    assert!(lists(&root(b()), &shared).allowed);
    assert!(matches!(lists(&root(b()), &shared).reason, Reason::Grant(_)));
    assert!(lists(&user_with(b(), "bob", ALL), &shared).allowed);
    assert_eq!(lists(&user(b(), "bob", Has::default()), &shared).reason, Reason::NoIdentityAllow);
    assert!(!lists(&Principal::Anonymous, &shared).allowed);
    // The owner's own grant gives nothing to its users.
    let own = BucketRules { acl: acl(Grantee::Account(a()), Permission::FullControl, false), ..rules() };
    assert!(!lists(&user(a(), "alice", Has::default()), &own).allowed);
    // A grant to everyone does, as it does to the anonymous.
    let public = BucketRules { acl: acl(Grantee::AllUsers, Permission::Read, false), ..rules() };
    assert!(lists(&user(a(), "alice", Has::default()), &public).allowed);
    assert!(lists(&root(b()), &public).allowed);
    let signed = BucketRules { acl: acl(Grantee::AuthenticatedUsers, Permission::Read, false), ..rules() };
    assert!(lists(&root(b()), &signed).allowed);
    assert!(!lists(&Principal::Anonymous, &signed).allowed);
}

#[test]
fn acls_are_ignored_where_they_are_switched_off() {
    let public = BucketRules { acl: acl(Grantee::AllUsers, Permission::FullControl, true), ..rules() };
    let blocked = BucketRules {
        block: PublicAccessBlock { ignore_public_acls: true, ..PublicAccessBlock::default() },
        ..public.clone()
    };
    let enforced = BucketRules { ownership: Ownership::BucketOwnerEnforced, ..public.clone() };
    let object_acl = acl(Grantee::AllUsers, Permission::Read, false);
    for (rules, expected) in [(&public, true), (&blocked, false), (&enforced, false)] {
        let mut asked = ask(&Principal::Anonymous, Action::GetObject, "key", rules);
        asked.object_acl = Some(&object_acl);
        assert_eq!(asked.allowed(), expected);
        assert_eq!(ask(&Principal::Anonymous, Action::ListBucket, "", rules).allowed(), expected);
    }
    // The block is on groups only.
    let shared = BucketRules { acl: acl(Grantee::Account(b()), Permission::Read, false), ..blocked };
    assert!(ask(&root(b()), Action::ListBucket, "", &shared).allowed());
}

#[test]
fn delivered_grants_are_not_for_objects_of_others() {
    let delivered = BucketRules { acl: acl(Grantee::AllUsers, Permission::Read, true), ..rules() };
    let mut asked = ask(&Principal::Anonymous, Action::GetObject, "key", &delivered);
    assert!(asked.allowed());
    asked.owner = Some(b());
    assert!(!asked.allowed());
}

#[test]
fn public_acls() {
    assert!(acl(Grantee::AllUsers, Permission::ReadAcp, false).is_public());
    assert!(acl(Grantee::AuthenticatedUsers, Permission::Read, false).is_public());
    assert!(!acl(Grantee::Account(b()), Permission::FullControl, true).is_public());
    assert!(!acl(Grantee::LogDelivery, Permission::Write, false).is_public());
}
