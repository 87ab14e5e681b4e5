//! The key management service: the catalogue of CMKs and their states, their use, and the seam to key providers.
//!
//! Start with `service.rs`; `state.rs` is the table of what a state allows, `usage.rs` the only way to a key under a CMK.
//! Stored records are drawn in docs/formats/kms-records.md, the AWS KMS API over this room in docs/kms-api.md.
//!
//! What is absent, and what others lean on: CMK material never leaves the key provider; no key is stored or logged in
//! clear; using a CMK reads nothing from the disk; a change of a CMK's state is durable before it is seen, and seen by
//! every request that begins after it was acknowledged.

mod aliases;
mod backup;
mod blob;
mod catalogue;
mod cmk_id;
mod config;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod context;
mod counters;
mod create;
mod data;
mod default_key;
mod describe;
mod embedded;
mod error;
mod explain;
mod glimpse;
mod grant;
mod grants;
mod impact;
mod import;
mod import_pairs;
mod intent;
mod internal;
mod job_trail;
mod key_policy;
mod key_ref;
mod ledger;
mod lifecycle;
mod material;
mod meter;
mod owned;
mod probe;
mod provider;
mod record;
mod resolve;
mod rights;
mod root_change;
mod root_check;
mod root_slot;
mod rotation;
mod service;
mod standing;
mod state;
mod tags;
mod throttle;
mod token_keys;
mod trail;
mod unasked;
mod usage;
mod user;
mod verification;
mod wraps;

pub use backup::{BACKUP_BYTES_MAX, BACKUP_TABLES, BackupError, BackupInfo, KeyBackup};
pub use blob::{CIPHERTEXT_BYTES_MAX, CMK_WRAPPED_BYTES, Ciphertext, CmkWrapped};
pub use cmk_id::CmkId;
pub use config::{KmsConfig, OPERATIONS, ThrottleConfig};
pub use context::{CONTEXT_BYTES_MAX, EncryptionContext, RESERVED_CONTEXT_PREFIX};
pub use counters::{KmsCounters, Operation, Outcome};
pub use create::CreateCmk;
pub use data::{DATA_KEY_BYTES_MAX, Decrypted, Encrypted, PLAINTEXT_BYTES_MAX, Source};
pub use describe::{AliasDescription, CmkDescription, KeyFilter, KeyQuotas, alias_arn};
pub use embedded::EmbeddedProvider;
pub use error::KmsError;
pub use grant::{GrantDescription, GrantMade, GrantRef, NewGrant};
pub use impact::{CountTurn, Dependents, KeyImpact};
pub use import::{ImportParameters, ImportWrapping};
pub use intent::Intent;
pub use key_policy::KEY_POLICY_BYTES_MAX;
pub use key_ref::{ALIAS_NAME_BYTES_MAX, AliasName, DEFAULT_KEY_ALIASES, KeyRef, Place};
pub use meter::UsageRow;
pub use probe::ProbeVersion;
pub use provider::{Capabilities, KeyProvider, KeySpec, NewVersion, ProviderFault, ProviderName, VersionRef};
pub use record::{DESCRIPTION_BYTES_MAX, VersionCause};
pub use root_change::{NewRoot, RootChanged, RootKeeper, RootKeeperError};
pub use root_check::root_fits;
pub use root_slot::RootSlot;
pub use rotation::{ROTATION_DAYS_DEFAULT, ROTATION_DAYS_MAX, ROTATION_DAYS_MIN, RotationStatus, VersionDescription};
pub use service::{KeyService, Parts};
pub use state::{DELETION_DAYS_MAX, DELETION_DAYS_MIN, KeyKind, KeyManager, KeyOperation, KeyState, Origin, admit};
pub use tags::{TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX};
pub use token_keys::{TOKEN_LIFE_SECONDS_MAX, TokenKeys};
pub use user::{KeyUse, KeyUser};
pub use verification::Verification;

/// A data key handed to a caller of the KMS API, who then holds it in clear.
pub type DataKey = crypto::SecretBytes<{ crypto::KEY_BYTES }>;
