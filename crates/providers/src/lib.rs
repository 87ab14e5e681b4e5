//! Key providers outside this process, each behind the seam [`kms::KeyProvider`].
//!
//! One file per provider (`aws_kms.rs`, `huawei_dew.rs`, `vault.rs`, `pkcs11/`, `kmip/`) speaks its protocol and nothing else: it is a
//! [`Backend`]. [`Guarded`] makes a key provider of a backend; everything that remote services have in common stands
//! there once: time limits, retries, circuit breaker, and the envelope by which no wrong key is ever handed out.
//! docs/providers.md is the operator's page, docs/formats/provider-records.md draws the stored bytes.
//!
//! What is absent, and what others lean on: no DEK and no bucket key leaves this process, a provider sees one-time keys
//! only; no secret, token or key is in an error, a log line or a `Debug` output; nothing here decides about rights.

mod aws_kms;
mod backend;
mod client;
mod config;
mod guard;
mod huawei_dew;
mod kmip;
mod pkcs11;
mod reference;
mod roots;
mod secret;
mod sign;
mod timer;
mod vault;

pub use aws_kms::AwsKms;
pub use backend::{Backend, Bound, FRESH_KEY_BYTES};
pub use config::{Endpoint, Kind, open};
pub use guard::{BreakerState, Call, GuardConfig, Guarded, Outcome, Statistics, VerifyWraps};
pub use huawei_dew::HuaweiDew;
pub use kmip::Kmip;
pub use pkcs11::{Pkcs11, ROOT_KEY_LABEL, RootToken, WRAPPED_ROOT_KEY_BYTES};
pub use secret::Secret;
pub use timer::{SystemTimer, Timer};
pub use vault::VaultTransit;
