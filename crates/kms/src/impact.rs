//! What needs a CMK: asked before it is deleted, and shown to whoever plans to.

use crate::key_ref::{KeyRef, Place};
use crate::{CmkId, KeyService, KmsError};
use async_trait::async_trait;
use model::{AccountId, CmkUid, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests may wait for a count while another is made.
const WAITING_MAX: usize = 8;
/// How long a count is shown again, in milliseconds.
const RECENT_MILLIS: u64 = 5000;
/// From how many objects and uploads on a count is kept to be shown again: smaller ones are made at once.
const RECENT_FROM: u64 = 10_000;
/// Most counts that are kept. Each holds names of buckets.
const RECENT_MAX: usize = 64;

/// What could not be opened any more without a CMK.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyImpact {
    /// Object versions whose DEK is wrapped under it, by itself or through a bucket key.
    pub objects: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// Uploads in progress.
    pub uploads: u64,
    /// Bucket keys wrapped under it that some object still needs.
    pub bucket_keys: u64,
    /// Buckets of the CMK's account whose default encryption names it.
    pub bucket_defaults: Vec<String>,
    /// Buckets of other accounts whose default encryption names it. They keep no CMK from its deletion: whoever can
    /// write an ARN can set one.
    pub foreign_defaults: u64,
    /// Buckets of the CMK's account that hold any of the above, in order of their names.
    pub buckets: Vec<String>,
    /// Buckets of other accounts, and buckets whose owner is not known, that hold objects or uploads of the above. Their
    /// names are not the key owner's to see.
    pub foreign_buckets: u64,
}

impl KeyImpact {
    /// Whether nothing needs the CMK. Defaults of other accounts' buckets are no need.
    pub fn is_none(&self) -> bool {
        self.objects == 0 && self.uploads == 0 && self.bucket_keys == 0 && self.bucket_defaults.is_empty()
    }
}

impl fmt::Display for KeyImpact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} objects ({} bytes), {} uploads, {} bucket keys and {} bucket defaults in {} buckets",
            self.objects,
            self.bytes,
            self.uploads,
            self.bucket_keys,
            self.bucket_defaults.len(),
            self.buckets.len() as u64 + self.foreign_buckets
        )
    }
}

/// Whoever keeps what is wrapped under CMKs. The store of objects is one; a KMS without any has none.
#[async_trait]
pub trait Dependents: Send + Sync + 'static {
    /// What needs the CMK, all versions together or one of them. Counted from an index, not estimated.
    ///
    /// # Errors
    /// Why it could not be counted, for the log. A deletion is then refused.
    async fn impact(&self, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, String>;
}

/// Counts of CMKs, or of one version, and when they were made.
type Recent = BTreeMap<(CmkUid, Option<u32>), (Timestamp, KeyImpact)>;

/// Keeps counts from taking the store's readers from everybody else: each walks all that is under a CMK.
pub(crate) struct Counting {
    /// Of requests: one that counts and those that wait.
    places: Arc<Semaphore>,
    /// One count at a time.
    turn: Arc<Semaphore>,
    /// What was counted last, to be shown only: no deletion rests on it.
    recent: Mutex<Recent>,
}

/// A turn to walk all that is under a CMK. There is one at a time, for whoever counts; it ends when this is dropped. So the
/// walk holds it, and not who waits for what comes of the walk.
#[must_use = "the turn ends when this is dropped"]
pub struct CountTurn {
    // Dropped in this order: who takes a place finds the turn free.
    _turn: OwnedSemaphorePermit,
    _place: Option<OwnedSemaphorePermit>,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(1 + WAITING_MAX)),
            turn: Arc::new(Semaphore::new(1)),
            recent: Mutex::default(),
        }
    }
}

impl Counting {
    fn recent(&self, of: (CmkUid, Option<u32>), now: Timestamp) -> Option<KeyImpact> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, (at, _)| is_recent(*at, now));
        recent.get(&of).map(|(_, impact)| impact.clone())
    }

    fn keep(&self, of: (CmkUid, Option<u32>), now: Timestamp, impact: &KeyImpact) {
        if impact.objects.saturating_add(impact.uploads) < RECENT_FROM {
            return;
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() < RECENT_MAX {
            recent.insert(of, (now, impact.clone()));
        }
    }
}

/// Nothing is recent that seems to come from the future: the clock was set back.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.millis_since(at) < RECENT_MILLIS
}

impl KeyService {
    /// What needs a CMK, to be shown: as counted, or as it was some seconds ago where counting takes long.
    ///
    /// # Errors
    /// As [`KeyService::count_impact`].
    pub(crate) async fn recent_impact(&self, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, KmsError> {
        let (of, now) = ((cmk.uid, version), self.clock.now());
        if let Some(impact) = self.counting.recent(of, now) {
            return Ok(impact);
        }
        let impact = self.count_impact(cmk, version).await?;
        self.counting.keep(of, now, &impact);
        Ok(impact)
    }

    /// What needs a CMK as things are now, for a request; nothing as long as nobody keeps anything.
    ///
    /// # Errors
    /// [`KmsError::Throttled`] when too many wait; [`KmsError::Unavailable`] when it cannot be counted.
    pub(crate) async fn count_impact(&self, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, KmsError> {
        let turn = self.turn_to_count().await?;
        self.count_in(turn, cmk, version).await
    }

    /// As [`KeyService::count_impact`]; waits however many wait.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`].
    pub(crate) async fn count_in_turn(&self, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, KmsError> {
        let turn = self.turn_of_job().await?;
        self.count_in(turn, cmk, version).await
    }

    /// A turn to walk all that is under a CMK, for a request.
    ///
    /// # Errors
    /// [`KmsError::Throttled`] when too many wait.
    pub async fn turn_to_count(&self) -> Result<CountTurn, KmsError> {
        let place = Arc::clone(&self.counting.places).try_acquire_owned().map_err(|_| KmsError::Throttled)?;
        Ok(CountTurn { _place: Some(place), ..self.turn_of_job().await? })
    }

    /// As [`KeyService::turn_to_count`], for what no request waits for: comes however many wait, after those before it.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`] when there are no turns any more.
    pub async fn turn_of_job(&self) -> Result<CountTurn, KmsError> {
        match Arc::clone(&self.counting.turn).acquire_owned().await {
            Ok(turn) => Ok(CountTurn { _turn: turn, _place: None }),
            Err(_) => Err(KmsError::Unavailable("the key service is closing".to_owned())),
        }
    }

    async fn count_in(&self, turn: CountTurn, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, KmsError> {
        let Some(dependents) = self.dependents.get().map(Arc::clone) else { return Ok(KeyImpact::default()) };
        // A walk does not end when its caller goes away; its turn lasts as long as it.
        let wanted = cmk.clone();
        let counted = tokio::spawn(async move {
            let _held = turn;
            dependents.impact(&wanted, version).await
        });
        counted.await.unwrap_or_else(|error| Err(error.to_string())).map_err(|why| {
            tracing::error!(cmk = cmk.to_obs(), why, "what needs the CMK could not be counted");
            KmsError::Unavailable("what needs the CMK cannot be counted".to_owned())
        })
    }

    /// Whether a reference, in any form of [`KeyRef::parse`] and used by somebody of the account, leads to this CMK as
    /// things are now. Checks no right: it is asked for the impact of a deletion, not for a caller.
    pub fn leads_to(&self, key_ref: &str, account: &AccountId, cmk: &CmkId) -> bool {
        match KeyRef::parse(key_ref) {
            Ok(KeyRef::Key(place, uid)) => uid == cmk.uid && is_place_of(&place, account, cmk),
            Ok(KeyRef::Alias(place, name)) => {
                is_place_of(&place, account, cmk)
                    && self
                        .ledger
                        .read(|catalogue| catalogue.alias(&cmk.account, &name).is_some_and(|a| a.target == cmk.uid))
            }
            Err(_) => false,
        }
    }
}

/// Whether a reference that somebody of the account wrote points to where the CMK is. A bare one is their own account's.
fn is_place_of(place: &Place, account: &AccountId, cmk: &CmkId) -> bool {
    match place {
        Place::Own => *account == cmk.account,
        Place::Arn { .. } | Place::Obs { .. } => place.is_of(&cmk.region, &cmk.account, &cmk.number),
    }
}
