//! Blob upkeep off the request's path: confirming what a commit now refers to, and removing what nothing refers to.
//! Both are safe to lose: at the next start, pending blobs are confirmed or removed by what the metadata says, and the
//! rows of `BlobGc` say what is left to remove.

use super::epoch::ReadEpochs;
use crate::current::Holdings;
use crate::records::{PartRecord, keys};
use bytes::Bytes;
use model::{BlobId, UploadId};
use std::sync::Arc;
use store::{BlobStore, CommitError, MetaStore, StoreFault, Table, Transaction};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

enum Task {
    Confirm(Vec<BlobId>),
    Remove(Vec<Removal>),
    Discard(BlobId),
}

/// The upkeep that a commit brings with it.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// Blobs that the commit refers to from now on.
    pub(crate) confirm: Vec<BlobId>,
    /// What the commit enters into `BlobGc`.
    pub(crate) remove: Vec<Removal>,
}

/// What a row of `BlobGc` says is to be removed, once nobody can be reading it any more. The value of the row is one
/// byte, the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// A blob.
    Blob(BlobId),
    /// The sealed bytes of a small part, a row of `Inline`: readers of a multipart object come to it late.
    Row(BlobId),
    /// All parts of an upload that is aborted or completed: those that the commit left, and those that came while it
    /// was under way. After the commit no further part can come.
    Parts(UploadId),
}

impl Removal {
    /// Enters the removal into a transaction.
    pub(crate) fn enter(self, tx: &mut Transaction) {
        let (kind, key) = match self {
            Self::Blob(id) => (0, *id.as_bytes()),
            Self::Row(id) => (1, *id.as_bytes()),
            Self::Parts(id) => (2, *id.as_bytes()),
        };
        tx.put(Table::BlobGc, Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&[kind]));
    }

    fn parse(key: &[u8], value: &[u8]) -> Option<Self> {
        let key = key.try_into().ok()?;
        match value {
            [0] => Some(Self::Blob(BlobId::from_bytes(key))),
            [1] => Some(Self::Row(BlobId::from_bytes(key))),
            [2] => Some(Self::Parts(UploadId::from_bytes(key))),
            _ => None,
        }
    }
}

/// Takes upkeep from requests.
#[derive(Clone)]
pub(crate) struct Housekeeper(mpsc::UnboundedSender<Task>);

/// Rows of `BlobGc` handled in one round.
const ROUND_MAX: usize = 1024;

impl Housekeeper {
    /// Starts the upkeep task. It ends when every handle is gone.
    pub(crate) fn start(meta: Arc<dyn MetaStore>, blobs: Arc<dyn BlobStore>, epochs: Arc<ReadEpochs>) -> Self {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut tasks = Vec::new();
            while receiver.recv_many(&mut tasks, ROUND_MAX).await > 0 {
                let (mut confirm, mut discard, mut remove) = (Vec::new(), Vec::new(), Vec::new());
                for task in tasks.drain(..) {
                    match task {
                        Task::Confirm(ids) => confirm.extend(ids),
                        Task::Discard(id) => discard.push(id),
                        Task::Remove(ids) => remove.extend(ids),
                    }
                }
                let store = Arc::clone(&blobs);
                let done = spawn_blocking(move || {
                    for id in confirm {
                        report(id, "confirm", store.confirm(id));
                    }
                    for id in discard {
                        report(id, "discard", store.delete(id));
                    }
                });
                if let Err(error) = done.await {
                    tracing::error!(%error, "blob upkeep did not finish");
                }
                if !remove.is_empty() {
                    let over = epochs.retire();
                    let (meta, blobs) = (Arc::clone(&meta), Arc::clone(&blobs));
                    tokio::spawn(async move {
                        if over.await.is_ok() {
                            remove_all(&meta, &blobs, remove).await;
                        }
                    });
                }
            }
        });
        Self(sender)
    }

    /// Commits, then does what the commit brings with it. Runs to its end even if the request goes away.
    pub(crate) async fn commit(
        &self,
        meta: &Arc<dyn MetaStore>,
        transaction: Transaction,
        upkeep: Upkeep,
    ) -> Result<(), CommitError> {
        let (meta, housekeeper) = (Arc::clone(meta), self.clone());
        let task = tokio::spawn(async move {
            meta.commit(transaction).await?;
            housekeeper.send(upkeep.confirm, Task::Confirm);
            housekeeper.send(upkeep.remove, Task::Remove);
            Ok(())
        });
        task.await.unwrap_or_else(|e| Err(StoreFault::Unavailable(format!("a commit was lost: {e}")).into()))
    }

    /// This pending blob will not be referred to: its commit was refused.
    pub(crate) fn discard(&self, blob: BlobId) {
        // The receiver ends with the server; the next start does the rest.
        let _ = self.0.send(Task::Discard(blob));
    }

    fn send<T>(&self, what: Vec<T>, task: fn(Vec<T>) -> Task) {
        if !what.is_empty() {
            let _ = self.0.send(task(what));
        }
    }
}

fn report(id: BlobId, what: &str, result: Result<(), StoreFault>) {
    if let Err(error) = result {
        tracing::error!(blob = %id, %error, "cannot {what} a blob; the next start tries again");
    }
}

/// Removes what is to go, then the rows that say so: a crash in between leaves rows whose work is done already.
pub(crate) async fn remove_all(meta: &Arc<dyn MetaStore>, blobs: &Arc<dyn BlobStore>, mut removals: Vec<Removal>) {
    while !removals.is_empty() {
        let mut tx = Transaction::freeing_room();
        let mut files = Vec::new();
        let mut next = Vec::new();
        for removal in removals {
            match removal {
                Removal::Blob(id) => files.push(id),
                Removal::Row(id) => {
                    tx.delete(Table::Inline, keys::blob(id)).delete(Table::BlobGc, keys::blob(id));
                }
                // Nobody reads the parts of an upload: what they held can go in the next round.
                Removal::Parts(upload) => match release_parts(meta, upload, &mut tx).await {
                    Ok(released) => next.extend(released),
                    Err(error) => tracing::error!(%upload, %error, "parts stay until the next start"),
                },
            }
        }
        let store = Arc::clone(blobs);
        let removed = spawn_blocking(move || {
            let gone = |id: &BlobId| store.delete(*id).inspect_err(|error| tracing::error!(%error, "blob gc")).is_ok();
            files.into_iter().filter(gone).collect::<Vec<BlobId>>()
        });
        match removed.await {
            Ok(removed) => {
                for id in removed {
                    tx.delete(Table::BlobGc, keys::blob(id));
                }
            }
            Err(error) => tracing::error!(%error, "blob gc did not finish"),
        }
        if let Err(error) = meta.commit(tx).await {
            tracing::error!(%error, "what is to be removed stays until the next start");
            return;
        }
        removals = next;
    }
}

/// Lets go of every part that an upload still has.
async fn release_parts(
    meta: &Arc<dyn MetaStore>,
    upload: UploadId,
    tx: &mut Transaction,
) -> Result<Vec<Removal>, StoreFault> {
    let parts = store::read(meta, move |snapshot| {
        let mut parts = Vec::new();
        snapshot.scan(Table::Parts, &keys::parts(upload), None, &mut |key, row| {
            parts.push((Bytes::copy_from_slice(key), PartRecord::decode(row)));
            true
        })?;
        Ok(parts)
    })
    .await?;
    let mut held = Holdings::default();
    for (key, part) in parts {
        match part {
            Ok(part) => held.add(&part.stored),
            Err(error) => tracing::error!(%upload, %error, "a part's record is damaged; its bytes stay for a scrub"),
        }
        tx.delete(Table::Parts, key);
    }
    tx.delete(Table::BlobGc, Bytes::copy_from_slice(upload.as_bytes()));
    Ok(held.release(tx))
}

/// What a crash left: pending blobs that a commit refers to are confirmed, others removed; rows of `BlobGc` are worked
/// off. Runs before the first request.
pub(crate) async fn recover(meta: &Arc<dyn MetaStore>, blobs: &Arc<dyn BlobStore>) -> Result<(), StoreFault> {
    let store = Arc::clone(blobs);
    let rows = store::read(meta, move |snapshot| {
        for id in store.pending()? {
            if snapshot.get(Table::BlobRefs, id.as_bytes())?.is_some() {
                store.confirm(id)?;
            } else {
                store.delete(id)?;
            }
        }
        let mut rows = Vec::new();
        snapshot.scan(Table::BlobGc, &[], None, &mut |key, value| {
            match Removal::parse(key, value) {
                Some(removal) => rows.push(removal),
                None => tracing::error!(?key, "a row of blob_gc is not understood and left alone"),
            }
            true
        })?;
        Ok(rows)
    })
    .await?;
    remove_all(meta, blobs, rows).await;
    Ok(())
}
