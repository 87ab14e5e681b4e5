//! Two accounts, their identities, a bucket, and requests made short.

use model::{AccountId, AccountNumber, BucketName, EntityName, EntityPath, ObjectName, RoleUid, Timestamp, UserUid};
use std::sync::Arc;
use strongroom_policy::{
    AccessRequest, Acl, Action, Attached, BucketRules, Caller, ConditionKey, Conditions, Explanation, Grammar,
    Identity, Lineage, Ownership, Permissions, Policy, PolicyError, Principal, PublicAccessBlock, Resource, Session,
    decide, explain,
};

pub(crate) const NUMBER_A: &str = "111111111111";
pub(crate) const NUMBER_B: &str = "222222222222";

pub(crate) fn id(text: &str) -> AccountId {
    AccountId::parse(&text.repeat(32)).unwrap()
}

/// The account that owns the bucket.
pub(crate) fn a() -> AccountId {
    id("a")
}

/// Another one.
pub(crate) fn b() -> AccountId {
    id("b")
}

pub(crate) fn number(account: &AccountId) -> AccountNumber {
    let text = if *account == a() {
        NUMBER_A
    } else if *account == b() {
        NUMBER_B
    } else {
        "333333333333"
    };
    AccountNumber::parse(text).unwrap()
}

pub(crate) fn root(account: AccountId) -> Principal {
    Principal::root(account.clone(), number(&account), "an account")
}

pub(crate) fn user_uid(name: &str) -> UserUid {
    let mut bytes = [0x11; 16];
    bytes[..name.len().min(16)].copy_from_slice(&name.as_bytes()[..name.len().min(16)]);
    UserUid::from_bytes(bytes)
}

pub(crate) fn attached(document: &str) -> Attached {
    named(0, document)
}

fn named(index: usize, document: &str) -> Attached {
    let policy = Policy::parse(document, Grammar::Identity).unwrap_or_else(|e| panic!("{e}: {document}"));
    Attached { source: format!("policy {}", index + 1).into(), policy: Arc::new(policy) }
}

/// What is attached: identity policies, boundary, session policies.
#[derive(Default)]
pub(crate) struct Has<'t> {
    pub(crate) identity: &'t [&'t str],
    pub(crate) boundary: Option<&'t str>,
    pub(crate) session: Option<&'t [&'t str]>,
}

impl Has<'_> {
    fn permissions(&self) -> Permissions {
        Permissions {
            identity: self.identity.iter().enumerate().map(|(i, text)| named(i, text)).collect(),
            boundary: self.boundary.map(attached),
            session: self.session.map(|all| all.iter().map(|text| attached(text)).collect()),
        }
    }
}

fn principal(account: AccountId, identity: Identity, session: Option<Session>, has: &Has<'_>) -> Principal {
    let number = number(&account);
    Principal::Caller(Arc::new(Caller::new(account, number, "an account".into(), identity, session, has.permissions())))
}

pub(crate) fn user(account: AccountId, name: &str, has: Has<'_>) -> Principal {
    let path = EntityPath::default();
    let identity = Identity::User { uid: user_uid(name), name: EntityName::parse(name).unwrap(), path };
    principal(account, identity, None, &has)
}

pub(crate) fn user_with(account: AccountId, name: &str, document: &str) -> Principal {
    user(account, name, Has { identity: &[document], ..Has::default() })
}

pub(crate) fn role(account: AccountId, name: &str, session_name: &str, has: Has<'_>) -> Principal {
    let identity = Identity::Role {
        uid: RoleUid::from_bytes([0x22; 16]),
        name: EntityName::parse(name).unwrap(),
        path: EntityPath::default(),
        session_name: session_name.into(),
    };
    let session = Session {
        issued: Timestamp::from_secs(1_000_000),
        expires: Timestamp::from_secs(2_000_000_000),
        lineage: Lineage::default(),
    };
    principal(account, identity, Some(session), &has)
}

pub(crate) fn root_session(account: AccountId, has: Has<'_>) -> Principal {
    let session = Session {
        issued: Timestamp::from_secs(1_000_000),
        expires: Timestamp::from_secs(2_000_000_000),
        lineage: Lineage::default(),
    };
    principal(account, Identity::Root, Some(session), &has)
}

pub(crate) fn bucket_name() -> BucketName {
    BucketName::parse("bucket").unwrap()
}

pub(crate) fn object_name(name: &str) -> ObjectName {
    ObjectName::parse(name.as_bytes()).unwrap()
}

pub(crate) fn bucket_policy(document: &str) -> Result<Policy, PolicyError> {
    Policy::parse(document, Grammar::Bucket(&bucket_name()))
}

/// A bucket of account A without policy, ACL grants or blocks.
pub(crate) fn rules() -> BucketRules {
    BucketRules {
        owner: a(),
        policy: None,
        policy_binds_root: false,
        acl: Acl::default(),
        block: PublicAccessBlock::default(),
        ownership: Ownership::ObjectWriter,
    }
}

pub(crate) fn rules_with(document: &str) -> BucketRules {
    let policy = bucket_policy(document).unwrap_or_else(|e| panic!("{e}: {document}"));
    BucketRules { policy: Some(Arc::new(policy)), ..rules() }
}

/// One request, asked of `decide` and `explain`, which must agree.
pub(crate) struct Ask<'t> {
    pub(crate) principal: &'t Principal,
    pub(crate) action: Action,
    /// The object's name; empty for the bucket itself.
    pub(crate) object: &'t str,
    /// The object's owner, if it is not the bucket's.
    pub(crate) owner: Option<AccountId>,
    pub(crate) rules: &'t BucketRules,
    pub(crate) object_acl: Option<&'t Acl>,
    pub(crate) conditions: Conditions,
    pub(crate) facts: &'t [(ConditionKey, &'t str)],
}

pub(crate) fn ask<'t>(principal: &'t Principal, action: Action, object: &'t str, rules: &'t BucketRules) -> Ask<'t> {
    let conditions = Conditions { time: Timestamp::from_secs(1_709_209_815), ..Conditions::default() };
    Ask { principal, action, object, owner: None, rules, object_acl: None, conditions, facts: &[] }
}

impl Ask<'_> {
    pub(crate) fn with(mut self, key: ConditionKey, value: &str) -> Self {
        self.conditions.add(key, value);
        self
    }

    pub(crate) fn explain(&self) -> Explanation {
        let (bucket, name);
        bucket = bucket_name();
        let resource = if self.object.is_empty() {
            Resource::Bucket(&bucket)
        } else {
            name = object_name(self.object);
            Resource::Object(&bucket, &name)
        };
        let request = AccessRequest {
            principal: self.principal,
            action: self.action,
            resource,
            owner: Some(self.owner.as_ref().unwrap_or(&self.rules.owner)),
            bucket: Some(self.rules),
            object_acl: self.object_acl,
            cmk: None,
            conditions: &self.conditions,
            facts: self.facts,
        };
        let explanation = explain(&request);
        assert_eq!(decide(&request).is_ok(), explanation.allowed, "{explanation}");
        explanation
    }

    pub(crate) fn allowed(&self) -> bool {
        self.explain().allowed
    }
}

/// Whether the principal may read `bucket/key` of a bucket with this policy.
pub(crate) fn reads(principal: &Principal, policy: &str) -> bool {
    ask(principal, Action::GetObject, "key", &rules_with(policy)).allowed()
}
