//! The operations on the directory. Both dialects of the IAM API, the admin API and the command line are faces of
//! these. Each asks the one authoriser, as the requester, for its own `iam:` action on the entity it touches, before it
//! tells whether the entity exists; each acts on the requester's own account. Changes are durable on return and count
//! for every request that begins afterwards.

use crate::entity::{
    AccessKeyInfo, Account, Entity, Group, KeyOwner, ManagedPolicy, Named, PolicyRef, Project, Role, User,
};
use crate::{Directory, IamError, SecretAccessKey};
use model::{AccessKeyId, AccountId, EntityName, EntityPath, GroupUid, ProjectUid, RoleUid, Timestamp, UserUid};
use policy::{Caller, Conditions, Policy, Principal};
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
#[derive(Debug)]
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
#[derive(Debug)]
pub struct PasswordLogin<'a> {
    /// The account by name or id; may be missing if the user is named by id.
    pub account: Option<&'a str>,
    /// The user, by name or (32 hexadecimal digits) id.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $vis:vis async fn $name:ident(&self $(, $arg:ident: $ty:ty)* $(,)?) -> Result<$out:ty>;)*) => {
        impl Directory {
            $($(#[$doc])*
            ///
            /// # Errors
            /// See [`IamError`].
            $vis async fn $name(&self $(, $arg: $ty)*) -> Result<$out, IamError> {
                $(let _ = &$arg;)*
                Err(IamError::NotOffered(stringify!($name)))
            })*
        }
    };
}

operations! {
    // ---- accounts: the operator's account only ----
    /// Makes an account and the first access key of its root identity; given or drawn.
    pub async fn create_account(&self, rq: Requester<'_>, name: EntityName, email: Option<String>, given: Option<(AccessKeyId, SecretAccessKey)>) -> Result<NewAccount>;
    /// All accounts; for others than the operator's account, their own.
    pub async fn list_accounts(&self, rq: Requester<'_>) -> Result<Vec<Arc<Account>>>;
    /// One account, by id, number or name.
    pub async fn get_account(&self, rq: Requester<'_>, named: &str) -> Result<Arc<Account>>;
    /// Enables, disables, renames.
    pub async fn update_account(&self, rq: Requester<'_>, named: &str, enabled: Option<bool>, name: Option<EntityName>, email: Option<Option<String>>) -> Result<Arc<Account>>;
    /// Deletes an account with all its users, groups, roles, policies and keys. Whether it still owns buckets or CMKs, the caller has checked.
    pub async fn delete_account(&self, rq: Requester<'_>, named: &str) -> Result<()>;

    // ---- users ----
    /// CreateUser.
    pub async fn create_user(&self, rq: Requester<'_>, user: NewUser) -> Result<Arc<User>>;
    /// GetUser; `None` is the requester's own user.
    pub async fn get_user(&self, rq: Requester<'_>, user: Option<Named<UserUid>>) -> Result<Arc<User>>;
    /// ListUsers, in order of names.
    pub async fn list_users(&self, rq: Requester<'_>) -> Result<Vec<Arc<User>>>;
    /// UpdateUser.
    pub async fn update_user(&self, rq: Requester<'_>, user: Named<UserUid>, change: UserChange) -> Result<Arc<User>>;
    /// DeleteUser; `force` takes keys, policies and memberships along (Huawei), otherwise they are a DeleteConflict.
    pub async fn delete_user(&self, rq: Requester<'_>, user: Named<UserUid>, force: bool) -> Result<()>;
    /// CreateLoginProfile, UpdateLoginProfile: sets the password; `create`: there must be none yet.
    pub async fn set_password(&self, rq: Requester<'_>, user: Named<UserUid>, password: &str, create: bool) -> Result<()>;
    /// DeleteLoginProfile.
    pub async fn delete_password(&self, rq: Requester<'_>, user: Named<UserUid>) -> Result<()>;
    /// Refuses the temporary credentials and identity tokens that a user or role was issued until now.
    pub async fn revoke_sessions(&self, rq: Requester<'_>, entity: Entity) -> Result<()>;

    // ---- access keys; `None` is the requester's own identity ----
    /// CreateAccessKey; given or drawn.
    pub async fn create_access_key(&self, rq: Requester<'_>, user: Option<Named<UserUid>>, description: String, given: Option<(AccessKeyId, SecretAccessKey)>) -> Result<NewAccessKey>;
    /// ListAccessKeys.
    pub async fn list_access_keys(&self, rq: Requester<'_>, user: Option<Named<UserUid>>) -> Result<Vec<AccessKeyInfo>>;
    /// UpdateAccessKey.
    pub async fn update_access_key(&self, rq: Requester<'_>, id: &AccessKeyId, active: Option<bool>, description: Option<String>) -> Result<AccessKeyInfo>;
    /// DeleteAccessKey.
    pub async fn delete_access_key(&self, rq: Requester<'_>, id: &AccessKeyId) -> Result<()>;
    /// GetAccessKeyLastUsed; also shows whose it is.
    pub async fn access_key_last_used(&self, rq: Requester<'_>, id: &AccessKeyId) -> Result<(AccessKeyInfo, KeyOwner)>;

    // ---- groups ----
    /// CreateGroup.
    pub async fn create_group(&self, rq: Requester<'_>, name: EntityName, path: EntityPath, description: String) -> Result<Arc<Group>>;
    /// GetGroup: the group and its members.
    pub async fn get_group(&self, rq: Requester<'_>, group: Named<GroupUid>) -> Result<(Arc<Group>, Vec<Arc<User>>)>;
    /// ListGroups.
    pub async fn list_groups(&self, rq: Requester<'_>) -> Result<Vec<Arc<Group>>>;
    /// UpdateGroup.
    pub async fn update_group(&self, rq: Requester<'_>, group: Named<GroupUid>, name: Option<EntityName>, path: Option<EntityPath>, description: Option<String>) -> Result<Arc<Group>>;
    /// DeleteGroup; `force` as for users.
    pub async fn delete_group(&self, rq: Requester<'_>, group: Named<GroupUid>, force: bool) -> Result<()>;
    /// AddUserToGroup.
    pub async fn add_user_to_group(&self, rq: Requester<'_>, group: Named<GroupUid>, user: Named<UserUid>) -> Result<()>;
    /// RemoveUserFromGroup.
    pub async fn remove_user_from_group(&self, rq: Requester<'_>, group: Named<GroupUid>, user: Named<UserUid>) -> Result<()>;
    /// ListGroupsForUser.
    pub async fn groups_of_user(&self, rq: Requester<'_>, user: Named<UserUid>) -> Result<Vec<Arc<Group>>>;

    // ---- roles ----
    /// CreateRole.
    pub async fn create_role(&self, rq: Requester<'_>, role: NewRole) -> Result<Arc<Role>>;
    /// GetRole.
    pub async fn get_role(&self, rq: Requester<'_>, role: Named<RoleUid>) -> Result<Arc<Role>>;
    /// ListRoles.
    pub async fn list_roles(&self, rq: Requester<'_>) -> Result<Vec<Arc<Role>>>;
    /// UpdateRole, UpdateAssumeRolePolicy.
    pub async fn update_role(&self, rq: Requester<'_>, role: Named<RoleUid>, change: RoleChange) -> Result<Arc<Role>>;
    /// DeleteRole; `force` as for users.
    pub async fn delete_role(&self, rq: Requester<'_>, role: Named<RoleUid>, force: bool) -> Result<()>;

    // ---- policies ----
    /// CreatePolicy.
    pub async fn create_policy(&self, rq: Requester<'_>, name: EntityName, path: EntityPath, description: String, document: &str) -> Result<Arc<ManagedPolicy>>;
    /// GetPolicy, with its versions.
    pub async fn get_policy(&self, rq: Requester<'_>, policy: PolicyRef) -> Result<Arc<ManagedPolicy>>;
    /// ListPolicies: the account's own, and the built-in ones.
    pub async fn list_policies(&self, rq: Requester<'_>) -> Result<Vec<Arc<ManagedPolicy>>>;
    /// Changes name, description and document at once (Huawei): a new default version that replaces the oldest.
    pub async fn update_policy(&self, rq: Requester<'_>, policy: PolicyRef, name: Option<EntityName>, description: Option<String>, document: Option<String>) -> Result<Arc<ManagedPolicy>>;
    /// DeletePolicy: it must be attached to nothing and have one version; `force` lifts both (Huawei).
    pub async fn delete_policy(&self, rq: Requester<'_>, policy: PolicyRef, force: bool) -> Result<()>;
    /// CreatePolicyVersion.
    pub async fn create_policy_version(&self, rq: Requester<'_>, policy: PolicyRef, document: &str, set_default: bool) -> Result<Arc<ManagedPolicy>>;
    /// DeletePolicyVersion.
    pub async fn delete_policy_version(&self, rq: Requester<'_>, policy: PolicyRef, version: u32) -> Result<()>;
    /// SetDefaultPolicyVersion.
    pub async fn set_default_policy_version(&self, rq: Requester<'_>, policy: PolicyRef, version: u32) -> Result<()>;
    /// ListEntitiesForPolicy.
    pub async fn entities_for_policy(&self, rq: Requester<'_>, policy: PolicyRef) -> Result<(Vec<Arc<User>>, Vec<Arc<Group>>, Vec<Arc<Role>>)>;
    /// AttachUserPolicy and its kin.
    pub async fn attach_policy(&self, rq: Requester<'_>, to: Entity, policy: PolicyRef) -> Result<()>;
    /// DetachUserPolicy and its kin.
    pub async fn detach_policy(&self, rq: Requester<'_>, from: Entity, policy: PolicyRef) -> Result<()>;
    /// ListAttachedUserPolicies and its kin.
    pub async fn attached_policies(&self, rq: Requester<'_>, of: Entity) -> Result<Vec<Arc<ManagedPolicy>>>;
    /// PutUserPolicy and its kin.
    pub async fn put_inline_policy(&self, rq: Requester<'_>, to: Entity, name: EntityName, document: &str) -> Result<()>;
    /// GetUserPolicy and its kin.
    pub async fn get_inline_policy(&self, rq: Requester<'_>, of: Entity, name: EntityName) -> Result<Arc<Policy>>;
    /// ListUserPolicies and its kin.
    pub async fn list_inline_policies(&self, rq: Requester<'_>, of: Entity) -> Result<Vec<EntityName>>;
    /// DeleteUserPolicy and its kin.
    pub async fn delete_inline_policy(&self, rq: Requester<'_>, of: Entity, name: EntityName) -> Result<()>;
    /// PutUserPermissionsBoundary, DeleteUserPermissionsBoundary and their kin for roles.
    pub async fn set_boundary(&self, rq: Requester<'_>, of: Entity, boundary: Option<PolicyRef>) -> Result<()>;

    // ---- projects ----
    /// Makes a project.
    pub async fn create_project(&self, rq: Requester<'_>, name: String, description: String) -> Result<Arc<Project>>;
    /// The account's projects. Everybody may ask for those of their own account: SDKs do before anything else.
    pub async fn list_projects(&self, rq: Requester<'_>) -> Result<Vec<Arc<Project>>>;
    /// Changes a project.
    pub async fn update_project(&self, rq: Requester<'_>, project: ProjectUid, name: Option<String>, description: Option<String>, enabled: Option<bool>) -> Result<Arc<Project>>;
    /// Deletes a project; not the default one.
    pub async fn delete_project(&self, rq: Requester<'_>, project: ProjectUid) -> Result<()>;

    // ---- sessions and tokens ----
    /// AssumeRole.
    pub async fn assume_role(&self, rq: Requester<'_>, request: AssumeRole) -> Result<Issued>;
    /// GetSessionToken.
    pub async fn session_token(&self, rq: Requester<'_>, request: SessionRequest) -> Result<Issued>;
    /// A Huawei identity token by password, scoped to a project or (`None`) to the account. Valid for 24 hours.
    pub async fn password_token(&self, login: PasswordLogin<'_>, project: Option<ProjectUid>) -> Result<(String, IdentityToken)>;
    /// An identity token for whoever has signed or shown another one.
    pub async fn exchange_token(&self, rq: Requester<'_>, project: Option<ProjectUid>, method: &str) -> Result<(String, IdentityToken)>;
    /// An identity token of a role (`assume_role`).
    pub async fn role_token(&self, rq: Requester<'_>, request: AssumeRole, project: Option<ProjectUid>) -> Result<(String, IdentityToken)>;
    /// Refuses one identity token from now on.
    pub async fn revoke_identity_token(&self, rq: Requester<'_>, token: &str) -> Result<()>;
    /// Seals new tokens under a fresh key. Tokens sealed under the former keys live out their time.
    pub async fn rotate_token_key(&self, rq: Requester<'_>) -> Result<()>;

    // ---- explanations ----
    /// The principal that the named entity would be (`user/NAME`, `role/NAME`, `root`, an ARN, `anonymous`), for
    /// explaining decisions. Needs `iam:SimulatePrincipalPolicy` on it, or `strongroom:ExplainAccess` for other accounts.
    pub async fn principal_as(&self, rq: Requester<'_>, who: &str) -> Result<Principal>;
}

impl Directory {
    /// The credential that a request is signed with: the secret to verify with, and who it is. Works in memory.
    ///
    /// # Errors
    /// [`CredentialError`]; nothing is told of why a key is unknown.
    pub fn credential(
        &self,
        id: &AccessKeyId,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<SigningCredential, CredentialError> {
        let _ = now;
        if token.is_some_and(|token| !token.is_empty()) {
            return Err(CredentialError::TokenInvalid);
        }
        let key = self.find(id).ok_or(CredentialError::Unknown)?;
        Ok(SigningCredential { principal: key.principal.clone(), secret: Arc::clone(&key.secret) })
    }

    /// Remembers that an access key was used. Cheap; written down now and then.
    pub fn note_use(&self, id: &AccessKeyId, service: &'static str, now: Timestamp) {
        let _ = (id, service, now);
    }

    /// Who bears an identity token (`X-Auth-Token`). Works in memory.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn identity_token(&self, token: &str, now: Timestamp) -> Result<IdentityToken, CredentialError> {
        let _ = (token, now);
        Err(CredentialError::TokenInvalid)
    }

    /// An account by its id, without asking for rights: for display names of owners and for grantees of ACLs.
    pub fn account(&self, id: &AccountId) -> Option<Arc<Account>> {
        let _ = id;
        None
    }

    /// An account by its number in ARNs.
    pub fn account_by_number(&self, number: &str) -> Option<Arc<Account>> {
        let _ = number;
        None
    }

    /// An account by its e-mail address.
    pub fn account_by_email(&self, email: &str) -> Option<Arc<Account>> {
        let _ = email;
        None
    }

    /// The policy an ARN names (`arn:aws:iam::N:policy/path/name`, `arn:aws:iam::aws:policy/NAME`), for the requester's
    /// account; or a policy's uid in hexadecimal digits.
    pub fn policy_named(&self, account: &AccountId, named: &str) -> Option<PolicyRef> {
        let _ = (account, named);
        None
    }

    /// A policy's ARN.
    pub fn policy_arn(&self, policy: &ManagedPolicy) -> String {
        policy.name.to_string()
    }
}
