//! The stored records of accounts and access keys, as docs/formats/kms-records.md draws them.

use crate::{SecretAccessKey, SecretSealer};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccessKeyId, AccountId, AccountNumber, Entropy, Timestamp};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
/// The only kind of principal so far.
const PRINCIPAL_ROOT: u8 = 1;

/// An account. Key of its row: the account id as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountRecord {
    pub(crate) number: AccountNumber,
    pub(crate) created: Timestamp,
}

impl AccountRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT);
        w.u64(self.created.as_millis()).str(self.number.as_str());
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        let record = Self {
            created: Timestamp::from_millis(r.u64()?),
            number: AccountNumber::parse(r.str()?).ok_or(DecodeError("account number"))?,
        };
        r.finish()?;
        Ok(record)
    }
}

/// An access key with its secret sealed. Key of its row: the access key id as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessKeyRecord {
    pub(crate) account: AccountId,
    pub(crate) created: Timestamp,
    /// The id the secret was sealed under: fresh for each sealing.
    pub(crate) note: [u8; 16],
    pub(crate) sealed: Vec<u8>,
}

impl AccessKeyRecord {
    /// Seals a secret. What is sealed names the access key and the account too, so that a secret moved to another row
    /// does not open there.
    pub(crate) fn seal(
        id: &AccessKeyId,
        account: &AccountId,
        secret: &SecretAccessKey,
        created: Timestamp,
        sealer: &dyn SecretSealer,
        entropy: &dyn Entropy,
    ) -> Self {
        let mut note = [0; 16];
        entropy.fill(&mut note);
        let (id, account_text, secret) = (id.as_str(), account.as_str(), secret.expose());
        // Sized once: a buffer that grows leaves unwiped copies behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(12 + id.len() + account_text.len() + secret.len()));
        for field in [id, account_text, secret] {
            plain.extend_from_slice(&(field.len() as u32).to_be_bytes());
            plain.extend_from_slice(field.as_bytes());
        }
        Self { account: account.clone(), created, note, sealed: sealer.seal(&note, &plain) }
    }

    /// Opens the secret of the row `id`; `None` when it does not authenticate or belongs to another row.
    pub(crate) fn open(&self, id: &AccessKeyId, sealer: &dyn SecretSealer) -> Option<SecretAccessKey> {
        let plain = sealer.open(&self.note, &self.sealed)?;
        let mut r = Reader::bare(&plain);
        if r.str().ok()? != id.as_str() || r.str().ok()? != self.account.as_str() {
            return None;
        }
        let secret = SecretAccessKey::parse(r.str().ok()?)?;
        r.finish().ok()?;
        Some(secret)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT);
        w.u8(PRINCIPAL_ROOT).u64(self.created.as_millis()).str(self.account.as_str());
        w.raw(&self.note).bytes(&self.sealed);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        if r.u8()? != PRINCIPAL_ROOT {
            return Err(DecodeError("unknown kind of principal"));
        }
        let record = Self {
            created: Timestamp::from_millis(r.u64()?),
            account: AccountId::parse(r.str()?).ok_or(DecodeError("account id"))?,
            note: r.array()?,
            sealed: r.bytes()?.to_vec(),
        };
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
