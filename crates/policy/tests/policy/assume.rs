//! Who may assume a role.

use crate::setup::{Has, NUMBER_A, a, b, number, role, root, root_session, user, user_with};
use model::RoleUid;
use strongroom_policy::{AssumeRequest, ConditionKey, Conditions, Grammar, Policy, Principal, Resource, may_assume};

const ASSUME: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::111111111111:role/ops/Deploy"}]}"#;
const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sts:*","Resource":"*"}]}"#;

fn trust(principal: &str, more: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"{more}}}]}}"#
    )
}

fn assumes_with(principal: &Principal, trust: &str, external_id: Option<&str>) -> bool {
    let trust = Policy::parse(trust, Grammar::Trust).unwrap_or_else(|e| panic!("{e}: {trust}"));
    let (account, number) = (a(), number(&a()));
    let mut conditions = Conditions::default();
    if let Some(id) = external_id {
        conditions.add(ConditionKey::ExternalId, id);
    }
    let request = AssumeRequest {
        trust: &trust,
        role: Resource::Iam { account: &account, number: &number, entity: "role/ops/Deploy" },
        role_uid: Some(RoleUid::from_bytes([0xcd; 16])),
        principal,
        conditions: &conditions,
    };
    let explained = request.explain().unwrap();
    assert_eq!(may_assume(&request).is_ok(), explained.allowed, "{explained}");
    explained.allowed
}

fn assumes(principal: &Principal, trust: &str) -> bool {
    assumes_with(principal, trust, None)
}

#[test]
fn the_role_must_trust() {
    let by_account = trust(r#"{"AWS":"arn:aws:iam::111111111111:root"}"#, "");
    let by_name = trust(r#"{"AWS":"arn:aws:iam::111111111111:user/alice"}"#, "");
    let other = trust(r#"{"AWS":"222222222222"}"#, "");
    let (bare, rights) = (user(a(), "alice", Has::default()), user_with(a(), "alice", ASSUME));
    // By its account: the account's policies must allow as well.
    assert!(assumes(&rights, &by_account));
    assert!(!assumes(&bare, &by_account));
    assert!(assumes(&root(a()), &by_account));
    // By name, in the same account: that is enough.
    assert!(assumes(&bare, &by_name));
    assert!(!assumes(&user(a(), "bob", Has::default()), &by_name));
    assert!(!assumes(&root(a()), &by_name), "the account's root is not trusted because a user is");
    // Not trusted: the account's policies are not enough.
    assert!(!assumes(&rights, &other));
    assert!(!assumes(&root(a()), &other));
    // Another account: both.
    assert!(assumes(&root(b()), &other));
    assert!(!assumes(&user(b(), "bob", Has::default()), &other));
    assert!(assumes(&user_with(b(), "bob", ASSUME), &other));
    assert!(!assumes(&user_with(b(), "bob", &ASSUME.replace("Deploy", "Other")), &other));
    assert!(!assumes(&user(b(), "bob", Has::default()), &trust(r#"{"AWS":"arn:aws:iam::222222222222:user/bob"}"#, "")));
    assert!(!assumes(&Principal::Anonymous, &trust(r#""*""#, "")));
    assert!(assumes(&root(b()), &trust(r#"{"AWS":"*"}"#, "")));
}

#[test]
fn denies_boundaries_and_sessions_bind() {
    let by_name = trust(r#"{"AWS":"arn:aws:iam::111111111111:user/alice"}"#, "");
    assert!(!assumes(&user_with(a(), "alice", DENY), &by_name));
    assert!(!assumes(&user(a(), "alice", Has { boundary: Some(DENY), ..Has::default() }), &by_name));
    assert!(!assumes(&user(a(), "alice", Has { session: Some(&[]), ..Has::default() }), &by_name));
    assert!(assumes(&user(a(), "alice", Has { session: Some(&[ASSUME]), ..Has::default() }), &by_name));
    let by_account = trust(r#"{"AWS":"111111111111"}"#, "");
    assert!(!assumes(&root_session(a(), Has { session: Some(&[]), ..Has::default() }), &by_account));
    let denying = by_account.replace("Allow", "Deny");
    assert!(!assumes(&root(a()), &denying));
    let chained = role(a(), "First", "s", Has { identity: &[ASSUME], ..Has::default() });
    assert!(assumes(&chained, &by_account));
}

#[test]
fn external_ids() {
    let conditional =
        trust(r#"{"AWS":"222222222222"}"#, r#","Condition":{"StringEquals":{"sts:ExternalId":"ticket-7"}}"#);
    assert!(assumes_with(&root(b()), &conditional, Some("ticket-7")));
    assert!(!assumes_with(&root(b()), &conditional, Some("Ticket-7")));
    assert!(!assumes_with(&root(b()), &conditional, None));
}

#[test]
fn huawei_agencies() {
    let agency = format!(
        r#"{{"Version":"5.0","Statement":[{{"Effect":"Allow","Principal":{{"IAM":["{}"]}},"Action":["sts:agencies:assume"]}}]}}"#,
        b()
    );
    let policy = |uri: &str| {
        format!(
            r#"{{"Version":"1.1","Statement":[{{"Effect":"Allow","Action":["iam:agencies:assume"],"Resource":{{"uri":["/iam/agencies/{uri}"]}}}}]}}"#
        )
    };
    assert!(assumes(&root(b()), &agency));
    assert!(assumes(&user_with(b(), "bob", &policy(&"cd".repeat(16))), &agency));
    assert!(assumes(&user_with(b(), "bob", &policy("Deploy")), &agency));
    assert!(!assumes(&user_with(b(), "bob", &policy(&"ce".repeat(16))), &agency));
    assert!(!assumes(&user(b(), "bob", Has::default()), &agency));
}

#[test]
fn only_roles_are_assumed_and_unreadable_trust_denies() {
    let (account, number) = (a(), number(&a()));
    assert_eq!(number.as_str(), NUMBER_A);
    let conditions = Conditions::default();
    let open = Policy::parse(&trust(r#""*""#, ""), Grammar::Trust).unwrap();
    let unreadable = Policy::unreadable("{");
    let root = root(a());
    for (trust, entity, expected) in
        [(&open, "role/R", true), (&open, "user/R", false), (&open, "root", false), (&unreadable, "role/R", false)]
    {
        let role = Resource::Iam { account: &account, number: &number, entity };
        let request = AssumeRequest { trust, role, role_uid: None, principal: &root, conditions: &conditions };
        assert_eq!(may_assume(&request).is_ok(), expected, "{entity}");
    }
    let request = AssumeRequest {
        trust: &open,
        role: Resource::Service,
        role_uid: None,
        principal: &root,
        conditions: &conditions,
    };
    assert!(may_assume(&request).is_err() && request.explain().is_none());
}
