//! Access keys with their secrets sealed. Key of the row: the access key id as text.

use crate::entity::{AccessKeyInfo, KeyOwner, LastUsed};
use crate::{SecretAccessKey, SecretSealer};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccessKeyId, Entropy, UserUid};
use zeroize::Zeroizing;

const FORMAT: u8 = 2;
const OWNER_ROOT: u8 = 1;
const OWNER_USER: u8 = 2;

/// An access key as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct AccessKeyRecord {
    pub(crate) info: AccessKeyInfo,
    /// The id the secret was sealed under: fresh for each sealing.
    note: [u8; 16],
    sealed: Vec<u8>,
}

impl AccessKeyRecord {
    /// Seals a secret. What is sealed names the access key, the account and the owner too, so that a secret moved to
    /// another row, or given another owner, does not open there.
    pub(crate) fn seal(
        info: AccessKeyInfo,
        secret: &SecretAccessKey,
        sealer: &dyn SecretSealer,
        entropy: &dyn Entropy,
    ) -> Self {
        let mut note = [0; 16];
        entropy.fill(&mut note);
        let owner = owner_bytes(info.owner);
        let fields =
            [info.id.as_str().as_bytes(), info.account.as_str().as_bytes(), &owner, secret.expose().as_bytes()];
        // Sized once: a buffer that grows leaves unwiped copies behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(fields.iter().map(|field| 4 + field.len()).sum()));
        for field in fields {
            plain.extend_from_slice(&(field.len() as u32).to_be_bytes());
            plain.extend_from_slice(field);
        }
        let sealed = sealer.seal(&note, &plain);
        Self { info, note, sealed }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT);
        w.raw(&owner_bytes(self.info.owner));
        w.u64(self.info.created.as_millis()).str(self.info.account.as_str()).bool(self.info.active);
        w.str(&self.info.description);
        w.option(self.info.last_used.as_ref(), |w, used| {
            w.u64(used.at.as_millis()).str(&used.service);
        });
        w.raw(&self.note).bytes(&self.sealed);
        w.finish()
    }

    /// Reads a row and opens its secret. `Ok((record, None))`: the secret does not authenticate or belongs to another
    /// row. A row of format 1 is sealed anew, in memory, in today's form.
    pub(crate) fn decode(
        id: &AccessKeyId,
        bytes: &[u8],
        sealer: &dyn SecretSealer,
        entropy: &dyn Entropy,
    ) -> Result<(Self, Option<SecretAccessKey>), DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        let old = match format {
            1 => true,
            FORMAT => false,
            _ => return Err(DecodeError("unknown format version")),
        };
        let owner = read_owner(&mut r)?;
        if old && owner != KeyOwner::Root {
            return Err(DecodeError("unknown kind of principal"));
        }
        let created = super::time(&mut r)?;
        let account = super::account_id(&mut r)?;
        let (active, description, last_used) = if old {
            (true, String::new(), None)
        } else {
            (
                r.bool()?,
                r.str()?.to_owned(),
                r.option(|r| Ok(LastUsed { at: super::time(r)?, service: r.str()?.into() }))?,
            )
        };
        let (note, sealed) = (r.array()?, r.bytes()?.to_vec());
        r.finish()?;
        let info = AccessKeyInfo { id: id.clone(), account, owner, active, description, created, last_used };
        let record = Self { info, note, sealed };
        let secret = record.open(old, sealer);
        Ok(match secret {
            Some(secret) if old => (Self::seal(record.info, &secret, sealer, entropy), Some(secret)),
            secret => (record, secret),
        })
    }

    fn open(&self, old: bool, sealer: &dyn SecretSealer) -> Option<SecretAccessKey> {
        let plain = sealer.open(&self.note, &self.sealed)?;
        let mut r = Reader::bare(&plain);
        if r.str().ok()? != self.info.id.as_str() || r.str().ok()? != self.info.account.as_str() {
            return None;
        }
        if !old && r.bytes().ok()? != owner_bytes(self.info.owner) {
            return None;
        }
        let secret = SecretAccessKey::parse(r.str().ok()?)?;
        r.finish().ok()?;
        Some(secret)
    }
}

fn owner_bytes(owner: KeyOwner) -> Vec<u8> {
    match owner {
        KeyOwner::Root => vec![OWNER_ROOT],
        KeyOwner::User(uid) => [&[OWNER_USER], uid.as_bytes().as_slice()].concat(),
    }
}

fn read_owner(r: &mut Reader<'_>) -> Result<KeyOwner, DecodeError> {
    match r.u8()? {
        OWNER_ROOT => Ok(KeyOwner::Root),
        OWNER_USER => Ok(KeyOwner::User(UserUid::from_bytes(r.array()?))),
        _ => Err(DecodeError("unknown kind of principal")),
    }
}
