//! The AWS KMS JSON API, as a client.

use super::ControlClient;
use super::signed::Ask;
use crate::failure::Failure;
use bytes::Bytes;
use http::Method;
use serde_json::Value;

impl ControlClient {
    /// Calls an operation of the KMS; one without output gives an empty object.
    ///
    /// # Errors
    /// The service's own error as `code: message`, or why there was no answer.
    pub(crate) async fn kms(&mut self, operation: &str, input: &Value) -> Result<Value, Failure> {
        let target = format!("TrentService.{operation}");
        let ask = Ask {
            service: "kms",
            method: Method::POST,
            path: "/",
            content_type: "application/x-amz-json-1.1",
            header: Some(("x-amz-target", &target)),
            body: Bytes::from(input.to_string()),
        };
        let (status, body) = self.send(ask).await?;
        let parsed: Option<Value> =
            if body.is_empty() { Some(Value::Object(Default::default())) } else { serde_json::from_slice(&body).ok() };
        match parsed {
            Some(value) if status.is_success() => Ok(value),
            Some(error) => Err(advised(json_error(operation, status, &error))),
            None => Err(Failure::new(format!("{operation}: status {status} and an answer that is not JSON"))),
        }
    }
}

/// What to do about a refusal, where one thing is the likely one.
fn advised(refusal: Failure) -> Failure {
    let advice = [
        ("AccessDeniedException", "`strongroom policy explain` says why"),
        ("DisabledException", "`strongroom kms key enable` lets the key be used again"),
        ("IncorrectKeyException", "leave --key out to use the key that the bytes name"),
        (
            "InvalidCiphertextException",
            "the bytes were changed, or --context is not what it was when they were wrapped",
        ),
        ("ThrottlingException", "wait a moment and repeat the command"),
        ("DependencyTimeoutException", "wait a moment and repeat the command"),
        ("ExpiredImportTokenException", "fetch another one with `strongroom kms import parameters`"),
    ];
    match advice.iter().find(|(code, _)| refusal.is(code)) {
        Some((_, advice)) => refusal.advising(advice),
        None => refusal,
    }
}

/// The error of a JSON API, whatever form it has.
pub(super) fn json_error(operation: &str, status: http::StatusCode, error: &Value) -> Failure {
    let text = |names: &[&str]| names.iter().find_map(|name| error.get(name)?.as_str()).map(str::to_owned);
    let code = text(&["__type", "code"]).unwrap_or_else(|| status.to_string());
    let code = code.rsplit('#').next().unwrap_or_default();
    Failure::service(operation, code, text(&["message", "Message"]).as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_to_do_and_keeps_its_code() {
        let refusal = advised(Failure::service("Decrypt", "DisabledException", Some("arn:x is disabled.")));
        assert_eq!(
            refusal.to_string(),
            "Decrypt: DisabledException: arn:x is disabled. (`strongroom kms key enable` lets the key be used again)"
        );
        assert!(refusal.is("DisabledException"));
        assert_eq!(advised(Failure::service("Op", "Other", None)).to_string(), "Op: Other");
    }

    #[test]
    fn errors_are_one_line_whatever_form_they_have() {
        let status = http::StatusCode::BAD_REQUEST;
        for (error, line) in [
            (r#"{"__type":"NotFoundException","message":"no such key"}"#, "Op: NotFoundException: no such key"),
            (r#"{"__type":"com.amazonaws.kms#DisabledException","Message":"off"}"#, "Op: DisabledException: off"),
            (r#"{"code":"X"}"#, "Op: X"),
            (r#"{}"#, "Op: 400 Bad Request"),
            (r#"[1]"#, "Op: 400 Bad Request"),
            (r#"{"code":"X","message":"two\nlines \u001b[31m"}"#, "Op: X: two\u{fffd}lines \u{fffd}[31m"),
        ] {
            assert_eq!(json_error("Op", status, &serde_json::from_str(error).unwrap()).to_string(), line);
        }
    }
}
