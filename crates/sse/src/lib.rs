//! Choice of encryption, envelopes, bucket keys, sealing and opening bodies. Bodies stream through in clear; DEKs and
//! bucket keys live here and nowhere above.

mod body;
mod bucket_keys;
mod context;
mod customer;
mod dependents;
mod digests;
mod envelope;
mod error;
mod fingerprint;
mod keys;
mod named;
mod plan;
mod projects;
mod repeated;
mod request;
mod rewrap;
mod service;
mod verification;

pub use body::{BodyOpener, BodySealer, EtagSource, SealFault, SealedBody, SealedSink, StreamGeometry, WantedDigests};
pub use bucket_keys::{BUCKET_KEY_OBJECTS_MAX, BucketKeyCounters, BucketKeyRemoval, BucketKeyRewrap, BucketKeyUsage};
pub use crypto::{ChecksumAlgorithm, ChecksumValue, Checksummer, DataCipher, OpenError, combine_crc, md5};
pub use crypto::{Md5 as StreamMd5, sha256};
pub use customer::CustomerKeySent;
pub use dependents::{Dependent, DependentKind};
pub use digests::{Digests, KeptChecksum};
pub use envelope::{Envelope, Through};
pub use error::{EncryptionField, SseError};
pub use fingerprint::RequesterFingerprint;
pub use keys::{BodyKeys, RecordAuth, etag_source};
pub use kms::{CmkId, Dependents, KeyImpact, KeyUser};
pub use plan::{EncryptionPlan, PlanInput, RequireHttps, Sm4Offer, check_bucket_encryption, plan};
pub use projects::Projects;
pub use request::{
    AppliedEncryption, BucketEncryption, CustomerHeaders, DefaultMethod, EncryptionHeaders, EncryptionRules, EtagRule,
    Transport,
};
pub use rewrap::{Rewrap, RewrapTo};
pub use service::{Reader, SseConfig, SseService, Target};
pub use verification::{BucketKeyRow, NotOpened, Opened, SseVerification};
