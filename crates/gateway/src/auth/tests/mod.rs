//! Tests of signatures: published vectors, requests of real clients, and requests that are wrong on purpose.

mod attacks;
mod detection;
mod mutations;
mod properties;
mod sdk_hmac;
mod time;
mod vectors;

use super::signer::{LegacySigner, SignedPayload, SignerV4, SigningCredential};
use super::*;
use http::{HeaderMap, HeaderName, HeaderValue};
use model::Timestamp;

/// 2026-11-20T20:22:54Z.
const NOW: Timestamp = Timestamp::from_secs(1_795_206_174);
const ACCESS_KEY: &str = "TESTAK0000000000EX01";
const SECRET: &[u8] = b"testsk00000000000000000000000000000EX01";
const REGION: &str = "local-1";

/// A request that owns its pieces.
#[derive(Clone, Debug)]
struct Request {
    method: String,
    target: String,
    headers: HeaderMap,
    host_bucket: Option<String>,
}

impl Request {
    fn new(method: &str, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Self { method: method.to_owned(), target: target.to_owned(), headers: map, host_bucket: None }
    }

    fn with_host_bucket(mut self, bucket: &str) -> Self {
        self.host_bucket = Some(bucket.to_owned());
        self
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
        self
    }

    fn append(mut self, name: &str, value: &str) -> Self {
        self.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
        self
    }

    fn without(mut self, name: &str) -> Self {
        assert!(self.headers.remove(name).is_some(), "{name} is there to be removed");
        self
    }

    fn with_target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    fn with_method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    fn borrowed(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.method,
            raw_target: &self.target,
            headers: &self.headers,
            host_bucket: self.host_bucket.as_deref(),
        }
    }

    /// Finds and verifies the credential with the test's secret.
    fn check(&self) -> Result<VerifiedSignature, AuthError> {
        self.check_at(NOW)
    }

    fn check_at(&self, now: Timestamp) -> Result<VerifiedSignature, AuthError> {
        self.check_with(now, &config())
    }

    fn check_with(&self, now: Timestamp, config: &VerifyConfig<'_>) -> Result<VerifiedSignature, AuthError> {
        let request = self.borrowed();
        detect(&request)?.expect("a credential").verify(&request, SECRET, now, config)
    }

    fn refusal(&self) -> AuthError {
        self.check().expect_err("refused")
    }

    fn signed_v4(mut self, payload: SignedPayload) -> Self {
        signer_v4().sign(&self.method, &self.target, &mut self.headers, payload, NOW).unwrap();
        self
    }

    fn presigned_v4(mut self) -> Self {
        self.target = signer_v4().presign(&self.method, &self.target, &self.headers, 3600, NOW).unwrap();
        self
    }

    fn signed_legacy(mut self, dialect: Dialect) -> Self {
        let host_bucket = self.host_bucket.clone();
        let signer = LegacySigner { credential: credential(), dialect, host_bucket: host_bucket.as_deref() };
        signer.sign(&self.method, &self.target, &mut self.headers, NOW).unwrap();
        self
    }

    fn presigned_legacy(mut self, dialect: Dialect) -> Self {
        let host_bucket = self.host_bucket.clone();
        let signer = LegacySigner { credential: credential(), dialect, host_bucket: host_bucket.as_deref() };
        let expires = NOW.plus_millis(300_000);
        self.target = signer.presign(&self.method, &self.target, &self.headers, expires).unwrap();
        self
    }
}

fn config() -> VerifyConfig<'static> {
    VerifyConfig {
        regions: AcceptedRegions::Configured(REGION),
        service: "s3",
        obs_unsigned_subresources: false,
        body_sha256: None,
    }
}

fn credential() -> SigningCredential<'static> {
    SigningCredential { access_key_id: ACCESS_KEY, secret: SECRET, session_token: None }
}

fn signer_v4() -> SignerV4<'static> {
    SignerV4 { credential: credential(), region: REGION, service: "s3" }
}

fn is_mismatch(error: &AuthError) -> bool {
    matches!(error, AuthError::SignatureMismatch { .. })
}
