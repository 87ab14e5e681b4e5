//! A service's address, and whom to trust when it answers.

use crate::roots;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where Debian and its kin, Fedora and its kin, and Alpine keep the certificates that the system trusts.
const SYSTEM_BUNDLES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A parsed URL of a service.
#[derive(Clone)]
pub(crate) struct EndpointUrl {
    host: String,
    port: u16,
    authority: String,
    prefix: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl EndpointUrl {
    /// Parses `https://HOST[:PORT][/PREFIX]`. Plain `http` is for loopback: elsewhere keys could be read on the way.
    /// Without a file of certificates to trust, those of the system are trusted.
    ///
    /// # Errors
    /// What to tell the operator.
    pub(crate) fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{url}` cannot be used: {why}");
        let uri: http::Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it holds credentials; they have settings of their own"));
        }
        if uri.query().is_some() {
            return Err(wrong("it has a query"));
        }
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, default_port) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(bare.clone()).map_err(|_| wrong("its host cannot be verified"))?;
                (Some((client_config(ca_file)?, name)), 443)
            }
            Some("http") if is_loopback(&bare) => (None, 80),
            Some("http") => return Err(wrong("plain http is for loopback only; use https")),
            _ => return Err(wrong("say https://")),
        };
        Ok(Self {
            port: uri.port_u16().unwrap_or(default_port),
            host: bare,
            authority: authority.as_str().to_owned(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            tls,
        })
    }

    /// Host and port to connect to.
    pub(super) fn target(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn tls(&self) -> Option<&(Arc<ClientConfig>, ServerName<'static>)> {
        self.tls.as_ref()
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let path = match ca_file {
        Some(path) => path.to_owned(),
        None => SYSTEM_BUNDLES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
            .ok_or("this system has no bundle of trusted certificates; set `ca_file`")?,
    };
    let roots = roots::read(&path, ca_file.is_some())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback() {
        for url in ["http://127.0.0.1:5000", "http://localhost:1/", "http://[::1]:9001"] {
            assert!(EndpointUrl::parse(url, None).is_ok(), "{url}");
        }
        for url in [
            "http://192.0.2.1",
            "http://localhost.example.com",
            "http://kms.example.com",
            "ftp://127.0.0.1",
            "127.0.0.1:1",
            "http://",
            "http://user:pass@127.0.0.1",
            "http://127.0.0.1/?a=b",
        ] {
            assert!(EndpointUrl::parse(url, None).is_err(), "{url}");
        }
    }

    #[test]
    fn parts_are_kept_as_they_go_onto_the_wire() {
        let url = EndpointUrl::parse("http://[::1]:8200/vault/", None).ok().unwrap();
        assert_eq!(url.target(), ("::1", 8200));
        assert_eq!((url.authority(), url.prefix()), ("[::1]:8200", "/vault"));
        let url = EndpointUrl::parse("http://localhost", None).ok().unwrap();
        assert_eq!((url.target(), url.authority(), url.prefix()), (("localhost", 80), "localhost", ""));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, "nothing here").unwrap();
        assert!(EndpointUrl::parse("https://kms.example.com", Some(&path)).err().unwrap().contains("no certificate"));
    }
}
