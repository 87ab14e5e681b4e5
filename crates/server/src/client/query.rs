//! The AWS query APIs, as a client: forms out, XML in. Answers become JSON with the names of the XML, so that what
//! shows them need not know where they came from.

use super::ControlClient;
use super::signed::Ask;
use crate::failure::Failure;
use bytes::Bytes;
use gateway::query::url_encode;
use gateway::xml::{Element, XmlLimits};
use http::{Method, StatusCode};
use serde_json::{Map, Value};

const IAM_VERSION: &str = "2010-05-08";
/// A policy document of 6,144 characters, each percent-encoded, is the longest text.
const LIMITS: XmlLimits = XmlLimits { depth_max: 16, elements_max: 100_000, text_bytes_max: 128 * 1024 };
/// Elements that are lists also when they are empty and look like a text.
const LISTS: &[&str] = &[
    "AccessKeyMetadata",
    "AttachedPolicies",
    "Groups",
    "Policies",
    "PolicyGroups",
    "PolicyNames",
    "PolicyRoles",
    "PolicyUsers",
    "Roles",
    "Tags",
    "Users",
    "Versions",
];

impl ControlClient {
    /// Calls an operation of IAM; gives what stands in its `…Result`.
    ///
    /// # Errors
    /// The service's own error as `code: message`, or why there was no answer.
    pub(crate) async fn iam(&mut self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut form = format!("Action={action}&Version={IAM_VERSION}");
        for (name, value) in parameters {
            form.push_str(&format!("&{name}={}", url_encode(value)));
        }
        let ask = Ask {
            service: "iam",
            method: Method::POST,
            path: "/",
            content_type: "application/x-www-form-urlencoded",
            header: None,
            body: Bytes::from(form),
        };
        let (status, body) = self.send(ask).await?;
        understood(action, status, &body)
    }

    /// Calls a listing operation until all pages are there; gives the members of `list`.
    pub(crate) async fn iam_all(
        &mut self,
        action: &str,
        parameters: &[(&str, &str)],
        list: &str,
    ) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut marker = None::<String>;
        loop {
            let mut page = parameters.to_vec();
            page.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let mut answer = self.iam(action, &page).await?;
            if let Some(Value::Array(members)) = answer.get_mut(list).map(Value::take) {
                all.extend(members);
            }
            if answer.get("IsTruncated").and_then(Value::as_str) != Some("true") {
                return Ok(all);
            }
            let next = answer.get("Marker").and_then(Value::as_str).map(str::to_owned);
            // A page that leads to itself would never end.
            if next.is_none() || next == marker {
                return Err(Failure::not_understood());
            }
            marker = next;
        }
    }
}

fn understood(action: &str, status: StatusCode, body: &[u8]) -> Result<Value, Failure> {
    let root = Element::parse(body, &LIMITS)
        .map_err(|_| Failure::new(format!("{action}: status {status} and an answer that is not XML")))?;
    let child = |of: &'_ Element, name: &str| of.children().iter().position(|child| child.name() == name);
    if status.is_success() {
        let result = child(&root, &format!("{action}Result")).map(|at| value(&root.children()[at]));
        return Ok(result.filter(Value::is_object).unwrap_or_else(|| Value::Object(Map::new())));
    }
    let error = child(&root, "Error").map_or(&root, |at| &root.children()[at]);
    let text = |name: &str| child(error, name).map(|at| error.children()[at].word().to_owned());
    Err(Failure::service(action, &text("Code").unwrap_or_else(|| status.to_string()), text("Message").as_deref()))
}

/// An element as JSON: lists of `member` as arrays, other children by their names, and text.
fn value(element: &Element) -> Value {
    let children = element.children();
    if LISTS.contains(&element.name()) || (!children.is_empty() && children.iter().all(|c| c.name() == "member")) {
        return children.iter().map(value).collect();
    }
    if children.is_empty() {
        return element.text().into();
    }
    children.iter().map(|child| (child.name().to_owned(), value(child))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_become_json() {
        let xml =
            br#"<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users><member>
            <UserName>a</UserName><Path>/x/</Path></member></Users><IsTruncated>false</IsTruncated></ListUsersResult>
            <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></ListUsersResponse>"#;
        let users = json!({ "Users": [{ "UserName": "a", "Path": "/x/" }], "IsTruncated": "false" });
        assert_eq!(understood("ListUsers", StatusCode::OK, xml).unwrap(), users);
        let empty = b"<ListUsersResponse><ListUsersResult><Users/></ListUsersResult></ListUsersResponse>";
        assert_eq!(understood("ListUsers", StatusCode::OK, empty).unwrap(), json!({ "Users": [] }));
        let nothing = b"<DeleteUserResponse><ResponseMetadata/></DeleteUserResponse>";
        assert_eq!(understood("DeleteUser", StatusCode::OK, nothing).unwrap(), json!({}));
    }

    #[test]
    fn errors_are_one_line() {
        let xml = b"<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>the user x\n cannot be \
                    found</Message></Error><RequestId>1</RequestId></ErrorResponse>";
        let failure = understood("GetUser", StatusCode::NOT_FOUND, xml).unwrap_err();
        assert_eq!(failure.to_string(), "GetUser: NoSuchEntity: the user x\u{fffd} cannot be found");
        assert!(failure.is("NoSuchEntity"));
        let other = understood("GetUser", StatusCode::BAD_GATEWAY, b"<html>").unwrap_err();
        assert!(other.to_string().contains("502") && !other.is("NoSuchEntity"));
    }
}
