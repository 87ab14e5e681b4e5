//! Errors of the admin API: `{"code", "message", "request_id"}`. Codes are those of AWS IAM where it has one for the
//! case. What only the operator should read is logged here and not sent.

use super::super::signed::Refused;
use super::json;
use super::routes::NoRoute;
use crate::reply::Reply;
use http::StatusCode;
use iam::IamError;

/// An error reply in the making.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    pub(super) message: String,
    /// What goes to the log instead of the caller.
    detail: Option<String>,
}

impl Fault {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), detail: None }
    }

    /// The body or a member of it cannot be used; says why.
    pub(super) fn input(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidInput", why)
    }

    /// This server's own fault.
    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServiceFailure",
                "The request failed. The operator's log says why.",
            )
        }
    }

    /// The request did not come to its operation. What exactly is wrong with a signature is not told.
    pub(super) fn refused(why: &Refused) -> Self {
        let (status, code, message) = match why {
            Refused::NeedsTls => (
                StatusCode::FORBIDDEN,
                "AccessDenied",
                "Requests of the admin API need TLS unless they come from this machine.",
            ),
            Refused::Incomplete => (StatusCode::BAD_REQUEST, "IncompleteBody", "The request body is incomplete."),
            Refused::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", "The request body is too large."),
            Refused::Unsigned => (
                StatusCode::FORBIDDEN,
                "MissingAuthenticationToken",
                "The request must be signed with AWS Signature Version 4 for the service strongroom.",
            ),
            Refused::UnknownKey => {
                (StatusCode::FORBIDDEN, "InvalidClientTokenId", "The access key or session token is not accepted.")
            }
            Refused::Malformed => (StatusCode::BAD_REQUEST, "IncompleteSignature", "The signature cannot be read."),
            Refused::Expired => (StatusCode::FORBIDDEN, "ExpiredToken", "The session token has expired."),
            Refused::Signature => (
                StatusCode::FORBIDDEN,
                "SignatureDoesNotMatch",
                "The signature does not match the request, the region and the service strongroom.",
            ),
        };
        Self::new(status, code, message)
    }

    pub(super) fn reply(self, request_id: &str) -> Reply {
        if let Some(detail) = &self.detail {
            tracing::error!(error = detail, request_id, "an admin request failed");
        }
        let body = serde_json::json!({ "code": self.code, "message": self.message, "request_id": request_id });
        json(self.status, &body)
    }
}

impl From<NoRoute> for Fault {
    fn from(why: NoRoute) -> Self {
        match why {
            NoRoute::Path => Self::new(StatusCode::NOT_FOUND, "UnknownOperation", "There is nothing here."),
            NoRoute::Method => {
                Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "This path takes other methods.")
            }
        }
    }
}

impl From<IamError> for Fault {
    fn from(error: IamError) -> Self {
        let (status, code) = match &error {
            IamError::Damaged(_) | IamError::Store(_) => return Self::internal(error.to_string()),
            IamError::GivenRoot(_) | IamError::InvalidInput(..) => (StatusCode::BAD_REQUEST, "InvalidInput"),
            IamError::MalformedPolicy(_) => (StatusCode::BAD_REQUEST, "MalformedPolicyDocument"),
            IamError::AccessDenied { .. } => (StatusCode::FORBIDDEN, "AccessDenied"),
            IamError::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            IamError::NoSuchEntity(..) => (StatusCode::NOT_FOUND, "NoSuchEntity"),
            IamError::AlreadyExists(..) => (StatusCode::CONFLICT, "EntityAlreadyExists"),
            IamError::DeleteConflict(_) => (StatusCode::CONFLICT, "DeleteConflict"),
            IamError::LimitExceeded(_) => (StatusCode::CONFLICT, "LimitExceeded"),
            IamError::Conflict => (StatusCode::CONFLICT, "ConcurrentModification"),
            IamError::NotOffered(_) => (StatusCode::NOT_IMPLEMENTED, "NotOffered"),
        };
        Self::new(status, code, error.to_string())
    }
}
