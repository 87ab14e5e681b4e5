//! The table of routes, the shapes of refusals, and reading bodies.

use super::fault::{Fault, Style};
use super::json;
use super::routes::{Access, ROUTES, Route};
use crate::reply::ReplyBody;
use iam::IamError;
use serde_json::{Value, json};

#[test]
fn at_most_one_route_fits_a_request_and_each_finds_itself() {
    for route in ROUTES {
        let path = route.path.replace("{}", "x1");
        let fitting: Vec<&str> = ROUTES
            .iter()
            .filter(|other| other.method == route.method)
            .filter(|other| {
                let words: Vec<&str> = other.path.split('/').collect();
                let parts: Vec<&str> = path.split('/').collect();
                words.len() == parts.len() && words.iter().zip(&parts).all(|(w, p)| *w == "{}" || w == p)
            })
            .map(|other| other.path)
            .collect();
        assert_eq!(fitting, [route.path], "{} {path}", route.method);
        let (found, parameters) = Route::find(route.method, &path).unwrap();
        assert!(std::ptr::eq(found, route));
        assert_eq!(parameters.len(), route.path.matches("{}").count());
    }
}

#[test]
fn two_routes_are_open_and_no_more() {
    let open: Vec<_> = ROUTES.iter().filter(|r| r.access == Access::Open).map(|r| (r.method, r.path)).collect();
    assert_eq!(open, [("POST", "/v3/auth/tokens"), ("POST", "/v3.0/OS-CREDENTIAL/securitytokens")]);
}

#[test]
fn paths_are_routed_as_they_are_signed() {
    let find = |path: &str| Route::find("GET", path).map(|(route, parameters)| (route.path, parameters));
    let one = Some(("/v3/users/{}", vec!["u".to_owned()]));
    for same in ["/v3/users/u", "/v3/users/u/", "/v3/users%2Fu", "/v3/%75sers/u"] {
        assert_eq!(find(same), one, "{same}");
    }
    for nothing in
        ["/v3/users//", "/v3//users/u", "/v3/users/u//", "/v3/users/%2525/x", "/v3/users/../roles", "/v3/users/%ff"]
    {
        assert_eq!(find(nothing), None, "{nothing}");
    }
    assert!(Route::find("TRACE", "/v3/users").is_none());
    assert_eq!(Style::of_path("/v5/nothing"), Style::V5);
}

fn shown(fault: &Fault, style: Style) -> (u16, Value) {
    let reply = fault.reply(style, "REQ");
    let ReplyBody::Full(bytes) = reply.body else { panic!("a document") };
    (reply.status.as_u16(), serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn refusals_have_the_shapes_that_clients_parse() {
    let (status, document) = shown(&Fault::Unauthenticated, Style::Keystone);
    let text = "The request you have made requires authentication.";
    assert_eq!(status, 401);
    assert_eq!(document, json!({ "error": { "code": 401, "message": text, "title": "Unauthorized" } }));
    let (status, document) = shown(&Fault::NotFound("user", "u\n1".into()), Style::Iam);
    assert_eq!((status, document), (404, json!({ "error_code": "IAM.0004", "error_msg": "Could not find user: u1." })));
    let denied = IamError::AccessDenied { action: "iam:GetUser", principal: "p".into(), resource: "r".into() };
    let (status, document) = shown(&Fault::Iam(denied), Style::V5);
    assert_eq!((status, &document["error_code"], &document["request_id"]), (403, &json!("PAP5.0001"), &json!("REQ")));
    let limit = Fault::Iam(IamError::LimitExceeded("access keys of a user"));
    let expected = json!({ "error": { "code": 400, "message": "akSkNumExceed", "title": "Bad Request" } });
    assert_eq!(shown(&limit, Style::Keystone), (400, expected));
    let busy = Fault::Iam(IamError::LimitExceeded("logins at a time"));
    assert_eq!(shown(&busy, Style::Iam).0, 429);
}

#[test]
fn what_broke_inside_is_not_told() {
    let damaged = Fault::Iam(IamError::Damaged("row 42 of accounts".into()));
    for style in [Style::Keystone, Style::Iam, Style::V5] {
        let (status, document) = shown(&damaged, style);
        assert_eq!(status, 500);
        assert!(!document.to_string().contains("row 42"), "{document}");
    }
}

#[test]
fn bodies_are_objects_without_repeated_members() {
    let parsed = json::parse(br#"{"a": {"b": [1, -1, 1.5, null, true, "x"]}, "unknown": {}}"#).unwrap();
    assert_eq!(parsed, json!({ "a": { "b": [1, -1, 1.5, null, true, "x"] }, "unknown": {} }));
    let deep = [b"{\"a\":".repeat(200), b"1".to_vec(), b"}".repeat(200)].concat();
    let twice = br#"{"policy": {"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}}"#;
    for wrong in [&b"[]"[..], b"1", b"", b"{", b"{} {}", br#"{"a":1,"a":1}"#, twice, &deep, b"{\"a\":\"\xff\"}"] {
        assert!(matches!(json::parse(wrong), Err(Fault::Body(_))), "{}", String::from_utf8_lossy(wrong));
    }
}

#[test]
fn members_of_the_wrong_kind_are_refused_and_null_is_absent() {
    let body = json!({ "text": 1, "object": [], "list": ["a", 1], "bool": "true", "number": "12", "null": null });
    let body = json::Object::whole(&body);
    assert!(matches!(body.maybe_text("text"), Err(Fault::Parameter("text", _))));
    assert!(matches!(body.object("object"), Err(Fault::Parameter("object", _))));
    assert!(matches!(body.texts("list"), Err(Fault::Parameter("list", _))));
    assert!(matches!(body.maybe_bool("bool"), Err(Fault::Parameter("bool", _))));
    assert_eq!(body.maybe_number("number").unwrap(), Some(12));
    assert!(matches!(body.text("null"), Err(Fault::Missing("null"))));
    assert!(matches!(body.text("absent"), Err(Fault::Missing("absent"))));
}
