//! The error table, the table of operations, and the documents that replies are.

use super::Api;
use super::fault::{Code, Fault};
use super::form::Form;
use super::table::Operation;
use crate::control::signed::Refused;
use crate::reply::{Reply, ReplyBody};
use crate::xml::{Element, XmlLimits};
use iam::IamError;
use policy::PolicyError;

fn text(reply: &Reply) -> String {
    match &reply.body {
        ReplyBody::Full(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_is_the_document_that_clients_read() {
    let fault = Fault::new(Code::NoSuchEntity, "The user with name <a> cannot be found.");
    let reply = fault.reply(Api::Iam, "ID");
    assert_eq!((reply.status.as_u16(), &reply.headers["content-type"]), (404, &"text/xml".parse().unwrap()));
    assert!(text(&reply).ends_with(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
         <Code>NoSuchEntity</Code><Message>The user with name &lt;a&gt; cannot be found.</Message></Error>\
         <RequestId>ID</RequestId></ErrorResponse>"
    ));
}

/// Every error of the directory, with its code and status (kms-iam-api §2.10).
#[test]
fn errors_of_the_directory() {
    let malformed = PolicyError { path: "Statement[1].Effect".to_owned(), message: "must be Allow or Deny".to_owned() };
    let denied = IamError::AccessDenied {
        action: "iam:CreateUser",
        principal: "arn:aws:iam::123456789012:user/bob".to_owned(),
        resource: "arn:aws:iam::123456789012:user/eve".to_owned(),
    };
    let table: [(IamError, &str, u16, &str); 12] = [
        (
            denied,
            "AccessDenied",
            403,
            "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: iam:CreateUser on resource: \
             arn:aws:iam::123456789012:user/eve",
        ),
        (
            IamError::NoSuchEntity("user", "bob".to_owned()),
            "NoSuchEntity",
            404,
            "The user with name bob cannot be found.",
        ),
        (
            IamError::AlreadyExists("user", "bob".to_owned()),
            "EntityAlreadyExists",
            409,
            "User with name bob already exists.",
        ),
        (IamError::DeleteConflict("access keys"), "DeleteConflict", 409, "access keys"),
        (IamError::LimitExceeded("users"), "LimitExceeded", 409, "users"),
        (
            IamError::MalformedPolicy(malformed),
            "MalformedPolicyDocument",
            400,
            "Statement[1].Effect: must be Allow or Deny",
        ),
        (IamError::InvalidInput("path", "no".to_owned()), "InvalidInput", 400, "path: no"),
        (IamError::Unauthorized, "AccessDenied", 403, "not accepted"),
        (IamError::NotOffered("it"), "InvalidAction", 400, "it is not offered"),
        (IamError::Conflict, "ConcurrentModification", 409, "another request"),
        (IamError::Damaged("row 7".to_owned()), "ServiceFailure", 500, "operator's log"),
        (IamError::GivenRoot("why"), "ServiceFailure", 500, "operator's log"),
    ];
    for (error, code, status, message) in table {
        let shown = format!("{error:?}");
        let reply = Fault::from(error).reply(Api::Iam, "ID");
        let body = text(&reply);
        assert_eq!(reply.status.as_u16(), status, "{shown}");
        assert!(
            body.contains(&format!("<Code>{code}</Code>")) && body.contains(&message.replace('\'', "&apos;")),
            "{shown}: {body}"
        );
        assert_eq!(body.contains("<Type>Receiver</Type>"), status >= 500, "{shown}");
        assert!(!body.contains("row 7"), "damage is the operator's");
    }
}

#[test]
fn refusals_before_the_operation() {
    for (refused, code, status) in [
        (Refused::NeedsTls, "AccessDenied", 403),
        (Refused::Incomplete, "MalformedQueryString", 400),
        (Refused::TooLarge, "RequestEntityTooLarge", 413),
        (Refused::Unsigned, "MissingAuthenticationToken", 403),
        (Refused::UnknownKey, "InvalidClientTokenId", 403),
        (Refused::Malformed, "IncompleteSignature", 403),
        (Refused::Expired, "ExpiredToken", 403),
        (Refused::Signature, "SignatureDoesNotMatch", 403),
    ] {
        let reply = Fault::from(&refused).reply(Api::Sts, "ID");
        let root = Element::parse(text(&reply).as_bytes(), &XmlLimits::default()).unwrap();
        let found = root.one("Error").unwrap().unwrap().one("Code").unwrap().unwrap().text().to_owned();
        assert_eq!((found.as_str(), reply.status.as_u16()), (code, status), "{refused:?}");
    }
}

#[test]
fn an_internal_failure_has_the_name_of_its_api() {
    assert_eq!(Code::ServiceFailure.name(Api::Iam), "ServiceFailure");
    assert_eq!(Code::ServiceFailure.name(Api::Sts), "InternalFailure");
}

#[test]
fn operations_belong_to_one_api() {
    for operation in Operation::ALL {
        assert_eq!(Operation::find(operation.api(), operation.name()), Some(*operation));
        let other = if operation.api() == Api::Iam { Api::Sts } else { Api::Iam };
        assert_eq!(Operation::find(other, operation.name()), None, "{operation:?}");
    }
    assert_eq!(Operation::find(Api::Iam, "createuser"), None, "names have a case");
    assert_eq!(Api::of_version("2010-05-08"), Some(Api::Iam));
    assert_eq!(Api::of_version("2011-06-15"), Some(Api::Sts));
    assert_eq!(Api::of_version("2012-11-05"), None);
}

/// Each operation asks for the action of its name; those that ask for another one are listed with it.
#[test]
fn every_operation_has_its_action() {
    const OTHERS: &[(&str, &str)] = &[
        ("ListUserTags", "iam:GetUser"),
        ("ListRoleTags", "iam:GetRole"),
        ("ListPolicyTags", "iam:GetPolicy"),
        ("UpdateRoleDescription", "iam:UpdateRole"),
        ("GetAccessKeyInfo", "iam:GetAccessKeyLastUsed"),
    ];
    const NONE: &[&str] = &["ListAccountAliases", "ListMFADevices", "ListOpenIDConnectProviders"];
    let known = |name: &str| policy::Action::ALL.iter().any(|action| action.name() == name);
    for operation in Operation::ALL {
        let own = format!("{}:{}", operation.api().service(), operation.name());
        let other = OTHERS.iter().find(|(name, _)| *name == operation.name()).map(|(_, action)| *action);
        match other {
            Some(action) => assert!(known(action) && !known(&own), "{own}"),
            None => assert_ne!(known(&own), NONE.contains(&operation.name()), "{own}"),
        }
    }
}

#[test]
fn names_of_parameters_are_in_messages_only_if_they_look_like_names() {
    let form = Form::parse(b"UserName=a&UserName=b").unwrap_err();
    assert!(text(&form.reply(Api::Iam, "ID")).contains("UserName"));
    let form = Form::parse(b"%3Cscript%3E=a&%3Cscript%3E=b").unwrap_err();
    assert!(!text(&form.reply(Api::Iam, "ID")).contains("script"));
}
