//! The certificate authorities that a service is believed by.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;

/// Reads the authorities of a file (PEM). `all`: one that cannot be used is an error; otherwise it is left out, as a
/// system's bundle may hold some that are too old.
///
/// # Errors
/// What to tell the operator, naming the file.
pub(crate) fn read(path: &Path, all: bool) -> Result<RootCertStore, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("`{}`: {why}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
        let added = roots.add(certificate.map_err(|error| wrong(&error))?);
        if all {
            added.map_err(|error| wrong(&error))?;
        }
    }
    if roots.is_empty() { Err(wrong(&"it holds no certificate")) } else { Ok(roots) }
}
