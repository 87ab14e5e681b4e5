//! Errors of the query APIs: code, status and text. One exhaustive table maps the directory's errors, another the refusals
//! from before the operation is known. What only the operator should read is logged and not sent.

use super::Api;
use crate::control::signed::Refused;
use crate::reply::{Reply, ReplyBody};
use crate::xml::XmlWriter;
use http::StatusCode;
use iam::IamError;

/// The codes this server sends. Names are AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    AccessDenied,
    ConcurrentModification,
    DeleteConflict,
    EntityAlreadyExists,
    ExpiredToken,
    IncompleteSignature,
    InvalidAction,
    InvalidClientTokenId,
    InvalidInput,
    InvalidQueryParameter,
    LimitExceeded,
    MalformedPolicyDocument,
    MalformedQueryString,
    MissingAction,
    MissingAuthenticationToken,
    NoSuchEntity,
    PackedPolicyTooLarge,
    PasswordPolicyViolation,
    RequestTooLarge,
    ServiceFailure,
    SignatureDoesNotMatch,
    ValidationError,
}

impl Code {
    /// The code on the wire; one has another name in STS.
    pub(super) const fn name(self, api: Api) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::ConcurrentModification => "ConcurrentModification",
            Self::DeleteConflict => "DeleteConflict",
            Self::EntityAlreadyExists => "EntityAlreadyExists",
            Self::ExpiredToken => "ExpiredToken",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::InvalidAction => "InvalidAction",
            Self::InvalidClientTokenId => "InvalidClientTokenId",
            Self::InvalidInput => "InvalidInput",
            Self::InvalidQueryParameter => "InvalidQueryParameter",
            Self::LimitExceeded => "LimitExceeded",
            Self::MalformedPolicyDocument => "MalformedPolicyDocument",
            Self::MalformedQueryString => "MalformedQueryString",
            Self::MissingAction => "MissingAction",
            Self::MissingAuthenticationToken => "MissingAuthenticationToken",
            Self::NoSuchEntity => "NoSuchEntity",
            Self::PackedPolicyTooLarge => "PackedPolicyTooLarge",
            Self::PasswordPolicyViolation => "PasswordPolicyViolation",
            Self::RequestTooLarge => "RequestEntityTooLarge",
            Self::ServiceFailure => match api {
                Api::Iam => "ServiceFailure",
                Api::Sts => "InternalFailure",
            },
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Self::ValidationError => "ValidationError",
        }
    }

    /// The HTTP status (kms-iam-api §2.9, §2.10).
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::AccessDenied
            | Self::ExpiredToken
            | Self::IncompleteSignature
            | Self::InvalidClientTokenId
            | Self::MissingAuthenticationToken
            | Self::SignatureDoesNotMatch => StatusCode::FORBIDDEN,
            Self::NoSuchEntity => StatusCode::NOT_FOUND,
            Self::ConcurrentModification | Self::DeleteConflict | Self::EntityAlreadyExists | Self::LimitExceeded => {
                StatusCode::CONFLICT
            }
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ServiceFailure => StatusCode::INTERNAL_SERVER_ERROR,
            Self::InvalidAction
            | Self::InvalidInput
            | Self::InvalidQueryParameter
            | Self::MalformedPolicyDocument
            | Self::MalformedQueryString
            | Self::MissingAction
            | Self::PackedPolicyTooLarge
            | Self::PasswordPolicyViolation
            | Self::ValidationError => StatusCode::BAD_REQUEST,
        }
    }
}

/// An error reply in the making.
#[derive(Debug)]
pub(super) struct Fault {
    code: Code,
    message: String,
    /// What goes to the log instead of the caller.
    detail: Option<String>,
}

impl Fault {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None }
    }

    /// A parameter that has to be there is not.
    pub(super) fn missing(parameter: &str) -> Self {
        Self::constraint("null", parameter, "Member must not be null")
    }

    /// A parameter's value is outside its bounds, in the words of AWS's validator. The parameter is shown as its
    /// model has it, with a small first letter.
    pub(super) fn constraint(value: &str, parameter: &str, rule: &str) -> Self {
        let value = if value == "null" { value.to_owned() } else { format!("'{value}'") };
        let member: String =
            parameter.char_indices().map(|(i, c)| if i == 0 { c.to_ascii_lowercase() } else { c }).collect();
        Self::new(
            Code::ValidationError,
            format!("1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {rule}"),
        )
    }

    /// A parameter that would change what the operation does, and is not offered.
    pub(super) fn not_offered(parameter: &str) -> Self {
        Self::new(Code::InvalidInput, format!("{parameter} is not offered by this server."))
    }

    /// The caller may not do this, in AWS's sentence.
    pub(super) fn denied(principal: &str, action: &str, resource: &str) -> Self {
        Self::new(
            Code::AccessDenied,
            format!("User: {principal} is not authorized to perform: {action} on resource: {resource}"),
        )
    }

    pub(super) fn code(&self) -> Code {
        self.code
    }

    pub(super) fn reply(self, api: Api, request_id: &str) -> Reply {
        if let Some(detail) = &self.detail {
            tracing::error!(error = detail, request_id, "a request of the query API failed");
        }
        let status = self.code.status();
        let mut out = XmlWriter::new("ErrorResponse", Some(api.namespace()));
        out.open("Error");
        out.leaf("Type", if status.is_server_error() { "Receiver" } else { "Sender" });
        out.leaf("Code", self.code.name(api));
        out.leaf("Message", &self.message);
        out.close();
        out.leaf("RequestId", request_id);
        let mut reply = Reply::new(status).with("content-type", super::XML);
        reply.body = ReplyBody::Full(out.finish());
        reply
    }
}

/// The one table of the directory's errors.
impl From<IamError> for Fault {
    fn from(error: IamError) -> Self {
        match error {
            IamError::AccessDenied { action, principal, resource } => Self::denied(&principal, action, &resource),
            IamError::NoSuchEntity(what, name) => Self::new(Code::NoSuchEntity, no_such(what, &name)),
            IamError::AlreadyExists(what, name) => {
                Self::new(Code::EntityAlreadyExists, format!("{} with name {name} already exists.", capital(what)))
            }
            IamError::DeleteConflict(what) => {
                Self::new(Code::DeleteConflict, format!("Cannot delete entity, must remove {what} first."))
            }
            IamError::LimitExceeded(what) => {
                Self::new(Code::LimitExceeded, format!("Cannot exceed the quota: the limit of {what} is reached."))
            }
            IamError::MalformedPolicy(error) => Self::new(Code::MalformedPolicyDocument, error.to_string()),
            IamError::InvalidInput(name, rule) => Self::new(Code::InvalidInput, format!("{name}: {rule}")),
            IamError::Unauthorized => Self::new(Code::AccessDenied, "The credentials are not accepted."),
            IamError::NotOffered(what) => {
                Self::new(Code::InvalidAction, format!("{what} is not offered by this server."))
            }
            IamError::Conflict => Self::new(
                Code::ConcurrentModification,
                "The request was rejected because another request changes the same entities. Try again.",
            ),
            error @ (IamError::GivenRoot(_) | IamError::Damaged(_) | IamError::Store(_)) => Self {
                code: Code::ServiceFailure,
                message: "The request processing has failed. The operator's log says why.".to_owned(),
                detail: Some(error.to_string()),
            },
        }
    }
}

/// The one table of refusals from before the operation is known. What exactly is wrong with a signature is not told.
impl From<&Refused> for Fault {
    fn from(refused: &Refused) -> Self {
        let (code, message) = match refused {
            Refused::NeedsTls => {
                (Code::AccessDenied, "Replies carry secrets: requests need TLS unless they come from this machine.")
            }
            Refused::Incomplete => (Code::MalformedQueryString, "The request body is incomplete."),
            Refused::TooLarge => (Code::RequestTooLarge, "The request body is too large."),
            Refused::Unsigned => (Code::MissingAuthenticationToken, "Request is missing Authentication Token"),
            Refused::UnknownKey => {
                (Code::InvalidClientTokenId, "The security token included in the request is invalid.")
            }
            Refused::Malformed => {
                (Code::IncompleteSignature, "The request signature does not conform to AWS standards.")
            }
            Refused::Expired => (Code::ExpiredToken, "The security token included in the request is expired"),
            Refused::Signature => (
                Code::SignatureDoesNotMatch,
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method.",
            ),
        };
        Self::new(code, message)
    }
}

/// AWS words it by kind; a name that came from nobody (an entity named by something else) is not shown.
fn no_such(what: &str, name: &str) -> String {
    match what {
        "access key" => format!("The Access Key with id {name} cannot be found."),
        "policy" => "The policy named in the request does not exist or is not attachable.".to_owned(),
        "policy version" => format!("The policy version {name} does not exist."),
        "login profile" => format!("Login Profile for User {name} cannot be found."),
        "permissions boundary" => "There is no permissions boundary to remove.".to_owned(),
        what => format!("The {what} with name {name} cannot be found."),
    }
}

fn capital(what: &str) -> String {
    let mut chars = what.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
