//! How a form is answered: as it asks, by status, by a document or by leading the browser on (obs-api §6.2).

use super::Call;
use super::fields::Fields;
use crate::auth::target::encode;
use crate::errors::Refusal;
use crate::reply::Reply;
use crate::xml::XmlWriter;
use http::StatusCode;
use http::uri::Uri;
use objects::api::WriteOutcome;
use sse::Transport;

/// Longest address a browser is led to, in bytes.
const REDIRECT_BYTES_MAX: usize = 8 * 1024;

/// What the form asks for.
#[derive(Debug)]
pub(super) struct Answer {
    redirect: Option<String>,
    status: StatusCode,
    virtual_hosted: bool,
}

impl Answer {
    /// From the form's fields. As in both services, a status that is none of 200, 201 and 204 is 204, and an address that
    /// is no http or https address counts as absent.
    pub(super) fn of(fields: &Fields, virtual_hosted: bool) -> Self {
        let redirect = fields.get("success_action_redirect").or_else(|| fields.get("redirect"));
        let status = match fields.get("success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        };
        let redirect = redirect.filter(|address| is_web_address(address)).map(str::to_owned);
        Self { redirect, status, virtual_hosted }
    }

    /// The reply to a form whose file is written.
    pub(super) fn reply(&self, call: &Call<'_>, outcome: &WriteOutcome) -> Result<Reply, Refusal> {
        let (bucket, name) = call.object()?;
        let etag = outcome.etag.quoted();
        if let Some(address) = &self.redirect {
            let address = led_on(address, bucket.as_str(), name.as_str(), &etag);
            return Ok(Reply::new(StatusCode::SEE_OTHER).with("location", &address));
        }
        let scheme = if call.cx.transport == Transport::Tls { "https" } else { "http" };
        let host = call.host.unwrap_or("localhost");
        let path = encode(name.as_str().as_bytes(), true);
        let location = match self.virtual_hosted {
            true => format!("{scheme}://{host}/{path}"),
            false => format!("{scheme}://{host}/{bucket}/{path}"),
        };
        let reply = if self.status == StatusCode::CREATED {
            // Without a namespace: that is how readers of this document look for its elements.
            let mut out = XmlWriter::new("PostResponse", None);
            out.leaf("Location", &location);
            out.leaf("Bucket", bucket.as_str());
            out.leaf("Key", name.as_str());
            out.leaf("ETag", &etag);
            Reply::xml(self.status, out.finish())
        } else {
            Reply::new(self.status)
        };
        Ok(reply.with("location", &location))
    }
}

/// Whether a browser may be led there: never to a script or a file.
fn is_web_address(text: &str) -> bool {
    let visible = text.len() <= REDIRECT_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
    visible
        && text.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        })
}

/// The address with what was written in its query, before the fragment.
fn led_on(address: &str, bucket: &str, name: &str, etag: &str) -> String {
    let (address, fragment) = match address.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (address, None),
    };
    let joint = if address.contains('?') { '&' } else { '?' };
    let value = |text: &str| encode(text.as_bytes(), false);
    let mut out = format!("{address}{joint}bucket={}&key={}&etag={}", value(bucket), value(name), value(etag));
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_is_led_to_web_addresses_only() {
        for good in ["http://a.example", "https://a.example:8443/x?y=z#w", "HTTPS://a.example/"] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "",
            "/relative",
            "//a.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://",
            "http://a.example/\r\nset-cookie: x",
            "http://a.example/a b",
            "http://ä.example/",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
        assert!(!is_web_address(&format!("http://a/{}", "x".repeat(REDIRECT_BYTES_MAX))));
    }

    #[test]
    fn what_was_written_is_told_in_the_query() {
        let query = "bucket=b&key=a%26b%2F%C3%BC%20c&etag=%22e%22";
        let led = |address: &str| led_on(address, "b", "a&b/ü c", "\"e\"");
        assert_eq!(led("http://x/y"), format!("http://x/y?{query}"));
        assert_eq!(led("http://x/y?z=1"), format!("http://x/y?z=1&{query}"));
        assert_eq!(led("http://x/y#frag"), format!("http://x/y?{query}#frag"));
    }
}
