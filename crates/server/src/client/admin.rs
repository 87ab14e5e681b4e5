//! The server's own admin API, as a client.

use super::ControlClient;
use super::kms::json_error;
use super::signed::Ask;
use crate::failure::Failure;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use std::fmt::Write;

impl ControlClient {
    /// Calls the admin API. `path` is the names and words below `/admin/v1/`, in clear. An answer without a body gives
    /// an empty object.
    ///
    /// # Errors
    /// The server's own error as `code: message`, or why there was no answer.
    pub(crate) async fn admin(
        &mut self,
        method: Method,
        path: &[&str],
        input: Option<&Value>,
    ) -> Result<Value, Failure> {
        let (status, body) = self.admin_ask(method.clone(), path, "", input).await?;
        let parsed: Option<Value> =
            if body.is_empty() { Some(Value::Object(Default::default())) } else { serde_json::from_slice(&body).ok() };
        let shown = format!("{method} {}", path.join("/"));
        match parsed {
            Some(value) if status.is_success() => Ok(value),
            Some(error) => Err(json_error(&shown, status, &error)),
            None => Err(Failure::new(format!("{shown}: status {status} and an answer that is not JSON"))),
        }
    }

    /// Reads a report of the admin API as text, in the form that the query asks for.
    ///
    /// # Errors
    /// As [`ControlClient::admin`].
    pub(crate) async fn admin_text(&mut self, path: &[&str], query: &str) -> Result<String, Failure> {
        let (status, body) = self.admin_ask(Method::GET, path, query, None).await?;
        if status.is_success() {
            return String::from_utf8(body.into()).map_err(|_| Failure::not_understood());
        }
        let error = serde_json::from_slice(&body).unwrap_or_default();
        Err(json_error(&format!("GET {}", path.join("/")), status, &error))
    }

    async fn admin_ask(
        &mut self,
        method: Method,
        path: &[&str],
        query: &str,
        input: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let mut path = path.iter().fold("/admin/v1".to_owned(), |path, part| path + "/" + &segment(part));
        if !query.is_empty() {
            path = path + "?" + query;
        }
        let ask = Ask {
            service: "strongroom",
            method,
            path: &path,
            content_type: "application/json",
            header: None,
            body: input.map(|input| Bytes::from(input.to_string())).unwrap_or_default(),
        };
        self.send(ask).await
    }
}

/// A name as one part of a path.
fn segment(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_whatever_is_in_it() {
        assert_eq!(segment("a-b_c.d~1"), "a-b_c.d~1");
        assert_eq!(segment("a b/../ü?"), "a%20b%2F..%2F%C3%BC%3F");
    }
}
