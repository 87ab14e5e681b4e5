//! Errors of the API: the exception's name, its HTTP status and its text. One exhaustive table maps the key service's
//! errors; what only the operator should read is logged here and not sent.

use super::JsonReply;
use super::subject::Subject;
use kms::{KeyUser, KmsError};
use serde_json::json;

/// The exceptions this server sends. Names are AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AccessDenied,
    AlreadyExists,
    Conflict,
    DependencyTimeout,
    Disabled,
    DryRunOperation,
    ExpiredImportToken,
    IncorrectKey,
    IncorrectKeyMaterial,
    Internal,
    InvalidAliasName,
    InvalidArn,
    InvalidCiphertext,
    InvalidGrantId,
    InvalidGrantToken,
    InvalidImportToken,
    InvalidMarker,
    InvalidState,
    LimitExceeded,
    MalformedPolicyDocument,
    NotFound,
    Serialization,
    Tag,
    Throttling,
    UnknownOperation,
    UnsupportedOperation,
    Validation,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::AlreadyExists => "AlreadyExistsException",
            Self::Conflict => "ConflictException",
            Self::DependencyTimeout => "DependencyTimeoutException",
            Self::Disabled => "DisabledException",
            Self::DryRunOperation => "DryRunOperationException",
            Self::ExpiredImportToken => "ExpiredImportTokenException",
            Self::IncorrectKey => "IncorrectKeyException",
            Self::IncorrectKeyMaterial => "IncorrectKeyMaterialException",
            Self::Internal => "KMSInternalException",
            Self::InvalidAliasName => "InvalidAliasNameException",
            Self::InvalidArn => "InvalidArnException",
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::InvalidGrantId => "InvalidGrantIdException",
            Self::InvalidGrantToken => "InvalidGrantTokenException",
            Self::InvalidImportToken => "InvalidImportTokenException",
            Self::InvalidMarker => "InvalidMarkerException",
            Self::InvalidState => "KMSInvalidStateException",
            Self::LimitExceeded => "LimitExceededException",
            Self::MalformedPolicyDocument => "MalformedPolicyDocumentException",
            Self::NotFound => "NotFoundException",
            Self::Serialization => "SerializationException",
            Self::Tag => "TagException",
            Self::Throttling => "ThrottlingException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::UnsupportedOperation => "UnsupportedOperationException",
            Self::Validation => "ValidationException",
        }
    }

    const fn status(self) -> u16 {
        match self {
            // SDKs try these again by themselves.
            Self::DependencyTimeout | Self::Internal => 500,
            _ => 400,
        }
    }
}

/// An error reply in the making.
#[derive(Debug)]
pub(super) struct Fault {
    kind: Kind,
    /// `None` where AWS sends no text.
    message: Option<String>,
    /// What goes to the log instead of the caller.
    detail: Option<KmsError>,
    /// Whether the key service was asked, which puts on record what it refuses.
    on_record: bool,
}

impl Fault {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: Some(message.into()), detail: None, on_record: false }
    }

    pub(super) fn bare(kind: Kind) -> Self {
        Self { kind, message: None, detail: None, on_record: false }
    }

    /// A member that has to be there is not.
    pub(super) fn missing(member: &str) -> Self {
        Self::constraint("null", member, "Member must not be null")
    }

    /// A member's value is outside its bounds, in the words of AWS's validator.
    pub(super) fn constraint(value: &str, member: &str, rule: &str) -> Self {
        let value = if value == "null" { value.to_owned() } else { format!("'{value}'") };
        Self::new(
            Kind::Validation,
            format!("1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {rule}"),
        )
    }

    /// The request asked only whether it would succeed, and it would.
    pub(super) fn dry_run() -> Self {
        let message = "The request would have succeeded, but the DryRun option is set.";
        Self { on_record: true, ..Self::new(Kind::DryRunOperation, message) }
    }

    /// Raises an error of an operation of the key service about `subject`. It is on record.
    pub(super) fn of(error: KmsError, subject: &Subject) -> Self {
        Self { on_record: true, ..Self::unasked(error, subject) }
    }

    /// As [`Fault::of`], where no operation of the key service was asked yet: what its readers of texts refuse.
    pub(super) fn unasked(error: KmsError, subject: &Subject) -> Self {
        match error {
            KmsError::NotFound => Self::new(Kind::NotFound, subject.not_found()),
            KmsError::Denied => Self::new(
                Kind::AccessDenied,
                "The request names a key that does not exist, does not exist in this region, or that you are not \
                 allowed to access.",
            ),
            KmsError::Disabled => Self::new(Kind::Disabled, format!("{subject} is disabled.")),
            KmsError::PendingDeletion => Self::new(Kind::InvalidState, format!("{subject} is pending deletion.")),
            KmsError::PendingImport => Self::new(Kind::InvalidState, format!("{subject} is pending import.")),
            KmsError::InUse(impact) => Self::new(
                Kind::InvalidState,
                format!(
                    "{subject} is needed by {impact}, which could never be opened again; nothing was changed. To \
                     schedule its deletion all the same, send \"ForceDeletion\": true (strongroom kms key \
                     schedule-deletion --force).",
                ),
            ),
            KmsError::Unsupported(_) => Self::new(Kind::UnsupportedOperation, sentence(&error)),
            KmsError::Tag(_) => Self::new(Kind::Tag, sentence(&error)),
            KmsError::LimitExceeded(_) => Self::new(Kind::LimitExceeded, sentence(&error)),
            KmsError::Conflict(_) => Self::new(Kind::Conflict, sentence(&error)),
            KmsError::MalformedPolicy(_) => Self::new(Kind::MalformedPolicyDocument, sentence(&error)),
            KmsError::InvalidGrantId => Self::new(Kind::InvalidGrantId, sentence(&error)),
            KmsError::InvalidGrantToken => Self::new(Kind::InvalidGrantToken, sentence(&error)),
            KmsError::InvalidImportToken => Self::new(Kind::InvalidImportToken, sentence(&error)),
            KmsError::ExpiredImportToken => Self::new(Kind::ExpiredImportToken, sentence(&error)),
            KmsError::IncorrectMaterial => Self::new(Kind::IncorrectKeyMaterial, sentence(&error)),
            KmsError::NotPendingDeletion => {
                Self::new(Kind::InvalidState, format!("{subject} is not pending deletion."))
            }
            KmsError::ServiceManaged => Self::new(
                Kind::UnsupportedOperation,
                format!(
                    "{subject} is managed by the service; it cannot be changed, deleted, granted or given an alias."
                ),
            ),
            KmsError::InvalidCiphertext => Self::bare(Kind::InvalidCiphertext),
            KmsError::IncorrectKey => Self::new(
                Kind::IncorrectKey,
                "The key ID in the request does not identify a CMK that can perform this operation.",
            ),
            KmsError::InvalidArn => Self::new(Kind::InvalidArn, format!("Invalid arn {}", subject.as_given())),
            KmsError::InvalidAlias(why) => Self::new(Kind::InvalidAliasName, format!("Invalid alias name: {why}.")),
            KmsError::AlreadyExists => {
                Self::new(Kind::AlreadyExists, format!("An alias with the name {subject} already exists"))
            }
            KmsError::Validation(why) => Self::new(Kind::Validation, why),
            KmsError::Throttled => Self::new(
                Kind::Throttling,
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
            ),
            KmsError::Unavailable(_) | KmsError::AuditUnavailable => Self {
                kind: Kind::DependencyTimeout,
                message: Some("The key service did not answer in time. The request can be tried again.".to_owned()),
                detail: Some(error),
                on_record: false,
            },
            KmsError::WrongRootKey | KmsError::Damaged(_) => Self {
                kind: Kind::Internal,
                message: Some("The key service failed. The operator's log says why.".to_owned()),
                detail: Some(error),
                on_record: false,
            },
        }
    }

    /// The name for the record; `None` for what is on record already.
    pub(super) fn to_record(&self) -> Option<&'static str> {
        let name = self.kind.name();
        (!self.on_record).then(|| name.strip_suffix("Exception").unwrap_or(name))
    }

    pub(super) fn reply(self, user: &KeyUser) -> JsonReply {
        if let Some(detail) = &self.detail {
            tracing::error!(error = %detail, request_id = user.request_id, "a KMS request failed");
        }
        let body = match self.message {
            Some(message) => json!({ "__type": self.kind.name(), "message": message }),
            None => json!({ "__type": self.kind.name() }),
        };
        JsonReply { status: self.kind.status(), body: body.to_string().into() }
    }
}

/// The service's words as a sentence.
fn sentence(error: &KmsError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).chain(['.']).collect(),
        None => text,
    }
}
