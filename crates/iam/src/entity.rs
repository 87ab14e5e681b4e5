//! What the directory tells about accounts, users, groups, roles, policies, projects and access keys. Snapshots: a later
//! change does not show in them. None carries a secret.

use model::{
    AccessKeyId, AccountId, AccountNumber, EntityName, EntityPath, GroupUid, PolicyUid, ProjectUid, RoleUid, Timestamp,
    UserUid,
};
use policy::Policy;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An account (Huawei: domain).
#[derive(Clone, Debug)]
pub struct Account {
    /// Canonical id (Huawei: domain id).
    pub id: AccountId,
    /// Number in ARNs.
    pub number: AccountNumber,
    /// Name, unique on this server, 1 to 64 characters.
    pub name: EntityName,
    /// E-mail address, unique on this server. S3's ACLs may name an account by it.
    pub email: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Whether its credentials are accepted.
    pub enabled: bool,
    /// Whether it is the operator's: the first account of the data directory, the only one that may make others.
    pub operator: bool,
}

/// How a policy is named where it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyRef {
    /// A managed policy of the account.
    Managed(PolicyUid),
    /// A policy that comes with the server, by its name.
    BuiltIn(&'static str),
}

/// What users, groups and roles have in common: the policies attached to them.
#[derive(Clone, Debug, Default)]
pub struct Attachments {
    /// Managed and built-in policies.
    pub managed: BTreeSet<PolicyRef>,
    /// Policies that belong to the entity alone.
    pub inline: BTreeMap<EntityName, Arc<Policy>>,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Its life.
    pub uid: UserUid,
    /// Its account.
    pub account: AccountId,
    /// Its name, unique in the account (compared without case).
    pub name: EntityName,
    /// Its path in ARNs.
    pub path: EntityPath,
    /// In words.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// Whether its credentials are accepted (Huawei).
    pub enabled: bool,
    /// Its groups.
    pub groups: BTreeSet<GroupUid>,
    /// Its policies.
    pub attachments: Attachments,
    /// What it may do at most.
    pub boundary: Option<PolicyRef>,
    /// When its password was set, if it has one.
    pub password_set: Option<Timestamp>,
    /// Temporary credentials issued before this are refused.
    pub sessions_from: Timestamp,
}

/// A group of users.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its life.
    pub uid: GroupUid,
    /// Its account.
    pub account: AccountId,
    /// Its name.
    pub name: EntityName,
    /// Its path in ARNs.
    pub path: EntityPath,
    /// In words.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its policies, which count for its members.
    pub attachments: Attachments,
}

/// A role (Huawei: agency).
#[derive(Clone, Debug)]
pub struct Role {
    /// Its life.
    pub uid: RoleUid,
    /// Its account.
    pub account: AccountId,
    /// Its name.
    pub name: EntityName,
    /// Its path in ARNs.
    pub path: EntityPath,
    /// In words.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// Who may assume it.
    pub trust: Arc<Policy>,
    /// The account it is entrusted to, where it was made as an agency.
    pub trust_account: Option<AccountId>,
    /// Longest session in seconds.
    pub session_seconds_max: u32,
    /// Its policies.
    pub attachments: Attachments,
    /// What it may do at most.
    pub boundary: Option<PolicyRef>,
    /// Temporary credentials issued before this are refused.
    pub sessions_from: Timestamp,
}

/// One version of a managed policy.
#[derive(Clone, Debug)]
pub struct PolicyVersion {
    /// From 1; `v1` on the wire.
    pub number: u32,
    /// When it was made.
    pub created: Timestamp,
    /// The document.
    pub policy: Arc<Policy>,
}

/// A managed policy, or one that comes with the server.
#[derive(Clone, Debug)]
pub struct ManagedPolicy {
    /// How it is named where it is attached.
    pub reference: PolicyRef,
    /// An id of 16 bytes; for a built-in policy derived from its name.
    pub uid: PolicyUid,
    /// Its account; `None` for a built-in one.
    pub account: Option<AccountId>,
    /// Its name.
    pub name: EntityName,
    /// Its path in ARNs.
    pub path: EntityPath,
    /// In words.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// When its default version changed.
    pub updated: Timestamp,
    /// At most [`crate::POLICY_VERSIONS_MAX`], in ascending order.
    pub versions: Vec<PolicyVersion>,
    /// Which of them is in force.
    pub default_version: u32,
}

/// A project of an account (Huawei): a name that requests are scoped to.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its id.
    pub uid: ProjectUid,
    /// Its account.
    pub account: AccountId,
    /// Its name; the default project is called like the region.
    pub name: String,
    /// In words.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it may be used.
    pub enabled: bool,
}

/// Whose an access key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyOwner {
    /// The account's root identity.
    Root,
    /// A user.
    User(UserUid),
}

/// An access key without its secret.
#[derive(Clone, Debug)]
pub struct AccessKeyInfo {
    /// The public half.
    pub id: AccessKeyId,
    /// Its account.
    pub account: AccountId,
    /// Whose it is.
    pub owner: KeyOwner,
    /// Whether it is accepted.
    pub active: bool,
    /// In words.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// When and for what it was last used, to within an hour.
    pub last_used: Option<LastUsed>,
}

/// The last use of an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUsed {
    /// When.
    pub at: Timestamp,
    /// `s3`, `obs`, `kms`, `iam`, `sts`.
    pub service: String,
}

/// A user, group or role, by name or uid; what policies are attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A user.
    User(Named<UserUid>),
    /// A group.
    Group(Named<GroupUid>),
    /// A role.
    Role(Named<RoleUid>),
}

/// AWS names entities by name, Huawei by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named<U> {
    /// By name.
    Name(EntityName),
    /// By uid.
    Uid(U),
}
