//! Accounts, users, groups, roles, policies, projects, access keys, temporary credentials and identity tokens.
//!
//! Everything is in memory and written through: looking up who asks reads nothing from the disk, and a change is durable
//! before it is seen. Stored records and the claims of tokens are drawn in docs/formats/iam-records.md.
//!
//! What is absent: this room has no keys and no ciphers of its own. Secrets, hashes and tokens are sealed by what whoever
//! opens the directory hands in ([`SecretSealer`], [`TokenSealer`], [`PasswordHasher`]); signing secrets are in clear in
//! memory only, and wiped. Nor does it decide: it asks the one authoriser, for itself as for everybody.

mod access_key;
mod access_keys;
mod accounts;
mod api;
mod attachments;
mod authorize;
mod boundaries;
mod builtin;
mod change;
mod claims;
mod credential;
mod directory;
mod edit;
mod entity;
mod error;
mod explain;
mod first_start;
mod groups;
mod identity_tokens;
mod issue;
mod load;
mod login;
mod names;
mod overview;
mod permissions;
mod policies;
mod projects;
mod record;
mod removal;
mod roles;
mod sealer;
mod secret;
mod sessions;
mod state;
mod state_guard;
mod strength;
mod token_cache;
mod users;

pub use api::{
    AssumeRole, CredentialError, IdentityToken, Issued, NewAccessKey, NewAccount, NewRole, NewUser, PasswordLogin,
    Requester, RoleChange, SessionRequest, SigningCredential, Trust, UserChange,
};
pub use directory::{Directory, Parts};
pub use entity::{
    AccessKeyInfo, Account, Attachments, Entity, Group, KeyOwner, LastUsed, ManagedPolicy, Named, PolicyRef,
    PolicyVersion, Project, Role, User,
};
pub use error::IamError;
pub use first_start::{GivenRoot, NewRoot};
pub use names::{
    group_aws_id, group_from_aws_id, policy_aws_id, policy_from_aws_id, role_aws_id, role_from_aws_id, user_aws_id,
    user_from_aws_id,
};
pub use overview::AccountSummary;
pub use sealer::{PasswordHasher, SecretSealer, TokenKind, TokenSealer};
pub use secret::SecretAccessKey;
pub use strength::{SECRET_CHARS_ADVISED_MIN, Weakness, check_strength};

/// Most versions of a managed policy (AWS).
pub const POLICY_VERSIONS_MAX: usize = 5;
/// Most access keys of one identity (AWS): two, so that one can be replaced while the other is in use.
pub const KEYS_PER_OWNER_MAX: usize = 2;
/// Longest life of a token in seconds (GetSessionToken: 36 hours).
pub const TOKEN_SECONDS_MAX: u32 = 129_600;
/// What access key ids of temporary credentials begin with. Long-term ones begin otherwise, whoever chose them.
pub const TEMPORARY_KEY_PREFIX: &str = "SRTK";
