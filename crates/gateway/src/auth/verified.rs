//! The proof that a request was signed by the holder of an access key's secret.

use super::credential::{Dialect, Scheme};
use super::payload::Payload;
use model::{AccessKeyId, Timestamp};

/// A verified signature. Made by [`super::Credential::verify`] and [`super::FormCredential::verify`] alone.
#[derive(Debug)]
pub struct VerifiedSignature {
    access_key: AccessKeyId,
    scheme: Scheme,
    payload: Payload,
    left_out: bool,
    presigned_at: Option<Timestamp>,
}

impl VerifiedSignature {
    pub(super) fn new(access_key: AccessKeyId, scheme: Scheme, payload: Payload, left_out: bool) -> Self {
        Self { access_key, scheme, payload, left_out, presigned_at: None }
    }

    pub(super) fn presigned_at(mut self, at: Option<Timestamp>) -> Self {
        self.presigned_at = at;
        self
    }

    /// When a URL was signed; only V4 says so.
    pub fn url_signed_at(&self) -> Option<Timestamp> {
        self.presigned_at
    }

    /// The access key that signed.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// How it was signed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The dialect the signature belongs to.
    pub fn dialect(&self) -> Dialect {
        self.scheme.dialect()
    }

    /// What was declared about the body.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// What was declared about the body, to be handed to the body's decoder.
    pub fn into_payload(self) -> Payload {
        self.payload
    }

    /// Whether the signature was accepted although it leaves out a sub-resource of the request, as the setting
    /// `obs_unsigned_subresources` allows. For the audit and for metrics.
    pub fn leaves_out_subresources(&self) -> bool {
        self.left_out
    }
}
