//! Refusals and how each dialect words them.
//!
//! [`Refusal`] gathers everything that can end a request: what the objects refused ([`objects::Fail`]), what the
//! signature check refused ([`AuthError`]) and what the codec refused ([`WireFault`]). One exhaustive table per dialect
//! (`s3.rs`, `obs.rs`) maps each to status, code and message, so that a new variant does not compile until every dialect
//! has a word for it.

mod auth_table;
mod document;
mod form;
mod obs;
mod s3;
mod wire;

pub use document::{Asked, error_reply};
pub use form::FormFault;
pub use wire::WireFault;

use crate::auth::AuthError;
use crate::body::BodyRefused;
use crate::dialect::{Dialect, HeaderFault};
use crate::query::BadTarget;
use crate::xml::XmlError;
use http::StatusCode;
use objects::{Fail, StoreFault};
use sse::SseError;
use std::borrow::Cow;

/// Whether the places where AWS and the Ceph suite disagree follow the one or the other (s3-sse-behaviour §17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// As AWS answers.
    #[default]
    Aws,
    /// As the Ceph suite expects.
    Ceph,
}

/// Why a request ended without success.
#[derive(Debug)]
pub enum Refusal {
    /// The operation was refused or failed.
    Fail(Fail),
    /// The credential was refused.
    Auth(AuthError),
    /// The request could not be read.
    Wire(WireFault),
}

/// A refusal as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// HTTP status.
    pub status: StatusCode,
    /// The code that clients act on.
    pub code: &'static str,
    /// The text for people.
    pub message: Cow<'static, str>,
    /// Further elements of the error document.
    pub details: Vec<(&'static str, String)>,
    /// Further headers of the reply.
    pub headers: Vec<(&'static str, String)>,
}

/// When whoever was too fast may come again: rates are per second (docs/kms-api.md).
const RETRY_AFTER_SECONDS: &str = "1";

/// Short for the tables.
fn w(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Wording {
    Wording::new(status, code, message)
}

impl Wording {
    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    fn detail(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.details.push((element, text.into()));
        self
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Refusal {
    /// The words of a dialect.
    pub fn wording(&self, dialect: &'static Dialect, compat: Compat) -> Wording {
        match self {
            Self::Fail(fail) if dialect.is_obs() => obs::fail(dialect, fail),
            Self::Fail(fail) => s3::fail(dialect, fail, compat),
            Self::Auth(error) => auth_table::auth(dialect, error, compat),
            Self::Wire(fault) => wire::wire(dialect, fault),
        }
    }

    /// What the operator should see beside the code that the client sees.
    pub fn for_the_log(&self) -> String {
        match self {
            Self::Fail(Fail::Internal(why)) => format!("internal: {why}"),
            Self::Fail(Fail::Store(fault)) => fault.to_string(),
            Self::Fail(fail) => format!("{fail:?}"),
            // Holds the canonical request: for the client's own debugging, not for our log.
            Self::Auth(AuthError::SignatureMismatch { .. }) => "signature mismatch".to_owned(),
            Self::Auth(error) => format!("{error:?}"),
            Self::Wire(fault) => format!("{fault:?}"),
        }
    }
}

impl From<Fail> for Refusal {
    fn from(fail: Fail) -> Self {
        Self::Fail(fail)
    }
}

impl From<SseError> for Refusal {
    fn from(error: SseError) -> Self {
        Self::Fail(Fail::Encryption(error))
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<WireFault> for Refusal {
    fn from(fault: WireFault) -> Self {
        Self::Wire(fault)
    }
}

impl From<FormFault> for Refusal {
    fn from(fault: FormFault) -> Self {
        Self::Wire(WireFault::Form(fault))
    }
}

impl From<HeaderFault> for Refusal {
    fn from(fault: HeaderFault) -> Self {
        Self::Wire(WireFault::Header(fault))
    }
}

impl From<BodyRefused> for Refusal {
    fn from(refused: BodyRefused) -> Self {
        Self::Wire(match refused {
            BodyRefused::InvalidDigest => WireFault::InvalidDigest,
            BodyRefused::InvalidRequest(what) => WireFault::InvalidChecksum(what),
            BodyRefused::MissingContentLength => WireFault::MissingContentLength,
            BodyRefused::MalformedTrailer => WireFault::UnannouncedTrailer,
        })
    }
}

impl From<XmlError> for Refusal {
    fn from(_: XmlError) -> Self {
        Self::Wire(WireFault::MalformedXml)
    }
}

impl From<BadTarget> for Refusal {
    fn from(_: BadTarget) -> Self {
        Self::Wire(WireFault::BadTarget)
    }
}

/// The name a dialect's clients know an encryption header by.
fn field_name(dialect: &'static Dialect, field: sse::EncryptionField) -> &'static str {
    use sse::EncryptionField as F;
    let names = &dialect.names;
    match field {
        F::Method => names.sse,
        F::KeyId => names.sse_key_id,
        F::KeyProjectId => names.sse_project_id,
        F::Context => names.sse_context,
        F::DataEncryption => names.sse_data_encryption,
        F::BucketKeyEnabled => names.sse_bucket_key,
        F::BucketKeyRotationDays => names.sse_bucket_key_rotation,
        F::CustomerAlgorithm => names.customer_algorithm,
        F::CustomerKey => names.customer_key,
        F::CustomerKeyMd5 => names.customer_key_md5,
    }
}

/// A digest that does not match, by its noun.
fn bad_digest(noun: &str) -> Wording {
    let than = if noun == "Content-MD5" { "what we received" } else { "the calculated checksum" };
    w(StatusCode::BAD_REQUEST, "BadDigest", format!("The {noun} you specified did not match {than}."))
}

/// The store's faults. What may pass is to be tried again (503); damage stays, so a client that repeats the request
/// for ever would hide it from the operator (500).
fn store(fault: &StoreFault) -> Wording {
    match fault {
        StoreFault::Full => {
            w(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "There is no space left in the data directory.")
        }
        StoreFault::Unavailable(_) => w(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "Service is unable to handle request. Please retry.",
        ),
        StoreFault::Corrupt(_) => w(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", INTERNAL),
    }
}

/// What an internal failure tells the client: nothing but that it was ours.
const INTERNAL: &str = "We encountered an internal error. Please try again.";

#[cfg(test)]
mod tests;
