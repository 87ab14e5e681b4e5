//! The `[provider.NAME]` tables of the configuration file: every name that may stand in one, defined once, as with
//! `table.rs`. They are in the file only: a provider has too many settings, and there may be several of a kind.

use crate::failure::Failure;
use kms::ProviderName;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

/// A setting of a provider.
#[derive(Debug)]
pub(crate) struct ProviderSetting {
    /// Name in the table.
    pub(crate) key: &'static str,
    /// The kinds of providers that have it; empty for all.
    pub(crate) kinds: &'static [&'static str],
    /// What stands for the value in complaints.
    pub(crate) placeholder: &'static str,
    /// Value when nothing is said.
    pub(crate) default: Option<&'static str>,
    /// Which values it takes, where not any text.
    takes: Takes,
    /// What it does. Whole sentences.
    pub(crate) doc: &'static str,
}

#[derive(Debug)]
enum Takes {
    Text,
    File,
    Number(RangeInclusive<u64>),
    OneOf(&'static [&'static str]),
}

/// AWS KMS.
pub(crate) const AWS_KMS: &str = "aws-kms";
/// Huawei DEW, or another Strongroom.
pub(crate) const HUAWEI_DEW: &str = "huawei-dew";
/// Vault or OpenBao transit.
pub(crate) const VAULT: &str = "vault";

/// A token behind a PKCS#11 module.
pub(crate) const PKCS11: &str = "pkcs11";
/// A KMIP server.
pub(crate) const KMIP: &str = "kmip";

const KINDS: &[&str] = &[AWS_KMS, HUAWEI_DEW, VAULT, PKCS11, KMIP];
/// Those that speak HTTP.
const HTTP: &[&str] = &[AWS_KMS, HUAWEI_DEW, VAULT];

const fn text(
    key: &'static str,
    kinds: &'static [&'static str],
    placeholder: &'static str,
    default: Option<&'static str>,
    doc: &'static str,
) -> ProviderSetting {
    ProviderSetting { key, kinds, placeholder, default, takes: Takes::Text, doc }
}

const fn number(
    key: &'static str,
    range: RangeInclusive<u64>,
    default: &'static str,
    doc: &'static str,
) -> ProviderSetting {
    ProviderSetting { key, kinds: &[], placeholder: "NUMBER", default: Some(default), takes: Takes::Number(range), doc }
}

const fn file(key: &'static str, kinds: &'static [&'static str], doc: &'static str) -> ProviderSetting {
    ProviderSetting { key, kinds, placeholder: "FILE", default: None, takes: Takes::File, doc }
}

/// All settings of providers, in the order in which they are explained.
pub(crate) const PROVIDER_SETTINGS: &[ProviderSetting] = &[
    ProviderSetting {
        takes: Takes::OneOf(KINDS),
        ..text(
            "kind",
            &[],
            "aws-kms|huawei-dew|vault|pkcs11|kmip",
            None,
            "What the provider is: AWS KMS; Huawei DEW or another Strongroom; the transit engine of Vault or OpenBao; an \
             HSM or a software token by PKCS#11; a key manager by KMIP 1.4. Required.",
        )
    },
    text(
        "endpoint",
        HTTP,
        "URL",
        None,
        "Where the service is: https://HOST[:PORT][/PREFIX], plain http for loopback only. By default the service of the \
         region, where there is one.",
    ),
    file(
        "ca_file",
        &[AWS_KMS, HUAWEI_DEW, VAULT, KMIP],
        "Certificates to trust there (PEM). By default those that the system trusts; required for kmip.",
    ),
    text("region", &[AWS_KMS], "NAME", None, "The region that signatures name. Required."),
    text("project_id", &[HUAWEI_DEW], "ID", None, "The project that keeps the keys. Required."),
    text("access_key", &[AWS_KMS, HUAWEI_DEW], "ID", None, "The access key that signs. Required."),
    file(
        "secret_file",
        &[AWS_KMS, HUAWEI_DEW],
        "File with the access key's secret, mode 0600. Read again when the service refuses the credentials. This or \
         secret_env is required.",
    ),
    text("secret_env", &[AWS_KMS, HUAWEI_DEW], "VARIABLE", None, "Environment variable with the access key's secret."),
    file("session_token_file", &[AWS_KMS], "File with the token of temporary credentials, mode 0600."),
    text("mount", &[VAULT], "PATH", Some("transit"), "Where the transit engine is mounted."),
    text("namespace", &[VAULT], "NAME", None, "The namespace, if the server has any."),
    file(
        "token_file",
        &[VAULT],
        "File with the token, mode 0600. Read again when the service refuses it. This or token_env is required.",
    ),
    text("token_env", &[VAULT], "VARIABLE", None, "Environment variable with the token."),
    file("module", &[PKCS11], "The vendor's PKCS#11 module, a shared library. Required."),
    text("token_label", &[PKCS11], "LABEL", None, "The label of the token that keeps the keys. Required."),
    file("pin_file", &[PKCS11], "File with the user's PIN, mode 0600. This or pin_env is required."),
    text("pin_env", &[PKCS11], "VARIABLE", None, "Environment variable with the user's PIN."),
    text("host", &[KMIP], "HOST", None, "The name of the KMIP server, which its certificate must bear. Required."),
    ProviderSetting {
        takes: Takes::Number(1..=65_535),
        ..text("port", &[KMIP], "NUMBER", Some("5696"), "The port of the KMIP server.")
    },
    file("certificate_file", &[KMIP], "The certificate by which the KMIP server knows this one (PEM). Required."),
    file("key_file", &[KMIP], "The key of that certificate (PEM), mode 0600. Required."),
    number("timeout_ms", 10..=60_000, "2000", "Longest time of one call, in milliseconds."),
    number(
        "tries_max",
        1..=10,
        "3",
        "Most tries of one call that gets no answer or is throttled; together they take at most timeout_ms times as many.",
    ),
    number("calls_max", 1..=4096, "64", "Most calls under way at once. More wait for their turn."),
    number(
        "breaker_failures",
        1..=1000,
        "5",
        "After so many calls in a row without an answer the service is left alone, and requests that need it fail at once.",
    ),
    number("breaker_pause_ms", 100..=600_000, "5000", "For how long, until one call finds out whether it is back."),
    ProviderSetting {
        takes: Takes::OneOf(&["bucket-keys", "all"]),
        ..text(
            "verify_wraps",
            &[],
            "bucket-keys|all",
            Some("all"),
            "Which fresh wraps are unwrapped and compared before they are used: all, at the price of one more call for each \
             object written without a bucket key, or only those of bucket keys. A wrap that was not compared and opens \
             nothing is an object lost.",
        )
    },
    number(
        "probe_interval_seconds",
        0..=86_400,
        "30",
        "How often the provider is probed: a key is generated, wrapped, unwrapped and compared. 0 for never.",
    ),
    text(
        "probe_key",
        &[],
        "KEY",
        None,
        "A key at the service to probe with, in its own words. By default any CMK that the provider keeps.",
    ),
    ProviderSetting {
        takes: Takes::OneOf(&["auto", "on", "off"]),
        ..text(
            "required",
            &[],
            "auto|on|off",
            Some("auto"),
            "Whether the server is not ready while this provider is down. `auto`: if it is the default provider.",
        )
    },
];

/// A `[provider.NAME]` table whose names and values have been checked.
#[derive(Clone, Debug)]
pub(crate) struct ProviderSettings {
    /// Its name.
    pub(crate) name: ProviderName,
    values: BTreeMap<&'static str, String>,
}

impl ProviderSettings {
    /// Parses the tables of the file.
    pub(super) fn parse_all(tables: &toml::Table) -> Result<Vec<Self>, Failure> {
        tables.iter().map(|(name, table)| Self::parse(name, table)).collect()
    }

    fn parse(name: &str, table: &toml::Value) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::usage(format!("[provider.{name}]: {why}"));
        let known = ProviderName::parse(name)
            .filter(|name| *name != ProviderName::embedded())
            .ok_or_else(|| wrong("a name is 1 to 64 lower-case letters, digits and `-`; `embedded` is taken".into()))?;
        let table = table.as_table().ok_or_else(|| wrong("it must be a table".into()))?;
        let kind = table.get("kind").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        if !KINDS.contains(&kind.as_str()) {
            return Err(wrong(format!("`kind` must be one of {}", KINDS.join(", "))));
        }
        let mut values = BTreeMap::new();
        for (key, value) in table {
            let setting = PROVIDER_SETTINGS
                .iter()
                .find(|setting| setting.key == key && setting.is_of(&kind))
                .ok_or_else(|| wrong(format!("there is no setting `{key}` of a provider of kind {kind}")))?;
            let value = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                _ => return Err(wrong(format!("`{key}` must be a text or a number"))),
            };
            if !setting.takes(&value) {
                return Err(wrong(format!("`{key}` is `{value}`; it takes {}", setting.shown())));
            }
            values.insert(setting.key, value);
        }
        for setting in PROVIDER_SETTINGS.iter().filter(|setting| setting.is_of(&kind)) {
            if let Some(default) = setting.default {
                values.entry(setting.key).or_insert_with(|| default.to_owned());
            }
        }
        Ok(Self { name: known, values })
    }

    /// A value, if it is set or has a default.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// A value that must be set.
    pub(crate) fn needed(&self, key: &str) -> Result<&str, Failure> {
        self.text(key).ok_or_else(|| self.wrong(&format!("`{key}` is required")))
    }

    /// The path that a setting names.
    pub(crate) fn file(&self, key: &str) -> Option<&Path> {
        self.text(key).map(Path::new)
    }

    /// A number, which has a default.
    pub(crate) fn number(&self, key: &str) -> Result<u64, Failure> {
        self.needed(key)?.parse().map_err(|_| self.wrong(&format!("`{key}` is not a number")))
    }

    /// A number of milliseconds.
    pub(crate) fn millis(&self, key: &str) -> Result<Duration, Failure> {
        self.number(key).map(Duration::from_millis)
    }

    /// A complaint about this table.
    pub(crate) fn wrong(&self, why: &str) -> Failure {
        Failure::usage(format!("[provider.{}]: {why}", self.name))
    }
}

impl ProviderSetting {
    /// Whether providers of this kind have it.
    pub(crate) fn is_of(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    fn takes(&self, value: &str) -> bool {
        match &self.takes {
            Takes::Text | Takes::File => !value.is_empty() && !value.contains(char::is_control),
            Takes::Number(range) => value.parse().is_ok_and(|number| range.contains(&number)),
            Takes::OneOf(words) => words.contains(&value),
        }
    }

    fn shown(&self) -> String {
        match &self.takes {
            Takes::Number(range) => format!("{} to {}", range.start(), range.end()),
            _ => self.placeholder.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<ProviderSettings>, Failure> {
        let table: toml::Table = text.parse().unwrap();
        ProviderSettings::parse_all(table["provider"].as_table().unwrap())
    }

    #[test]
    fn several_side_by_side_with_their_defaults() {
        let found = parse(
            "[provider.cloud]\nkind = \"aws-kms\"\nregion = \"eu-central-1\"\ntimeout_ms = 500\n\
             [provider.bao]\nkind = \"vault\"\nendpoint = \"https://bao.test\"",
        )
        .unwrap();
        let cloud = found.iter().find(|provider| provider.name.as_str() == "cloud").unwrap();
        let bao = found.iter().find(|provider| provider.name.as_str() == "bao").unwrap();
        assert_eq!(cloud.millis("timeout_ms").unwrap(), Duration::from_millis(500));
        assert_eq!((cloud.text("mount"), bao.text("mount")), (None, Some("transit")));
        assert_eq!((bao.number("tries_max").unwrap(), bao.text("required")), (3, Some("auto")));
        assert!(bao.needed("token_file").unwrap_err().to_string().contains("[provider.bao]: `token_file` is required"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, says) in [
            ("[provider.embedded]\nkind = \"vault\"", "`embedded` is taken"),
            ("[provider.Cloud]\nkind = \"vault\"", "lower-case"),
            ("[provider.c]\nregion = \"x\"", "`kind` must be one of"),
            ("[provider.c]\nkind = \"hsm\"", "`kind` must be one of"),
            ("[provider.c]\nkind = \"vault\"\nregion = \"x\"", "no setting `region` of a provider of kind vault"),
            ("[provider.c]\nkind = \"vault\"\ntoken = \"x\"", "no setting `token`"),
            ("[provider.c]\nkind = \"aws-kms\"\nsecret_key = \"x\"", "no setting `secret_key`"),
            ("[provider.c]\nkind = \"vault\"\ntimeout_ms = 5", "10 to 60000"),
            ("[provider.c]\nkind = \"vault\"\ntimeout_ms = true", "a text or a number"),
            ("[provider.c]\nkind = \"vault\"\nverify_wraps = \"none\"", "bucket-keys|all"),
            ("[provider.c]\nkind = \"vault\"\nmount = \"\"", "PATH"),
            ("[provider.c]\nkind = \"kmip\"\nport = 0", "1 to 65535"),
            ("[provider.c]\nkind = \"pkcs11\"\nendpoint = \"https://x\"", "no setting `endpoint`"),
            ("[provider]\nc = 1", "must be a table"),
        ] {
            let complaint = parse(text).unwrap_err();
            assert!(complaint.to_string().contains(says), "{text}: {complaint}");
            assert_eq!(complaint.exit_code(), 2);
        }
    }

    #[test]
    fn every_default_is_a_value_it_takes() {
        for setting in PROVIDER_SETTINGS {
            assert!(setting.doc.ends_with('.'), "the documentation of {} is not a sentence", setting.key);
            assert!(setting.default.is_none_or(|default| setting.takes(default)), "{}", setting.key);
        }
    }
}
