//! Who signed a request: recognises the credential, verifies the signature over the bytes as they stood on the wire,
//! and says what the signature declares about the body. The pages are docs/dialects/signatures.md and the vectors in
//! vectors/signatures.
//!
//! ```text
//! detect(request) ─> None: anonymous
//!                 ─> Credential ── access key id ──> (caller finds the secret) ── verify ──> VerifiedSignature
//! ```
//!
//! INVARIANT: a [`VerifiedSignature`] is made by a successful verification and by nothing else; a request carries one
//! credential or is refused; a header or parameter that can change what a request means is covered by the signature or
//! the request is refused.

mod chunk_signatures;
mod credential;
pub mod date;
mod detect;
mod error;
mod form;
mod headers;
mod legacy;
mod payload;
mod sdk_hmac;
pub mod signer;
pub mod target;
#[cfg(test)]
mod tests;
mod v4;
mod verified;

pub use chunk_signatures::ChunkSignatures;
pub use credential::{Credential, Dialect, Scheme};
pub use detect::{anonymous_dialect, detect};
pub use error::AuthError;
pub use form::{FormCredential, detect_form};
pub use legacy::is_signed_subresource;
pub use payload::{Payload, unsigned_request_payload};
pub use sdk_hmac::{SdkCredential, SdkVerifyConfig, VerifiedSdkSignature};
pub use verified::VerifiedSignature;

use http::HeaderMap;

/// How far a signed request's date may be off in either direction, in milliseconds: 15 minutes, as AWS and OBS have it.
pub const SKEW_MILLIS_MAX: u64 = 15 * 60 * 1000;

/// A request as its signature sees it: nothing decoded, nothing normalised.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method, in upper case as sent.
    pub method: &'a str,
    /// Path and query exactly as on the wire.
    pub raw_target: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// What stands for the bucket in the canonical resource of OBS and V2 signatures when it comes from `Host`: the
    /// bucket's name if virtual-hosted, the **domain itself** if a custom domain. `None` for path style.
    pub host_bucket: Option<&'a str>,
}

/// What a verification needs to know about the server.
#[derive(Clone, Copy, Debug)]
pub struct VerifyConfig<'a> {
    /// Regions that a V4 credential scope may name.
    pub regions: AcceptedRegions<'a>,
    /// The service that a V4 credential scope must name: `s3` on the data plane, `kms`, `sts` or `iam` elsewhere.
    pub service: &'a str,
    /// Accept OBS and V2 **header** signatures that leave out the few sub-resources some official SDKs send without
    /// signing them (docs/dialects/signatures.md). Never applies to signed URLs.
    pub obs_unsigned_subresources: bool,
    /// SHA-256 of the body, for services whose clients do not send `x-amz-content-sha256`. `None` makes that header
    /// compulsory in V4 header signatures.
    pub body_sha256: Option<[u8; 32]>,
}

/// Regions that a V4 credential scope may name.
#[derive(Clone, Copy, Debug)]
pub enum AcceptedRegions<'a> {
    /// This one, and `us-east-1`, which clients use when they were told none.
    Configured(&'a str),
    /// Any name: OBS SDKs in V4 mode put in what their user calls the region.
    Any,
}

impl AcceptedRegions<'_> {
    fn check(&self, region: &str) -> Result<(), AuthError> {
        match *self {
            Self::Any => Ok(()),
            Self::Configured(ours) if region == ours || region == "us-east-1" => Ok(()),
            Self::Configured(ours) => Err(AuthError::WrongRegion { expected: ours.to_owned() }),
        }
    }
}
