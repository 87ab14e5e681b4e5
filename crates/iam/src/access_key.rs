//! Access keys in memory: what the gateway needs to verify a signature, and when a key was last used.

use crate::entity::{AccessKeyInfo, LastUsed};
use crate::record::AccessKeyRecord;
use crate::{IamError, SecretAccessKey, TEMPORARY_KEY_PREFIX};
use model::{AccessKeyId, Entropy, Timestamp};
use policy::Caller;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Characters of a generated access key id after its prefix: 16 of 32 hold 80 bits.
const GENERATED_CHARS: usize = 16;
const PREFIX: &str = "SRAK";
/// RFC 4648 base32: no character that is read as another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Shortest access key id given, in characters (as MinIO).
pub(crate) const GIVEN_ID_CHARS_MIN: usize = 3;
/// Shortest secret given, in characters (as MinIO); see [`crate::check_strength`] for more.
pub(crate) const GIVEN_SECRET_CHARS_MIN: usize = 8;

/// An access key with its secret in clear.
pub(crate) struct KeyEntry {
    pub(crate) record: AccessKeyRecord,
    pub(crate) secret: Arc<SecretAccessKey>,
    /// Shared by all states of the key: a change of the directory does not forget a use.
    pub(crate) used: Arc<Used>,
    /// Whom the key belongs to, as of a generation of the directory.
    pub(crate) caller: RwLock<Option<(u64, Arc<Caller>)>>,
}

impl KeyEntry {
    pub(crate) fn new(record: AccessKeyRecord, secret: Arc<SecretAccessKey>, used: Arc<Used>) -> Self {
        Self { record, secret, used, caller: RwLock::new(None) }
    }

    /// The same key with another record.
    pub(crate) fn with(&self, record: AccessKeyRecord) -> Self {
        Self::new(record, Arc::clone(&self.secret), Arc::clone(&self.used))
    }

    /// What is told of it: the stored facts, and the last use as far as memory knows.
    pub(crate) fn info(&self) -> AccessKeyInfo {
        let mut info = self.record.info.clone();
        info.last_used = self.used.last().or(info.last_used);
        info
    }

    pub(crate) fn cached_caller(&self, generation: u64) -> Option<Arc<Caller>> {
        let cached = self.caller.read().unwrap_or_else(PoisonError::into_inner);
        cached.as_ref().filter(|(of, _)| *of == generation).map(|(_, caller)| Arc::clone(caller))
    }

    pub(crate) fn cache_caller(&self, generation: u64, caller: &Arc<Caller>) {
        *self.caller.write().unwrap_or_else(PoisonError::into_inner) = Some((generation, Arc::clone(caller)));
    }
}

impl fmt::Debug for KeyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyEntry").field(&self.record.info.id).finish()
    }
}

/// The services a use may be for; what else comes counts as `other`.
const SERVICES: [&str; 6] = ["other", "s3", "obs", "kms", "iam", "sts"];

/// The last use of a key, in one word: milliseconds in the upper bits, the service in the lowest eight; 0: never.
#[derive(Debug, Default)]
pub(crate) struct Used(AtomicU64);

impl Used {
    pub(crate) fn note(&self, service: &str, now: Timestamp) {
        let service = SERVICES.iter().position(|known| *known == service).unwrap_or(0);
        let seen = self.0.load(Ordering::Relaxed);
        let new = (now.as_millis() << 8) | service as u64;
        // Within a second nothing is worth a write that other processors must hear of.
        if (seen ^ new) & 0xff != 0 || (new >> 8).saturating_sub(seen >> 8) >= 1000 {
            self.0.store(new, Ordering::Relaxed);
        }
    }

    pub(crate) fn last(&self) -> Option<LastUsed> {
        let word = self.0.load(Ordering::Relaxed);
        let service = SERVICES.get((word & 0xff) as usize)?;
        (word != 0).then(|| LastUsed { at: Timestamp::from_millis(word >> 8), service: (*service).to_owned() })
    }
}

/// Draws the id of a long-term key: 20 characters.
pub(crate) fn generate_id(entropy: &dyn Entropy) -> Result<AccessKeyId, IamError> {
    draw(PREFIX, entropy)
}

/// Draws the id of a temporary key: 20 characters.
pub(crate) fn generate_temporary_id(entropy: &dyn Entropy) -> Result<AccessKeyId, IamError> {
    draw(TEMPORARY_KEY_PREFIX, entropy)
}

fn draw(prefix: &str, entropy: &dyn Entropy) -> Result<AccessKeyId, IamError> {
    let mut bytes = [0; GENERATED_CHARS];
    entropy.fill(&mut bytes);
    let mut text = prefix.to_owned();
    text.extend(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])));
    AccessKeyId::parse(&text).ok_or_else(|| IamError::Damaged("a generated id is malformed".to_owned()))
}

/// Checks an access key that the caller chose.
///
/// # Errors
/// [`IamError::InvalidInput`]: an id of 3 to 128 characters that is not of the temporary kind, a secret of 8 to 256.
pub(crate) fn check_given(id: &AccessKeyId, secret: &SecretAccessKey) -> Result<(), IamError> {
    if id.as_str().len() < GIVEN_ID_CHARS_MIN {
        return Err(IamError::InvalidInput("AccessKeyId", "has 3 to 128 characters".to_owned()));
    }
    // Whether a key is temporary is told by its id: a long-term key that looks so would be asked for a token.
    if id.as_str().starts_with(TEMPORARY_KEY_PREFIX) {
        let rule = format!("begins with {TEMPORARY_KEY_PREFIX} for temporary credentials only");
        return Err(IamError::InvalidInput("AccessKeyId", rule));
    }
    if secret.expose().len() < GIVEN_SECRET_CHARS_MIN {
        return Err(IamError::InvalidInput("SecretAccessKey", "has 8 to 256 visible ASCII characters".to_owned()));
    }
    Ok(())
}
