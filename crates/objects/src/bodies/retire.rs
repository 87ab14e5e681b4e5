//! Blob upkeep off the request's path: confirming what a commit now refers to, and removing what nothing refers to.
//! Both are safe to lose: at the next start, pending blobs are confirmed or removed by what the metadata says, and the
//! rows of `BlobGc` say what is left to remove.

use super::epoch::ReadEpochs;
use crate::records::keys;
use model::BlobId;
use std::sync::Arc;
use store::{BlobStore, CommitError, MetaStore, StoreFault, Table, Transaction};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

enum Task {
    Confirm(Vec<BlobId>),
    Remove(Vec<BlobId>),
    Discard(BlobId),
}

/// The upkeep that a commit brings with it.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// Blobs that the commit refers to from now on.
    pub(crate) confirm: Vec<BlobId>,
    /// Blobs that the commit enters into `BlobGc`.
    pub(crate) remove: Vec<BlobId>,
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
                            remove_blobs(&meta, &blobs, remove).await;
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

    fn send(&self, blobs: Vec<BlobId>, task: fn(Vec<BlobId>) -> Task) {
        if !blobs.is_empty() {
            let _ = self.0.send(task(blobs));
        }
    }
}

fn report(id: BlobId, what: &str, result: Result<(), StoreFault>) {
    if let Err(error) = result {
        tracing::error!(blob = %id, %error, "cannot {what} a blob; the next start tries again");
    }
}

/// Removes files, then their rows: a crash in between leaves rows whose files are gone already.
pub(crate) async fn remove_blobs(meta: &Arc<dyn MetaStore>, blobs: &Arc<dyn BlobStore>, ids: Vec<BlobId>) {
    let store = Arc::clone(blobs);
    let removed = spawn_blocking(move || {
        ids.into_iter().filter(|id| store.delete(*id).inspect_err(|e| tracing::error!(%e, "blob gc")).is_ok()).collect()
    });
    let removed: Vec<BlobId> = match removed.await {
        Ok(removed) => removed,
        Err(error) => return tracing::error!(%error, "blob gc did not finish"),
    };
    let mut tx = Transaction::new();
    for id in removed {
        tx.delete(Table::BlobGc, keys::blob(id));
    }
    if let Err(error) = meta.commit(tx).await {
        tracing::error!(%error, "blob gc rows stay until the next start");
    }
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
        snapshot.scan(Table::BlobGc, &[], None, &mut |key, _| {
            if let Ok(id) = key.try_into() {
                rows.push(BlobId::from_bytes(id));
            }
            true
        })?;
        Ok(rows)
    })
    .await?;
    if !rows.is_empty() {
        remove_blobs(meta, blobs, rows).await;
    }
    Ok(())
}
