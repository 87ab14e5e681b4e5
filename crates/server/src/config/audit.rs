//! Settings of the audit log.

use super::layers::Layers;
use super::{parsed, switch};
use crate::failure::Failure;
use audit::SyncMode;
use gateway::ObjectAudit;
use std::path::PathBuf;

const HOUR_MILLIS: u64 = 60 * 60 * 1000;
const DAY_MILLIS: u64 = 24 * HOUR_MILLIS;

/// What the settings say about the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditSettings {
    /// Its directory; by default `audit` in the data directory.
    pub(crate) dir: Option<PathBuf>,
    pub(crate) sync: SyncMode,
    pub(crate) required: bool,
    /// Which accesses to objects are put on it.
    pub(crate) objects: ObjectAudit,
    pub(crate) segment_bytes_max: u64,
    pub(crate) segment_age_millis_max: u64,
    /// `None`: for ever.
    pub(crate) retention_millis: Option<u64>,
    pub(crate) accept_loss: bool,
}

impl AuditSettings {
    pub(super) fn parse(layers: &Layers) -> Result<Self, Failure> {
        let within =
            |key: &str, max: u64| parsed(layers, key, |text| text.parse::<u64>().ok().filter(|number| *number <= max));
        let at_least_one = |key: &str, max: u64| {
            parsed(layers, key, |text| text.parse::<u64>().ok().filter(|number| (1..=max).contains(number)))
        };
        let retention_days = within("audit_retention_days", 36_500)?;
        Ok(Self {
            dir: layers.one("audit_dir").map(|(path, _)| PathBuf::from(path)),
            sync: parsed(layers, "audit_sync", |text| match text {
                "each" => Some(SyncMode::Each),
                "written" => Some(SyncMode::Written),
                _ => None,
            })?,
            required: switch(layers, "audit_required")?,
            objects: parsed(layers, "audit_objects", |text| match text {
                "off" => Some(ObjectAudit::Off),
                "sealed" => Some(ObjectAudit::Sealed),
                "all" => Some(ObjectAudit::All),
                _ => None,
            })?,
            segment_bytes_max: at_least_one("audit_segment_mib", 4096)? << 20,
            segment_age_millis_max: at_least_one("audit_segment_hours", 8784)? * HOUR_MILLIS,
            retention_millis: (retention_days > 0).then_some(retention_days * DAY_MILLIS),
            accept_loss: switch(layers, "audit_accept_loss")?,
        })
    }
}
