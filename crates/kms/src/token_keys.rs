//! The keys that seal tokens: a ring, so that it can be turned while tokens are out. The newest key seals; older ones
//! open until every token they sealed has ended, then their rows are removed.
//!
//! ```text
//! token = format (u8 = 1) || number of the key (u32) || what crypto makes of the claims
//! ```

use crate::KmsError;
use crate::internal::InternalKeys;
use crypto::{TokenKey, TokenUse};
use model::{Clock, Entropy, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 5;
/// Longest life of a token (GetSessionToken: 36 hours).
pub const TOKEN_LIFE_SECONDS_MAX: u64 = 129_600;
/// How much longer a key is kept than its tokens live: for clocks that are set back.
const KEPT_LONGER_SECONDS: u64 = 86_400;

/// A token key and when it began to seal.
pub(crate) struct Dated {
    pub(crate) key: Arc<TokenKey>,
    pub(crate) created: Timestamp,
}

/// The ring in memory.
pub struct TokenKeys {
    internal: Arc<InternalKeys>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// By number. INVARIANT: never empty. The lock is not held across I/O.
    ring: RwLock<BTreeMap<u32, Dated>>,
}

impl TokenKeys {
    pub(crate) async fn load(
        internal: Arc<InternalKeys>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, KmsError> {
        let mut ring = internal.token_keys().await?;
        if ring.is_empty() {
            // Whoever made the first key at the same time: the ring is read again.
            internal.make_token_key(1).await?;
            ring = internal.token_keys().await?;
        }
        Ok(Arc::new(Self { internal, clock, entropy, ring: RwLock::new(ring) }))
    }

    /// Seals claims under the newest key.
    pub fn seal(&self, purpose: TokenUse, claims: &[u8]) -> Vec<u8> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let Some((number, newest)) = ring.last_key_value() else { return Vec::new() };
        let header = header(*number);
        let sealed = newest.key.seal_token(purpose, &header, claims, &*self.entropy);
        [&header[..], &sealed].concat()
    }

    /// Opens a token. `None` when it does not authenticate, whatever the cause.
    pub fn open(&self, purpose: TokenUse, token: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (head, sealed) = token.split_first_chunk::<HEADER_BYTES>()?;
        let number = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        if head[0] != FORMAT {
            return None;
        }
        let key = Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner).get(&number)?.key);
        key.open_token(purpose, head, sealed).ok()
    }

    /// Makes a new key, which seals from now on, and removes those whose tokens have all ended.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`]; the ring is as it was.
    pub async fn rotate(&self) -> Result<(), KmsError> {
        let newest = self.internal.token_keys().await?.last_key_value().map_or(0, |(number, _)| *number);
        let next = newest.checked_add(1).ok_or_else(|| KmsError::Unavailable("no number is left".to_owned()))?;
        self.internal.make_token_key(next).await?;
        let mut ring = self.internal.token_keys().await?;
        for number in ended(&ring, self.clock.now()) {
            self.internal.remove_token_key(number).await?;
            ring.remove(&number);
        }
        if !ring.is_empty() {
            *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        }
        Ok(())
    }
}

/// A key seals until the next one is made; its last token ends a token's longest life later.
fn ended(ring: &BTreeMap<u32, Dated>, now: Timestamp) -> Vec<u32> {
    let kept_millis = (TOKEN_LIFE_SECONDS_MAX + KEPT_LONGER_SECONDS) * 1000;
    let successors = ring.values().skip(1);
    ring.keys()
        .zip(successors)
        .filter(|(_, next)| now.millis_since(next.created) > kept_millis)
        .map(|(n, _)| *n)
        .collect()
}

fn header(number: u32) -> [u8; HEADER_BYTES] {
    let mut header = [FORMAT; HEADER_BYTES];
    header[1..].copy_from_slice(&number.to_be_bytes());
    header
}
