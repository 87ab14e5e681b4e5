//! Limits of the KMS: requests a second by account, and how many of what there may be.

use super::layers::Layers;
use super::parsed;
use crate::failure::Failure;
use kms::{KmsConfig, OPERATIONS, ProviderName};
use std::collections::BTreeMap;

/// The limits, and what has no setting as it is usual. The default provider is a setting of its own.
pub(super) fn parse(layers: &Layers) -> Result<KmsConfig, Failure> {
    let mut config = KmsConfig {
        default_provider: parsed(layers, "kms_default_provider", ProviderName::parse)?,
        keys_max: parsed(layers, "kms_keys_max", |text| text.parse().ok())?,
        grants_max: parsed(layers, "kms_grants_max", |text| text.parse().ok())?,
        ..KmsConfig::default()
    };
    config.throttle.use_per_second = parsed(layers, "kms_requests_per_second", |text| text.parse().ok())?;
    config.throttle.read_per_second = parsed(layers, "kms_reads_per_second", |text| text.parse().ok())?;
    config.throttle.change_per_second = parsed(layers, "kms_changes_per_second", |text| text.parse().ok())?;
    if layers.one("kms_operations_per_second").is_some() {
        config.throttle.operations = parsed(layers, "kms_operations_per_second", rates)?;
    }
    Ok(config)
}

/// `Operation=NUMBER`, separated by commas, each operation once.
fn rates(text: &str) -> Option<BTreeMap<&'static str, u32>> {
    let mut rates = BTreeMap::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, rate) = part.split_once('=')?;
        let operation = OPERATIONS.into_iter().find(|operation| *operation == name.trim())?;
        if rates.insert(operation, rate.trim().parse().ok()?).is_some() {
            return None;
        }
    }
    Some(rates)
}

#[cfg(test)]
mod tests {
    use super::super::tests::load;
    use kms::KmsConfig;

    #[test]
    fn unset_limits_are_those_of_the_key_service() {
        let settings = load(&[("STRONGROOM_DATA", "/nowhere")]).unwrap();
        assert_eq!(format!("{:?}", settings.kms), format!("{:?}", KmsConfig::default()));
    }

    #[test]
    fn operations_have_rates_of_their_own() {
        let variable = "STRONGROOM_KMS_OPERATIONS_PER_SECOND";
        let with = |value| load(&[("STRONGROOM_DATA", "/nowhere"), (variable, value)]);
        let rates = with("GenerateDataKey=100, CreateGrant=0").unwrap().kms.throttle.operations;
        assert_eq!(rates, [("CreateGrant", 0), ("GenerateDataKey", 100)].into());
        assert!(with("").unwrap().kms.throttle.operations.is_empty());
        for wrong in ["Encrypt", "Encrypt=", "Encrypt=-1", "encrypt=1", "Sign=1", "Encrypt=1,Encrypt=2", "=1"] {
            let complaint = with(wrong).unwrap_err().to_string();
            assert!(complaint.contains("`kms_operations_per_second`"), "{wrong}: {complaint}");
        }
    }

    #[test]
    fn limits_are_whole_numbers() {
        let limits = [
            ("STRONGROOM_KMS_REQUESTS_PER_SECOND", "50"),
            ("STRONGROOM_KMS_READS_PER_SECOND", "0"),
            ("STRONGROOM_KMS_CHANGES_PER_SECOND", "7"),
            ("STRONGROOM_KMS_KEYS_MAX", "3"),
            ("STRONGROOM_KMS_GRANTS_MAX", "2"),
        ];
        let given: Vec<_> = limits.into_iter().chain([("STRONGROOM_DATA", "/nowhere")]).collect();
        let kms = load(&given).unwrap().kms;
        let rates = (kms.throttle.use_per_second, kms.throttle.read_per_second, kms.throttle.change_per_second);
        assert_eq!((rates, kms.keys_max, kms.grants_max), ((50, 0, 7), 3, 2));
        for (variable, _) in limits {
            for value in ["-1", "1.5", "many", "4294967296"] {
                let name = variable.trim_start_matches("STRONGROOM_").to_lowercase();
                let complaint = load(&[("STRONGROOM_DATA", "/nowhere"), (variable, value)]).unwrap_err();
                assert!(complaint.to_string().contains(&format!("`{name}`")), "{variable}={value}: {complaint}");
            }
        }
    }
}
