//! What an operator says about a provider, parsed, and opening it. A new provider is one more [`Kind`] and one more file.

use crate::aws_kms::AwsKms;
use crate::backend::Backend;
use crate::client::{Client, EndpointUrl};
use crate::guard::{GuardConfig, Guarded};
use crate::huawei_dew::HuaweiDew;
use crate::kmip::{self, Kmip};
use crate::pkcs11::Pkcs11;
use crate::secret::Secret;
use crate::timer::Timer;
use crate::vault::VaultTransit;
use kms::ProviderName;
use model::{Clock, Entropy};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a service is, and whom to trust there.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `https://HOST[:PORT][/PREFIX]`; plain `http` for loopback.
    pub url: String,
    /// Certificates to trust, PEM; `None` for the system's.
    pub ca_file: Option<PathBuf>,
}

impl Endpoint {
    fn client(&self) -> Result<Client, String> {
        Ok(Client::new(EndpointUrl::parse(&self.url, self.ca_file.as_deref())?))
    }
}

/// Kinds of providers.
pub enum Kind {
    /// AWS KMS.
    AwsKms {
        /// Where.
        endpoint: Endpoint,
        /// The region that signatures name.
        region: String,
        /// Who signs.
        access_key: String,
        /// With what.
        secret: Secret,
        /// The token of temporary credentials.
        session_token: Option<Secret>,
    },
    /// Huawei DEW, or another Strongroom.
    HuaweiDew {
        /// Where.
        endpoint: Endpoint,
        /// The project that keeps the keys.
        project: String,
        /// Who signs.
        access_key: String,
        /// With what.
        secret: Secret,
    },
    /// Vault or OpenBao transit.
    Vault {
        /// Where.
        endpoint: Endpoint,
        /// Where the transit engine is mounted.
        mount: String,
        /// The namespace, if there are any.
        namespace: Option<String>,
        /// The token.
        token: Secret,
    },
    /// A token behind a PKCS#11 module.
    Pkcs11 {
        /// The vendor's module, a shared library.
        module: PathBuf,
        /// The token's label.
        token: String,
        /// The user's PIN.
        pin: Secret,
    },
    /// A KMIP server.
    Kmip {
        /// Its name, which its certificate must bear.
        host: String,
        /// Its port.
        port: u16,
        /// Who signed its certificate, PEM.
        ca_file: PathBuf,
        /// The certificate by which it knows us, PEM.
        certificate_file: PathBuf,
        /// That certificate's key, PEM.
        key_file: PathBuf,
    },
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsKms { .. } => "AwsKms",
            Self::HuaweiDew { .. } => "HuaweiDew",
            Self::Vault { .. } => "Vault",
            Self::Pkcs11 { .. } => "Pkcs11",
            Self::Kmip { .. } => "Kmip",
        })
    }
}

/// Opens a provider. Nobody is called: a service that is down does not keep the server from starting.
///
/// # Errors
/// What to tell the operator.
pub fn open(
    name: ProviderName,
    kind: Kind,
    guard: GuardConfig,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    entropy: Arc<dyn Entropy>,
) -> Result<Guarded, String> {
    let backend: Box<dyn Backend> = match kind {
        Kind::AwsKms { endpoint, region, access_key, secret, session_token } => {
            Box::new(AwsKms::new(endpoint.client()?, region, access_key, secret, session_token, clock))
        }
        Kind::HuaweiDew { endpoint, project, access_key, secret } => {
            Box::new(HuaweiDew::new(endpoint.client()?, project, access_key, secret, clock, Arc::clone(&entropy)))
        }
        Kind::Vault { endpoint, mount, namespace, token } => {
            Box::new(VaultTransit::new(endpoint.client()?, mount, namespace, token))
        }
        Kind::Pkcs11 { module, token, pin } => Box::new(Pkcs11::open(&module, &token, &pin.get())?),
        Kind::Kmip { host, port, ca_file, certificate_file, key_file } => {
            let tls = kmip::client_config(&ca_file, &certificate_file, &key_file)?;
            Box::new(Kmip::new(&host, port, tls, Arc::clone(&entropy))?)
        }
    };
    Ok(Guarded::new(name, backend, guard, timer, entropy))
}
