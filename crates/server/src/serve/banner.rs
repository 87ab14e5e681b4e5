//! What the server prints when it is ready: where it is, credentials it has just made, and the three lines that a person
//! pastes next. On standard output; logs go to standard error.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// The way out for who has no secret.
pub(super) const LOST_SECRET: &str = "To replace a lost pair, start with STRONGROOM_ROOT_ACCESS_KEY and \
    STRONGROOM_ROOT_SECRET_KEY set.";

/// What there is to say.
pub(super) struct Banner<'a> {
    pub(super) region: &'a str,
    pub(super) objects: SocketAddr,
    pub(super) control: SocketAddr,
    pub(super) data_dir: &'a Path,
    /// The certificate of the local authority, unless the operator brought a certificate.
    pub(super) ca: Option<&'a Path>,
    pub(super) access_key: &'a str,
    /// The secret, when this start generated it.
    pub(super) fresh_secret: Option<&'a str>,
    /// Whether the credentials came through the environment.
    pub(super) given: bool,
}

impl Banner<'_> {
    /// The text.
    pub(super) fn render(&self) -> String {
        let (objects, control) = (reachable(self.objects), reachable(self.control));
        let mut out = format!("Strongroom {} is ready in region {}.\n\n", env!("CARGO_PKG_VERSION"), self.region);
        let _ = writeln!(out, "  objects      http://{objects}  https://{objects}");
        let _ = writeln!(out, "  control      http://{control}  https://{control}");
        let _ = writeln!(out, "  data         {}", self.data_dir.display());
        if let Some(ca) = self.ca {
            let _ = writeln!(out, "  trust        {}", ca.display());
        }
        let _ = writeln!(out, "  access key   {}", self.access_key);
        if let Some(secret) = self.fresh_secret {
            let _ = writeln!(out, "  secret key   {secret}   (shown this once: keep it)");
        } else if !self.given {
            let _ = writeln!(out, "               {LOST_SECRET}");
        }
        let _ = writeln!(out, "\nPaste next, with a FILE of yours:\n");
        for line in self.lines(&objects) {
            let _ = writeln!(out, "  {line}");
        }
        out
    }

    /// Environment for the AWS tools; a bucket whose objects are encrypted; a first object.
    fn lines(&self, objects: &SocketAddr) -> [String; 3] {
        let trust = self.ca.map(|ca| format!("AWS_CA_BUNDLE={} ", quoted(&ca.to_string_lossy()))).unwrap_or_default();
        let secret = match self.fresh_secret {
            Some(secret) => quoted(secret),
            None if self.given => "\"$STRONGROOM_ROOT_SECRET_KEY\"".to_owned(),
            None => "'the secret key shown at the first start'".to_owned(),
        };
        let environment = format!(
            "export AWS_ENDPOINT_URL=https://{objects} {trust}AWS_DEFAULT_REGION={} AWS_ACCESS_KEY_ID={} \
             AWS_SECRET_ACCESS_KEY={secret}",
            self.region, self.access_key
        );
        let bucket = "aws s3 mb s3://first-bucket && aws s3api put-bucket-encryption --bucket first-bucket \
                      --server-side-encryption-configuration '{\"Rules\":[{\"ApplyServerSideEncryptionByDefault\":\
                      {\"SSEAlgorithm\":\"aws:kms\"},\"BucketKeyEnabled\":true}]}'";
        [environment, bucket.to_owned(), "aws s3 cp FILE s3://first-bucket/".to_owned()]
    }
}

/// An address that this machine can connect to: a server listening on all addresses is shown on loopback.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// Quoted for a POSIX shell where it needs to be.
fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(fresh_secret: Option<&'static str>, given: bool) -> String {
        Banner {
            region: "local-1",
            objects: "0.0.0.0:9000".parse().unwrap(),
            control: "127.0.0.1:9001".parse().unwrap(),
            data_dir: Path::new("/srv/my data"),
            ca: Some(Path::new("/srv/my data/tls/ca.crt")),
            access_key: "SRAKEXAMPLE",
            fresh_secret,
            given,
        }
        .render()
    }

    #[test]
    fn a_secret_is_shown_only_when_it_is_fresh() {
        assert!(banner(Some("s3cret"), false).contains("secret key   s3cret"));
        let later = banner(None, false);
        assert!(!later.contains("  secret key   ") && later.contains("shown at the first start"));
        assert!(later.contains("STRONGROOM_ROOT_SECRET_KEY"), "and the way out is named");
        assert!(banner(None, true).contains("$STRONGROOM_ROOT_SECRET_KEY"));
    }

    #[test]
    fn what_is_to_be_pasted_is_three_lines_of_shell() {
        let text = banner(Some("s3cret"), false);
        let lines: Vec<_> =
            text.split("Paste next").nth(1).unwrap().lines().skip(1).filter(|l| !l.is_empty()).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains("AWS_CA_BUNDLE='/srv/my data/tls/ca.crt'"), "{}", lines[0]);
        assert!(lines[0].contains("https://127.0.0.1:9000"));
    }

    #[test]
    fn quotes_are_the_shells() {
        assert_eq!(quoted("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
