//! Refusals in Huawei's words. Every failure of the directory has its line in one exhaustive table; three styles of
//! documents exist, and each route has one (kms-iam-api §1.10).

use super::super::signed::Refused;
use crate::reply::{Reply, ReplyBody};
use bytes::Bytes;
use http::StatusCode;
use iam::IamError;
use serde_json::json;

/// How a family of routes writes its refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `{"error":{"code","message","title"}}`.
    Keystone,
    /// `{"error_code":"IAM.…","error_msg"}`.
    Iam,
    /// The same with the codes of the newer API and the request id.
    V5,
}

impl Style {
    /// The style of a path that no route has.
    pub(super) fn of_path(path: &str) -> Self {
        if path.starts_with("/v5/") { Self::V5 } else { Self::Keystone }
    }
}

/// Why a request is refused.
#[derive(Debug)]
pub(in super::super) enum Fault {
    /// Before the operation was known.
    Door(Refused),
    /// No credential, or one that is not accepted.
    Unauthenticated,
    /// A token whose time is over.
    Expired,
    /// The request's date is more than 15 minutes off.
    Skewed,
    /// An account or project that is not the caller's.
    ForeignScope,
    /// Nothing is at this path, or not for this method.
    NoRoute,
    /// The body is no JSON object; says where.
    Body(String),
    /// A member that must be there.
    Missing(&'static str),
    /// A member or parameter whose value is not accepted; its name and the rule.
    Parameter(&'static str, String),
    /// No such entity: what, and what it was called.
    NotFound(&'static str, String),
    /// The directory refuses.
    Iam(IamError),
}

impl From<IamError> for Fault {
    fn from(error: IamError) -> Self {
        Self::Iam(error)
    }
}

/// A line of the table: status, the code of the `IAM.` family, the newer API's, and the text.
struct Line(u16, &'static str, &'static str, String);

impl Fault {
    /// A value that is not accepted.
    pub(super) fn parameter(name: &'static str, rule: &str) -> Self {
        Self::Parameter(name, rule.to_owned())
    }

    fn line(&self) -> Line {
        const FAILED: &str = "An unexpected error prevented the server from fulfilling your request.";
        const NEEDS: &str = "The request you have made requires authentication.";
        match self {
            Self::Door(Refused::NeedsTls) => {
                Line(400, "IAM.0011", "IAM.0011", "TLS is needed unless the request comes from this machine.".into())
            }
            Self::Door(Refused::TooLarge) => Line(413, "IAM.0011", "IAM.0011", "The request body is too large.".into()),
            Self::Door(Refused::Incomplete) => {
                Line(400, "IAM.0011", "IAM.0011", "The request body is incomplete.".into())
            }
            Self::Door(
                Refused::Unsigned | Refused::UnknownKey | Refused::Malformed | Refused::Expired | Refused::Signature,
            )
            | Self::Unauthenticated => Line(401, "IAM.0001", "IAM.0001", NEEDS.into()),
            Self::Expired => Line(401, "IAM.0001", "IAM.0001", "The token has expired.".into()),
            Self::Skewed => {
                Line(401, "IAM.0001", "IAM.0001", "The request's date is more than 15 minutes off the server's.".into())
            }
            Self::ForeignScope => {
                let text = "You are not authorized to perform the requested action.";
                Line(403, "IAM.0002", "PAP5.0001", text.into())
            }
            Self::NoRoute => Line(404, "IAM.0004", "IAM.0004", "The requested resource could not be found.".into()),
            Self::Body(place) => Line(400, "IAM.0011", "IAM.0011", format!("Request body is invalid: {place}.")),
            Self::Missing(name) => Line(400, "IAM.0072", "IAM.0072", format!("'{name}' is a required property.")),
            Self::Parameter(name, rule) => {
                Line(400, "IAM.0007", "IAM.0007", format!("Request parameter {name} is invalid: {rule}."))
            }
            Self::NotFound(what, name) => {
                Line(404, "IAM.0004", "IAM.0004", format!("Could not find {what}: {}.", shown(name)))
            }
            Self::Iam(error) => match error {
                IamError::GivenRoot(_) | IamError::Damaged(_) | IamError::Store(_) => {
                    Line(500, "IAM.0006", "IAM.0006", FAILED.into())
                }
                IamError::Conflict => Line(
                    409,
                    "IAM.0005",
                    "IAM.0005",
                    "Conflict occurred: the entity is being changed by another request.".into(),
                ),
                IamError::AccessDenied { .. } => {
                    Line(403, "IAM.0003", "PAP5.0001", format!("Policy doesn't allow it: {error}."))
                }
                IamError::NoSuchEntity(what, name) => {
                    Line(404, "IAM.0004", "IAM.0004", format!("Could not find {what}: {}.", shown(name)))
                }
                IamError::AlreadyExists(..) | IamError::DeleteConflict(_) => {
                    Line(409, "IAM.0005", "IAM.0005", format!("Conflict occurred: {error}."))
                }
                // Clients know the limit of access keys by this word.
                IamError::LimitExceeded(what) if what.contains("access key") => {
                    Line(400, "IAM.0007", "PAP5.0003", "akSkNumExceed".into())
                }
                // What will do in a moment.
                IamError::LimitExceeded("logins at a time" | "memory for hashing a password") => {
                    Line(429, "IAM.0012", "IAM.0012", "Too many requests at a time.".into())
                }
                IamError::LimitExceeded(_) => Line(400, "IAM.0007", "PAP5.0003", format!("{error}.")),
                IamError::MalformedPolicy(why) => {
                    Line(400, "IAM.0011", "PAP5.0011", format!("malformed policy document: {why}"))
                }
                IamError::InvalidInput(name, rule) => {
                    Line(400, "IAM.0007", "IAM.0007", format!("Request parameter {name} is invalid: {rule}."))
                }
                IamError::Unauthorized => Line(401, "IAM.0001", "IAM.0001", NEEDS.into()),
                IamError::NotOffered(what) => Line(501, "IAM.0006", "IAM.0006", format!("{what} is not offered.")),
            },
        }
    }

    /// The reply. What went wrong inside is told to the log alone.
    pub(super) fn reply(&self, style: Style, request_id: &str) -> Reply {
        let Line(status, iam, v5, text) = self.line();
        if status == 500 {
            tracing::error!(request_id, error = ?self, "Huawei IAM request failed");
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let document = match style {
            Style::Keystone => {
                let title = status.canonical_reason().unwrap_or_default();
                json!({ "error": { "code": status.as_u16(), "message": text, "title": title } })
            }
            Style::Iam => json!({ "error_code": iam, "error_msg": text }),
            Style::V5 => json!({ "error_code": v5, "error_msg": text, "request_id": request_id }),
        };
        let mut reply = Reply::new(status).with("content-type", "application/json;charset=utf-8");
        reply.body = ReplyBody::Full(Bytes::from(document.to_string()));
        reply
    }
}

/// A client's own words, no longer than they need be.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(128).collect()
}
