//! The stored records of the KMS and their keys, byte by byte as docs/formats/kms-records.md draws them. Decoding
//! refuses what it does not know: another format version, an unknown code, a byte too many.

use crate::{AliasName, KeyManager, KeyState};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, AccountNumber, BucketUid, CmkUid, RegionName, Timestamp};

/// Format version of every record of this file.
const FORMAT: u8 = 1;

// Codes of states are Huawei's key_state numbers.
const STATE_ENABLED: u8 = 2;
const STATE_DISABLED: u8 = 3;
const STATE_PENDING_DELETION: u8 = 4;

const MANAGER_CUSTOMER: u8 = 0;
const MANAGER_SERVICE: u8 = 1;

/// The only key spec so far.
const SPEC_AES_256: u8 = 1;

/// Longest description in bytes (AWS: 8192 characters).
pub const DESCRIPTION_BYTES_MAX: usize = 8192;

/// Which kind of key provider made a stored reference. First byte of every reference, so that references of several
/// providers can stand side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderTag {
    /// The embedded provider: the reference is CMK material wrapped under the root key.
    Embedded,
}

impl ProviderTag {
    /// The stored code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Embedded => 1,
        }
    }

    /// From the stored code.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Embedded),
            _ => None,
        }
    }
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
    /// The version new wraps use; versions count from 1.
    pub(crate) current_version: u32,
    pub(crate) description: String,
}

impl CmkRecord {
    pub(crate) fn key(uid: CmkUid) -> Vec<u8> {
        uid.as_bytes().to_vec()
    }

    pub(crate) fn uid_from_key(key: &[u8]) -> Result<CmkUid, DecodeError> {
        Ok(CmkUid::from_bytes(key.try_into().map_err(|_| DecodeError("key of a CMK row"))?))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT);
        w.u64(self.revision).u8(SPEC_AES_256);
        w.u8(match self.manager {
            KeyManager::Customer => MANAGER_CUSTOMER,
            KeyManager::Service => MANAGER_SERVICE,
        });
        match self.state {
            KeyState::Enabled => w.u8(STATE_ENABLED),
            KeyState::Disabled => w.u8(STATE_DISABLED),
            KeyState::PendingDeletion { delete_at } => w.u8(STATE_PENDING_DELETION).u64(delete_at.as_millis()),
        };
        w.u32(self.current_version).u64(self.created.as_millis());
        w.str(self.account.as_str()).str(self.number.as_str()).str(self.region.as_str()).str(&self.description);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        let revision = r.u64()?;
        if r.u8()? != SPEC_AES_256 {
            return Err(DecodeError("unknown key spec"));
        }
        let manager = match r.u8()? {
            MANAGER_CUSTOMER => KeyManager::Customer,
            MANAGER_SERVICE => KeyManager::Service,
            _ => return Err(DecodeError("unknown key manager")),
        };
        let state = match r.u8()? {
            STATE_ENABLED => KeyState::Enabled,
            STATE_DISABLED => KeyState::Disabled,
            STATE_PENDING_DELETION => KeyState::PendingDeletion { delete_at: Timestamp::from_millis(r.u64()?) },
            _ => return Err(DecodeError("unknown key state")),
        };
        let record = Self {
            revision,
            manager,
            state,
            current_version: r.u32()?,
            created: Timestamp::from_millis(r.u64()?),
            account: AccountId::parse(r.str()?).ok_or(DecodeError("account id"))?,
            number: AccountNumber::parse(r.str()?).ok_or(DecodeError("account number"))?,
            region: RegionName::parse(r.str()?).ok_or(DecodeError("region"))?,
            description: r.str()?.to_owned(),
        };
        r.finish()?;
        if record.revision == 0 || record.current_version == 0 {
            return Err(DecodeError("revision and version count from 1"));
        }
        if record.description.len() > DESCRIPTION_BYTES_MAX {
            return Err(DecodeError("description too long"));
        }
        Ok(record)
    }
}

/// One version of a CMK: how its provider finds the material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CmkVersionRecord {
    pub(crate) provider: ProviderTag,
    pub(crate) created: Timestamp,
    /// Opaque to all but the provider.
    pub(crate) reference: Vec<u8>,
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
        let mut w = Writer::new(FORMAT);
        w.u8(self.provider.code()).u64(self.created.as_millis()).bytes(&self.reference);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        let record = Self {
            provider: ProviderTag::from_code(r.u8()?).ok_or(DecodeError("unknown key provider"))?,
            created: Timestamp::from_millis(r.u64()?),
            reference: r.bytes()?.to_vec(),
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
        w.u8(ProviderTag::Embedded.code()).u64(self.created.as_millis()).raw(&self.wrapped);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        if ProviderTag::from_code(r.u8()?) != Some(ProviderTag::Embedded) {
            return Err(DecodeError("unknown key provider"));
        }
        let record = Self { created: Timestamp::from_millis(r.u64()?), wrapped: r.array()? };
        r.finish()?;
        Ok(record)
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
        ];
        let manager = prop_oneof![Just(KeyManager::Customer), Just(KeyManager::Service)];
        let names = ("[0-9a-f]{1,32}", "[0-9]{12}", "[a-z0-9-]{1,64}", ".{0,40}");
        (1u64.., any::<u64>(), 1u32.., state, manager, names).prop_map(
            |(revision, created, current_version, state, manager, (account, number, region, description))| CmkRecord {
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
            if let Ok(record) = CmkRecord::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes.clone());
            }
            if let Ok(record) = CmkVersionRecord::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes.clone());
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
