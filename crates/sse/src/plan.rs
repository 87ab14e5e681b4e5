//! The one effective-encryption decision. Every way to write (put, form, copy, multipart, replication) goes through
//! [`plan`], a pure function: headers over bucket default over server default, and the rules of transport and
//! anonymity. Sources: obs-api §4.2, §4.4, §4.7, §4.8; S3 behaviour §3-§8.

use crate::customer::CustomerKeySent;
use crate::error::EncryptionField as Field;
use crate::service::SseService;
use crate::{BucketEncryption, DefaultMethod, EncryptionHeaders, EncryptionRules, SseError, Transport};
use crypto::DataCipher;
use kms::{EncryptionContext, RESERVED_CONTEXT_PREFIX};
use policy::Principal;
use std::ops::RangeInclusive;

/// Rotation periods of bucket keys in days. The protocol names no range; 365 is its default (obs-api §4.3).
const ROTATION_DAYS: RangeInclusive<u32> = 1..=3650;

/// For which methods plain HTTP is refused (`sse.require_https`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequireHttps {
    /// SSE-KMS and SSE-C need TLS.
    Strict,
    /// SSE-C needs TLS.
    SsecOnly,
    /// Nothing needs TLS: for networks that are closed by other means, and for tests.
    Off,
}

/// For which methods the data cipher SM4 is offered (`sse.sm4`). OBS knows it with SSE-KMS alone (obs-api §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sm4Offer {
    /// With every method.
    All,
    /// With SSE-KMS, as OBS has it.
    KmsOnly,
}

/// What the decision sees.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The request's raw headers.
    pub request: &'a EncryptionHeaders,
    /// The bucket's default.
    pub bucket: Option<&'a BucketEncryption>,
    /// The server's default, for buckets without one.
    pub server_default: Option<DefaultMethod>,
    /// How the request came.
    pub transport: Transport,
    /// What needs TLS.
    pub require_https: RequireHttps,
    /// For which methods SM4 is offered.
    pub sm4: Sm4Offer,
    /// Whether the request carried no credentials.
    pub anonymous: bool,
    /// What the dialect decides.
    pub rules: EncryptionRules,
}

/// The encryption a write will have.
pub enum EncryptionPlan {
    /// None.
    Plain,
    /// SSE-OBS (SSE-S3).
    Obs {
        /// The data cipher.
        cipher: DataCipher,
    },
    /// SSE-KMS.
    Kms {
        /// The data cipher.
        cipher: DataCipher,
        /// The CMK as it was given; `None` is the account's default key.
        key_ref: Option<String>,
        /// The project that the CMK must be of, as it was given.
        project: Option<String>,
        /// Whether through a bucket key.
        bucket_key: bool,
        /// The caller's encryption context.
        context: EncryptionContext,
    },
    /// SSE-C.
    Customer {
        /// The data cipher.
        cipher: DataCipher,
        /// The key.
        sent: CustomerKeySent,
    },
}

const fn invalid(field: Field, message: &'static str) -> SseError {
    SseError::InvalidArgument { field, message }
}

/// Decides the encryption of a write, or says why it cannot be written.
pub fn plan(input: &PlanInput<'_>) -> Result<EncryptionPlan, SseError> {
    let plan = choose(input)?;
    if let EncryptionPlan::Kms { .. } = &plan {
        check_kms_writer(input.anonymous, input.transport, input.require_https)?;
    }
    Ok(plan)
}

/// Who writes under SSE-KMS is known, and comes over TLS where that is asked.
fn check_kms_writer(anonymous: bool, transport: Transport, rule: RequireHttps) -> Result<(), SseError> {
    if anonymous {
        return Err(SseError::NeedsSignature);
    }
    if transport == Transport::Plain && rule == RequireHttps::Strict { Err(SseError::NeedsTls) } else { Ok(()) }
}

impl SseService {
    /// What a change of an object's keys in place must satisfy, as every write under SSE-KMS.
    ///
    /// # Errors
    /// [`SseError::NeedsSignature`] of the anonymous, [`SseError::NeedsTls`] over plain HTTP.
    pub fn check_rewrap(&self, principal: &Principal, transport: Transport) -> Result<(), SseError> {
        check_kms_writer(principal.is_anonymous(), transport, self.config().require_https)
    }
}

fn choose(input: &PlanInput<'_>) -> Result<EncryptionPlan, SseError> {
    let request = input.request;
    if !request.customer.is_empty() {
        require_tls_for_customer_key(input.transport, input.require_https)?;
        if request.names_another_method() {
            let field = if request.method.is_some() { Field::Method } else { Field::CustomerAlgorithm };
            return Err(invalid(field, "SSE-C cannot be combined with another encryption method"));
        }
        let cipher = cipher_beside_kms(input)?;
        return Ok(EncryptionPlan::Customer { cipher, sent: CustomerKeySent::parse(&request.customer)? });
    }
    match request.method.as_deref() {
        Some("AES256" | "aws:AES256") => explicit_obs(input),
        Some("kms" | "aws:kms") => explicit_kms(input),
        Some("aws:kms:dsse") => Err(SseError::NotOffered("DSSE-KMS (aws:kms:dsse) is not offered by this server")),
        Some(_) => Err(invalid(Field::Method, "the server-side encryption method is not supported")),
        None => inherited(input),
    }
}

/// SSE-C travels with the key itself.
pub(crate) fn require_tls_for_customer_key(transport: Transport, rule: RequireHttps) -> Result<(), SseError> {
    if transport == Transport::Plain && rule != RequireHttps::Off { Err(SseError::NeedsTls) } else { Ok(()) }
}

fn explicit_obs(input: &PlanInput<'_>) -> Result<EncryptionPlan, SseError> {
    let request = input.request;
    let stray = [
        (request.key_id.is_some(), Field::KeyId),
        (request.key_project_id.is_some(), Field::KeyProjectId),
        (request.context.is_some(), Field::Context),
        (request.bucket_key_enabled.is_some(), Field::BucketKeyEnabled),
        (request.bucket_key_rotation_days.is_some(), Field::BucketKeyRotationDays),
    ];
    match stray.iter().find(|(sent, _)| *sent) {
        Some((_, field)) => Err(invalid(*field, "this header goes with SSE-KMS only")),
        None => Ok(EncryptionPlan::Obs { cipher: cipher_beside_kms(input)? }),
    }
}

fn explicit_kms(input: &PlanInput<'_>) -> Result<EncryptionPlan, SseError> {
    let request = input.request;
    let kms_default = input.bucket.filter(|b| b.method == DefaultMethod::Kms);
    let cipher = data_cipher(request.data_encryption.as_deref())?.unwrap_or(DataCipher::Aes256Gcm);
    refuse_project_alone(request.key_project_id.as_deref(), request.key_id.as_deref())?;
    let asked = bucket_key_flag(request)?;
    check_rotation(request)?;
    if input.rules.bucket_key_needs_key_id && asked == Some(true) && request.key_id.is_none() {
        return Err(invalid(Field::BucketKeyEnabled, "a bucket key needs a named CMK"));
    }
    let (key_ref, project) = match &request.key_id {
        Some(id) if id.is_empty() => return Err(invalid(Field::KeyId, "the CMK id is empty")),
        Some(id) => (Some(id.clone()), request.key_project_id.clone()),
        None if input.rules.cmk_from_bucket_default => of_default(kms_default),
        None => (None, None),
    };
    // Who takes nothing else over from the bucket takes over no bucket key either (obs-api §4.4).
    let of_bucket = kms_default.filter(|_| input.rules.cmk_from_bucket_default).and_then(|b| b.bucket_key);
    Ok(EncryptionPlan::Kms {
        cipher,
        key_ref,
        project,
        bucket_key: asked.or(of_bucket).unwrap_or(false),
        context: parse_context(request.context.as_deref())?,
    })
}

fn inherited(input: &PlanInput<'_>) -> Result<EncryptionPlan, SseError> {
    let request = input.request;
    if request.key_id.is_some() {
        return Err(invalid(Field::KeyId, "a CMK id needs the SSE-KMS method header"));
    }
    if request.key_project_id.is_some() {
        return Err(invalid(Field::KeyProjectId, "a project id needs the SSE-KMS method header"));
    }
    if request.context.is_some() {
        return Err(invalid(Field::Context, "an encryption context needs the SSE-KMS method header"));
    }
    let asked = bucket_key_flag(request)?;
    check_rotation(request)?;
    let method = input.bucket.map(|b| b.method).or(input.server_default);
    if method == Some(DefaultMethod::Kms) {
        let default = input.bucket;
        // What a stored default says was checked when it was set.
        let of_bucket = default.and_then(|b| b.data_encryption.as_deref());
        let cipher = data_cipher(request.data_encryption.as_deref().or(of_bucket))?.unwrap_or(DataCipher::Aes256Gcm);
        let (key_ref, project) = of_default(default);
        if input.rules.bucket_key_needs_key_id && asked == Some(true) && key_ref.is_none() {
            return Err(invalid(Field::BucketKeyEnabled, "a bucket key needs a named CMK"));
        }
        return Ok(EncryptionPlan::Kms {
            cipher,
            key_ref,
            project,
            bucket_key: asked.or(default.and_then(|b| b.bucket_key)).unwrap_or(false),
            context: EncryptionContext::default(),
        });
    }
    if request.data_encryption.is_some() && (method.is_none() || input.sm4 == Sm4Offer::KmsOnly) {
        return Err(invalid(Field::DataEncryption, "the data cipher goes with an encryption method"));
    }
    if asked.is_some() && input.rules.refuse_stray_bucket_key {
        return Err(invalid(Field::BucketKeyEnabled, "a bucket key goes with SSE-KMS only"));
    }
    if request.bucket_key_rotation_days.is_some() && input.rules.refuse_stray_bucket_key {
        return Err(invalid(Field::BucketKeyRotationDays, "a bucket key goes with SSE-KMS only"));
    }
    match method {
        Some(_) => Ok(EncryptionPlan::Obs { cipher: cipher_beside_kms(input)? }),
        None => Ok(EncryptionPlan::Plain),
    }
}

pub(crate) fn bucket_key_flag(request: &EncryptionHeaders) -> Result<Option<bool>, SseError> {
    match request.bucket_key_enabled.as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(invalid(Field::BucketKeyEnabled, "the value is neither true nor false")),
    }
}

/// The rotation period of an object request: in the range of a bucket's, and without effect.
fn check_rotation(request: &EncryptionHeaders) -> Result<(), SseError> {
    let Some(text) = request.bucket_key_rotation_days.as_deref() else { return Ok(()) };
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let days = digits.then(|| text.parse().ok()).flatten();
    if days.is_some_and(|days| ROTATION_DAYS.contains(&days)) {
        return Ok(());
    }
    Err(invalid(Field::BucketKeyRotationDays, ROTATION_RANGE))
}

const ROTATION_RANGE: &str = "the rotation period is 1 to 3650 days";

/// The data cipher that a header or a default names.
pub(crate) fn data_cipher(data_encryption: Option<&str>) -> Result<Option<DataCipher>, SseError> {
    match data_encryption {
        None => Ok(None),
        Some("AES256") => Ok(Some(DataCipher::Aes256Gcm)),
        Some("SM4") => Ok(Some(DataCipher::Sm4Gcm)),
        Some(_) => Err(invalid(Field::DataEncryption, "the data cipher is neither AES256 nor SM4")),
    }
}

/// The data cipher of a method other than SSE-KMS.
fn cipher_beside_kms(input: &PlanInput<'_>) -> Result<DataCipher, SseError> {
    let cipher = data_cipher(input.request.data_encryption.as_deref())?.unwrap_or(DataCipher::Aes256Gcm);
    if cipher == DataCipher::Sm4Gcm && input.sm4 == Sm4Offer::KmsOnly {
        return Err(invalid(Field::DataEncryption, "SM4 goes with SSE-KMS only (setting sse.sm4)"));
    }
    Ok(cipher)
}

/// The CMK that a bucket's default names, and its project.
fn of_default(default: Option<&BucketEncryption>) -> (Option<String>, Option<String>) {
    default.map_or((None, None), |b| (b.key_ref.clone(), b.project_id.clone()))
}

/// Whether the CMK is of the project is asked when it is used, after the right to use it.
fn refuse_project_alone(project: Option<&str>, key_id: Option<&str>) -> Result<(), SseError> {
    match (project, key_id) {
        (Some(_), None) => Err(invalid(Field::KeyProjectId, "a project id needs a CMK id")),
        _ => Ok(()),
    }
}

/// Parses the encryption context: base64 of a JSON object of strings. S3's own `aws:s3:arn` is refused.
pub(crate) fn parse_context(header: Option<&str>) -> Result<EncryptionContext, SseError> {
    let Some(header) = header else { return Ok(EncryptionContext::default()) };
    let json = data_encoding::BASE64
        .decode(header.as_bytes())
        .map_err(|_| invalid(Field::Context, "the encryption context is not base64"))?;
    let pairs: std::collections::BTreeMap<String, String> = serde_json::from_slice(&json)
        .map_err(|_| invalid(Field::Context, "the encryption context is not a JSON object of strings"))?;
    if pairs.contains_key(CONTEXT_ARN) {
        return Err(invalid(Field::Context, "aws:s3:arn is set by the server"));
    }
    if pairs.keys().any(|key| key.starts_with(RESERVED_CONTEXT_PREFIX)) {
        return Err(invalid(Field::Context, "keys of the encryption context do not begin with strongroom:"));
    }
    if pairs.contains_key("") {
        return Err(invalid(Field::Context, "a key of the encryption context is empty"));
    }
    EncryptionContext::from_pairs(pairs).map_err(|_| invalid(Field::Context, "the encryption context is too large"))
}

/// The pair that the server adds to the encryption context: the ARN of the object, or of the bucket with a bucket key.
pub(crate) const CONTEXT_ARN: &str = "aws:s3:arn";

/// Checks a bucket default before it is stored. Whether the CMK exists is not checked, as in S3: the first write tells.
pub fn check_bucket_encryption(
    config: &BucketEncryption,
    transport: Transport,
    require_https: RequireHttps,
    rules: EncryptionRules,
) -> Result<(), SseError> {
    match config.method {
        DefaultMethod::Obs => {
            if config.key_ref.is_some() {
                return Err(invalid(Field::KeyId, "a CMK goes with SSE-KMS only"));
            }
            if config.project_id.is_some() {
                return Err(invalid(Field::KeyProjectId, "a project id goes with SSE-KMS only"));
            }
            if config.data_encryption.as_deref().is_some_and(|d| d != "AES256") {
                return Err(invalid(Field::DataEncryption, "this data cipher goes with SSE-KMS only"));
            }
            Ok(())
        }
        DefaultMethod::Kms => {
            if require_https == RequireHttps::Strict && transport == Transport::Plain {
                return Err(SseError::NeedsTls);
            }
            data_cipher(config.data_encryption.as_deref())?;
            refuse_project_alone(config.project_id.as_deref(), config.key_ref.as_deref())?;
            if rules.bucket_key_needs_key_id && config.bucket_key == Some(true) && config.key_ref.is_none() {
                return Err(invalid(Field::BucketKeyEnabled, "a bucket key needs a named CMK"));
            }
            if config.rotation_days.is_some_and(|days| !ROTATION_DAYS.contains(&days)) {
                return Err(invalid(Field::BucketKeyRotationDays, ROTATION_RANGE));
            }
            Ok(())
        }
    }
}
