//! Tokens revoked one by one. Key of the row: the token's family. The row goes when the last of it would have ended.

use super::{account_id, open_v1, time};
use model::codec::{DecodeError, Writer};
use model::{AccountId, Timestamp};

/// A token that is refused before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) expires: Timestamp,
    /// Whose tokens it counts among.
    pub(crate) account: AccountId,
    /// The identity's uid; zeros for the root identity.
    pub(crate) identity: [u8; 16],
}

impl Revocation {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(1);
        w.u64(self.expires.as_millis()).str(self.account.as_str()).raw(&self.identity);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open_v1(bytes)?;
        let record = Self { expires: time(&mut r)?, account: account_id(&mut r)?, identity: r.array()? };
        r.finish()?;
        Ok(record)
    }
}
