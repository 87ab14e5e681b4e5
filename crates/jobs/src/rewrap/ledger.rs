//! Rows of jobs: read, and written only where they are as they were read.

use super::record::{JobRecord, JobState};
use super::{IDLE_JOBS_MAX, RewrapError};
use bytes::Bytes;
use model::JobId;
use std::sync::Arc;
use store::{CommitError, Expectation, MetaStore, StoreFault, Table, Transaction};

/// A job and the row it was read from.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: JobId,
    pub(super) row: Bytes,
    pub(super) record: JobRecord,
}

/// Why a job's row was not written.
#[derive(Debug)]
pub(super) enum NotSaved {
    /// Somebody else wrote it.
    Overtaken,
    Fault(StoreFault),
}

impl From<NotSaved> for RewrapError {
    fn from(error: NotSaved) -> Self {
        match error {
            NotSaved::Overtaken => Self::WrongState("changed by somebody else at this moment"),
            NotSaved::Fault(fault) => Self::Store(fault),
        }
    }
}

/// The table of jobs.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) store: Arc<dyn MetaStore>,
}

impl Ledger {
    pub(super) async fn load(&self, id: JobId) -> Result<Option<Entry>, StoreFault> {
        let row = store::read(&self.store, move |snapshot| snapshot.get(Table::Jobs, id.as_bytes())).await?;
        let Some(row) = row else { return Ok(None) };
        let record = JobRecord::decode(&row).map_err(|error| StoreFault::Corrupt(format!("job {id}: {error}")))?;
        Ok(record.map(|record| Entry { id, row, record }))
    }

    /// All of this kind, in order of their ids. One that cannot be read is left out, and logged.
    pub(super) async fn all(&self) -> Result<Vec<Entry>, StoreFault> {
        store::read(&self.store, |snapshot| {
            let mut jobs = Vec::new();
            snapshot.scan(Table::Jobs, &[], None, &mut |key, row| {
                let id = key.try_into().map(JobId::from_bytes);
                match (id, JobRecord::decode(row)) {
                    (Ok(id), Ok(Some(record))) => {
                        jobs.push(Entry { id, row: Bytes::copy_from_slice(row), record });
                    }
                    (_, Ok(None)) => {}
                    (_, Err(error)) => tracing::error!(%error, "a job's row cannot be read"),
                    (Err(_), _) => tracing::error!("a job's row has a key that is none"),
                }
                true
            })?;
            Ok(jobs)
        })
        .await
    }

    /// Enters a new job, and forgets the oldest of its account that do not run.
    pub(super) async fn enter(&self, id: JobId, record: JobRecord) -> Result<Entry, NotSaved> {
        let mut idle: Vec<Entry> = self.all().await.map_err(NotSaved::Fault)?;
        let account = &record.starter.account;
        idle.retain(|job| job.record.state != JobState::Running && job.record.starter.account == *account);
        idle.sort_by_key(|job| (job.record.updated, job.id));
        let mut tx = Transaction::new();
        for old in idle.iter().take(idle.len().saturating_sub(IDLE_JOBS_MAX - 1)) {
            tx.delete(Table::Jobs, Bytes::copy_from_slice(old.id.as_bytes()));
        }
        let key = Bytes::copy_from_slice(id.as_bytes());
        let row = Bytes::from(record.encode());
        tx.expect(Expectation::Absent(Table::Jobs, key.clone())).put(Table::Jobs, key, row.clone());
        match self.store.commit(tx).await {
            Ok(()) => Ok(Entry { id, row, record }),
            Err(CommitError::Conflict(_)) => Err(NotSaved::Overtaken),
            Err(CommitError::Fault(fault)) => Err(NotSaved::Fault(fault)),
        }
    }

    /// Writes a job, if nobody else has since.
    pub(super) async fn save(&self, job: &mut Entry) -> Result<(), NotSaved> {
        let key = Bytes::copy_from_slice(job.id.as_bytes());
        let row = Bytes::from(job.record.encode());
        let mut tx = Transaction::new();
        tx.expect(Expectation::Equals(Table::Jobs, key.clone(), job.row.clone()));
        tx.put(Table::Jobs, key.clone(), row.clone());
        let fault = match self.store.commit(tx).await {
            Ok(()) => {
                job.row = row;
                return Ok(());
            }
            Err(CommitError::Conflict(_)) => return Err(NotSaved::Overtaken),
            Err(CommitError::Fault(fault)) => fault,
        };
        // Whether it is written cannot be told from the answer; the row tells.
        match store::read(&self.store, move |snapshot| snapshot.get(Table::Jobs, &key)).await {
            Ok(found) if found.as_ref() == Some(&row) => {
                job.row = row;
                Ok(())
            }
            _ => Err(NotSaved::Fault(fault)),
        }
    }
}
