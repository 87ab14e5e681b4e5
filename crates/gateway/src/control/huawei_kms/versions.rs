//! Which versions of the API there are: `GET /` and `GET /{version}`. Open to everybody: it tells what docs tell.

use super::super::plane::ControlRequest;
use super::code::Code;
use super::fault::{Doing, Fault};
use super::shapes;
use crate::reply::Reply;
use http::Method;
use http::header::HOST;
use serde_json::json;

const VERSION: &str = "v1.0";

/// Whether a request asks for versions.
pub(super) fn owns(method: &Method, path: &str) -> bool {
    method == Method::GET && (path == "/" || path.trim_matches('/') == VERSION || path.trim_matches('/') == "v2")
}

/// The versions, or one of them.
pub(super) fn show(request: &ControlRequest<'_>) -> Reply {
    let host = request.head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = if request.peer.secure { "https" } else { "http" };
    let version = json!({
        "id": VERSION,
        "links": [{ "href": format!("{scheme}://{host}/{VERSION}/"), "rel": "self" }],
        "version": "",
        "status": "CURRENT",
        "updated": "2016-10-29T00:00:00Z",
        "min_version": "",
    });
    match request.head.uri.path().trim_matches('/') {
        "" => shapes::show(&json!({ "versions": [version] })),
        VERSION => shapes::show(&json!({ "version": version })),
        _ => Fault::from(Code::NoRoute).reply(Doing::Account, request.request_id),
    }
}
