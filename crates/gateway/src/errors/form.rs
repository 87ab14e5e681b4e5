//! Refusals of a browser's form (obs-api §2.6 and §11.2).

use super::Wording;
use crate::dialect::Dialect;
use http::StatusCode;

/// What is wrong with a form. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormFault {
    /// The body is not `multipart/form-data`.
    NotMultipart,
    /// The multipart framing is broken; says how.
    Malformed(&'static str),
    /// What comes before the file is larger than allowed.
    FieldsTooLarge,
    /// There is no file, or a second one.
    FileCount,
    /// There is no field `key` before the file.
    KeyMissing,
    /// A field is there twice: which.
    Repeated(String),
    /// A field cannot be taken as it is: which.
    Field(String),
    /// The policy cannot be read; says why.
    InvalidPolicy(&'static str),
    /// The policy's time is over.
    PolicyExpired,
    /// A condition of the policy does not hold. Says which, never the values: they may be keys.
    ConditionFailed(String),
    /// A field that no condition speaks of: which.
    ExtraField(String),
}

/// The words. A policy that is not met is 403 in both dialects.
pub(super) fn form(dialect: &'static Dialect, fault: &FormFault) -> Wording {
    let bad = |code, message: &'static str| Wording::new(StatusCode::BAD_REQUEST, code, message);
    let denied = |why: String| {
        Wording::new(StatusCode::FORBIDDEN, "AccessDenied", format!("Invalid according to Policy: {why}"))
    };
    match fault {
        FormFault::NotMultipart if dialect.is_obs() => {
            bad("RequestIsNotMultiPartContent", "Bucket POST must be of the enclosure-type multipart/form-data.")
        }
        FormFault::NotMultipart => Wording::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        )
        .detail("Condition", "Bucket POST must be of the enclosure-type multipart/form-data"),
        FormFault::Malformed(why) => Wording::new(
            StatusCode::BAD_REQUEST,
            "MalformedPOSTRequest",
            format!("The body of your POST request is not well-formed multipart/form-data: {why}."),
        ),
        FormFault::FieldsTooLarge => bad(
            "MaxPostPreDataLengthExceededError",
            "Your POST request fields preceding the upload file were too large.",
        ),
        FormFault::FileCount => {
            bad("IncorrectNumberOfFilesInPostRequest", "POST requires exactly one file upload per request.")
        }
        FormFault::KeyMissing if dialect.is_obs() => bad("UserKeyMustBeSpecified", KEY_MISSING),
        FormFault::KeyMissing => bad("InvalidArgument", KEY_MISSING).detail("ArgumentName", "key"),
        FormFault::Repeated(name) => {
            bad("InvalidArgument", "A form field must not be repeated.").detail("ArgumentName", name.clone())
        }
        FormFault::Field(name) => {
            bad("InvalidArgument", "The form field cannot be read.").detail("ArgumentName", name.clone())
        }
        FormFault::InvalidPolicy(why) => {
            Wording::new(StatusCode::BAD_REQUEST, "InvalidPolicyDocument", format!("Invalid Policy: {why}."))
        }
        FormFault::PolicyExpired => denied("Policy expired.".to_owned()),
        FormFault::ConditionFailed(which) => denied(format!("Policy Condition failed: {which}")),
        FormFault::ExtraField(name) => denied(format!("Extra input fields: {name}")),
    }
}

const KEY_MISSING: &str =
    "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.";
