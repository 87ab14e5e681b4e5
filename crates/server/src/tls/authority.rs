//! The local authority and the server certificate it issues: `tls/{ca,server}.{crt,key}` in the data directory.
//!
//! The authority is made once. The server certificate is kept while a strict client would accept it for every name the
//! server is configured with, now and for thirty days more; otherwise a fresh one is issued. The question is put to
//! the same verifier a client uses, so names, dates, key and chain are all judged by what is on the disk.

use super::load;
use crate::failure::Failure;
use crate::private_file::{refuse_if_open_to_others, write_private, write_public};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Life of the authority.
const CA_DAYS: u32 = 3650;
/// Life of the server certificate: below the 398 days that some clients allow at most.
const SERVER_DAYS: u32 = 390;
/// A certificate that ends within so many days is replaced.
const RENEW_DAYS: u32 = 30;
/// Clocks of clients may be behind ours by this much.
const BACKDATE_DAYS: u32 = 1;

const _: () = assert!(RENEW_DAYS < SERVER_DAYS && SERVER_DAYS < CA_DAYS);

/// The files of the local authority.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    dir: PathBuf,
}

impl Authority {
    /// An authority whose files are, or will be, in `dir`.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The certificate that clients must trust.
    pub(crate) fn ca_certificate(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// The server's certificate and key, issued afresh when there is none or the present one will not do.
    ///
    /// # Errors
    /// When files cannot be read or written, or when one of the authority's two files is missing or damaged: a new
    /// authority is never made silently over an old one, since clients trust the old.
    pub(crate) fn server_certificate(
        &self,
        domains: &[String],
        addresses: &[IpAddr],
        now: OffsetDateTime,
    ) -> Result<Arc<CertifiedKey>, Failure> {
        let (ca_cert, ca_key) = (self.ca_certificate(), self.dir.join("ca.key"));
        match (ca_cert.exists(), ca_key.exists()) {
            (true, true) => {}
            (false, false) => self.make_authority(now)?,
            // A first start that was killed between the two files: nobody trusts an authority that has issued nothing.
            (false, true) if !self.dir.join("server.crt").exists() => self.make_authority(now)?,
            _ => {
                return Err(Failure::new(format!(
                    "only one of `{}` and `{}` exists; restore the other, or remove both to have a new authority made",
                    ca_cert.display(),
                    ca_key.display()
                )));
            }
        }
        refuse_if_open_to_others(&ca_key, "chmod 600")?;
        let names = names(domains, addresses);
        if let Some(present) = self.present(&names, now) {
            return Ok(present);
        }
        self.issue(&names, now)?;
        self.present(&names, now).ok_or_else(|| {
            Failure::new(format!(
                "the authority `{}` cannot issue a certificate that a client would accept; is it near its end?",
                ca_cert.display()
            ))
        })
    }

    fn make_authority(&self, now: OffsetDateTime) -> Result<(), Failure> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name("Strongroom local authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (now - BACKDATE_DAYS * DAY, now + CA_DAYS * DAY);
        let key = KeyPair::generate().map_err(|error| rejected(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| rejected(&error))?;
        write_private(&self.dir.join("ca.key"), key.serialize_pem().as_bytes())?;
        write_public(&self.ca_certificate(), certificate.pem().as_bytes())
    }

    fn issue(&self, names: &[String], now: OffsetDateTime) -> Result<(), Failure> {
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error));
        let ca_key = zeroize::Zeroizing::new(read(&self.dir.join("ca.key"))?);
        let ca_key = KeyPair::from_pem(&ca_key).map_err(|error| rejected(&error))?;
        let issuer = Issuer::from_ca_cert_pem(&read(&self.ca_certificate())?, ca_key);
        let issuer = issuer.map_err(|error| rejected(&error))?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(|error| rejected(&error))?;
        params.distinguished_name = name("Strongroom server");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (now - BACKDATE_DAYS * DAY, now + SERVER_DAYS * DAY);
        let key = KeyPair::generate().map_err(|error| rejected(&error))?;
        let certificate = params.signed_by(&key, &issuer).map_err(|error| rejected(&error))?;
        write_private(&self.dir.join("server.key"), key.serialize_pem().as_bytes())?;
        write_public(&self.dir.join("server.crt"), certificate.pem().as_bytes())
    }

    /// The present server certificate, if a client would accept it for every name now and for some time to come.
    fn present(&self, names: &[String], now: OffsetDateTime) -> Option<Arc<CertifiedKey>> {
        let key = self.dir.join("server.key");
        refuse_if_open_to_others(&key, "chmod 600").ok()?;
        let certified = load(&self.dir.join("server.crt"), &key).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.ca_certificate()).ok()?).ok()?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
        let leaf = certified.end_entity_cert().ok()?;
        let at = |time: OffsetDateTime| {
            let seconds = u64::try_from(time.unix_timestamp()).unwrap_or_default();
            UnixTime::since_unix_epoch(Duration::from_secs(seconds))
        };
        let accepted = names.iter().all(|name| {
            let host = name.replacen("*.", "bucket.", 1);
            let Ok(host) = ServerName::try_from(host) else { return false };
            [now, now + RENEW_DAYS * DAY]
                .into_iter()
                .all(|time| verifier.verify_server_cert(leaf, &[], &host, &[], at(time)).is_ok())
        });
        accepted.then_some(certified)
    }
}

/// The names a certificate must cover: this machine's own, the addresses listened on, each domain and its subdomains.
fn names(domains: &[String], addresses: &[IpAddr]) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(addresses.iter().filter(|address| !address.is_unspecified()).map(IpAddr::to_string));
    names.extend(domains.iter().cloned());
    // Clients do not accept a wildcard directly below a top level, such as `*.lan`.
    names.extend(domains.iter().filter(|domain| domain.contains('.')).map(|domain| format!("*.{domain}")));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn name(common: &str) -> rcgen::DistinguishedName {
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::OrganizationName, "Strongroom");
    name.push(DnType::CommonName, common);
    name
}

fn rejected(error: &rcgen::Error) -> Failure {
    Failure::new(format!("cannot make a certificate: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn leaf(of: &CertifiedKey) -> Vec<u8> {
        of.end_entity_cert().unwrap().to_vec()
    }

    #[test]
    fn reused_until_names_change_or_the_end_is_near() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new(dir.path().to_owned());
        let now = OffsetDateTime::now_utc();
        let with = |domains: &[&str], now| {
            let domains: Vec<String> = domains.iter().map(|&d| d.to_owned()).collect();
            leaf(&authority.server_certificate(&domains, &[], now).unwrap())
        };
        let first = with(&["obs.local.test"], now);
        let ca = fs::read(authority.ca_certificate()).unwrap();
        assert_eq!(with(&["obs.local.test"], now), first, "a restart keeps the certificate");
        assert_eq!(with(&[], now), first, "fewer names need no new certificate");
        let more = with(&["obs.local.test", "s3.local.test"], now);
        assert_ne!(more, first);
        let later = now + (SERVER_DAYS - RENEW_DAYS + 1) * DAY;
        assert_ne!(with(&["obs.local.test", "s3.local.test"], later), more, "renewed before its end");
        assert_eq!(fs::read(authority.ca_certificate()).unwrap(), ca, "the authority stays");
    }

    #[test]
    fn keys_are_closed_and_certificates_readable() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new(dir.path().to_owned());
        let (domains, addresses) = (["lan".to_owned()], ["10.1.2.3".parse().unwrap()]);
        authority.server_certificate(&domains, &addresses, OffsetDateTime::now_utc()).unwrap();
        for (file, mode) in [("ca.key", 0o600), ("server.key", 0o600), ("ca.crt", 0o644), ("server.crt", 0o644)] {
            assert_eq!(fs::metadata(dir.path().join(file)).unwrap().permissions().mode() & 0o7777, mode, "{file}");
        }
    }

    #[test]
    fn an_authority_that_a_killed_first_start_left_half_made_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new(dir.path().to_owned());
        let now = OffsetDateTime::now_utc();
        authority.server_certificate(&[], &[], now).unwrap();
        fs::remove_file(dir.path().join("ca.crt")).unwrap();
        assert!(authority.server_certificate(&[], &[], now).is_err(), "it has issued a certificate: clients trust it");
        fs::remove_file(dir.path().join("server.crt")).unwrap();
        authority.server_certificate(&[], &[], now).unwrap();
        assert!(dir.path().join("ca.crt").exists());
    }

    #[test]
    fn a_damaged_server_certificate_is_replaced_and_half_an_authority_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new(dir.path().to_owned());
        let now = OffsetDateTime::now_utc();
        authority.server_certificate(&[], &[], now).unwrap();
        fs::write(dir.path().join("server.crt"), "nonsense").unwrap();
        authority.server_certificate(&[], &[], now).unwrap();
        fs::remove_file(dir.path().join("ca.key")).unwrap();
        assert!(authority.server_certificate(&[], &[], now).unwrap_err().to_string().contains("only one of"));
    }
}
