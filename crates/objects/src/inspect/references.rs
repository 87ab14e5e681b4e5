//! Rows and files that nobody refers to. Whoever refers to a layout, a body or a blob knows its id, and nothing leads back;
//! so the ids that are referred to are gathered first, and every row and file is looked up among them.
//!
//! Memory is bounded: ids are random, so the gathering takes those of a range, as many as may be held, then looks at the
//! rows and files of that range, and goes on with the next. A store with more ids is walked more than once.

use super::rows::Rows;
use super::streams::blob_name;
use super::{Finding, FindingKind, FromSlice, Inspector, row_name};
use crate::records::{Content, Layout, PartRecord, StoredStream, Version, keys};
use model::{BlobId, UploadId};
use std::collections::BTreeSet;
use store::engine::files::{FoundFile, Stage};
use store::{StoreFault, Table};

/// Ids that are held at a time; each takes 17 bytes.
pub const REFERENCES_HELD: usize = 2 << 20;

/// What an id is of. In the order of the byte that stands before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Of {
    Layout = 0,
    Inline = 1,
    Blob = 2,
    /// An upload that has parts, or may have until it is worked off.
    Upload = 3,
}

/// What the walk counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReferenceCounts {
    /// Blob files, and their bytes.
    pub files: u64,
    /// Bytes of blob files.
    pub file_bytes: u64,
    /// Files that the next start removes or confirms: unfinished, or pending and not referred to. A crash leaves them.
    pub files_unfinished: u64,
    /// Blobs and rows that are entered for removal and not removed yet.
    pub awaiting_removal: u64,
    /// Small bodies that are rows.
    pub inline_rows: u64,
}

/// Ids of a range `from ..= upto` of their first two bytes.
struct Gathered {
    ids: Vec<[u8; 17]>,
    from: u16,
    upto: u16,
    held_max: usize,
}

impl Gathered {
    fn add(&mut self, of: Of, id: &[u8; 16]) {
        if !self.covers(id) {
            return;
        }
        let mut entry = [of as u8; 17];
        entry[1..].copy_from_slice(id);
        self.ids.push(entry);
        while self.ids.len() > self.held_max && self.upto > self.from {
            self.upto = self.from + (self.upto - self.from) / 2;
            let upto = self.upto;
            self.ids.retain(|entry| u16::from_be_bytes([entry[1], entry[2]]) <= upto);
        }
    }

    fn covers(&self, id: &[u8; 16]) -> bool {
        (self.from..=self.upto).contains(&u16::from_be_bytes([id[0], id[1]]))
    }

    fn has(&self, of: Of, id: &[u8; 16]) -> bool {
        let mut entry = [of as u8; 17];
        entry[1..].copy_from_slice(id);
        self.ids.binary_search(&entry).is_ok()
    }

    fn stream(&mut self, stored: &StoredStream) {
        let of = if stored.inline { Of::Inline } else { Of::Blob };
        self.add(of, stored.blob.as_bytes());
    }
}

impl Inspector {
    /// Finds what nobody refers to, and what two refer to. `held_max`: ids that are held at a time, usually
    /// [`REFERENCES_HELD`].
    pub fn references(&self, held_max: usize, findings: &mut Vec<Finding>) -> ReferenceCounts {
        let mut counts = ReferenceCounts::default();
        let mut from = 0;
        loop {
            let mut gathered = Gathered { ids: Vec::new(), from, upto: u16::MAX, held_max: held_max.max(1) };
            self.gather(&mut gathered, &mut counts, findings);
            gathered.ids.sort_unstable();
            shared(&gathered, findings);
            self.look_up_rows(&gathered, findings, &mut counts);
            self.look_up_files(&gathered, findings, &mut counts);
            match gathered.upto.checked_add(1) {
                Some(next) => from = next,
                None => return counts,
            }
        }
    }

    /// Damage met on the way is told where the records themselves are looked at.
    fn gather(&self, into: &mut Gathered, counts: &mut ReferenceCounts, findings: &mut Vec<Finding>) {
        let first = into.from == 0;
        let unheard = &mut Vec::new();
        self.each_row(Table::Current, unheard, |inspector, _, value, _| {
            let Ok(Version::Object(object)) = Version::decode(value) else { return };
            match &object.content {
                Content::Single(stored) => into.stream(stored),
                Content::Parts => {
                    into.add(Of::Layout, object.uid.as_bytes());
                    let row = inspector.get(Table::Layouts, &keys::layout(object.uid)).ok().flatten();
                    if let Some(Ok(layout)) = row.as_deref().map(Layout::decode) {
                        layout.parts.iter().for_each(|part| into.stream(&part.stored));
                    }
                }
            }
        });
        self.each_row(Table::Uploads, unheard, |_, key, _, _| {
            if let Some((_, id)) = keys::parse_upload(key) {
                into.add(Of::Upload, id.as_bytes());
            }
        });
        self.each_row(Table::Parts, unheard, |_, _, value, _| {
            if let Ok(part) = PartRecord::decode(value) {
                into.stream(&part.stored);
            }
        });
        // Nothing else looks at what is to be removed, so this is where its damage is told, in the first round.
        let mut told = Vec::new();
        self.each_row(Table::BlobGc, &mut told, |_, key, value, told| {
            counts.awaiting_removal += u64::from(first);
            match (<&[u8; 16]>::try_from(key), value) {
                (Ok(_), [0]) => {}
                // A row that is to go is no orphan; neither are the parts of an upload that ended.
                (Ok(id), [1]) => into.add(Of::Inline, id),
                (Ok(id), [2]) => into.add(Of::Upload, id),
                _ => {
                    let detail = "cannot be decoded: what is to be removed";
                    told.push(Finding::at(FindingKind::RecordDamaged, row_name(Table::BlobGc, key), detail));
                }
            }
        });
        findings.extend(told.into_iter().filter(|_| first));
    }

    fn look_up_rows(&self, gathered: &Gathered, findings: &mut Vec<Finding>, counts: &mut ReferenceCounts) {
        let orphan =
            |table, key: &[u8], detail: &str| Finding::at(FindingKind::OrphanRow, row_name(table, key), detail);
        for (table, of, detail) in [
            (Table::Layouts, Of::Layout, "the layout of an object that is not there"),
            (Table::Inline, Of::Inline, "a small body that no record refers to"),
            (Table::BlobRefs, Of::Blob, "a reference to a blob that no record refers to"),
            (Table::Parts, Of::Upload, "a part of an upload that is not there"),
        ] {
            let mut after = gathered.from.checked_sub(1).map(|before| {
                // Behind every key that begins with the range before.
                [&before.to_be_bytes()[..], &[0xff; 30]].concat()
            });
            let mut told = BTreeSet::new();
            'table: loop {
                let Rows { rows, next, broken } = self.rows(table, &[], after.as_deref());
                for (key, value) in rows {
                    let id = key.get(..16).and_then(|id| <&[u8; 16]>::try_from(id).ok());
                    let Some(id) = id else {
                        findings.push(orphan(table, &key, "its key is none of this table"));
                        continue;
                    };
                    if !gathered.covers(id) {
                        break 'table;
                    }
                    counts.inline_rows += u64::from(table == Table::Inline);
                    if value.is_err() && table == Table::BlobRefs {
                        let detail = "the row does not match its checksum";
                        findings.push(Finding::at(FindingKind::RecordDamaged, row_name(table, &key), detail));
                    }
                    if !gathered.has(of, id) && (table != Table::Parts || told.insert(UploadId::from_bytes(*id))) {
                        findings.push(orphan(table, &key, detail));
                    }
                }
                findings.extend(broken);
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
    }

    fn look_up_files(&self, gathered: &Gathered, findings: &mut Vec<Finding>, counts: &mut ReferenceCounts) {
        let walked = self.blobs.each(&mut |found| match found {
            FoundFile::Blob { stage, id, bytes } if gathered.covers(id.as_bytes()) => {
                counts.files += 1;
                counts.file_bytes += bytes;
                let referred = gathered.has(Of::Blob, id.as_bytes());
                match stage {
                    Stage::Open => counts.files_unfinished += 1,
                    Stage::Pending if !referred => counts.files_unfinished += 1,
                    Stage::Confirmed if !referred && !self.is_to_be_removed(id) => {
                        let detail = format!("{bytes} bytes that no record refers to");
                        findings.push(Finding::at(FindingKind::OrphanFile, blob_name(id), detail));
                    }
                    Stage::Pending | Stage::Confirmed => {}
                }
            }
            FoundFile::Blob { .. } => {}
            FoundFile::Foreign(path) if gathered.from == 0 => {
                let at = format!("blobs/{}", path.display());
                findings.push(Finding::at(FindingKind::ForeignFile, at, "no blob, and not the store's"));
            }
            FoundFile::Foreign(_) => {}
        });
        if let Err(fault) = walked {
            findings.push(Finding::at(FindingKind::StoreDamaged, "blobs", fault.to_string()));
        }
    }

    /// Whether a file is entered for removal: it was let go of, and the server ended before it could remove it.
    fn is_to_be_removed(&self, id: BlobId) -> bool {
        match self.get(Table::BlobGc, &keys::blob(id)) {
            Ok(row) => row.is_some(),
            Err(StoreFault::Corrupt(_)) => true,
            Err(_) => false,
        }
    }
}

/// Each body belongs to one record.
fn shared(gathered: &Gathered, findings: &mut Vec<Finding>) {
    for pair in gathered.ids.windows(2).filter(|pair| pair[0] == pair[1]) {
        let id = BlobId::try_from_slice(&pair[0][1..]);
        let at = match (pair[0][0], id) {
            (1, Some(id)) => row_name(Table::Inline, id.as_bytes()),
            (2, Some(id)) => blob_name(id),
            (0, Some(id)) => row_name(Table::Layouts, id.as_bytes()),
            _ => continue,
        };
        findings.push(Finding::at(FindingKind::BodyShared, at, "two records refer to it"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However few may be held, each id is met in exactly one range.
        #[test]
        fn ranges_cover_every_id_once(ids in proptest::collection::vec(any::<[u8; 16]>(), 0..200), held in 1usize..40) {
            let (mut met, mut from) = (Vec::new(), 0u16);
            loop {
                let mut gathered = Gathered { ids: Vec::new(), from, upto: u16::MAX, held_max: held };
                ids.iter().for_each(|id| gathered.add(Of::Blob, id));
                met.extend(gathered.ids.iter().map(|entry| <[u8; 16]>::try_from(&entry[1..]).unwrap()));
                let in_range = |id: &&[u8; 16]| gathered.covers(id);
                prop_assert_eq!(gathered.ids.len(), ids.iter().filter(in_range).count());
                match gathered.upto.checked_add(1) { Some(next) => from = next, None => break }
            }
            let mut all = ids.clone();
            all.sort_unstable();
            met.sort_unstable();
            prop_assert_eq!(met, all);
        }
    }
}
