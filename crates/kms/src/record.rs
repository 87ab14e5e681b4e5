//! The stored records of the KMS and their keys, byte by byte as docs/formats/kms-records.md draws them. Decoding
//! refuses what it does not know: another format version, an unknown code, a byte too many.

use crate::{AliasName, KeyManager, KeySpec, KeyState, Origin, ProviderName};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, AccountNumber, BucketUid, CmkUid, ProjectUid, RegionName, Timestamp};
use std::sync::Arc;

/// Format version of aliases and of the server's own keys; the first one of CMKs and their versions.
const FORMAT: u8 = 1;
/// Present format version of CMKs and their versions.
const FORMAT_CMK: u8 = 2;

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

/// The provider's code in records of the first format, and before the server's own keys: the embedded one.
const PROVIDER_EMBEDDED: u8 = 1;

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
            KeyState::PendingDeletion { delete_at } => w.u8(STATE_PENDING_DELETION).u64(delete_at.as_millis()),
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
            SPEC_SM4 if format > FORMAT => KeySpec::Sm4,
            _ => return Err(DecodeError("unknown key spec")),
        };
        let manager = match r.u8()? {
            MANAGER_CUSTOMER => KeyManager::Customer,
            MANAGER_SERVICE => KeyManager::Service,
            _ => return Err(DecodeError("unknown key manager")),
        };
        let state = match r.u8()? {
            STATE_ENABLED => KeyState::Enabled,
            STATE_DISABLED => KeyState::Disabled,
            STATE_PENDING_DELETION => KeyState::PendingDeletion { delete_at: Timestamp::from_millis(r.u64()?) },
            STATE_PENDING_IMPORT if format > FORMAT => KeyState::PendingImport,
            _ => return Err(DecodeError("unknown key state")),
        };
        let mut record = Self {
            revision,
            manager,
            state,
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
        if format > FORMAT {
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

/// How a version of a CMK came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionCause {
    /// With the CMK.
    Created,
    /// The schedule.
    Scheduled,
    /// Somebody asked for it.
    OnDemand,
    /// Material from outside.
    Imported,
}

impl VersionCause {
    const ALL: [Self; 4] = [Self::Created, Self::Scheduled, Self::OnDemand, Self::Imported];
}

/// One version of a CMK: how its provider finds the material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CmkVersionRecord {
    pub(crate) provider: ProviderName,
    pub(crate) created: Timestamp,
    /// Opaque to all but the provider. Empty once imported material was deleted or has expired.
    pub(crate) reference: Vec<u8>,
    pub(crate) cause: VersionCause,
    /// Names the material in replies, tells nothing about it.
    pub(crate) material_id: [u8; 32],
    /// When imported material is to be deleted.
    pub(crate) expires: Option<Timestamp>,
    /// Keyed digest of imported material, so that only the same is taken again. Zero for the rest.
    pub(crate) digest: [u8; 32],
}

impl CmkVersionRecord {
    pub(crate) fn key(uid: CmkUid, version: u32) -> Vec<u8> {
        let mut w = Writer::bare();
        w.raw(uid.as_bytes()).u32(version);
        w.finish()
    }

    pub(crate) fn parts_of_key(key: &[u8]) -> Result<(CmkUid, u32), DecodeError> {
        let mut r = Reader::bare(key);
        let parts = (CmkUid::from_bytes(r.array()?), r.u32()?);
        r.finish()?;
        Ok(parts)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_CMK);
        w.str(self.provider.as_str()).u64(self.created.as_millis()).bytes(&self.reference);
        w.u8(self.cause as u8).raw(&self.material_id).raw(&self.digest);
        match self.expires {
            None => w.u8(0),
            Some(at) => w.u8(1).u64(at.as_millis()),
        };
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = open_cmk(bytes)?;
        let record = if format == FORMAT {
            if r.u8()? != PROVIDER_EMBEDDED {
                return Err(DecodeError("unknown key provider"));
            }
            let (created, reference) = (Timestamp::from_millis(r.u64()?), r.bytes()?.to_vec());
            let (cause, provider) = (VersionCause::Created, ProviderName::embedded());
            Self { provider, created, reference, cause, material_id: [0; 32], expires: None, digest: [0; 32] }
        } else {
            let provider = ProviderName::parse(r.str()?).ok_or(DecodeError("name of a key provider"))?;
            let (created, reference) = (Timestamp::from_millis(r.u64()?), r.bytes()?.to_vec());
            let cause = usize::from(r.u8()?);
            let cause = VersionCause::ALL.get(cause).copied().ok_or(DecodeError("cause of a version"))?;
            let (material_id, digest) = (r.array()?, r.array()?);
            let expires = match r.u8()? {
                0 => None,
                1 => Some(Timestamp::from_millis(r.u64()?)),
                _ => return Err(DecodeError("expiry of material")),
            };
            Self { provider, created, reference, cause, material_id, expires, digest }
        };
        r.finish()?;
        Ok(record)
    }
}

/// An alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AliasRecord {
    pub(crate) target: CmkUid,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl AliasRecord {
    /// Account id, a zero byte, the name: neither part can hold a zero byte.
    pub(crate) fn key(account: &AccountId, name: &AliasName) -> Vec<u8> {
        let mut w = Writer::bare();
        w.raw(account.as_str().as_bytes()).u8(0).raw(name.as_str().as_bytes());
        w.finish()
    }

    pub(crate) fn parts_of_key(key: &[u8]) -> Result<(AccountId, AliasName), DecodeError> {
        let text = std::str::from_utf8(key).map_err(|_| DecodeError("key of an alias row"))?;
        let (account, name) = text.split_once('\0').ok_or(DecodeError("key of an alias row"))?;
        Ok((
            AccountId::parse(account).ok_or(DecodeError("account id"))?,
            AliasName::parse(name).ok_or(DecodeError("alias name"))?,
        ))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT);
        w.raw(self.target.as_bytes()).u64(self.created.as_millis()).u64(self.updated.as_millis());
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        let record = Self {
            target: CmkUid::from_bytes(r.array()?),
            created: Timestamp::from_millis(r.u64()?),
            updated: Timestamp::from_millis(r.u64()?),
        };
        r.finish()?;
        Ok(record)
    }
}

/// Which of the server's own keys a row of `InternalKeys` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum InternalKey {
    /// Seals metadata of objects, such as plaintext checksums.
    Metadata,
    /// Seals the secrets of access keys.
    Secrets,
    /// Stands in for a bucket key where the method is SSE-OBS.
    SseObs(BucketUid),
    /// Seals tokens; by number.
    Token(u32),
}

impl InternalKey {
    /// What keys of token keys' rows begin with.
    pub(crate) const TOKEN_PREFIX: &'static [u8] = b"token/";

    /// The row's key: a name, for SSE-OBS followed by the bucket uid, for token keys by the number.
    pub(crate) fn key(self) -> Vec<u8> {
        match self {
            Self::Metadata => b"metadata".to_vec(),
            Self::Secrets => b"secrets".to_vec(),
            Self::SseObs(bucket) => [b"sse-obs/".as_slice(), bucket.as_bytes()].concat(),
            Self::Token(number) => [Self::TOKEN_PREFIX, &number.to_be_bytes()].concat(),
        }
    }
}

/// A key of the server under the root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InternalKeyRecord {
    pub(crate) created: Timestamp,
    pub(crate) wrapped: [u8; crypto::WRAPPED_BYTES],
}

impl InternalKeyRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT);
        w.u8(PROVIDER_EMBEDDED).u64(self.created.as_millis()).raw(&self.wrapped);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        if r.u8()? != PROVIDER_EMBEDDED {
            return Err(DecodeError("unknown key provider"));
        }
        let record = Self { created: Timestamp::from_millis(r.u64()?), wrapped: r.array()? };
        r.finish()?;
        Ok(record)
    }
}

/// A record of a CMK or one of its versions: the first format is read too.
fn open_cmk(bytes: &[u8]) -> Result<(u8, Reader<'_>), DecodeError> {
    match Reader::open(bytes)? {
        (format @ (FORMAT | FORMAT_CMK), r) => Ok((format, r)),
        _ => Err(DecodeError("unknown format version")),
    }
}

fn open(bytes: &[u8]) -> Result<Reader<'_>, DecodeError> {
    match Reader::open(bytes)? {
        (FORMAT, r) => Ok(r),
        _ => Err(DecodeError("unknown format version")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records() -> impl Strategy<Value = CmkRecord> {
        let state = prop_oneof![
            Just(KeyState::Enabled),
            Just(KeyState::Disabled),
            any::<u64>().prop_map(|at| KeyState::PendingDeletion { delete_at: Timestamp::from_millis(at) }),
            Just(KeyState::PendingImport),
        ];
        let manager = prop_oneof![Just(KeyManager::Customer), Just(KeyManager::Service)];
        let names = ("[0-9a-f]{1,32}", "[0-9]{12}", "[a-z0-9-]{1,64}", ".{0,40}");
        let spec = prop_oneof![Just(KeySpec::Aes256), Just(KeySpec::Sm4)];
        let origin = prop_oneof![Just(Origin::Kms), Just(Origin::External)];
        let rotation = proptest::option::of((1u32..4000, any::<u64>()));
        let tags = proptest::collection::btree_map(".{1,9}", ".{0,9}", 0..4);
        let rest =
            (spec, origin, proptest::option::of(any::<[u8; 16]>()), rotation, tags, proptest::option::of(".{0,40}"));
        (1u64.., any::<u64>(), 1u32.., state, manager, names, rest).prop_map(
            |(
                revision,
                created,
                current_version,
                state,
                manager,
                (account, number, region, description),
                (spec, origin, project, rotation, tags, policy),
            )| CmkRecord {
                spec,
                origin,
                provider: ProviderName::embedded(),
                project: project.map(ProjectUid::from_bytes),
                rotation: rotation
                    .map(|(period_days, at)| RotationSchedule { period_days, next: Timestamp::from_millis(at) }),
                last_period_days: 0,
                tags: tags.into_iter().collect(),
                policy: policy.map(Into::into),
                revision,
                account: AccountId::parse(&account).unwrap(),
                number: AccountNumber::parse(&number).unwrap(),
                region: RegionName::parse(&region).unwrap(),
                created: Timestamp::from_millis(created),
                manager,
                state,
                current_version,
                description,
            },
        )
    }

    proptest! {
        #[test]
        fn a_cmk_record_comes_back_as_it_was(record in records()) {
            prop_assert_eq!(CmkRecord::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn whatever_is_read_was_written_so(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            // Bytes at random: mostly refused; where one is read, it is the record's only form.
            // What was written in the first format is written anew in the present one.
            if let Ok(record) = CmkRecord::decode(&bytes) {
                prop_assert!(bytes[0] == FORMAT || record.encode() == bytes);
                prop_assert_eq!(CmkRecord::decode(&record.encode()), Ok(record));
            }
            if let Ok(record) = CmkVersionRecord::decode(&bytes) {
                prop_assert!(bytes[0] == FORMAT || record.encode() == bytes);
                prop_assert_eq!(CmkVersionRecord::decode(&record.encode()), Ok(record));
            }
            if let Ok(record) = AliasRecord::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes.clone());
            }
            if let Ok(record) = InternalKeyRecord::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes.clone());
            }
        }

        #[test]
        fn keys_of_alias_rows_come_apart_as_they_were_joined(
            account in "[0-9a-f]{1,32}",
            name in "[a-zA-Z0-9:/_-]{1,250}",
        ) {
            let (account, name) = (AccountId::parse(&account).unwrap(), AliasName::parse(&name).unwrap());
            prop_assert_eq!(AliasRecord::parts_of_key(&AliasRecord::key(&account, &name)), Ok((account, name)));
        }
    }
}
