//! Building the index of what needs which CMK, once, for data that was written without it. Runs before the first
//! request, in rounds that each commit what they found and how far they came: a stop in between loses one round, and
//! memory holds one.
//!
//! A record that cannot be read needs no CMK any more, for nothing can open it: it is logged and left out. Where the store
//! itself cannot read on, the index stays unfinished, the server starts, and no CMK is deleted.

use super::{of_upload, of_version};
use crate::records::{UploadRecord, Version, keys};
use bytes::Bytes;
use model::BucketUid;
use model::codec::{DecodeError, Reader, Writer};
use sse::Dependent;
use std::sync::Arc;
use store::{Change, CommitError, MetaStore, Snapshot, StoreFault, Table, Transaction};

/// Key of the row in [`Table::System`] that says how far the index is.
pub(crate) const ROW: &[u8] = b"cmk_dependents";
const FORMAT_VERSION: u8 = 1;

/// Rows looked at in one round.
const ROUND_MAX: usize = 1000;

/// How far the index is. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// Rows of an index that may be wrong are removed.
    Clear = 0,
    Versions = 1,
    Uploads = 2,
    BucketKeys = 3,
    /// Complete.
    Done = 4,
    /// Complete, with rows too many: something that could not be read was replaced. Built anew at the next start.
    Stale = 5,
}

impl Phase {
    fn parse(code: u8) -> Option<Self> {
        let all = [Self::Clear, Self::Versions, Self::Uploads, Self::BucketKeys, Self::Done, Self::Stale];
        all.into_iter().find(|phase| *phase as u8 == code)
    }

    fn table(self) -> Table {
        match self {
            Self::Versions => Table::Current,
            Self::Uploads => Table::Uploads,
            Self::BucketKeys => Table::BucketKeys,
            Self::Clear | Self::Done | Self::Stale => Table::CmkDependents,
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Clear => Self::Versions,
            Self::Versions => Self::Uploads,
            Self::Uploads => Self::BucketKeys,
            Self::BucketKeys | Self::Done => Self::Done,
            Self::Stale => Self::Stale,
        }
    }
}

/// Where the building stands: the phase, and the last key that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Progress {
    phase: Phase,
    after: Vec<u8>,
}

impl Progress {
    fn at(phase: Phase) -> Self {
        Self { phase, after: Vec::new() }
    }

    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_VERSION);
        w.u8(self.phase as u8).bytes(&self.after);
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if format != FORMAT_VERSION {
            return Err(DecodeError("index of unknown format version"));
        }
        let phase = Phase::parse(r.u8()?).ok_or(DecodeError("phase of the index"))?;
        let progress = Self { phase, after: r.bytes()?.to_vec() };
        r.finish()?;
        Ok(progress)
    }

    fn read(snapshot: &dyn Snapshot) -> Result<Self, StoreFault> {
        match snapshot.get(Table::System, ROW)? {
            None => Ok(Self::at(Phase::Clear)),
            Some(row) => Self::decode(&row).map_err(|e| StoreFault::Corrupt(format!("progress of the index: {e}"))),
        }
    }
}

/// Whether every row that should be in the index is.
pub(crate) fn is_complete(snapshot: &dyn Snapshot) -> Result<bool, StoreFault> {
    Ok(matches!(Progress::read(snapshot)?.phase, Phase::Done | Phase::Stale))
}

/// Whether the index may have rows too many until the next start.
pub(crate) fn may_say_too_much(snapshot: &dyn Snapshot) -> Result<bool, StoreFault> {
    Ok(Progress::read(snapshot)?.phase == Phase::Stale)
}

/// The change that has the index built anew at the next start: what it says too much is then gone. One that is not
/// complete begins from nothing then, and is not complete before that: it must never pass for a complete one.
pub(crate) fn rebuild_at_next_start(snapshot: &dyn Snapshot) -> Change {
    // A row that cannot be read says nothing of completeness.
    let phase = if is_complete(snapshot).unwrap_or(false) { Phase::Stale } else { Phase::Clear };
    Change::Put(Table::System, Bytes::from_static(ROW), Progress::at(phase).encode().into())
}

/// Builds the index, or goes on building it.
///
/// # Errors
/// What the store could not do; the index is then unfinished and says so.
pub(crate) async fn build(meta: &Arc<dyn MetaStore>) -> Result<(), StoreFault> {
    let mut progress = store::read(meta, |snapshot| Progress::read(snapshot)).await?;
    if progress.phase == Phase::Done {
        return Ok(());
    }
    if progress.phase == Phase::Stale {
        progress = Progress::at(Phase::Clear);
    }
    tracing::info!(phase = ?progress.phase, "building the index of what needs which CMK");
    while progress.phase != Phase::Done {
        let at = progress.clone();
        let (changes, next) = store::read(meta, move |snapshot| round(snapshot, &at)).await?;
        // A phase that found nothing is not worth a commit of its own.
        if !changes.is_empty() || next.phase == Phase::Done || next.phase == progress.phase {
            let mut tx = Transaction::new();
            tx.changes = changes;
            tx.put(Table::System, ROW, next.encode());
            meta.commit(tx).await.map_err(|error| match error {
                CommitError::Fault(fault) => fault,
                CommitError::Conflict(_) => StoreFault::Unavailable(error.to_string()),
            })?;
        }
        progress = next;
    }
    Ok(())
}

/// The changes of one round, and where the next begins.
fn round(snapshot: &dyn Snapshot, at: &Progress) -> Result<(Vec<Change>, Progress), StoreFault> {
    let start = if at.after.is_empty() { None } else { Some([&at.after, &[0][..]].concat()) };
    let (mut changes, mut seen, mut last) = (Vec::new(), 0, Vec::new());
    let table = at.phase.table();
    snapshot.scan(table, &[], start.as_deref(), &mut |key, value| {
        seen += 1;
        last = key.to_vec();
        match change(at.phase, key, value) {
            Ok(change) => changes.extend(change),
            Err(error) => tracing::error!(?table, %error, "a damaged record is left out of the index of CMKs"),
        }
        seen < ROUND_MAX
    })?;
    let next = if seen < ROUND_MAX { Progress::at(at.phase.next()) } else { Progress { phase: at.phase, after: last } };
    Ok((changes, next))
}

fn change(phase: Phase, key: &[u8], value: &[u8]) -> Result<Option<Change>, DecodeError> {
    let bucket = || key.first_chunk().map(|uid| BucketUid::from_bytes(*uid)).ok_or(DecodeError("key of a row"));
    let dependent = match phase {
        Phase::Clear => return Ok(Some(Change::Delete(Table::CmkDependents, Bytes::copy_from_slice(key)))),
        Phase::Versions => {
            let name = key.get(16..).and_then(|name| std::str::from_utf8(name).ok());
            of_version(bucket()?, name.ok_or(DecodeError("key of a version"))?, &Version::decode(value)?)
        }
        Phase::Uploads => {
            let (name, id) = keys::parse_upload(key).ok_or(DecodeError("key of an upload"))?;
            of_upload(bucket()?, &name, id, &UploadRecord::decode(value)?)
        }
        Phase::BucketKeys => Some(Dependent::of_bucket_key(key, value)?),
        Phase::Done | Phase::Stale => None,
    };
    Ok(dependent.map(|dependent| dependent.enter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: the row that docs/formats/dependents.md draws.
    #[test]
    fn progress_is_stored_as_drawn() {
        let progress = Progress { phase: Phase::Uploads, after: vec![0xaa, 0xbb] };
        assert_eq!(progress.encode(), [1, 2, 0, 0, 0, 2, 0xaa, 0xbb]);
        assert_eq!(Progress::decode(&progress.encode()), Ok(progress));
        assert_eq!(Progress::at(Phase::Done).encode(), [1, 4, 0, 0, 0, 0]);
        for wrong in [&[][..], &[2, 4, 0, 0, 0, 0], &[1, 6, 0, 0, 0, 0], &[1, 4, 0, 0, 0, 0, 0]] {
            assert!(Progress::decode(wrong).is_err(), "{wrong:?}");
        }
    }
}
