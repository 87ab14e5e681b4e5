//! What the operations on the directory take and give; the operations themselves are methods of [`crate::Directory`], a
//! file for each family. Both dialects of the IAM API, the admin API and the command line are faces of these. Each asks
//! the one authoriser, as the requester, for its own `iam:` action on the entity it touches, before it tells whether the
//! entity exists; each acts on the requester's own account. Changes are durable on return and count for every request
//! that begins afterwards.

use crate::SecretAccessKey;
use crate::entity::{AccessKeyInfo, Account, PolicyRef};
use model::{AccessKeyId, AccountId, EntityName, EntityPath, ProjectUid, Timestamp};
use policy::{Caller, Conditions, Principal};
use std::fmt;
use std::sync::Arc;

/// Who asks for a change, and how the request came.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What the conditions of policies see.
    pub conditions: &'a Conditions,
}

/// A fresh access key: the only moment its secret is told.
#[derive(Debug)]
pub struct NewAccessKey {
    /// The key.
    pub info: AccessKeyInfo,
    /// Its secret.
    pub secret: SecretAccessKey,
}

/// A fresh account with the first access key of its root identity.
#[derive(Debug)]
pub struct NewAccount {
    /// The account.
    pub account: Arc<Account>,
    /// The key.
    pub key: NewAccessKey,
}

/// What a user is made of.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Name.
    pub name: EntityName,
    /// Path.
    pub path: EntityPath,
    /// In words.
    pub description: String,
    /// Boundary.
    pub boundary: Option<PolicyRef>,
    /// Whether it is accepted.
    pub enabled: bool,
}

/// A change of a user; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// A new name.
    pub name: Option<EntityName>,
    /// A new path.
    pub path: Option<EntityPath>,
    /// New words.
    pub description: Option<String>,
    /// Whether it is accepted.
    pub enabled: Option<bool>,
}

/// What a role is made of.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// Name.
    pub name: EntityName,
    /// Path.
    pub path: EntityPath,
    /// In words.
    pub description: String,
    /// Who may assume it: a document, or (agency) an account.
    pub trust: Trust,
    /// Longest session in seconds, 3600 to 43200.
    pub session_seconds_max: u32,
    /// Boundary.
    pub boundary: Option<PolicyRef>,
}

/// Who may assume a role.
#[derive(Clone, Debug)]
pub enum Trust {
    /// By this document.
    Document(String),
    /// Whoever in this account is allowed to there (Huawei's agencies).
    Account(AccountId),
}

/// A change of a role; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// New words.
    pub description: Option<String>,
    /// Longest session in seconds.
    pub session_seconds_max: Option<u32>,
    /// Who may assume it.
    pub trust: Option<Trust>,
}

/// Temporary credentials as issued. The secret is told here and nowhere else.
pub struct Issued {
    /// Access key id of the session; begins with [`crate::TEMPORARY_KEY_PREFIX`].
    pub access_key: AccessKeyId,
    /// Its secret.
    pub secret: SecretAccessKey,
    /// The session token: sealed claims.
    pub token: String,
    /// From when on it is refused.
    pub expires: Timestamp,
    /// Who the session is.
    pub caller: Arc<Caller>,
}

/// AssumeRole.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    /// The role's account.
    pub account: AccountId,
    /// The role.
    pub role: EntityName,
    /// What the session is called, 2 to 64 characters of `[\w+=,.@-]`.
    pub session_name: String,
    /// Seconds, 900 to the role's maximum; `None` is an hour.
    pub seconds: Option<u32>,
    /// Session policy.
    pub policy: Option<String>,
    /// Managed policies that act as session policies.
    pub managed: Vec<PolicyRef>,
    /// `sts:ExternalId`.
    pub external_id: Option<String>,
}

/// Credentials of one's own for a while: AWS GetSessionToken, Huawei securitytokens by token.
#[derive(Clone, Debug, Default)]
pub struct SessionRequest {
    /// Seconds, 900 to 129600; `None` is 12 hours (AWS); Huawei's handler says 900.
    pub seconds: Option<u32>,
    /// Session policy.
    pub policy: Option<String>,
    /// The requester showed an identity token. Temporary credentials themselves get no others.
    pub by_token: bool,
}

/// Who signs: what the gateway verifies a signature with.
#[derive(Debug)]
pub struct SigningCredential {
    /// Who.
    pub principal: Principal,
    /// With what.
    pub secret: Arc<SecretAccessKey>,
}

/// Why a credential is not accepted, once its access key id and token are read. The signature is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialError {
    /// No such access key, an inactive one, or one of a disabled user or account.
    Unknown,
    /// A temporary key without its token.
    TokenMissing,
    /// A token beside a long-term key, or one that does not authenticate, or not of this key.
    TokenInvalid,
    /// The session is over.
    TokenExpired,
}

/// A Huawei identity token (`X-Auth-Token`) as its bearer presents it.
#[derive(Clone, Debug)]
pub struct IdentityToken {
    /// Who.
    pub principal: Principal,
    /// When it was issued.
    pub issued: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
    /// The project it is scoped to; `None`: the account.
    pub project: Option<ProjectUid>,
    /// `password`, `token`, `assume_role`.
    pub methods: Vec<String>,
}

/// Who logs in with a password.
pub struct PasswordLogin<'a> {
    /// The account by name or id; may be missing if the user is named by id.
    pub account: Option<&'a str>,
    /// The user, by name or (32 hexadecimal digits) id.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

/// Neither the secret nor the token.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("access_key", &self.access_key)
            .field("expires", &self.expires)
            .field("caller", &self.caller.urn())
            .finish_non_exhaustive()
    }
}

/// Not the password.
impl fmt::Debug for PasswordLogin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordLogin")
            .field("account", &self.account)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
