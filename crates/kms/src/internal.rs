//! The server's own keys, wrapped under the root key: the metadata key, the secrets key, one SSE-OBS key per bucket, and
//! the ring of token keys. They are made at first use, cost no KMS request and have no state.

use crate::record::{InternalKey, InternalKeyRecord};
use crate::token_keys::Dated;
use crate::{KmsError, RootSlot};
use crypto::{AuditKey, Binding, BucketKey, MetadataKey, SecretsKey, TokenKey, Wrappable, Wrapped};
use model::{BucketUid, Clock, Entropy};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use store::{Change, CommitError, Expectation, MetaStore, Table, Transaction};
use tokio::sync::OnceCell;

/// Finds, makes and caches them.
pub(crate) struct InternalKeys {
    pub(crate) store: Arc<dyn MetaStore>,
    root: Arc<RootSlot>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metadata: OnceCell<Arc<MetadataKey>>,
    secrets: OnceCell<Arc<SecretsKey>>,
    sse_obs: RwLock<HashMap<BucketUid, Arc<BucketKey>>>,
    /// Held shared from reading a row to having unwrapped it, and from wrapping a key to having stored it; exclusively while
    /// the root key is changed. So nobody meets a row under another root key than the present one.
    gate: tokio::sync::RwLock<()>,
}

impl InternalKeys {
    pub(crate) fn new(
        store: Arc<dyn MetaStore>,
        root: Arc<RootSlot>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (metadata, secrets, sse_obs, gate) = Default::default();
        Self { store, root, clock, entropy, metadata, secrets, sse_obs, gate }
    }

    pub(crate) async fn metadata(&self) -> Result<Arc<MetadataKey>, KmsError> {
        self.metadata.get_or_try_init(|| self.find_or_make(InternalKey::Metadata)).await.cloned()
    }

    pub(crate) async fn secrets(&self) -> Result<Arc<SecretsKey>, KmsError> {
        self.secrets.get_or_try_init(|| self.find_or_make(InternalKey::Secrets)).await.cloned()
    }

    /// The key of the audit log, and whether it was there before.
    pub(crate) async fn audit(&self) -> Result<(Arc<AuditKey>, bool), KmsError> {
        let found = {
            let _open = self.gate.read().await;
            self.find(InternalKey::Audit).await?
        };
        match found {
            Some(key) => Ok((key, true)),
            None => Ok((self.find_or_make(InternalKey::Audit).await?, false)),
        }
    }

    pub(crate) async fn sse_obs(&self, bucket: BucketUid) -> Result<Arc<BucketKey>, KmsError> {
        if let Some(key) = self.sse_obs.read().unwrap_or_else(PoisonError::into_inner).get(&bucket) {
            return Ok(Arc::clone(key));
        }
        // Two first users both ask the store; both get the one key that is stored.
        let key = self.find_or_make(InternalKey::SseObs(bucket)).await?;
        let mut cache = self.sse_obs.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(cache.entry(bucket).or_insert(key)))
    }

    /// The metadata key, if it was ever made.
    pub(crate) async fn present_metadata(&self) -> Result<Option<Arc<MetadataKey>>, KmsError> {
        let _open = self.gate.read().await;
        self.find(InternalKey::Metadata).await
    }

    /// A bucket's SSE-OBS key, if it was ever made.
    pub(crate) async fn present_sse_obs(&self, bucket: BucketUid) -> Result<Option<Arc<BucketKey>>, KmsError> {
        let _open = self.gate.read().await;
        self.find(InternalKey::SseObs(bucket)).await
    }

    pub(crate) fn forget_bucket(&self, bucket: BucketUid) -> Change {
        self.sse_obs.write().unwrap_or_else(PoisonError::into_inner).remove(&bucket);
        Change::Delete(Table::InternalKeys, InternalKey::SseObs(bucket).key().into())
    }

    /// Waits for those who are storing a key under the root key, and keeps others from it.
    pub(crate) async fn close_gate(&self) -> tokio::sync::RwLockWriteGuard<'_, ()> {
        self.gate.write().await
    }

    /// All token keys, by number.
    pub(crate) async fn token_keys(&self) -> Result<BTreeMap<u32, Dated>, KmsError> {
        let _open = self.gate.read().await;
        let rows = store::read(&self.store, |snapshot| {
            let mut rows = Vec::new();
            snapshot.scan(Table::InternalKeys, InternalKey::TOKEN_PREFIX, None, &mut |key, value| {
                rows.push((key[InternalKey::TOKEN_PREFIX.len()..].to_vec(), value.to_vec()));
                true
            })?;
            Ok(rows)
        })
        .await?;
        let mut keys = BTreeMap::new();
        for (number, row) in rows {
            let malformed = || KmsError::Damaged("the row of a token key".to_owned());
            let number = u32::from_be_bytes(number.try_into().map_err(|_| malformed())?);
            let record = InternalKeyRecord::decode(&row).map_err(|_| malformed())?;
            let key = self.unwrap_key::<TokenKey>(InternalKey::Token(number), &record)?;
            keys.insert(number, Dated { key, created: record.created });
        }
        Ok(keys)
    }

    /// Makes the token key of this number, unless somebody else does at the same time.
    pub(crate) async fn make_token_key(&self, number: u32) -> Result<(), KmsError> {
        self.find_or_make::<TokenKey>(InternalKey::Token(number)).await.map(|_| ())
    }

    pub(crate) async fn remove_token_key(&self, number: u32) -> Result<(), KmsError> {
        let mut tx = Transaction::new();
        tx.delete(Table::InternalKeys, InternalKey::Token(number).key());
        Ok(self.store.commit(tx).await?)
    }

    async fn find_or_make<K: Wrappable>(&self, which: InternalKey) -> Result<Arc<K>, KmsError> {
        let _open = self.gate.read().await;
        if let Some(key) = self.find(which).await? {
            return Ok(key);
        }
        self.root.check_settled()?;
        let key = K::generate(&*self.entropy);
        let wrapped = crypto::wrap(&*self.root.get(), &key, &binding(which), &*self.entropy);
        let record = InternalKeyRecord { created: self.clock.now(), wrapped: *wrapped.as_bytes() };
        let mut tx = Transaction::new();
        tx.expect(Expectation::Absent(Table::InternalKeys, which.key().into())).put(
            Table::InternalKeys,
            which.key(),
            record.encode(),
        );
        match self.store.commit(tx).await {
            Ok(()) => Ok(Arc::new(key)),
            // Somebody was faster: theirs is the key, ours never sealed anything.
            Err(CommitError::Conflict(_)) => self.find(which).await?.ok_or_else(|| damaged(which)),
            Err(error) => Err(error.into()),
        }
    }

    /// To be called behind the gate.
    async fn find<K: Wrappable>(&self, which: InternalKey) -> Result<Option<Arc<K>>, KmsError> {
        let row = store::read(&self.store, move |snapshot| snapshot.get(Table::InternalKeys, &which.key())).await?;
        let Some(row) = row else { return Ok(None) };
        let record = InternalKeyRecord::decode(&row).map_err(|_| damaged(which))?;
        self.unwrap_key(which, &record).map(Some)
    }

    fn unwrap_key<K: Wrappable>(&self, which: InternalKey, record: &InternalKeyRecord) -> Result<Arc<K>, KmsError> {
        crypto::unwrap(&*self.root.get(), &Wrapped::from_bytes(record.wrapped), &binding(which))
            .map(Arc::new)
            .map_err(|_| damaged(which))
    }
}

/// A key belongs to its row: moved to another bucket's, it does not unwrap.
fn binding(which: InternalKey) -> Binding {
    row_binding(&which.key())
}

/// The binding of the key in a row.
pub(crate) fn row_binding(row: &[u8]) -> Binding {
    Binding::new("internal-key").field(row)
}

fn damaged(which: InternalKey) -> KmsError {
    KmsError::Damaged(match which {
        InternalKey::Metadata => "the metadata key".to_owned(),
        InternalKey::Secrets => "the secrets key".to_owned(),
        InternalKey::Token(number) => format!("token key {number}"),
        InternalKey::Audit => "the audit log's key".to_owned(),
        InternalKey::SseObs(bucket) => format!("the SSE-OBS key of bucket {bucket}"),
    })
}
