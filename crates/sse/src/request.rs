//! What a request says about encryption, free of any dialect's header names, and what a reply shows.
//!
//! The values are raw: they are parsed by the one effective-encryption function, after authorisation, so that a policy
//! sees the request as it was sent and an invalid value does not answer before a denial.

use crypto::DataCipher;
use kms::CmkId;
use model::BucketKeyId;
use std::fmt;
use zeroize::Zeroizing;

/// Raw encryption headers of a write. No header name occurs here; values are as sent.
#[derive(Default)]
pub struct EncryptionHeaders {
    /// The method: `AES256`, `kms`, `aws:kms`, ...
    pub method: Option<String>,
    /// The CMK.
    pub key_id: Option<String>,
    /// The IAM project of the CMK (OBS).
    pub key_project_id: Option<String>,
    /// The encryption context, base64 of JSON.
    pub context: Option<String>,
    /// The cipher of the data: `AES256`, `SM4` (OBS).
    pub data_encryption: Option<String>,
    /// Whether to use a bucket key: `true`, `false`.
    pub bucket_key_enabled: Option<String>,
    /// Rotation period of a bucket key in days (OBS). Bucket keys live by their own limits: it is checked and has no effect.
    pub bucket_key_rotation_days: Option<String>,
    /// SSE-C.
    pub customer: CustomerHeaders,
}

/// Raw SSE-C headers.
#[derive(Default)]
pub struct CustomerHeaders {
    /// The algorithm, `AES256`.
    pub algorithm: Option<String>,
    /// The key, base64. Wiped on drop.
    pub key: Option<Zeroizing<String>>,
    /// The MD5 of the key, base64.
    pub key_md5: Option<String>,
}

impl CustomerHeaders {
    /// Whether none of the three was sent.
    pub fn is_empty(&self) -> bool {
        self.algorithm.is_none() && self.key.is_none() && self.key_md5.is_none()
    }
}

impl From<CustomerHeaders> for EncryptionHeaders {
    /// Nothing but a customer key, if that.
    fn from(customer: CustomerHeaders) -> Self {
        Self { customer, ..Self::default() }
    }
}

impl EncryptionHeaders {
    /// Whether no encryption header was sent at all.
    pub fn is_empty(&self) -> bool {
        self.customer.is_empty() && !self.has_managed()
    }

    /// Whether a header was sent that belongs to another method than SSE-C. The data cipher goes with every method.
    pub fn names_another_method(&self) -> bool {
        self.method.is_some()
            || self.key_id.is_some()
            || self.key_project_id.is_some()
            || self.context.is_some()
            || self.bucket_key_enabled.is_some()
            || self.bucket_key_rotation_days.is_some()
    }

    /// Whether any header other than the SSE-C three was sent.
    pub fn has_managed(&self) -> bool {
        self.names_another_method() || self.data_encryption.is_some()
    }
}

impl fmt::Debug for CustomerHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CustomerHeaders(algorithm: {:?}, key: {})",
            self.algorithm,
            if self.key.is_some() { "sent" } else { "none" }
        )
    }
}

impl fmt::Debug for EncryptionHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionHeaders")
            .field("method", &self.method)
            .field("key_id", &self.key_id)
            .field("bucket_key_enabled", &self.bucket_key_enabled)
            .field("customer", &self.customer)
            .finish_non_exhaustive()
    }
}

/// How the request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS.
    Tls,
    /// Plain HTTP.
    Plain,
}

/// What the ETag of an SSE-OBS (SSE-S3) object is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtagRule {
    /// MD5 of the plaintext: S3's promise to its clients.
    PlaintextMd5,
    /// MD5 of the ciphertext: OBS.
    CiphertextMd5,
}

/// What a dialect decides about encryption, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptionRules {
    /// What the ETag of an SSE-OBS (SSE-S3) object is made of.
    pub etag_rule: EtagRule,
    /// Asking for a bucket key needs a named CMK (OBS, obs-api §4.2).
    pub bucket_key_needs_key_id: bool,
    /// SSE-KMS asked for without a CMK takes the CMK of the bucket's default (S3); otherwise the account's default key
    /// (OBS).
    pub cmk_from_bucket_default: bool,
    /// A bucket-key header where SSE-KMS is neither asked for nor inherited is refused (OBS); otherwise ignored (S3).
    pub refuse_stray_bucket_key: bool,
}

impl EncryptionRules {
    /// The rules of Amazon S3.
    pub const S3: Self = Self {
        etag_rule: EtagRule::PlaintextMd5,
        bucket_key_needs_key_id: false,
        cmk_from_bucket_default: true,
        refuse_stray_bucket_key: false,
    };

    /// The rules of Huawei OBS.
    pub const OBS: Self = Self {
        etag_rule: EtagRule::CiphertextMd5,
        bucket_key_needs_key_id: true,
        cmk_from_bucket_default: false,
        refuse_stray_bucket_key: true,
    };
}

/// The methods a bucket default can have. SSE-C cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultMethod {
    /// SSE-KMS.
    Kms,
    /// SSE-OBS, which S3 calls SSE-S3.
    Obs,
}

/// A bucket's default encryption, as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketEncryption {
    /// The method.
    pub method: DefaultMethod,
    /// The CMK as it was given; `None` means the account's default key.
    pub key_ref: Option<String>,
    /// The IAM project of the CMK as it was given (OBS).
    pub project_id: Option<String>,
    /// The data cipher as it was given (OBS `KMSDataEncryption`).
    pub data_encryption: Option<String>,
    /// Whether objects use a bucket key; `None` when not said.
    pub bucket_key: Option<bool>,
    /// Rotation period of the bucket key in days (OBS).
    pub rotation_days: Option<u32>,
}

/// The encryption in force, as replies show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppliedEncryption {
    /// None.
    None,
    /// SSE-KMS.
    Kms {
        /// The data cipher.
        cipher: DataCipher,
        /// The CMK.
        cmk: CmkId,
        /// Whether a bucket key was used.
        bucket_key: bool,
        /// Which one, for the audit log.
        bucket_key_id: Option<BucketKeyId>,
    },
    /// SSE-OBS (SSE-S3).
    Obs {
        /// The data cipher.
        cipher: DataCipher,
    },
    /// SSE-C.
    Customer {
        /// The data cipher.
        cipher: DataCipher,
        /// Base64 of the MD5 of the customer key; empty where the key is not known (complete without the headers).
        key_md5: String,
    },
}
