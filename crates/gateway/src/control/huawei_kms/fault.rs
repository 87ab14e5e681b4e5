//! Refusals in the words of the Huawei KMS API. Every failure of the key service has its line in one exhaustive table;
//! what only the operator should read is logged here and not sent.

use super::super::huawei;
use super::super::signed::Refused;
use super::code::Code;
use crate::reply::{Reply, ReplyBody};
use bytes::Bytes;
use http::StatusCode;
use iam::IamError;
use kms::KmsError;
use serde_json::json;

/// What is being done, as far as the codes of its refusals differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Something about the account as a whole.
    Account,
    /// Making a key.
    Create,
    /// Something with a key that has no codes of its own.
    Key,
    /// Scheduling a deletion.
    Deletion,
    /// Wrapping and unwrapping data keys.
    DataKey,
    /// Rotating.
    Rotation,
    /// Granting.
    Grant,
    /// Importing material.
    Import,
    /// Deleting imported material.
    Material,
    /// Tagging.
    Tag,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Fault {
    /// A code, and what there is to say besides its text.
    Said(Code, Option<String>),
    /// As [`Fault::Said`], after an operation of the key service was asked: it is on record.
    Recorded(Code),
    /// The key service refuses. It is on record.
    Kms(KmsError),
    /// A ciphertext that is none, before the key service is asked.
    NoCiphertext,
}

impl Fault {
    /// A code and a text of its own behind the code's.
    pub(super) fn said(code: Code, more: impl Into<String>) -> Self {
        Self::Said(code, Some(more.into()))
    }

    /// A member whose value is not accepted.
    pub(super) fn parameter(name: &str, rule: &str) -> Self {
        Self::said(Code::Parameter, format!("{name}: {rule}"))
    }

    /// A refusal from before the operation was known.
    pub(super) fn door(why: &Refused) -> Self {
        match why {
            Refused::NeedsTls => Self::said(Code::BadRequest, "TLS is needed unless it comes from this machine"),
            Refused::Incomplete => Self::said(Code::BadRequest, "the body is incomplete"),
            Refused::TooLarge => Code::TooLarge.into(),
            Refused::Unsigned | Refused::UnknownKey | Refused::Malformed | Refused::Expired | Refused::Signature => {
                Code::Unauthenticated.into()
            }
        }
    }

    /// The name for the record; `None` for what is on record already.
    pub(super) fn to_record(&self) -> Option<&'static str> {
        match self {
            Self::Said(code, _) => Some(code.name()),
            Self::NoCiphertext => Some(KmsError::InvalidCiphertext.name()),
            Self::Recorded(_) | Self::Kms(_) => None,
        }
    }

    /// The code, and what there is to say besides its text.
    fn line(self, doing: Doing) -> (Code, Option<String>) {
        match self {
            Self::Said(code, more) => (code, more),
            Self::Recorded(code) => (code, None),
            Self::NoCiphertext => Self::Kms(KmsError::InvalidCiphertext).line(doing),
            Self::Kms(error) => {
                let code = code_of(&error, doing);
                (code, detail(&error))
            }
        }
    }

    /// The reply. What went wrong inside is told to the log alone.
    pub(super) fn reply(self, doing: Doing, request_id: &str) -> Reply {
        if let Self::Kms(
            error @ (KmsError::Damaged(_)
            | KmsError::WrongRootKey
            | KmsError::Unavailable(_)
            | KmsError::AuditUnavailable),
        ) = &self
        {
            tracing::error!(%error, request_id, "a KMS request failed");
        }
        let (code, more) = self.line(doing);
        let text = match more {
            Some(more) => format!("{} ({})", code.text(), shown(&more)),
            None => code.text().to_owned(),
        };
        // What the gateway before the service refuses is flat in the cloud, too.
        let document = if code.name().starts_with("APIGW") {
            json!({ "error_code": code.name(), "error_msg": text, "request_id": request_id })
        } else {
            json!({ "error": { "error_code": code.name(), "error_msg": text } })
        };
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = Reply::new(status).with("content-type", "application/json;charset=utf-8");
        if code == Code::Throttled {
            reply.set("retry-after", "1");
        }
        reply.body = ReplyBody::Full(Bytes::from(document.to_string()));
        reply
    }
}

/// The table of what the key service refuses.
pub(super) fn code_of(error: &KmsError, doing: Doing) -> Code {
    match (error, doing) {
        (KmsError::NotFound, _) => Code::NoSuchKey,
        (KmsError::Denied, Doing::Account | Doing::Create) => Code::NoRight,
        (KmsError::Denied, _) => Code::NoRightToKey,
        (KmsError::Disabled, _) => Code::Disabled,
        (KmsError::PendingDeletion, Doing::Deletion) => Code::AlreadyPending,
        (KmsError::PendingDeletion, _) => Code::PendingDeletion,
        (KmsError::PendingImport, _) => Code::Parameter,
        (KmsError::InUse(_), _) => Code::Parameter,
        (KmsError::Unsupported(_), Doing::Rotation) => Code::ExternalRotation,
        (KmsError::Unsupported(_), Doing::Import | Doing::Material) => Code::NotExternal,
        (KmsError::Unsupported(_), _) => Code::Parameter,
        (KmsError::LimitExceeded(_), Doing::Create) => Code::KeysFull,
        (KmsError::LimitExceeded(_), Doing::Grant) => Code::GrantsFull,
        (KmsError::LimitExceeded(_), Doing::Tag) => Code::TagsFull,
        (KmsError::LimitExceeded(_), _) => Code::Parameter,
        (KmsError::Conflict(_), _) => Code::Parameter,
        (KmsError::MalformedPolicy(_), Doing::Grant) => Code::GrantPrincipal,
        (KmsError::MalformedPolicy(_), _) => Code::Parameter,
        (KmsError::Tag(_), _) => Code::TagKey,
        (KmsError::InvalidGrantId | KmsError::InvalidGrantToken, _) => Code::NoSuchGrant,
        (KmsError::InvalidImportToken, _) => Code::ImportToken,
        (KmsError::ExpiredImportToken, _) => Code::ImportTokenExpired,
        (KmsError::IncorrectMaterial, _) => Code::OtherMaterial,
        (KmsError::NotPendingDeletion, _) => Code::NotPendingDeletion,
        (KmsError::ServiceManaged, _) => Code::DefaultKey,
        // Wrong data, a wrong key and a wrong context look the same.
        (KmsError::InvalidCiphertext | KmsError::IncorrectKey, Doing::DataKey) => Code::Ciphertext,
        (KmsError::InvalidCiphertext, Doing::Import) => Code::Unwrap,
        (KmsError::InvalidCiphertext | KmsError::IncorrectKey, _) => Code::Parameter,
        (KmsError::InvalidArn, _) => Code::KeyId,
        (KmsError::InvalidAlias(_), _) => Code::Alias,
        (KmsError::AlreadyExists, _) => Code::AliasTaken,
        (KmsError::Validation(_), Doing::Import) => Code::MaterialLength,
        (KmsError::Validation(_), Doing::Grant) => Code::GrantPrincipal,
        (KmsError::Validation(_), Doing::Rotation) => Code::RotationInterval,
        (KmsError::Validation(_), _) => Code::Parameter,
        (KmsError::Throttled, _) => Code::Throttled,
        (KmsError::Unavailable(_) | KmsError::AuditUnavailable, _) => Code::Unavailable,
        (KmsError::WrongRootKey | KmsError::Damaged(_), _) => Code::Internal,
    }
}

/// What is said besides the code's text, where that would leave a question.
fn detail(error: &KmsError) -> Option<String> {
    match error {
        KmsError::InUse(_) => Some(format!(
            "{error}; to delete it all the same, and with it all that needs it: `strongroom kms key schedule-deletion \
             --force`"
        )),
        KmsError::PendingImport
        | KmsError::Unsupported(_)
        | KmsError::LimitExceeded(_)
        | KmsError::Conflict(_)
        | KmsError::MalformedPolicy(_)
        | KmsError::Tag(_)
        | KmsError::InvalidCiphertext
        | KmsError::InvalidAlias(_)
        | KmsError::Validation(_) => Some(error.to_string()),
        // It looks as a changed ciphertext does.
        KmsError::IncorrectKey => Some(KmsError::InvalidCiphertext.to_string()),
        KmsError::NotFound
        | KmsError::Denied
        | KmsError::Disabled
        | KmsError::PendingDeletion
        | KmsError::InvalidGrantId
        | KmsError::InvalidGrantToken
        | KmsError::InvalidImportToken
        | KmsError::ExpiredImportToken
        | KmsError::IncorrectMaterial
        | KmsError::AuditUnavailable
        | KmsError::NotPendingDeletion
        | KmsError::ServiceManaged
        | KmsError::InvalidArn
        | KmsError::AlreadyExists
        | KmsError::Throttled
        | KmsError::Unavailable(_)
        | KmsError::WrongRootKey
        | KmsError::Damaged(_) => None,
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::Said(code, None)
    }
}

impl From<KmsError> for Fault {
    fn from(error: KmsError) -> Self {
        Self::Kms(error)
    }
}

/// The door and the readers of bodies are those of the identity API.
impl From<huawei::fault::Fault> for Fault {
    fn from(fault: huawei::fault::Fault) -> Self {
        use huawei::fault::Fault as Shared;
        match fault {
            Shared::Door(why) => Self::door(&why),
            Shared::Unauthenticated => Code::Unauthenticated.into(),
            Shared::Expired => Self::said(Code::Unauthenticated, "the token has expired"),
            Shared::Skewed => {
                Self::said(Code::Unauthenticated, "the request's date is more than 15 minutes off the server's")
            }
            Shared::ForeignScope => Code::WrongProject.into(),
            Shared::NoRoute => Code::NoRoute.into(),
            Shared::Body(place) => Self::said(Code::Body, place),
            Shared::Missing(name) => Self::said(Code::Missing, name),
            Shared::Parameter(name, rule) => Self::parameter(name, &rule),
            Shared::NotFound(what, _) => Self::parameter(what, "there is none"),
            Shared::Iam(error) => error.into(),
        }
    }
}

impl From<IamError> for Fault {
    fn from(error: IamError) -> Self {
        match error {
            IamError::AccessDenied { .. } | IamError::Unauthorized => Code::NoRight.into(),
            other => Self::Kms(KmsError::Unavailable(other.to_string())),
        }
    }
}

/// A client's own words among them, no longer than they need be.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}
