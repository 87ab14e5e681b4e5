//! TLS to a KMIP server: it knows us by our certificate, and we know it by a certificate authority that was named. The
//! system's authorities have no say over who keeps keys.

use crate::roots;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

/// Reads the three files (PEM).
///
/// # Errors
/// What to tell the operator: which file is missing or not what it should be.
pub(crate) fn client_config(ca: &Path, certificate: &Path, key: &Path) -> Result<Arc<ClientConfig>, String> {
    let wrong = |path: &Path, why: &dyn Display| format!("`{}`: {why}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(|error| wrong(certificate, &error))?;
    let roots = roots::read(ca, true)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, secret)
        .map(Arc::new)
        .map_err(|error| wrong(certificate, &error))
}
