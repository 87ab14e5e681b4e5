//! A server's address, and whom to trust when it answers.

use crate::failure::Failure;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where Debian and its kin, Fedora and its kin, and Alpine keep the certificates that the system trusts.
const SYSTEM_BUNDLES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A parsed URL of a server.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Endpoint {
    /// Parses `http://HOST[:PORT]` or `https://HOST[:PORT]`. Plain HTTP is taken for loopback only: elsewhere answers
    /// could be read and altered on the way.
    pub(crate) fn parse(url: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::usage(format!("`{url}` cannot be used: {why}"));
        let uri: http::Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
        let host = uri.host().ok_or_else(|| wrong("it names no host"))?.to_owned();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("it has a path"));
        }
        let (tls, default_port) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(bare.clone()).map_err(|_| wrong("its host cannot be verified"))?;
                (Some((client_config(ca)?, name)), 443)
            }
            Some("http") if is_loopback(&bare) => (None, 80),
            Some("http") => return Err(wrong("plain http is for loopback only; use https")),
            _ => return Err(wrong("say http:// or https://")),
        };
        Ok(Self { host: bare, port: uri.port_u16().unwrap_or(default_port), tls })
    }

    /// Host and port to connect to.
    pub(super) fn target(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What TLS needs, unless the endpoint is plain.
    pub(super) fn tls(&self) -> Option<&(Arc<ClientConfig>, ServerName<'static>)> {
        self.tls.as_ref()
    }

    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let path = match ca {
        Some(path) => path.to_owned(),
        None => system_bundle()
            .ok_or_else(|| Failure::usage("this system has no bundle of trusted certificates; say `--ca FILE`"))?,
    };
    let wrong = |why: &dyn std::fmt::Display| Failure::new(format!("`{}`: {why}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&path).map_err(|error| wrong(&error))? {
        let added = roots.add(certificate.map_err(|error| wrong(&error))?);
        if ca.is_some() {
            added.map_err(|error| wrong(&error))?;
        }
    }
    if roots.is_empty() {
        return Err(wrong(&"it holds no certificate"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn system_bundle() -> Option<PathBuf> {
    SYSTEM_BUNDLES.iter().map(PathBuf::from).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback() {
        for url in ["http://127.0.0.1:9001", "http://localhost:9001", "http://[::1]:9001", "http://127.8.8.8"] {
            assert!(Endpoint::parse(url, None).is_ok(), "{url}");
        }
        for url in
            ["http://192.0.2.1:9001", "http://localhost.example.com", "ftp://127.0.0.1", "127.0.0.1:9001", "http://"]
        {
            assert_eq!(Endpoint::parse(url, None).unwrap_err().exit_code(), 2, "{url}");
        }
        assert!(Endpoint::parse("http://127.0.0.1/path", None).is_err());
    }

    #[test]
    fn the_authority_carries_port_and_brackets() {
        assert_eq!(Endpoint::parse("http://[::1]:9001", None).unwrap().authority(), "[::1]:9001");
        assert_eq!(Endpoint::parse("http://localhost", None).unwrap().authority(), "localhost:80");
    }
}
