//! Choice of encryption, envelopes, bucket keys, sealing and opening bodies.

mod error;
mod request;

pub use crypto::{ChecksumAlgorithm, ChecksumValue};
pub use error::{EncryptionField, SseError};
pub use kms::CmkId;
pub use request::{
    AppliedEncryption, BucketEncryption, CustomerHeaders, DefaultMethod, EncryptionHeaders, EncryptionRules, EtagRule, Transport,
};
