//! Who may touch a CMK: by the account's policies, by its key policy, by grants; what each of them cannot do.

use crate::setup::{Has, NUMBER_A, a, b, number, role, root, root_session, user, user_uid, user_with};
use model::{CmkUid, RegionName, RoleUid};
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_policy::{
    AccessRequest, Action, CmkRules, ConditionKey, Conditions, ContextConstraint, Explanation, Grammar, GrantError,
    GrantPrincipal, KeyGrant, Layer, Policy, PolicyError, Principal, Reason, Resource, decide, explain,
    may_still_put_key_policy,
};

pub(crate) const ALLOW_KMS: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
const DENY_KMS: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:*","Resource":"*"}}"#;
/// The document every CMK begins with, written out.
const DEFAULT: &str = r#"{"Version":"2012-10-17","Statement":{"Sid":"Enable IAM User Permissions","Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"}}"#;

pub(crate) fn uid() -> CmkUid {
    CmkUid::from_bytes([0x42; 16])
}

fn region() -> RegionName {
    RegionName::parse("local-1").unwrap()
}

pub(crate) fn key_policy(document: &str) -> Result<Policy, PolicyError> {
    let (region, account, number) = (region(), a(), number(&a()));
    Policy::parse(document, Grammar::Key { region: &region, account: &account, number: &number, uid: uid() })
}

/// A CMK of account A with this key policy.
pub(crate) fn rules_with(document: &str) -> CmkRules {
    let policy = key_policy(document).unwrap_or_else(|e| panic!("{e}: {document}"));
    CmkRules { policy: Some(Arc::new(policy)), ..CmkRules::new(a()) }
}

pub(crate) fn grant(grantee: &str, operations: &[Action], constraint: Option<ContextConstraint>) -> Arc<KeyGrant> {
    Arc::new(KeyGrant::new("g1", grantee, None, operations, constraint).unwrap())
}

fn rules_granting(grantee: &str, operations: &[Action]) -> CmkRules {
    CmkRules { grants: vec![grant(grantee, operations, None)], ..CmkRules::new(a()) }
}

/// One request about the CMK, asked of `decide` and `explain`, which must agree.
pub(crate) fn weigh(
    principal: &Principal,
    action: Action,
    rules: &CmkRules,
    facts: &[(ConditionKey, &str)],
) -> Explanation {
    weigh_saying(principal, action, rules, facts, &Conditions::default())
}

fn weigh_saying(
    principal: &Principal,
    action: Action,
    rules: &CmkRules,
    facts: &[(ConditionKey, &str)],
    conditions: &Conditions,
) -> Explanation {
    let (region, account, number) = (region(), a(), number(&a()));
    let request = AccessRequest {
        principal,
        action,
        resource: Resource::Cmk { region: &region, account: &account, number: &number, uid: uid() },
        owner: Some(&account),
        bucket: None,
        object_acl: None,
        cmk: Some(rules),
        conditions,
        facts,
    };
    let explanation = explain(&request);
    assert_eq!(decide(&request).is_ok(), explanation.allowed, "{explanation}");
    explanation
}

fn may(principal: &Principal, action: Action, rules: &CmkRules) -> bool {
    weigh(principal, action, rules, &[]).allowed
}

fn context<'t>(pairs: &[(&str, &'t str)]) -> Vec<(ConditionKey, &'t str)> {
    pairs.iter().map(|(key, value)| (ConditionKey::EncryptionContext((*key).into()), *value)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn allowing(principal: &str) -> String {
    format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"kms:Decrypt","Resource":"*"}}}}"#)
}

#[test]
fn the_document_a_cmk_begins_with_leaves_all_to_the_account() {
    let (bare, allowed) = (user(a(), "alice", Has::default()), user_with(a(), "bob", ALLOW_KMS));
    let stranger = user_with(b(), "bob", ALLOW_KMS);
    for rules in [CmkRules::new(a()), rules_with(DEFAULT)] {
        for &action in Action::ALL.iter().filter(|action| action.is_of_keys()) {
            assert!(may(&allowed, action, &rules) && may(&root(a()), action, &rules), "{action:?}");
            assert!(!may(&bare, action, &rules), "{action:?}");
            assert!(!may(&stranger, action, &rules) && !may(&root(b()), action, &rules), "{action:?}");
            assert!(!may(&Principal::Anonymous, action, &rules), "{action:?}");
        }
    }
}

#[test]
fn a_key_policy_that_does_not_name_the_account_withholds_the_cmk_from_it() {
    let rules = rules_with(&allowing(r#"{"AWS":"arn:aws:iam::111111111111:user/alice"}"#));
    let alice = user(a(), "alice", Has::default());
    assert!(may(&alice, Action::KmsDecrypt, &rules), "named: needs no policy of her own");
    assert!(!may(&alice, Action::KmsEncrypt, &rules));
    let bob = weigh(&user_with(a(), "bob", ALLOW_KMS), Action::KmsDecrypt, &rules, &[]);
    assert_eq!((bob.allowed, bob.reason), (false, Reason::NoResourceAllow));
    assert!(!may(&root(a()), Action::KmsDecrypt, &rules), "the root identity too");
    assert!(!may(&root(a()), Action::KmsScheduleKeyDeletion, &rules));
}

#[test]
fn the_owners_root_identity_gets_the_key_policy_back() {
    let deny = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}}"#;
    let unreadable = CmkRules { policy: Some(Arc::new(Policy::unreadable("{"))), ..CmkRules::new(a()) };
    for rules in [rules_with(deny), unreadable, rules_with(&allowing(r#"{"AWS":"222222222222"}"#))] {
        for action in [Action::KmsGetKeyPolicy, Action::KmsPutKeyPolicy] {
            assert!(may(&root(a()), action, &rules));
            assert!(!may(&root(b()), action, &rules), "another account's root identity");
            assert!(!may(&user_with(a(), "bob", ALLOW_KMS), action, &rules), "users");
            let narrowed = root_session(a(), Has { session: Some(&[ALLOW_KMS]), ..Has::default() });
            assert_eq!(may(&narrowed, action, &rules), action == Action::KmsGetKeyPolicy);
            let limited = root_session(a(), Has { session: Some(&[DENY_KMS]), ..Has::default() });
            assert!(!may(&limited, action, &rules), "a session's own limit is no policy of the key");
        }
        assert!(!may(&root(a()), Action::KmsDescribeKey, &rules));
        assert!(!may(&root(a()), Action::KmsListKeyPolicies, &rules));
    }
}

#[test]
fn a_key_policy_that_cannot_be_read_denies() {
    let rules = CmkRules {
        policy: Some(Arc::new(Policy::unreadable("not a policy"))),
        grants: vec![grant(NUMBER_A, &[Action::KmsDecrypt], None)],
        ..CmkRules::new(a())
    };
    let explained = weigh(&root(a()), Action::KmsDecrypt, &rules, &[]);
    assert_eq!(explained.reason, Reason::Unreadable { layer: Layer::KeyPolicy, source: "key policy".into() });
    assert!(!may(&user_with(a(), "alice", ALLOW_KMS), Action::KmsDecrypt, &rules));
}

#[test]
fn between_accounts_both_sides_must_allow() {
    let by_policy = rules_with(&allowing(r#"{"AWS":["222222222222","arn:aws:iam::222222222222:user/bob"]}"#));
    let by_grant = rules_granting("arn:aws:iam::222222222222:user/bob", &[Action::KmsDecrypt]);
    for rules in [&by_policy, &by_grant] {
        assert!(may(&user_with(b(), "bob", ALLOW_KMS), Action::KmsDecrypt, rules));
        let bare = weigh(&user(b(), "bob", Has::default()), Action::KmsDecrypt, rules, &[]);
        assert_eq!((bare.allowed, bare.reason), (false, Reason::NoIdentityAllow), "stricter than AWS for grants");
        assert!(!may(&user_with(b(), "bob", ALLOW_KMS), Action::KmsEncrypt, rules));
        let own = CmkRules { own_account_only: true, ..rules.clone() };
        let refused = weigh(&user_with(b(), "bob", ALLOW_KMS), Action::KmsDecrypt, &own, &[]);
        assert_eq!((refused.allowed, refused.reason), (false, Reason::OtherAccount));
    }
    assert!(may(&user_with(b(), "eve", ALLOW_KMS), Action::KmsDecrypt, &by_policy), "by the account");
    assert!(!may(&user_with(b(), "eve", ALLOW_KMS), Action::KmsDecrypt, &by_grant));
    assert!(may(&root(b()), Action::KmsDecrypt, &by_policy), "a root identity needs no policy of its own");
    // A key policy for everybody is for everybody who signed, whose own account agrees.
    let everybody = rules_with(&allowing(r#""*""#));
    assert!(!may(&Principal::Anonymous, Action::KmsDecrypt, &everybody));
    assert!(!may(&user(b(), "bob", Has::default()), Action::KmsDecrypt, &everybody));
    assert!(may(&user(a(), "bob", Has::default()), Action::KmsDecrypt, &everybody));
}

#[test]
fn every_form_of_a_grantee() {
    let alice = user(a(), "alice", Has::default());
    let deploy = role(a(), "Deploy", "s1", Has::default());
    let uid_of_alice = user_uid("alice").to_hex();
    let uid_of_role = RoleUid::from_bytes([0x22; 16]).to_hex();
    let id_of_a = a().to_string();
    for (grantee, holds) in [
        ("arn:aws:iam::111111111111:user/alice", [true, false]),
        (&uid_of_alice, [true, false]),
        (&format!("domain/{id_of_a}:user/alice"), [true, false]),
        (&format!("iam::{id_of_a}:user:alice"), [true, false]),
        ("arn:aws:iam::222222222222:user/alice", [false, false]),
        ("arn:aws:iam::111111111111:user/other/alice", [false, false]),
        ("arn:aws:iam::111111111111:role/Deploy", [false, true]),
        ("arn:aws:sts::111111111111:assumed-role/Deploy/s1", [false, true]),
        ("arn:aws:sts::111111111111:assumed-role/Deploy/s2", [false, false]),
        (&uid_of_role, [false, true]),
        (&user_uid("bob").to_hex(), [false, false]),
        // The account: its identities need its word as well.
        (NUMBER_A, [false, false]),
        (&id_of_a, [false, false]),
        ("arn:aws:iam::111111111111:root", [false, false]),
    ] {
        let rules = rules_granting(grantee, &[Action::KmsDecrypt]);
        let held = [may(&alice, Action::KmsDecrypt, &rules), may(&deploy, Action::KmsDecrypt, &rules)];
        assert_eq!(held, holds, "{grantee}");
    }
    // The key policy withholds the CMK from the account; the grant to the account gives it back to whom it allows.
    let nobody = allowing(r#"{"AWS":"arn:aws:iam::111111111111:user/carol"}"#);
    for account in [NUMBER_A, &id_of_a, "arn:aws:iam::111111111111:root"] {
        let rules = CmkRules { grants: vec![grant(account, &[Action::KmsDecrypt], None)], ..rules_with(&nobody) };
        assert!(may(&user_with(a(), "bob", ALLOW_KMS), Action::KmsDecrypt, &rules), "{account}");
        assert!(may(&root(a()), Action::KmsDecrypt, &rules), "{account}");
        assert!(!may(&alice, Action::KmsDecrypt, &rules), "{account}");
    }
    for wrong in [
        "",
        "*",
        "alice",
        "11111111111",
        "arn:aws:iam::*:root",
        "arn:aws:iam::111111111111:user/*",
        "domain/ID:user/*",
        "arn:aws:iam::111111111111:group/g",
        "arn:aws:s3:::bucket",
        &"1".repeat(300),
        &format!("domain/{id_of_a}:user/*"),
        &format!("domain/{id_of_a}:group/g"),
    ] {
        assert!(matches!(GrantPrincipal::parse(wrong), Err(GrantError::Principal(_))), "{wrong}");
    }
}

#[test]
fn a_uid_grants_to_nobody_who_merely_bears_it_as_a_name() {
    let uid = user_uid("alice").to_hex();
    let rules = rules_granting(&uid, &[Action::KmsDecrypt]);
    assert!(!may(&user(a(), &uid, Has::default()), Action::KmsDecrypt, &rules));
}

#[test]
fn a_grant_allows_its_operations_and_only_allows() {
    let alice = user(a(), "alice", Has::default());
    let arn = "arn:aws:iam::111111111111:user/alice";
    for &operation in KeyGrant::OPERATIONS {
        let rules = rules_granting(arn, &[operation]);
        for &action in Action::ALL.iter().filter(|action| action.is_of_keys()) {
            let facts = [(ConditionKey::GrantOperations, operation.name().trim_start_matches("kms:"))];
            let allowed = weigh(&alice, action, &rules, &facts).allowed;
            assert_eq!(allowed, action == operation && action != Action::KmsRetireGrant, "{operation:?}: {action:?}");
        }
    }
    for action in [Action::KmsPutKeyPolicy, Action::KmsScheduleKeyDeletion, Action::KmsRevokeGrant, Action::GetObject] {
        assert_eq!(KeyGrant::new("g", arn, None, &[action], None).unwrap_err(), GrantError::Operation(action));
    }
    assert_eq!(KeyGrant::new("g", arn, None, &[], None).unwrap_err(), GrantError::NoOperation);
    // A Deny anywhere, a boundary and a session policy stand above it.
    let rules = rules_granting(arn, &[Action::KmsDecrypt]);
    let encrypt = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}}"#;
    for has in [
        Has { identity: &[DENY_KMS], ..Has::default() },
        Has { boundary: Some(encrypt), ..Has::default() },
        Has { session: Some(&[encrypt]), ..Has::default() },
        Has { session: Some(&[]), ..Has::default() },
    ] {
        assert!(!may(&user(a(), "alice", has), Action::KmsDecrypt, &rules));
    }
    let denied =
        r#"{"Statement":[{"Effect":"Deny","Principal":{"AWS":"111111111111"},"Action":"kms:Decrypt","Resource":"*"}]}"#;
    let rules = CmkRules { grants: rules.grants, ..rules_with(denied) };
    let explained = weigh(&alice, Action::KmsDecrypt, &rules, &[]);
    assert!(matches!(explained.reason, Reason::Statement { layer: Layer::KeyPolicy, index: 0, .. }));
}

#[test]
fn a_constraint_asks_for_the_encryption_context() {
    let alice = user(a(), "alice", Has::default());
    let arn = "arn:aws:iam::111111111111:user/alice";
    let operations = &[Action::KmsDecrypt, Action::KmsGenerateDataKey, Action::KmsDescribeKey];
    for (constraint, cases) in [
        (
            ContextConstraint::Equals(pairs(&[("team", "red"), ("tier", "1")])),
            &[
                (&[("team", "red"), ("tier", "1")][..], true),
                (&[("tier", "1"), ("team", "red")], true),
                (&[("team", "red")], false),
                (&[("team", "red"), ("tier", "1"), ("more", "x")], false),
                (&[("team", "Red"), ("tier", "1")], false),
                (&[], false),
            ][..],
        ),
        (
            ContextConstraint::Subset(pairs(&[("team", "red")])),
            &[
                (&[("team", "red")][..], true),
                (&[("team", "red"), ("more", "x")], true),
                (&[("team", "blue"), ("more", "red")], false),
                (&[("Team", "red")], false),
                (&[], false),
            ],
        ),
    ] {
        let rules = CmkRules { grants: vec![grant(arn, operations, Some(constraint))], ..CmkRules::new(a()) };
        for (said, expected) in cases {
            for action in [Action::KmsDecrypt, Action::KmsGenerateDataKey] {
                assert_eq!(weigh(&alice, action, &rules, &context(said)).allowed, *expected, "{said:?}");
            }
        }
        assert!(may(&alice, Action::KmsDescribeKey, &rules), "what has no context is not limited");
        // What a request merely says is no encryption context.
        let mut said = Conditions::default();
        said.add(ConditionKey::EncryptionContext("team".into()), "red");
        said.add(ConditionKey::EncryptionContext("tier".into()), "1");
        assert!(!weigh_saying(&alice, Action::KmsDecrypt, &rules, &[], &said).allowed);
    }
}

#[test]
fn a_grant_passes_on_no_more_than_it_has() {
    use ConditionKey as K;
    let alice = user(a(), "alice", Has::default());
    let arn = "arn:aws:iam::111111111111:user/alice";
    let operations = &[Action::KmsCreateGrant, Action::KmsDecrypt];
    let plain = CmkRules { grants: vec![grant(arn, operations, None)], ..CmkRules::new(a()) };
    for (wanted, expected) in [
        (&["Decrypt"][..], true),
        (&["Decrypt", "CreateGrant"], true),
        (&["Encrypt"], false),
        (&["Decrypt", "Encrypt"], false),
        (&["kms:Decrypt"], false),
        (&[], false),
    ] {
        let facts: Vec<_> = wanted.iter().map(|name| (K::GrantOperations, *name)).collect();
        assert_eq!(weigh(&alice, Action::KmsCreateGrant, &plain, &facts).allowed, expected, "{wanted:?}");
    }
    let subset = ContextConstraint::Subset(pairs(&[("team", "red")]));
    let equals = ContextConstraint::Equals(pairs(&[("team", "red")]));
    for (own, made, words, expected) in [
        (&subset, &subset, &[("team", "red")][..], true),
        (&subset, &equals, &[("team", "red"), ("more", "x")], true),
        (&subset, &subset, &[("team", "blue")], false),
        (&subset, &subset, &[], false),
        (&equals, &equals, &[("team", "red")], true),
        (&equals, &subset, &[("team", "red")], false),
        (&equals, &equals, &[("team", "red"), ("more", "x")], false),
    ] {
        let rules = CmkRules { grants: vec![grant(arn, operations, Some(own.clone()))], ..CmkRules::new(a()) };
        let mut facts = context(words);
        facts.extend([(K::GrantOperations, "Decrypt"), (K::GrantConstraintType, made.type_name())]);
        let allowed = weigh(&alice, Action::KmsCreateGrant, &rules, &facts).allowed;
        assert_eq!(allowed, expected, "{own:?} to {made:?} of {words:?}");
    }
    // A narrowed session makes none, whatever the grant says.
    let narrowed = user(a(), "alice", Has { session: Some(&[ALLOW_KMS]), ..Has::default() });
    let explained = weigh(&narrowed, Action::KmsCreateGrant, &plain, &[(K::GrantOperations, "Decrypt")]);
    assert_eq!((explained.allowed, explained.reason), (false, Reason::NarrowedSession));
}

#[test]
fn a_grant_is_given_back_by_whom_it_names_for_that() {
    let alice = user(a(), "alice", Has::default());
    let make = |id: &str, operations: &[Action], retiring: Option<&str>| {
        let arn = "arn:aws:iam::111111111111:user/alice";
        Arc::new(KeyGrant::new(id, arn, retiring, operations, None).unwrap())
    };
    let mine = make("mine", &[Action::KmsDecrypt, Action::KmsRetireGrant], None);
    let others = make("others", &[Action::KmsDecrypt], Some("arn:aws:iam::111111111111:user/bob"));
    let bob = user(a(), "bob", Has::default());
    let rules =
        |retires| CmkRules { grants: vec![Arc::clone(&mine), Arc::clone(&others)], retires, ..CmkRules::new(a()) };
    for (retires, of_alice, of_bob) in [(Some(&mine), true, false), (Some(&others), false, true), (None, false, false)]
    {
        let rules = rules(retires.map(Arc::clone));
        assert_eq!(may(&alice, Action::KmsRetireGrant, &rules), of_alice);
        assert_eq!(may(&bob, Action::KmsRetireGrant, &rules), of_bob);
        assert!(may(&user_with(a(), "carol", ALLOW_KMS), Action::KmsRetireGrant, &rules), "by a policy");
    }
    assert!(mine.is_retired_by(&alice) && !others.is_retired_by(&alice) && others.is_retired_by(&bob));
    let narrow = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}}"#;
    let narrowed = user(a(), "alice", Has { session: Some(&[narrow]), ..Has::default() });
    assert!(!may(&narrowed, Action::KmsRetireGrant, &rules(Some(Arc::clone(&mine)))));
}

#[test]
fn explanations_show_key_policy_and_grant() {
    let document = allowing(r#"{"AWS":"arn:aws:iam::111111111111:user/bob"}"#);
    let rules = CmkRules {
        grants: vec![grant("arn:aws:iam::111111111111:user/alice", &[Action::KmsDecrypt], None)],
        ..rules_with(&document)
    };
    let explained = weigh(&user(a(), "alice", Has::default()), Action::KmsDecrypt, &rules, &[]);
    assert_eq!(
        explained.to_string(),
        "ALLOWED: grant g1 on the key\n  key policy: statement 1: Allow: other principals\n  grant g1 on the key: holds\n"
    );
    let explained = weigh(&user(a(), "bob", Has::default()), Action::KmsDecrypt, &rules, &[]);
    assert_eq!(
        explained.to_string(),
        "ALLOWED: statement 1 of key policy\n  key policy: statement 1: Allow: matches\n"
    );
}

#[test]
fn nobody_locks_himself_out_unawares() {
    let ask = |principal: &Principal, document: &str| {
        let (region, account, number) = (region(), a(), number(&a()));
        let (rules, conditions) = (CmkRules::new(a()), Conditions::default());
        let request = AccessRequest {
            principal,
            action: Action::KmsPutKeyPolicy,
            resource: Resource::Cmk { region: &region, account: &account, number: &number, uid: uid() },
            owner: Some(&account),
            bucket: None,
            object_acl: None,
            cmk: Some(&rules),
            conditions: &conditions,
            facts: &[],
        };
        assert!(!may_still_put_key_policy(
            &AccessRequest { cmk: None, ..request },
            &Arc::new(key_policy(DEFAULT).unwrap())
        ));
        may_still_put_key_policy(&request, &Arc::new(key_policy(document).unwrap()))
    };
    let alice = user_with(a(), "alice", ALLOW_KMS);
    let named = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/alice"},
        "Action":["kms:PutKeyPolicy"],"Resource":"*"}}"#;
    let denying = r#"{"Statement":[
        {"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Principal":{"AWS":"111111111111"},"Action":"kms:Put*","Resource":"*"}]}"#;
    assert!(ask(&alice, DEFAULT) && ask(&alice, named));
    assert!(!ask(&alice, &allowing(r#"{"AWS":"111111111111"}"#)), "decrypting is not enough");
    assert!(!ask(&alice, denying) && !ask(&user(a(), "bob", Has::default()), named));
    assert!(!ask(&user(a(), "bob", Has::default()), DEFAULT));
    assert!(ask(&root(a()), denying), "the root identity always finds back");
}

#[test]
fn conditions_see_what_the_kms_found_out_and_nothing_else() {
    use ConditionKey as K;
    let region = region();
    let via_store = K::via_store(&region);
    let facts: Vec<(K, &str)> = vec![
        (K::ViaService, &via_store),
        (K::EncryptionContext("team".into()), "red"),
        (K::EncryptionContextKeys, "team"),
        (K::KeyOrigin, "AWS_KMS"),
        (K::KeySpec, "SYMMETRIC_DEFAULT"),
        (K::KeyUsage, "ENCRYPT_DECRYPT"),
        (K::MultiRegion, "false"),
        (K::ResourceAliases, "alias/one"),
        (K::ResourceAliases, "alias/two"),
        (K::EncryptionAlgorithm, "SYMMETRIC_DEFAULT"),
        (K::GrantOperations, "Decrypt"),
        (K::GranteePrincipal, "arn:aws:iam::111111111111:user/bob"),
        (K::RetiringPrincipal, "arn:aws:iam::111111111111:user/bob"),
        (K::GrantConstraintType, "EncryptionContextSubset"),
        (K::GrantIsForAwsResource, "false"),
        (K::WrappingAlgorithm, "RSAES_OAEP_SHA_256"),
        (K::ExpirationModel, "KEY_MATERIAL_EXPIRES"),
        (K::ValidTo, "2030-01-01T00:00:00Z"),
        (K::BypassPolicyLockoutSafetyCheck, "true"),
        (K::PendingWindowInDays, "7"),
        (K::RotationPeriodInDays, "365"),
        (K::ReEncryptOnSameKey, "false"),
        (K::ResourceTag("cost".into()), "1"),
        (K::RequestTag("cost".into()), "2"),
        (K::TagKeys, "cost"),
    ];
    let alice = user(a(), "alice", Has::default());
    let mut spoofed = Conditions::default();
    for (key, value) in &facts {
        spoofed.add(key.clone(), *value);
    }
    for condition in [
        r#"{"StringEquals":{"kms:ViaService":"s3.local-1.amazonaws.com"}}"#,
        r#"{"StringEquals":{"kms:ViaService":"obs.local-1"}}"#,
        r#"{"StringLike":{"kms:ViaService":"obs.*"}}"#,
        r#"{"StringEquals":{"kms:EncryptionContext:team":"red"}}"#,
        r#"{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["team"]},"Null":{"kms:EncryptionContextKeys":"false"}}"#,
        r#"{"StringEquals":{"kms:KeyOrigin":"AWS_KMS"}}"#,
        r#"{"StringEquals":{"kms:KeyOrigin":"kms"}}"#,
        r#"{"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT"}}"#,
        r#"{"StringEquals":{"kms:KeySpec":"AES_256"}}"#,
        r#"{"StringEquals":{"kms:KeyUsage":"ENCRYPT_DECRYPT"}}"#,
        r#"{"Bool":{"kms:MultiRegion":"false"},"Null":{"kms:MultiRegion":"false"}}"#,
        r#"{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/two"}}"#,
        r#"{"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#,
        r#"{"ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt"]},"Null":{"kms:GrantOperations":"false"}}"#,
        r#"{"ArnLike":{"kms:GranteePrincipal":"arn:aws:iam::*:user/bob"}}"#,
        r#"{"StringEquals":{"kms:RetiringPrincipal":"arn:aws:iam::111111111111:user/bob"}}"#,
        r#"{"StringEquals":{"kms:GrantConstraintType":"EncryptionContextSubset"}}"#,
        r#"{"Bool":{"kms:GrantIsForAWSResource":"false"},"Null":{"kms:GrantIsForAWSResource":"false"}}"#,
        r#"{"StringEquals":{"kms:WrappingAlgorithm":"RSAES_OAEP_SHA_256"}}"#,
        r#"{"StringEquals":{"kms:ExpirationModel":"KEY_MATERIAL_EXPIRES"}}"#,
        r#"{"DateLessThan":{"kms:ValidTo":"2031-01-01T00:00:00Z"}}"#,
        r#"{"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"true"}}"#,
        r#"{"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"8"}}"#,
        r#"{"NumericEquals":{"kms:RotationPeriodInDays":"365"}}"#,
        r#"{"Bool":{"kms:ReEncryptOnSameKey":"false"},"Null":{"kms:ReEncryptOnSameKey":"false"}}"#,
        r#"{"StringEquals":{"aws:ResourceTag/cost":"1"}}"#,
        r#"{"StringEquals":{"aws:RequestTag/cost":"2"}}"#,
        r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":"cost"}}"#,
    ] {
        let document = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111111111111:user/alice"}},
            "Action":"kms:Decrypt","Resource":"*","Condition":{condition}}}}}"#
        );
        let rules = rules_with(&document);
        assert!(weigh(&alice, Action::KmsDecrypt, &rules, &facts).allowed, "{condition}");
        assert!(!weigh(&alice, Action::KmsDecrypt, &rules, &[]).allowed, "{condition}");
        let said = weigh_saying(&alice, Action::KmsDecrypt, &rules, &[], &spoofed);
        assert!(!said.allowed, "a request cannot say it: {condition}");
    }
    // By which alias a CMK was asked for is no matter of rights: a policy may name the key, and it is never there.
    let document = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/alice"},
        "Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/one"}}}}"#;
    assert!(!weigh(&alice, Action::KmsDecrypt, &rules_with(document), &facts).allowed);
    let absent =
        document.replace(r#""StringEquals":{"kms:RequestAlias":"alias/one"}"#, r#""Null":{"kms:RequestAlias":"true"}"#);
    assert!(weigh(&alice, Action::KmsDecrypt, &rules_with(&absent), &facts).allowed);
    // Whose account calls is known from the signature, not from anything that is handed over.
    let document = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*",
        "Condition":{"StringEquals":{"kms:CallerAccount":"222222222222"}}}}"#;
    let as_b = [(K::CallerAccount, "222222222222")];
    assert!(!weigh(&alice, Action::KmsDecrypt, &rules_with(document), &as_b).allowed);
    assert!(may(&user_with(b(), "bob", ALLOW_KMS), Action::KmsDecrypt, &rules_with(document)));
}

#[test]
fn key_policies_that_are_refused() {
    let uuid = uid().to_uuid();
    let resource = |resource: &str| {
        format!(r#"{{"Statement":{{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"{resource}"}}}}"#)
    };
    for right in [
        "*",
        &format!("arn:aws:kms:local-1:111111111111:key/{uuid}"),
        "arn:aws:kms:*:111111111111:key/*",
        &format!("kms:local-1:{}:KeyId:{uuid}", a()),
        "KMS:*:*:KeyId:*",
    ] {
        let rules = rules_with(&resource(right));
        assert!(!may(&user_with(a(), "alice", ALLOW_KMS), Action::KmsDecrypt, &rules), "{right}");
    }
    for (wrong, why) in [
        (r#"{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#.to_owned(), "Principal is missing"),
        (r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*"}}"#.into(), "Resource is missing"),
        (r#"{"Statement":{"Effect":"Allow","Principal":"*","Resource":"*"}}"#.into(), "Action is missing"),
        (r#"{"Statement":{"Principal":"*","Action":"kms:*","Resource":"*"}}"#.into(), "Effect is missing"),
        (r#"{"Statement":{"Effect":"Allow","Principal":{},"Action":"kms:*","Resource":"*"}}"#.into(), "names nobody"),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"alice"},"Action":"kms:*","Resource":"*"}}"#.into(),
            "not a principal",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}"#.into(),
            "unknown action",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":["kms:*","iam:*"],"Resource":"*"}}"#.into(),
            "unknown action",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:Decrypted","Resource":"*"}}"#.into(),
            "unknown action",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"Decrypt","Resource":"*"}}"#.into(),
            "an action begins with its service, as in `kms:Decrypt`",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*",
             "Condition":{"StringEquals":{"kms:ViaServices":"x"}}}}"#
                .into(),
            "unknown condition key",
        ),
        (r#"{"Version":"1.1","Statement":[]}"#.into(), "unknown version"),
        (r#"{"Version":"2012-10-17","Statement":[]}"#.into(), "empty list"),
        (resource("arn:aws:kms:local-1:111111111111:key/00000000-0000-0000-0000-000000000000"), "not this key"),
        (resource("arn:aws:kms:local-2:111111111111:key/*"), "not this key"),
        (resource("arn:aws:s3:::bucket"), "not this key"),
        (resource("bucket/*"), "not the name of a resource"),
        (resource(&format!("kms:local-2:*:KeyId:{uuid}")), "not this key"),
        (resource("obs:*:*:bucket:x"), "not this key"),
        (resource("kms:*:*:alias:x"), "not this key"),
        (format!("{}{DEFAULT}", " ".repeat(32 * 1024)), "longer than 32768 bytes"),
    ] {
        let error = key_policy(&wrong).unwrap_err();
        assert!(error.message.starts_with(why), "{error}: {wrong}");
    }
    assert!(key_policy(&format!("{}{DEFAULT}", " ".repeat(32 * 1024 - DEFAULT.len()))).is_ok());
    // Services are accepted; nobody signs as one.
    let service = rules_with(&allowing(r#"{"Service":"s3.amazonaws.com"}"#));
    assert!(!may(&root(a()), Action::KmsDecrypt, &service));
}

#[test]
fn an_alias_is_a_resource_of_its_own() {
    let (region, account, number) = (region(), a(), number(&a()));
    let on = |principal: &Principal, name: &str| {
        let conditions = Conditions::default();
        decide(&AccessRequest {
            principal,
            action: Action::KmsCreateAlias,
            resource: Resource::KeyAlias { region: &region, account: &account, number: &number, name },
            owner: Some(&account),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: &conditions,
            facts: &[],
        })
        .is_ok()
    };
    for (version, action, resource) in [
        ("2012-10-17", "kms:CreateAlias", "arn:aws:kms:local-1:111111111111:alias/team-*"),
        ("1.1", "kms:alias:create", "kms:local-1:*:alias:team-*"),
    ] {
        let document = format!(
            r#"{{"Version":"{version}","Statement":[{{"Effect":"Allow","Action":["{action}"],"Resource":["{resource}"]}}]}}"#
        );
        let alice = user_with(a(), "alice", &document);
        assert!(on(&alice, "alias/team-red"), "{resource}");
        assert!(!on(&alice, "alias/other"), "{resource}");
        assert!(!may(&alice, Action::KmsCreateAlias, &CmkRules::new(a())), "not the CMK: {resource}");
        assert!(!on(&user_with(b(), "alice", &document), "alias/team-red"), "of another account: {resource}");
    }
    assert!(on(&root(a()), "alias/x") && !on(&root(b()), "alias/x"));
    assert!(!on(&Principal::Anonymous, "alias/x"));
}

#[test]
fn without_rules_only_the_owners_own_policies_count() {
    let (region, account, number) = (region(), a(), number(&a()));
    let conditions = Conditions::default();
    let on = |principal: &Principal| {
        decide(&AccessRequest {
            principal,
            action: Action::KmsDecrypt,
            resource: Resource::Cmk { region: &region, account: &account, number: &number, uid: uid() },
            owner: Some(&account),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: &conditions,
            facts: &[],
        })
        .is_ok()
    };
    assert!(on(&root(a())) && on(&user_with(a(), "alice", ALLOW_KMS)));
    assert!(!on(&root(b())) && !on(&user(a(), "alice", Has::default())) && !on(&Principal::Anonymous));
}
