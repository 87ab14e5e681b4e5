//! The server's side of TLS: where the certificate comes from, and the configuration of the doors made from it. Made
//! anew on SIGHUP; connections already open keep the one they began with.

mod authority;

use crate::config::CertificateSource;
use crate::failure::Failure;
pub(crate) use authority::Authority;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::fmt;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::OffsetDateTime;

/// Where the certificate comes from and what it must cover.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// The local authority or the operator's files.
    pub(crate) source: CertificateSource,
    /// The local authority.
    pub(crate) authority: Authority,
    /// Base domains.
    pub(crate) domains: Vec<String>,
    /// Addresses listened on.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Certificates {
    /// The configuration for the doors with the certificate as it is now on the disk: TLS 1.2 and 1.3, HTTP/1.1.
    ///
    /// # Errors
    /// When the files cannot be read or used; whoever runs with an earlier configuration keeps it.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, Failure> {
        let certified = match &self.source {
            CertificateSource::Local => {
                self.authority.server_certificate(&self.domains, &self.addresses, OffsetDateTime::now_utc())?
            }
            CertificateSource::Files { cert, key } => load(cert, key)?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(format!("cannot set up TLS: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// What a client must trust, when the local authority issues the certificate.
    pub(crate) fn local_ca(&self) -> Option<PathBuf> {
        (self.source == CertificateSource::Local).then(|| self.authority.ca_certificate())
    }
}

/// Reads a certificate chain and its key, and checks that they belong together.
fn load(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, Failure> {
    let complain = |path: &Path, why: &dyn fmt::Display| {
        Failure::new(format!("`{}` cannot be used for TLS: {why}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| complain(cert, &error))?;
    if chain.is_empty() {
        return Err(complain(cert, &"it holds no certificate"));
    }
    // A group that may read keys is common; everybody is not.
    if std::fs::metadata(key).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0) {
        tracing::warn!(key = %key.display(), "the TLS key can be read by every user of this machine; close it with chmod o-rwx");
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| complain(key, &error))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map(Arc::new).map_err(|error| complain(cert, &error))
}
