//! A CMK without its material, as table `cmks` keeps it.

use super::{FORMAT_1, FORMAT_CMK, open_cmk};
use crate::{KeyManager, KeySpec, KeyState, Origin, ProviderName};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, AccountNumber, CmkUid, ProjectUid, RegionName, Timestamp};
use std::sync::Arc;

// Codes of states are Huawei's key_state numbers.
const STATE_ENABLED: u8 = 2;
const STATE_DISABLED: u8 = 3;
const STATE_PENDING_DELETION: u8 = 4;
const STATE_PENDING_IMPORT: u8 = 5;

const MANAGER_CUSTOMER: u8 = 0;
const MANAGER_SERVICE: u8 = 1;

const SPEC_AES_256: u8 = 1;
const SPEC_SM4: u8 = 2;

const ORIGIN_KMS: u8 = 0;
const ORIGIN_EXTERNAL: u8 = 1;

/// Longest description in bytes (AWS: 8192 characters).
pub const DESCRIPTION_BYTES_MAX: usize = 8192;

/// When a CMK is rotated by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RotationSchedule {
    pub(crate) period_days: u32,
    /// The next time it is due.
    pub(crate) next: Timestamp,
}

/// A CMK without its material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CmkRecord {
    /// 1 when created, one more with each change. Orders what memory has seen, and is the CMK's epoch.
    pub(crate) revision: u64,
    pub(crate) account: AccountId,
    pub(crate) number: AccountNumber,
    pub(crate) region: RegionName,
    pub(crate) created: Timestamp,
    pub(crate) manager: KeyManager,
    pub(crate) state: KeyState,
    /// Whether its deletion was forced: what needs it is then not counted again before it is removed. Only while it is
    /// pending deletion.
    pub(crate) deletion_forced: bool,
    pub(crate) spec: KeySpec,
    pub(crate) origin: Origin,
    /// Who keeps the material of new versions.
    pub(crate) provider: ProviderName,
    /// The project it was made in, if that is not the account's default one.
    pub(crate) project: Option<ProjectUid>,
    /// The version new wraps use; versions count from 1. 0 while it waits for its first material.
    pub(crate) current_version: u32,
    /// Rotation by itself, if it is on.
    pub(crate) rotation: Option<RotationSchedule>,
    /// The period that was set before rotation was turned off, in days; 0 if none ever was.
    pub(crate) last_period_days: u32,
    pub(crate) description: String,
    /// In order of their keys.
    pub(crate) tags: Vec<(String, String)>,
    /// The key policy as it was put; `None` for the one every CMK begins with, which leaves all to the account.
    pub(crate) policy: Option<Arc<str>>,
}

impl CmkRecord {
    pub(crate) fn key(uid: CmkUid) -> Vec<u8> {
        uid.as_bytes().to_vec()
    }

    pub(crate) fn uid_from_key(key: &[u8]) -> Result<CmkUid, DecodeError> {
        Ok(CmkUid::from_bytes(key.try_into().map_err(|_| DecodeError("key of a CMK row"))?))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_CMK);
        w.u64(self.revision).u8(match self.spec {
            KeySpec::Aes256 => SPEC_AES_256,
            KeySpec::Sm4 => SPEC_SM4,
        });
        w.u8(match self.manager {
            KeyManager::Customer => MANAGER_CUSTOMER,
            KeyManager::Service => MANAGER_SERVICE,
        });
        match self.state {
            KeyState::Enabled => w.u8(STATE_ENABLED),
            KeyState::Disabled => w.u8(STATE_DISABLED),
            KeyState::PendingDeletion { delete_at } => {
                w.u8(STATE_PENDING_DELETION).u64(delete_at.as_millis()).u8(self.deletion_forced.into())
            }
            KeyState::PendingImport => w.u8(STATE_PENDING_IMPORT),
        };
        w.u32(self.current_version).u64(self.created.as_millis());
        w.str(self.account.as_str()).str(self.number.as_str()).str(self.region.as_str()).str(&self.description);
        w.u8(match self.origin {
            Origin::Kms => ORIGIN_KMS,
            Origin::External => ORIGIN_EXTERNAL,
        });
        w.str(self.provider.as_str());
        w.bytes(self.project.as_ref().map_or(&[][..], |project| project.as_bytes()));
        w.u32(self.last_period_days);
        match self.rotation {
            None => w.u8(0),
            Some(rotation) => w.u8(1).u32(rotation.period_days).u64(rotation.next.as_millis()),
        };
        w.u32(self.tags.len() as u32);
        for (key, value) in &self.tags {
            w.str(key).str(value);
        }
        match &self.policy {
            None => w.u8(0),
            Some(policy) => w.u8(1).str(policy),
        };
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = open_cmk(bytes)?;
        let revision = r.u64()?;
        let spec = match r.u8()? {
            SPEC_AES_256 => KeySpec::Aes256,
            SPEC_SM4 if format > FORMAT_1 => KeySpec::Sm4,
            _ => return Err(DecodeError("unknown key spec")),
        };
        let manager = match r.u8()? {
            MANAGER_CUSTOMER => KeyManager::Customer,
            MANAGER_SERVICE => KeyManager::Service,
            _ => return Err(DecodeError("unknown key manager")),
        };
        let mut deletion_forced = false;
        let state = match r.u8()? {
            STATE_ENABLED => KeyState::Enabled,
            STATE_DISABLED => KeyState::Disabled,
            STATE_PENDING_DELETION => {
                let delete_at = Timestamp::from_millis(r.u64()?);
                // The first format does not tell; so it is counted again.
                deletion_forced = match format {
                    FORMAT_1 => false,
                    _ => match r.u8()? {
                        0 => false,
                        1 => true,
                        _ => return Err(DecodeError("force of a deletion")),
                    },
                };
                KeyState::PendingDeletion { delete_at }
            }
            STATE_PENDING_IMPORT if format > FORMAT_1 => KeyState::PendingImport,
            _ => return Err(DecodeError("unknown key state")),
        };
        let mut record = Self {
            revision,
            manager,
            state,
            deletion_forced,
            spec,
            current_version: r.u32()?,
            created: Timestamp::from_millis(r.u64()?),
            account: AccountId::parse(r.str()?).ok_or(DecodeError("account id"))?,
            number: AccountNumber::parse(r.str()?).ok_or(DecodeError("account number"))?,
            region: RegionName::parse(r.str()?).ok_or(DecodeError("region"))?,
            description: r.str()?.to_owned(),
            origin: Origin::Kms,
            provider: ProviderName::embedded(),
            project: None,
            rotation: None,
            last_period_days: 0,
            tags: Vec::new(),
            policy: None,
        };
        if format > FORMAT_1 {
            record.decode_second_format(&mut r)?;
        }
        r.finish()?;
        let without_material = record.origin == Origin::External && record.current_version == 0;
        if record.revision == 0 || (record.current_version == 0 && !without_material) {
            return Err(DecodeError("revision and version count from 1"));
        }
        if record.description.len() > DESCRIPTION_BYTES_MAX {
            return Err(DecodeError("description too long"));
        }
        Ok(record)
    }

    fn decode_second_format(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.origin = match r.u8()? {
            ORIGIN_KMS => Origin::Kms,
            ORIGIN_EXTERNAL => Origin::External,
            _ => return Err(DecodeError("unknown origin")),
        };
        self.provider = ProviderName::parse(r.str()?).ok_or(DecodeError("name of a key provider"))?;
        self.project = match r.bytes()? {
            [] => None,
            id => Some(ProjectUid::from_bytes(id.try_into().map_err(|_| DecodeError("project"))?)),
        };
        self.last_period_days = r.u32()?;
        self.rotation = match r.u8()? {
            0 => None,
            1 => Some(RotationSchedule { period_days: r.u32()?, next: Timestamp::from_millis(r.u64()?) }),
            _ => return Err(DecodeError("rotation schedule")),
        };
        for _ in 0..r.u32()? {
            let tag = (r.str()?.to_owned(), r.str()?.to_owned());
            if self.tags.last().is_some_and(|(last, _)| *last >= tag.0) {
                return Err(DecodeError("order of tags"));
            }
            self.tags.push(tag);
        }
        self.policy = match r.u8()? {
            0 => None,
            1 => Some(r.str()?.into()),
            _ => return Err(DecodeError("key policy")),
        };
        Ok(())
    }
}
