//! Key providers outside the process: opened from their settings, probed while the server runs, and shown on the metrics
//! page and in readiness.
//!
//! Readiness, never liveness: to restart the server does not bring a key service back. And only a provider that the
//! server cannot do without counts: taken out of service, it would serve nothing, where without one provider it still
//! serves all that this provider's CMKs do not seal.

use crate::config::{AWS_KMS, HUAWEI_DEW, KMIP, PKCS11, ProviderSettings, Settings, VAULT};
use crate::failure::Failure;
use ::providers::{
    BreakerState, Call, Endpoint, GuardConfig, Guarded, Kind, Outcome, Secret, SystemTimer, VerifyWraps,
};
use crypto::SystemEntropy;
use gateway::{Metrics, Readiness, Sample};
use kms::{KeyProvider, KeyService, KeySpec, NewVersion, ProviderName, VersionRef};
use model::{Clock, CmkUid, Entropy};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

type Env<'a> = super::Env<'a>;

/// A provider and what the server does about it.
struct Watched {
    guard: Arc<Guarded>,
    interval: Option<Duration>,
    probe_key: Option<String>,
    required: bool,
}

/// All providers outside the process.
#[derive(Clone)]
pub(super) struct Providers(Arc<[Watched]>);

impl Providers {
    /// Opens those of the settings. None is called: a service that is down does not keep the server from starting.
    pub(super) fn open(settings: &Settings, env: Env<'_>, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let default = &settings.kms_default_provider;
        let known = *default == ProviderName::embedded() || settings.providers.iter().any(|p| p.name == *default);
        if !known {
            return Err(Failure::usage(format!(
                "`kms_default_provider` is `{default}`, and there is no [provider.{default}]"
            )));
        }
        let open = |of: &ProviderSettings| open(of, default, env, clock);
        Ok(Self(settings.providers.iter().map(open).collect::<Result<_, _>>()?))
    }

    /// For the key service.
    pub(super) fn as_key_providers(&self) -> Vec<Arc<dyn KeyProvider>> {
        self.0.iter().map(|watched| Arc::<Guarded>::clone(&watched.guard) as Arc<dyn KeyProvider>).collect()
    }

    /// What readiness says.
    pub(super) fn readiness(&self) -> Readiness {
        let down = |required| {
            let of = self.0.iter().filter(move |watched| watched.required == required && watched.guard.is_down());
            of.map(|watched| watched.guard.name().to_string()).collect()
        };
        Readiness { missing: down(true), degraded: down(false) }
    }

    /// Shows the counters on the metrics page.
    pub(super) fn register(&self, metrics: &Metrics) {
        let all = self.clone();
        metrics.register_counter_source(
            "strongroom_provider_calls",
            "Calls to key providers outside, each try counted",
            &["provider", "call", "outcome"],
            move || all.samples(outcomes),
        );
        let all = self.clone();
        metrics.register_counter_source(
            "strongroom_provider_call_microseconds",
            "Time that calls to key providers took together",
            &["provider", "call"],
            move || {
                all.samples(|guard| {
                    Call::ALL.iter().map(|call| (vec![call.name().into()], guard.statistics().micros(*call))).collect()
                })
            },
        );
        let all = self.clone();
        metrics.register_counter_source(
            "strongroom_provider_retries",
            "Calls to key providers that followed a failed one",
            &["provider"],
            move || all.samples(|guard| vec![(vec![], guard.statistics().retries())]),
        );
        let all = self.clone();
        metrics.register_gauge_source(
            "strongroom_provider_up",
            "Whether the key provider does its work: 0 while it is held to be down",
            &["provider"],
            move || all.samples(|guard| vec![(vec![], u64::from(!guard.is_down()))]),
        );
        let all = self.clone();
        metrics.register_gauge_source(
            "strongroom_provider_breaker",
            "The circuit breaker: 0 closed, 1 trying, 2 open",
            &["provider"],
            move || {
                all.samples(|guard| {
                    let state = match guard.breaker() {
                        BreakerState::Closed => 0,
                        BreakerState::Trying => 1,
                        BreakerState::Open => 2,
                    };
                    vec![(vec![], state)]
                })
            },
        );
    }

    fn samples(&self, of: impl Fn(&Guarded) -> Vec<Sample>) -> Vec<Sample> {
        let named = |watched: &Watched| {
            let name = watched.guard.name().to_string();
            let samples = of(&watched.guard).into_iter();
            samples.map(|(labels, count)| ([vec![name.clone()], labels].concat(), count)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(named).collect()
    }

    /// Probes each provider at its interval, until the task is dropped.
    pub(super) async fn watch(self, keys: Arc<KeyService>) {
        let mut tasks = tokio::task::JoinSet::new();
        for at in 0..self.0.len() {
            let (all, keys) = (self.clone(), Arc::clone(&keys));
            tasks.spawn(async move { all.0[at].watch(&keys).await });
        }
        while tasks.join_next().await.is_some() {}
    }
}

impl Watched {
    async fn watch(&self, keys: &KeyService) {
        let Some(interval) = self.interval else { return };
        // Taken up once: nothing is stored, and nothing is made at the service.
        let mut own = None;
        loop {
            let uid = CmkUid::from_bytes([0; 16]);
            if let (Some(name), None) = (&self.probe_key, &own) {
                let new = NewVersion { uid, version: 1, spec: KeySpec::Aes256, existing: Some(name) };
                match self.guard.create_version(new).await {
                    Ok(reference) => own = Some(reference),
                    Err(fault) => {
                        tracing::warn!(provider = %self.guard.name(), %fault, "the probe's key cannot be used")
                    }
                }
            }
            let probed = match (&own, keys.probe_version(self.guard.name())) {
                (Some(reference), _) => {
                    let version = VersionRef { uid, version: 1, spec: KeySpec::Aes256, reference };
                    Some(self.guard.probe(version).await)
                }
                (None, Some(version)) => Some(self.guard.probe(version.at()).await),
                // It keeps no CMK: there is nothing that its failure would touch.
                (None, None) => None,
            };
            if let Some(Err(fault)) = probed {
                tracing::warn!(provider = %self.guard.name(), %fault, "the key provider does not pass its probe");
            }
            tokio::time::sleep(interval).await;
        }
    }
}

fn outcomes(guard: &Guarded) -> Vec<Sample> {
    let of = |call: Call| {
        Outcome::ALL.iter().map(move |outcome| {
            (vec![call.name().to_owned(), outcome.name().to_owned()], guard.statistics().calls(call, *outcome))
        })
    };
    Call::ALL.into_iter().flat_map(of).collect()
}

fn open(
    of: &ProviderSettings,
    default: &ProviderName,
    env: Env<'_>,
    clock: &Arc<dyn Clock>,
) -> Result<Watched, Failure> {
    let count = |key: &str| of.number(key).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    let timeout = of.millis("timeout_ms")?;
    let tries_max = count("tries_max")?;
    let guard = GuardConfig {
        timeout,
        total: timeout * tries_max,
        tries_max,
        calls_max: count("calls_max")?,
        breaker_failures: count("breaker_failures")?,
        breaker_pause: of.millis("breaker_pause_ms")?,
        verify: if of.text("verify_wraps") == Some("bucket-keys") { VerifyWraps::BucketKeys } else { VerifyWraps::All },
    };
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let opened = ::providers::open(
        of.name.clone(),
        kind(of, env)?,
        guard,
        Arc::clone(clock),
        Arc::new(SystemTimer::new()),
        entropy,
    );
    let interval = of.number("probe_interval_seconds")?;
    Ok(Watched {
        guard: Arc::new(opened.map_err(|why| of.wrong(&why))?),
        interval: (interval > 0).then(|| Duration::from_secs(interval)),
        probe_key: of.text("probe_key").map(str::to_owned),
        required: match of.text("required") {
            Some("on") => true,
            Some("off") => false,
            _ => of.name == *default,
        },
    })
}

fn kind(of: &ProviderSettings, env: Env<'_>) -> Result<Kind, Failure> {
    let endpoint = |default: Option<String>| {
        let said = of.text("endpoint").map(str::to_owned).or(default);
        let url = said.ok_or_else(|| of.wrong("`endpoint` is required"))?;
        Ok::<_, Failure>(Endpoint { url, ca_file: of.file("ca_file").map(Into::into) })
    };
    let owned = |key: &str| of.needed(key).map(str::to_owned);
    match of.needed("kind")? {
        AWS_KMS => {
            let region = owned("region")?;
            let file = of.file("session_token_file").map(Secret::from_file).transpose();
            Ok(Kind::AwsKms {
                endpoint: endpoint(Some(format!("https://kms.{region}.amazonaws.com")))?,
                region,
                access_key: owned("access_key")?,
                secret: secret(of, "secret_file", "secret_env", env)?,
                session_token: file.map_err(|why| of.wrong(&why))?,
            })
        }
        HUAWEI_DEW => Ok(Kind::HuaweiDew {
            endpoint: endpoint(None)?,
            project: owned("project_id")?,
            access_key: owned("access_key")?,
            secret: secret(of, "secret_file", "secret_env", env)?,
        }),
        VAULT => Ok(Kind::Vault {
            endpoint: endpoint(None)?,
            mount: owned("mount")?.trim_matches('/').to_owned(),
            namespace: of.text("namespace").map(str::to_owned),
            token: secret(of, "token_file", "token_env", env)?,
        }),
        PKCS11 => Ok(Kind::Pkcs11 {
            module: owned("module")?.into(),
            token: owned("token_label")?,
            pin: secret(of, "pin_file", "pin_env", env)?,
        }),
        KMIP => {
            let key_file = std::path::PathBuf::from(owned("key_file")?);
            crate::private_file::refuse_if_open_to_others(&key_file, "chmod 600")?;
            Ok(Kind::Kmip {
                host: owned("host")?,
                port: u16::try_from(of.number("port")?).map_err(|_| of.wrong("`port` is not a port"))?,
                ca_file: owned("ca_file")?.into(),
                certificate_file: owned("certificate_file")?.into(),
                key_file,
            })
        }
        other => Err(of.wrong(&format!("there is no kind `{other}`"))),
    }
}

/// The credential from the one of two places that is named.
fn secret(of: &ProviderSettings, file: &str, variable: &str, env: Env<'_>) -> Result<Secret, Failure> {
    let read = match (of.file(file), of.text(variable)) {
        (Some(path), None) => Secret::from_file(path),
        (None, Some(name)) => match env(name) {
            Some(text) => Secret::from_text(Zeroizing::new(text)).map_err(|why| format!("variable {name}: {why}")),
            None => Err(format!("variable {name} is not set")),
        },
        _ => Err(format!("set `{file}` or `{variable}`, and not both")),
    };
    read.map_err(|why| of.wrong(&why))
}
