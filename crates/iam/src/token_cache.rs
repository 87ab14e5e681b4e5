//! Tokens that were opened before. Opening and reading one costs microseconds and parsing its policies more; a client
//! sends the same token with each request. Only tokens that authenticated are kept, and no more than a fixed number.

use crate::claims::{Claims, Narrowing};
use crate::entity::PolicyRef;
use crate::{CredentialError, SecretAccessKey, TokenKind, TokenSealer};
use data_encoding::BASE64URL_NOPAD;
use model::AccessKeyId;
use policy::{Attached, Caller, Grammar, Policy};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Most tokens kept open, of each kind. With the longest session policies this is some 16 MiB.
pub(crate) const TOKENS_CACHED_MAX: usize = 1024;
/// Longest token that is looked at, in characters. The longest that is made has some 14,000.
const TOKEN_CHARS_MAX: usize = 24 * 1024;
/// Characters at a token's beginning that hold what is unique to it and not secret (36 of the 37 bytes of [`TokenSealer`]).
const HEAD_CHARS: usize = 48;

/// A session policy, ready: parsed, or a reference that is followed when it is used.
#[derive(Debug)]
pub(crate) enum Ready {
    Policy(Attached),
    Ref(PolicyRef),
}

/// Who bears a token, as of a generation of the directory.
type Found = Result<Arc<Caller>, CredentialError>;

/// A token, opened.
pub(crate) struct Opened {
    text: Zeroizing<String>,
    pub(crate) claims: Claims,
    pub(crate) access_key: Option<AccessKeyId>,
    pub(crate) secret: Option<Arc<SecretAccessKey>>,
    pub(crate) narrowed: Option<Vec<Ready>>,
    caller: Mutex<Option<(u64, Found)>>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened(..)")
    }
}

impl Opened {
    fn new(text: &str, mut claims: Claims) -> Self {
        let narrowed = claims.narrowed.as_ref().map(|policies| policies.iter().map(ready).collect());
        let (access_key, secret) = claims.credential.take().unzip();
        Self {
            text: Zeroizing::new(text.to_owned()),
            claims,
            access_key,
            secret: secret.map(Arc::new),
            narrowed,
            caller: Mutex::new(None),
        }
    }

    /// What was found of the token's identity as of this generation of the directory, or what `find` finds.
    pub(crate) fn caller(
        &self,
        generation: u64,
        find: impl FnOnce() -> Result<Arc<Caller>, CredentialError>,
    ) -> Result<Arc<Caller>, CredentialError> {
        let mut cached = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some((of, found)) if *of == generation => found.clone(),
            _ => {
                let found = find();
                *cached = Some((generation, found.clone()));
                found
            }
        }
    }
}

/// Makes a session policy ready for use. One that cannot be read denies.
pub(crate) fn ready(policy: &Narrowing) -> Ready {
    match policy {
        Narrowing::Text(text) => Ready::Policy(Attached {
            source: "session policy".into(),
            policy: Arc::new(Policy::parse(text, Grammar::Identity).unwrap_or_else(|_| Policy::unreadable(text))),
        }),
        Narrowing::Ref(reference) => Ready::Ref(*reference),
    }
}

/// The tokens of one kind.
pub(crate) struct TokenCache {
    kind: TokenKind,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// By the token's head. The number tells when it was last wanted.
    by_head: HashMap<Box<str>, (u64, Arc<Opened>)>,
    wanted: u64,
}

impl TokenCache {
    pub(crate) fn new(kind: TokenKind) -> Self {
        Self { kind, entries: Mutex::default() }
    }

    /// Seals claims into a token.
    pub(crate) fn seal(&self, sealer: &dyn TokenSealer, claims: &Claims) -> String {
        BASE64URL_NOPAD.encode(&sealer.seal(self.kind, &claims.encode()))
    }

    /// Opens a token that authenticates; `None` for any other.
    pub(crate) fn open(&self, sealer: &dyn TokenSealer, token: &str) -> Option<Arc<Opened>> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let head = token.get(..HEAD_CHARS)?;
        if let Some(opened) = self.cached(head)
            && bool::from(opened.text.as_bytes().ct_eq(token.as_bytes()))
        {
            return Some(opened);
        }
        let sealed = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let claims = Claims::decode(&sealer.open(self.kind, &sealed)?).ok()?;
        let opened = Arc::new(Opened::new(token, claims));
        self.keep(head, &opened);
        Some(opened)
    }

    fn cached(&self, head: &str) -> Option<Arc<Opened>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.wanted += 1;
        let wanted = entries.wanted;
        let (last, opened) = entries.by_head.get_mut(head)?;
        *last = wanted;
        Some(Arc::clone(opened))
    }

    fn keep(&self, head: &str, opened: &Arc<Opened>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.wanted += 1;
        let wanted = entries.wanted;
        if entries.by_head.len() >= TOKENS_CACHED_MAX && !entries.by_head.contains_key(head) {
            // Whole eighths go at a time: the search for the oldest is then paid once for many.
            let mut ages: Vec<u64> = entries.by_head.values().map(|(last, _)| *last).collect();
            let (_, cut, _) = ages.select_nth_unstable(TOKENS_CACHED_MAX / 8);
            let cut = *cut;
            entries.by_head.retain(|_, (last, _)| *last > cut);
        }
        entries.by_head.insert(head.into(), (wanted, Arc::clone(opened)));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.lock().unwrap().by_head.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Who;
    use async_trait::async_trait;
    use model::{AccountId, Timestamp};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Seals nothing: a counter makes each token its own.
    struct Plain(AtomicU64);

    #[async_trait]
    impl TokenSealer for Plain {
        fn seal(&self, _: TokenKind, claims: &[u8]) -> Vec<u8> {
            let mut token = vec![0; 37];
            token[..8].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            token.extend_from_slice(claims);
            token
        }
        fn open(&self, _: TokenKind, token: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
            (token.get(36) == Some(&0)).then(|| Zeroizing::new(token[37..].to_vec()))
        }
        async fn rotate(&self) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn only_so_many_are_kept_and_the_ones_in_use_stay() {
        let (cache, sealer) = (TokenCache::new(TokenKind::Session), Plain(0.into()));
        let claims = || Claims {
            id: [0; 16],
            issued: Timestamp::default(),
            expires: Timestamp::default(),
            account: AccountId::parse("a").unwrap(),
            who: Who::Root,
            lineage: policy::Lineage::default(),
            narrowed: None,
            credential: None,
            project: None,
            methods: Vec::new(),
        };
        let busy = cache.seal(&sealer, &claims());
        let first = cache.open(&sealer, &busy).unwrap();
        for _ in 0..3 * TOKENS_CACHED_MAX {
            cache.open(&sealer, &cache.seal(&sealer, &claims())).unwrap();
            assert!(Arc::ptr_eq(&first, &cache.open(&sealer, &busy).unwrap()), "a token in use is opened once");
            assert!(cache.len() <= TOKENS_CACHED_MAX);
        }
        // One that has the head of a known token and another rest is opened, not taken for it.
        let mut other = busy.clone();
        other.pop();
        assert!(cache.open(&sealer, &other).is_none());
        assert!(cache.open(&sealer, "").is_none());
        assert!(cache.open(&sealer, &"x".repeat(TOKEN_CHARS_MAX + 1)).is_none());
    }
}
