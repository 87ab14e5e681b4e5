//! Credentials in the fields of a browser form (POST): the signature covers the base64 policy, which in turn says what
//! the other fields may be. Verifying the policy's conditions is the form operation's business.

use super::VerifyConfig;
use super::credential::{Dialect, Scheme};
use super::date;
use super::error::AuthError;
use super::headers::HIDDEN;
use super::legacy;
use super::payload::Payload;
use super::v4::{Scope, SigningKey, signature_hex, split_credential};
use super::verified::VerifiedSignature;
use crypto::constant_time_eq;
use data_encoding::BASE64;
use model::{AccessKeyId, Timestamp};
use std::fmt;

/// A form's credential, not verified yet.
pub struct FormCredential {
    access_key: AccessKeyId,
    signature: String,
    policy: String,
    session_token: Option<String>,
    kind: Kind,
}

enum Kind {
    Legacy(Dialect),
    V4 { scope: Scope, date: String },
}

/// The credential among a form's fields (name and value, in the order sent); `None` for an anonymous form.
///
/// # Errors
/// [`AuthError::MultipleCredentials`] for two kinds at once, [`AuthError::MalformedForm`] for one that is incomplete: a
/// piece of a credential is never taken for an anonymous form.
pub fn detect_form(fields: &[(String, String)]) -> Result<Option<FormCredential>, AuthError> {
    let field = |name: &str| -> Result<Option<&str>, AuthError> {
        let mut values = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let first = values.next();
        match values.next() {
            Some(_) => Err(AuthError::MalformedForm("a field is repeated")),
            None => Ok(first),
        }
    };
    let session_token = match (field("x-amz-security-token")?, field("x-obs-security-token")?) {
        (Some(_), Some(_)) => return Err(AuthError::MalformedForm("there are two session tokens")),
        (token, None) | (None, token) => token.map(str::to_owned),
    };
    // OBS lets the token win over the separate fields.
    if let Some(token) = field("token")? {
        if field("AWSAccessKeyId")?.is_some() || field("x-amz-algorithm")?.is_some() {
            return Err(AuthError::MultipleCredentials);
        }
        let mut parts = token.splitn(3, ':');
        let (Some(id), Some(signature), Some(policy)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(AuthError::MalformedForm("token is not of the form id:signature:policy"));
        };
        return legacy_form(id, signature, policy, session_token, Dialect::Obs).map(Some);
    }
    let (obs, v2, v4) = (field("AccessKeyId")?, field("AWSAccessKeyId")?, field("x-amz-algorithm")?);
    let policy = || field("policy")?.ok_or(AuthError::MalformedForm("policy is required"));
    let required = |name| field(name)?.ok_or(AuthError::MalformedForm("a field of the signature is missing"));
    match (obs, v2, v4) {
        (None, None, None) => {
            for piece in ["signature", "x-amz-signature", "x-amz-credential", "policy"] {
                if field(piece)?.is_some() {
                    return Err(AuthError::MalformedForm("a piece of a credential without an access key id"));
                }
            }
            match session_token {
                Some(_) => Err(AuthError::MalformedForm("a session token without an access key id")),
                None => Ok(None),
            }
        }
        (Some(id), None, None) => {
            legacy_form(id, required("signature")?, policy()?, session_token, Dialect::Obs).map(Some)
        }
        (None, Some(id), None) => {
            legacy_form(id, required("signature")?, policy()?, session_token, Dialect::S3).map(Some)
        }
        (None, None, Some("AWS4-HMAC-SHA256")) => {
            let (access_key, scope) = split_credential(required("x-amz-credential")?, AuthError::MalformedForm)?;
            Ok(Some(FormCredential {
                access_key,
                signature: required("x-amz-signature")?.to_owned(),
                policy: policy()?.to_owned(),
                session_token,
                kind: Kind::V4 { scope, date: required("x-amz-date")?.to_owned() },
            }))
        }
        (None, None, Some(_)) => Err(AuthError::UnsupportedAlgorithm),
        _ => Err(AuthError::MultipleCredentials),
    }
}

fn legacy_form(
    id: &str,
    signature: &str,
    policy: &str,
    session_token: Option<String>,
    dialect: Dialect,
) -> Result<FormCredential, AuthError> {
    Ok(FormCredential {
        access_key: AccessKeyId::parse(id).ok_or(AuthError::UnknownAccessKey)?,
        signature: signature.to_owned(),
        policy: policy.to_owned(),
        session_token,
        kind: Kind::Legacy(dialect),
    })
}

impl FormCredential {
    /// The access key that claims to have signed.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// The policy document in base64, as signed.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The session token sent with a temporary access key. That the policy covers its field is for who reads the policy
    /// to check.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// How the form is signed.
    pub fn scheme(&self) -> Scheme {
        match self.kind {
            Kind::Legacy(Dialect::Obs) => Scheme::ObsForm,
            Kind::Legacy(Dialect::S3) => Scheme::V2Form,
            Kind::V4 { .. } => Scheme::V4Form,
        }
    }

    /// Verifies the signature over the policy. How long a form is valid stands in the policy itself, so its time is
    /// checked there.
    ///
    /// # Errors
    /// [`AuthError::SignatureMismatch`]; for V4 also a wrong service, region or date.
    pub fn verify(&self, secret: &[u8], config: &VerifyConfig<'_>) -> Result<VerifiedSignature, AuthError> {
        let expected = match &self.kind {
            Kind::Legacy(_) => legacy::signature(secret, self.policy.as_bytes(), b""),
            Kind::V4 { scope, date } => {
                if scope.service != config.service {
                    return Err(AuthError::WrongService { expected: config.service.to_owned() });
                }
                config.regions.check(&scope.region)?;
                let _: Timestamp = date::parse_iso_basic(date)
                    .ok_or(AuthError::MalformedForm("x-amz-date is not of the form YYYYMMDDTHHMMSSZ"))?;
                if !date.starts_with(&scope.date) {
                    return Err(AuthError::WrongScopeDate);
                }
                signature_hex(&SigningKey::derive(secret, scope), &self.policy)
            }
        };
        if !constant_time_eq(expected.as_bytes(), self.signature.as_bytes()) {
            return Err(AuthError::SignatureMismatch { string_to_sign: self.shown_policy(), canonical_request: None });
        }
        Ok(VerifiedSignature::new(self.access_key.clone(), self.scheme(), Payload::None, false))
    }

    /// The policy for the client's debugging, unless it says what a secret must be or is not what it should be.
    fn shown_policy(&self) -> String {
        let decoded = BASE64.decode(self.policy.as_bytes()).map(|bytes| bytes.to_ascii_lowercase());
        let names = |secret: &[u8]| decoded.as_ref().is_ok_and(|text| text.windows(secret.len()).any(|w| w == secret));
        if decoded.is_err() || names(b"customer-key") || names(b"security-token") {
            return String::from_utf8_lossy(HIDDEN).into_owned();
        }
        self.policy.clone()
    }
}

/// Shows neither signature nor policy.
impl fmt::Debug for FormCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormCredential")
            .field("access_key", &self.access_key)
            .field("scheme", &self.scheme())
            .finish_non_exhaustive()
    }
}
