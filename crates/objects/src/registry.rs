//! Buckets in memory: every request needs its bucket, and there are few. Loaded at start, written through.

use crate::Fail;
use crate::api::AccessConfig;
use crate::grants::{join_block, owners_alone};
use crate::records::{BucketRecord, keys};
use bytes::Bytes;
use model::{AccountId, BucketName, BucketUid};
use policy::{BucketRules, Grammar, Policy};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use store::{CommitError, Expectation, MetaStore, StoreFault, Table, Transaction};

/// What keeps a bucket that holds no objects.
pub(crate) const UPLOADS: &str = "unfinished multipart uploads";

/// A bucket as requests see it.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: BucketName,
    pub(crate) record: BucketRecord,
    /// What the record says about access, made ready once: requests parse and copy nothing.
    pub(crate) rules: Arc<BucketRules>,
}

impl Bucket {
    fn new(name: BucketName, record: BucketRecord, config: &AccessConfig) -> Self {
        let policy = record.policy.as_deref().map(|text| {
            Arc::new(Policy::parse(text, Grammar::Bucket(&name)).unwrap_or_else(|error| {
                // A policy that was once taken and cannot be read now denies: it may hold a Deny.
                tracing::error!(bucket = %name, %error, "a stored bucket policy cannot be read and denies everything");
                Policy::unreadable(text)
            }))
        });
        let rules = BucketRules {
            owner: record.owner.clone(),
            policy,
            policy_binds_root: record.policy_binds_root,
            acl: record.acl.clone().unwrap_or_else(|| owners_alone(&record.owner)),
            block: join_block(record.block, config.block_public_access),
            ownership: record.ownership.unwrap_or(config.default_ownership),
        };
        Self { name, record, rules: Arc::new(rules) }
    }

    pub(crate) fn uid(&self) -> BucketUid {
        self.record.uid
    }
}

/// All buckets.
pub(crate) struct Registry {
    meta: Arc<dyn MetaStore>,
    config: AccessConfig,
    /// INVARIANT: never newer than the store, and equal to it when no change is under way: a change runs to its end even
    /// if its request goes away. The lock is not held across I/O.
    buckets: RwLock<BTreeMap<BucketName, Arc<Bucket>>>,
}

impl Registry {
    pub(crate) async fn load(meta: Arc<dyn MetaStore>, config: AccessConfig) -> Result<Self, StoreFault> {
        let rows = store::read(&meta, |snapshot| {
            let mut rows = Vec::new();
            snapshot.scan(Table::Buckets, &[], None, &mut |key, value| {
                rows.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
                true
            })?;
            Ok(rows)
        })
        .await?;
        let mut buckets = BTreeMap::new();
        for (key, value) in rows {
            let corrupt = || StoreFault::Corrupt(format!("bucket record {}", String::from_utf8_lossy(&key)));
            let name = std::str::from_utf8(&key).ok().and_then(|k| BucketName::parse(k).ok()).ok_or_else(corrupt)?;
            let record = BucketRecord::decode(&value).map_err(|_| corrupt())?;
            buckets.insert(name.clone(), Arc::new(Bucket::new(name, record, &config)));
        }
        Ok(Self { meta, config, buckets: RwLock::new(buckets) })
    }

    pub(crate) fn get(&self, name: &BucketName) -> Option<Arc<Bucket>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Bucket>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Creates a bucket. `Err(owner)`: the name is taken, by this account.
    pub(crate) async fn create(
        self: &Arc<Self>,
        name: &BucketName,
        record: BucketRecord,
    ) -> Result<Result<(), AccountId>, Fail> {
        let (registry, name) = (Arc::clone(self), name.clone());
        settle(async move { registry.create_in_full(&name, record).await }).await
    }

    async fn create_in_full(&self, name: &BucketName, record: BucketRecord) -> Result<Result<(), AccountId>, Fail> {
        let mut tx = Transaction::new();
        tx.expect(Expectation::Absent(Table::Buckets, keys::bucket(name)))
            .put(Table::Buckets, keys::bucket(name), record.encode())
            .put(Table::BucketUids, keys::bucket_uid(record.uid), keys::bucket(name));
        match self.meta.commit(tx).await {
            Ok(()) => {
                let bucket = Arc::new(Bucket::new(name.clone(), record, &self.config));
                self.buckets.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), bucket);
                Ok(Ok(()))
            }
            // Asked of the store: whoever was faster may not have shown the bucket here yet.
            Err(CommitError::Conflict(_)) => {
                let key = keys::bucket(name);
                let row = store::read(&self.meta, move |s| s.get(Table::Buckets, &key)).await?;
                let record = row.map(|row| BucketRecord::decode(&row)).transpose();
                let record = record.map_err(|e| StoreFault::Corrupt(format!("bucket record: {e}")))?;
                record.map(|record| Err(record.owner)).ok_or(Fail::ConditionalConflict)
            }
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Changes a bucket's record, or not, if the change refuses. Another change in between is not lost: the change is
    /// applied to what is there.
    pub(crate) async fn update(
        self: &Arc<Self>,
        bucket: &Arc<Bucket>,
        change: impl Fn(&mut BucketRecord) -> Result<(), Fail> + Send + 'static,
    ) -> Result<(), Fail> {
        let (registry, bucket) = (Arc::clone(self), Arc::clone(bucket));
        settle(async move { registry.update_in_full(&bucket, change).await }).await
    }

    async fn update_in_full(
        &self,
        bucket: &Bucket,
        change: impl Fn(&mut BucketRecord) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        loop {
            let key = keys::bucket(&bucket.name);
            let row = key.clone();
            let old = store::read(&self.meta, move |s| s.get(Table::Buckets, &row)).await?.ok_or(Fail::NoSuchBucket)?;
            let mut record =
                BucketRecord::decode(&old).map_err(|e| StoreFault::Corrupt(format!("bucket record: {e}")))?;
            if record.uid != bucket.uid() {
                return Err(Fail::NoSuchBucket);
            }
            change(&mut record)?;
            record.revision += 1;
            let mut tx = Transaction::new();
            tx.expect(Expectation::Equals(Table::Buckets, key.clone(), old)).put(Table::Buckets, key, record.encode());
            match self.meta.commit(tx).await {
                Ok(()) => {
                    self.publish(&bucket.name, record);
                    return Ok(());
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
    }

    /// Removes an empty bucket together with `also`. Tells which kind of content keeps it.
    pub(crate) async fn delete(self: &Arc<Self>, bucket: &Arc<Bucket>, also: Vec<store::Change>) -> Result<(), Fail> {
        let (registry, bucket) = (Arc::clone(self), Arc::clone(bucket));
        settle(async move { registry.delete_in_full(&bucket, also).await }).await
    }

    async fn delete_in_full(&self, bucket: &Bucket, also: Vec<store::Change>) -> Result<(), Fail> {
        let uid = keys::bucket_uid(bucket.uid());
        let mut tx = Transaction::freeing_room();
        tx.expect(Expectation::Present(Table::BucketUids, uid.clone()))
            .expect(Expectation::EmptyPrefix(Table::Current, uid.clone()))
            .expect(Expectation::EmptyPrefix(Table::Versions, uid.clone()))
            .expect(Expectation::EmptyPrefix(Table::Uploads, uid.clone()))
            .delete(Table::Buckets, keys::bucket(&bucket.name))
            .delete(Table::BucketUids, uid);
        tx.changes.extend(also);
        match self.meta.commit(tx).await {
            Ok(()) => {
                self.forget(bucket);
                Ok(())
            }
            Err(CommitError::Conflict(0)) => {
                self.forget(bucket);
                Err(Fail::NoSuchBucket)
            }
            Err(CommitError::Conflict(1)) => Err(Fail::BucketNotEmpty("objects")),
            Err(CommitError::Conflict(2)) => Err(Fail::BucketNotEmpty("object versions")),
            Err(CommitError::Conflict(_)) => Err(Fail::BucketNotEmpty(UPLOADS)),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Shows a change of a bucket that is there. A bucket that was deleted in between stays deleted.
    fn publish(&self, name: &BucketName, record: BucketRecord) {
        let bucket = Arc::new(Bucket::new(name.clone(), record, &self.config));
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        let newer = |b: &Arc<Bucket>| b.uid() == bucket.uid() && b.record.revision < bucket.record.revision;
        if buckets.get(name).is_some_and(newer) {
            buckets.insert(name.clone(), bucket);
        }
    }

    fn forget(&self, bucket: &Bucket) {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.get(&bucket.name).is_some_and(|b| b.uid() == bucket.uid()) {
            buckets.remove(&bucket.name);
        }
    }
}

/// Runs a change to its end even if the request that asked for it goes away.
async fn settle<T: Send + 'static>(change: impl Future<Output = Result<T, Fail>> + Send + 'static) -> Result<T, Fail> {
    tokio::spawn(change).await.unwrap_or_else(|e| Err(Fail::Internal(format!("a change was lost: {e}"))))
}
