//! An alias, as table `cmk_aliases` keeps it.

use super::{FORMAT_1, open};
use crate::AliasName;
use model::codec::{DecodeError, Writer};
use model::{AccountId, CmkUid, Timestamp};

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
        let mut w = Writer::new(FORMAT_1);
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
