//! Accounts, access keys, and the one authoriser.
//!
//! One account exists so far, made at the first start, with its root identity as the only principal. Stored records are
//! drawn in docs/formats/kms-records.md.
//!
//! What is absent: this room has no keys of its own. Secrets of access keys are sealed by whoever opens the directory
//! hands in ([`SecretSealer`]); in clear they are in memory only, and wiped.

mod access_key;
mod api;
mod directory;
mod entity;
mod error;
mod first_start;
mod record;
mod sealer;
mod secret;
mod strength;

pub use access_key::AccessKey;
pub use api::{
    AssumeRole, CredentialError, IdentityToken, Issued, NewAccessKey, NewAccount, NewRole, NewUser, PasswordLogin,
    Requester, RoleChange, SessionRequest, SigningCredential, Trust, UserChange,
};
pub use directory::Directory;
pub use entity::{
    AccessKeyInfo, Account, Attachments, Entity, Group, KeyOwner, LastUsed, ManagedPolicy, Named, PolicyRef,
    PolicyVersion, Project, Role, User,
};
pub use error::IamError;
pub use first_start::{GivenRoot, NewRoot};
pub use sealer::SecretSealer;
pub use secret::SecretAccessKey;
pub use strength::{SECRET_CHARS_ADVISED_MIN, Weakness, check_strength};

/// Most versions of a managed policy (AWS).
pub const POLICY_VERSIONS_MAX: usize = 5;
/// What access key ids of temporary credentials begin with. Long-term ones begin otherwise, whoever chose them.
pub const TEMPORARY_KEY_PREFIX: &str = "SRTK";
