//! The server's configuration: a table of settings, the layers that give them values, and the parsed result. Parsed
//! once; inside nobody validates again.

mod audit;
mod explain;
mod kms;
mod layers;
mod providers;
mod table;

pub(crate) use self::audit::AuditSettings;
pub(crate) use self::providers::{AWS_KMS, HUAWEI_DEW, KMIP, PKCS11, ProviderSettings, VAULT};
use crate::failure::Failure;
use crate::root_key::{RootKeyPlace, SourceName, TokenPlace};
use ::kms::{KmsConfig, ProviderName};
use crypto::PassphraseCost;
pub(crate) use explain::explain;
use gateway::TrustedProxies;
pub(crate) use layers::{Layers, SettingFlags};
use model::RegionName;
use policy::Ownership;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Longest life of a bucket key for new objects, in seconds.
const BUCKET_KEY_TTL_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Which encrypted requests must come over HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequireHttps {
    /// SSE-KMS and SSE-C.
    Strict,
    /// SSE-C only.
    SseC,
    /// None.
    Off,
}

/// What new objects get when neither request nor bucket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultEncryption {
    /// Nothing.
    None,
    /// SSE-KMS under the account's default key.
    Kms,
    /// SSE-OBS.
    Obs,
}

/// Whose behaviour to follow where the references disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compat {
    /// Amazon S3.
    Aws,
    /// Ceph's test suite.
    Ceph,
}

/// Where the server's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CertificateSource {
    /// Issued by the local authority in the data directory.
    Local,
    /// The operator's own files.
    Files {
        /// PEM chain.
        cert: PathBuf,
        /// PEM private key.
        key: PathBuf,
    },
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// All settings, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) control_address: SocketAddr,
    pub(crate) region: RegionName,
    /// Lower case, without outer dots.
    pub(crate) domains: Vec<String>,
    pub(crate) root_key: RootKeyPlace,
    pub(crate) root_passphrase_file: Option<PathBuf>,
    pub(crate) allow_locked: bool,
    pub(crate) certificate: CertificateSource,
    /// Key providers outside the process.
    pub(crate) providers: Vec<ProviderSettings>,
    /// Who keeps CMKs that name no provider.
    pub(crate) kms_default_provider: ProviderName,
    /// Limits of the KMS.
    pub(crate) kms: KmsConfig,
    /// The audit log.
    pub(crate) audit: AuditSettings,
    pub(crate) require_https: RequireHttps,
    pub(crate) sm4: sse::Sm4Offer,
    pub(crate) block_customer_keys_on_new_buckets: bool,
    pub(crate) bucket_key_ttl: Duration,
    pub(crate) bucket_key_objects_max: u64,
    pub(crate) default_encryption: DefaultEncryption,
    pub(crate) object_ownership: Ownership,
    pub(crate) block_public_access: bool,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) accept_v2_for_kms: bool,
    pub(crate) any_v4_region: bool,
    pub(crate) obs_unsigned_subresources: bool,
    pub(crate) compat: Compat,
    pub(crate) drain: Duration,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

impl Settings {
    /// Gathers the layers and parses them.
    pub(crate) fn load(flags: &SettingFlags, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        Self::parse(&Layers::gather(flags, env)?)
    }

    /// Parses what the layers say.
    pub(crate) fn parse(layers: &Layers) -> Result<Self, Failure> {
        let data_dir = layers.data_dir.clone();
        let file = |key: &str| layers.one(key).map(|(path, _)| PathBuf::from(path));
        let certificate = match (file("tls_cert"), file("tls_key")) {
            (None, None) => CertificateSource::Local,
            (Some(cert), Some(key)) => CertificateSource::Files { cert, key },
            _ => return Err(Failure::usage("tls_cert and tls_key go together: one of them is missing")),
        };
        Ok(Self {
            address: parsed(layers, "address", |text| text.parse().ok())?,
            control_address: parsed(layers, "control_address", |text| text.parse().ok())?,
            region: parsed(layers, "region", RegionName::parse)?,
            domains: layers.many("domain").iter().map(|text| domain(text)).collect::<Result<_, _>>()?,
            root_key: root_key(layers, file)?,
            root_passphrase_file: file("root_passphrase_file"),
            allow_locked: switch(layers, "allow_locked")?,
            certificate,
            providers: ProviderSettings::parse_all(&layers.providers)?,
            kms_default_provider: parsed(layers, "kms_default_provider", ProviderName::parse)?,
            kms: self::kms::parse(layers)?,
            audit: AuditSettings::parse(layers)?,
            require_https: parsed(layers, "sse.require_https", |text| match text {
                "strict" => Some(RequireHttps::Strict),
                "ssec" => Some(RequireHttps::SseC),
                "off" => Some(RequireHttps::Off),
                _ => None,
            })?,
            sm4: parsed(layers, "sse.sm4", |text| match text {
                "all" => Some(sse::Sm4Offer::All),
                "kms-only" => Some(sse::Sm4Offer::KmsOnly),
                _ => None,
            })?,
            block_customer_keys_on_new_buckets: switch(layers, "sse.block_customer_keys_on_new_buckets")?,
            bucket_key_ttl: parsed(layers, "bucket_key_ttl_seconds", |text| {
                let seconds = text.parse().ok().filter(|s| (1..=BUCKET_KEY_TTL_SECONDS_MAX).contains(s))?;
                Some(Duration::from_secs(seconds))
            })?,
            bucket_key_objects_max: parsed(layers, "sse.bucket_key_objects_max", |text| {
                text.parse().ok().filter(|objects| (1..=sse::BUCKET_KEY_OBJECTS_MAX).contains(objects))
            })?,
            default_encryption: parsed(layers, "default_encryption", |text| match text {
                "none" => Some(DefaultEncryption::None),
                "kms" => Some(DefaultEncryption::Kms),
                "obs" => Some(DefaultEncryption::Obs),
                _ => None,
            })?,
            object_ownership: parsed(layers, "object_ownership", |text| match text {
                "object-writer" => Some(Ownership::ObjectWriter),
                "bucket-owner-preferred" => Some(Ownership::BucketOwnerPreferred),
                "bucket-owner-enforced" => Some(Ownership::BucketOwnerEnforced),
                _ => None,
            })?,
            block_public_access: switch(layers, "block_public_access")?,
            trusted_proxies: TrustedProxies::parse(layers.many("trusted_proxies").iter().map(String::as_str))
                .map_err(|error| Failure::usage(format!("`trusted_proxies`: {error}")))?,
            accept_v2_for_kms: switch(layers, "accept_v2_for_kms")?,
            any_v4_region: switch(layers, "any_v4_region")?,
            obs_unsigned_subresources: switch(layers, "obs_unsigned_subresources")?,
            compat: parsed(layers, "compat", |text| match text {
                "aws" => Some(Compat::Aws),
                "ceph" => Some(Compat::Ceph),
                _ => None,
            })?,
            drain: parsed(layers, "drain_seconds", |text| text.parse().ok().map(Duration::from_secs))?,
            log: parsed(layers, "log", |text| Some(text.to_owned()))?,
            log_format: parsed(layers, "log_format", |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            })?,
            data_dir,
        })
    }
}

fn parsed<T>(layers: &Layers, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
    let placeholder = table::by_key(key).map_or("", |setting| setting.placeholder);
    let (text, origin) = layers.one(key).ok_or_else(|| Failure::usage(format!("`{key}` is not set")))?;
    parse(text).ok_or_else(|| Failure::usage(format!("`{key}` is `{text}` (from {origin}); it takes {placeholder}")))
}

/// Where the root key comes from.
fn root_key(layers: &Layers, file: impl Fn(&str) -> Option<PathBuf>) -> Result<RootKeyPlace, Failure> {
    let source = parsed(layers, "root_key_source", SourceName::parse)?;
    let memory_kib = parsed(layers, "root_passphrase_memory_mib", |text| {
        text.parse().ok().filter(|mib| (1..=4096).contains(mib)).map(|mib: u32| mib * 1024)
    })?;
    let path = file("root_key_file").unwrap_or_else(|| layers.data_dir.join(source.default_file()));
    let label = layers.one("root_token_label").map(|(label, _)| label.to_owned());
    let token = match (file("root_token_module"), label, file("root_token_pin_file")) {
        (Some(module), Some(label), Some(pin_file)) => Some(TokenPlace { module, label, pin_file }),
        (None, None, None) => None,
        _ => {
            let all = "root_token_module, root_token_label and root_token_pin_file go together: one of them is missing";
            return Err(Failure::usage(all));
        }
    };
    let cost = PassphraseCost { memory_kib, ..PassphraseCost::default() };
    Ok(RootKeyPlace { source, path, token, cost })
}

fn switch(layers: &Layers, key: &str) -> Result<bool, Failure> {
    parsed(layers, key, |text| match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    })
}

/// A base domain: labels of letters, digits and hyphens. A leading `*.` or an outer dot is a misunderstanding that is
/// refused rather than repaired.
fn domain(text: &str) -> Result<String, Failure> {
    let lower = text.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_address = lower.parse::<std::net::IpAddr>().is_ok();
    if lower.len() <= 253 && !is_address && lower.split('.').all(label) {
        Ok(lower)
    } else {
        Err(Failure::usage(format!("`{text}` is not a domain name; say for example `--domain obs.example.com`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn load(of: &[(&str, &str)]) -> Result<Settings, Failure> {
        let env = |name: &str| of.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::load(&SettingFlags::default(), &env)
    }

    #[test]
    fn defaults_are_as_documented() {
        let settings = load(&[("STRONGROOM_DATA", "/nowhere")]).unwrap();
        assert_eq!(settings.address.to_string(), "127.0.0.1:9000");
        assert_eq!(settings.control_address.to_string(), "127.0.0.1:9001");
        assert_eq!(settings.region.as_str(), "local-1");
        assert_eq!(settings.root_key.path, PathBuf::from("/nowhere/root.key"));
        assert_eq!(settings.certificate, CertificateSource::Local);
        assert_eq!(settings.require_https, RequireHttps::Strict);
        assert!(!settings.block_customer_keys_on_new_buckets);
        assert_eq!(settings.bucket_key_ttl, Duration::from_secs(180));
        assert_eq!(settings.bucket_key_objects_max, sse::BUCKET_KEY_OBJECTS_MAX);
        assert_eq!(settings.default_encryption, DefaultEncryption::None);
        assert_eq!(settings.compat, Compat::Aws);
        assert!(settings.audit.required && !settings.audit.accept_loss && settings.audit.retention_millis.is_none());
        assert_eq!(settings.object_ownership, Ownership::ObjectWriter);
        assert!(!settings.block_public_access && settings.trusted_proxies.is_empty());
        assert!(settings.accept_v2_for_kms && !settings.any_v4_region && settings.obs_unsigned_subresources);
    }

    #[test]
    fn wrong_values_are_refused_with_their_name() {
        for (variable, value, name) in [
            ("STRONGROOM_ADDRESS", "9000", "`address`"),
            ("STRONGROOM_REGION", "Local", "`region`"),
            ("STRONGROOM_SSE_REQUIRE_HTTPS", "no", "`sse.require_https`"),
            ("STRONGROOM_SSE_BLOCK_CUSTOMER_KEYS_ON_NEW_BUCKETS", "true", "`sse.block_customer_keys_on_new_buckets`"),
            ("STRONGROOM_BUCKET_KEY_TTL_SECONDS", "0", "`bucket_key_ttl_seconds`"),
            ("STRONGROOM_BUCKET_KEY_TTL_SECONDS", "86401", "`bucket_key_ttl_seconds`"),
            ("STRONGROOM_SSE_BUCKET_KEY_OBJECTS_MAX", "0", "`sse.bucket_key_objects_max`"),
            ("STRONGROOM_SSE_BUCKET_KEY_OBJECTS_MAX", "4294967297", "`sse.bucket_key_objects_max`"),
            ("STRONGROOM_DEFAULT_ENCRYPTION", "ssec", "`default_encryption`"),
            ("STRONGROOM_COMPAT", "minio", "`compat`"),
            ("STRONGROOM_OBJECT_OWNERSHIP", "ObjectWriter", "`object_ownership`"),
            ("STRONGROOM_BLOCK_PUBLIC_ACCESS", "true", "`block_public_access`"),
            ("STRONGROOM_TRUSTED_PROXIES", "10.0.0.0/8,proxy.example.com", "`proxy.example.com`"),
            ("STRONGROOM_ACCEPT_V2_FOR_KMS", "yes", "`accept_v2_for_kms`"),
            ("STRONGROOM_LOG_FORMAT", "xml", "`log_format`"),
            ("STRONGROOM_AUDIT_SYNC", "off", "`audit_sync`"),
            ("STRONGROOM_AUDIT_REQUIRED", "false", "`audit_required`"),
            ("STRONGROOM_AUDIT_OBJECTS", "on", "`audit_objects`"),
            ("STRONGROOM_AUDIT_SEGMENT_MIB", "0", "`audit_segment_mib`"),
            ("STRONGROOM_AUDIT_RETENTION_DAYS", "-1", "`audit_retention_days`"),
            ("STRONGROOM_DOMAIN", "*.example.com", "`*.example.com`"),
            ("STRONGROOM_DOMAIN", "127.0.0.1", "`127.0.0.1`"),
            ("STRONGROOM_TLS_CERT", "only.pem", "tls_key"),
        ] {
            let complaint = load(&[("STRONGROOM_DATA", "/nowhere"), (variable, value)]).unwrap_err();
            assert!(complaint.to_string().contains(name), "{variable}={value}: {complaint}");
            assert_eq!(complaint.exit_code(), 2);
        }
    }
}
