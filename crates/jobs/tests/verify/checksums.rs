//! Rows that do not match their checksums, in every table; and what is not known when the index of CMKs is not complete.

use crate::setup::*;
use bytes::Bytes;
use objects::inspect::{Finding, FindingKind as Kind, Inspector};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::engine::files::BlobFiles;
use store::{CommitFuture, MetaStore, ReadError, ReadOnly, Snapshot, Surveyed, Table, Transaction};
use strongroom_jobs::verify::{Options, Verdict};

/// The row that says how far the index of CMKs is.
const PROGRESS: &[u8] = b"cmk_dependents";

/// A walk over everything meets each row once; a walk over one bucket tells what the bucket's own records lead to.
#[tokio::test]
async fn a_damaged_row_of_a_shared_table_is_told_with_one_bucket_too() {
    let dir = Dir::full().await;
    let rows_of = |table| dir.rows(table).into_iter().map(move |(key, _)| (table, key));
    let mut met = 0;
    for (table, key) in rows_of(Table::CmkDependents).chain(rows_of(Table::BlobRefs)) {
        for one_bucket in [false, true] {
            let tally = dir.verify_with_damage(&[(table, &key)], one_bucket).await;
            assert_eq!(tally.kinds, [(Kind::RecordDamaged, 1)].into(), "{table:?}, {one_bucket}: {:?}", tally.findings);
            let finding = &tally.findings[0];
            assert!(finding.at.starts_with(table.name()), "{}", finding.at);
            assert_eq!(report_of(tally, false).verdict(), Verdict::Findings);
            met += 1;
        }
    }
    assert_eq!(met, 2 * (18 + 29), "each row of the index, and each blob's reference");
}

/// No table is left out, of those that there are and of those that come.
#[tokio::test]
async fn a_row_of_any_table_that_does_not_match_its_checksum_is_found() {
    let dir = Dir::full().await;
    for table in Table::ALL {
        if dir.rows(*table).is_empty() {
            dir.set(*table, &Bytes::from(vec![0x33; 16]), Some(Bytes::from_static(&[0]))).await;
        }
        let (key, _) = dir.rows(*table).remove(0);
        let tally = dir.verify_with_damage(&[(*table, &key)], false).await;
        // A small body is damaged, whichever checksum says so.
        let kind = if *table == Table::Inline { Kind::BodyDamaged } else { Kind::RecordDamaged };
        let told = |f: &Finding| f.kind == kind && f.at.starts_with(&format!("{}: ", table.name()));
        assert!(tally.findings.iter().any(told), "{table:?}: {:?}", tally.findings);
    }
}

#[tokio::test]
async fn tables_of_keys_identities_and_removals_are_read_row_by_row() {
    let dir = Dir::full().await;
    let (user, gone) = (Bytes::from(vec![0x44; 16]), Bytes::from(vec![0x55; 16]));
    dir.set(Table::Users, &user, Some(Bytes::from_static(b"a user"))).await;
    dir.set(Table::BlobGc, &gone, Some(Bytes::from_static(&[0]))).await;
    let (version, _) = dir.rows(Table::CmkVersions).remove(0);
    let sound = dir.verify_with(false, Options::default()).await;
    assert_eq!((sound.findings_total(), sound.references.unwrap().awaiting_removal), (0, 1));
    let rows = [(Table::Users, &user[..]), (Table::BlobGc, &gone[..]), (Table::CmkVersions, &version[..])];
    let few = Options { references_held: 1, ..Options::default() };
    let tally = dir.verify_with_damage(&rows, false).await;
    assert_eq!(tally.kinds, [(Kind::RecordDamaged, 3)].into(), "{:?}", tally.findings);
    let mut at: Vec<_> = tally.findings.iter().map(|f| f.at.split(':').next().unwrap()).collect();
    at.sort_unstable();
    assert_eq!(at, ["blob_gc", "cmk_versions", "users"]);
    assert!(tally.other_rows.unwrap() > 3);
    // What is to be removed is read once for each range of ids, and told once.
    dir.set(Table::BlobGc, &gone, Some(Bytes::from_static(&[9]))).await;
    assert_eq!(dir.verify_with(false, few).await.kinds, [(Kind::RecordDamaged, 1)].into(), "no kind of removal");
}

/// What the index lacks cannot be known while it is not complete: such a run is never sound.
#[tokio::test]
async fn an_index_that_is_not_complete_or_cannot_be_asked_is_not_sound() {
    let dir = Dir::full().await;
    let key = Bytes::from_static(PROGRESS);
    let (_, progress) = dir.rows(Table::System).into_iter().find(|(row, _)| *row == key).unwrap();
    for bucket in [None, Some(dir.bucket.clone())] {
        let options = || Options { bucket: bucket.clone(), ..Options::default() };
        // Gone, or in the middle of being built: nothing is wrong, and something is not known.
        for row in [None, Some(Bytes::from([&progress[..1], &[1], &progress[2..]].concat()))] {
            dir.set(Table::System, &key, row).await;
            let tally = dir.verify_with(true, options()).await;
            assert_eq!((tally.findings_total(), tally.index_complete), (0, false));
            let report = report_of(tally, true);
            assert_eq!(report.verdict(), Verdict::Incomplete);
            assert_eq!(report.to_json()["unverified"][0]["count"], 1);
            assert!(report.to_page("00").contains("not complete"));
        }
        // Not to be understood.
        dir.set(Table::System, &key, Some(Bytes::from_static(b"\xff\xff"))).await;
        let tally = dir.verify_with(true, options()).await;
        assert_eq!(tally.kinds, [(Kind::RecordDamaged, 1)].into(), "{:?}", tally.findings);
        assert_eq!(report_of(tally, true).verdict(), Verdict::Findings);
        dir.set(Table::System, &key, Some(progress.clone())).await;
        // Not matching its checksum: told once, though the table is walked too.
        let tally = dir.verify_with_damage(&[(Table::System, PROGRESS)], bucket.is_some()).await;
        assert_eq!(tally.kinds, [(Kind::RecordDamaged, 1)].into(), "{:?}", tally.findings);
    }
    assert_eq!(report_of(dir.verify().await, true).verdict(), Verdict::Sound);
}

/// Counts reads of the tables that hold many rows for one record.
struct Counting(Arc<dyn MetaStore>, Arc<AtomicU64>);

impl MetaStore for Counting {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(Counted(self.0.snapshot(), Arc::clone(&self.1)))
    }

    fn commit(&self, transaction: Transaction) -> CommitFuture {
        self.0.commit(transaction)
    }
}

struct Counted(Box<dyn Snapshot>, Arc<AtomicU64>);

impl Counted {
    fn count(&self, table: Table) {
        self.1.fetch_add(u64::from(matches!(table, Table::Layouts | Table::Parts)), Ordering::Relaxed);
    }
}

impl Snapshot for Counted {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        self.count(table);
        self.0.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        self.count(table);
        self.0.scan(table, prefix, from, visit)
    }

    fn survey(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Surveyed<'_>) -> bool,
    ) -> Result<(), ReadError> {
        self.count(table);
        self.0.survey(table, prefix, from, visit)
    }
}

/// A page of records holds records: 256 objects of 10,000 parts each would be half a gigabyte with their layouts.
#[tokio::test]
async fn a_page_holds_no_layout_and_no_part() {
    let dir = Dir::full().await;
    let reads = Arc::new(AtomicU64::new(0));
    let meta = Arc::new(Counting(ReadOnly::over(Arc::clone(&dir.meta)), Arc::clone(&reads)));
    let inspector = Inspector::new(meta, Arc::new(BlobFiles::at(&dir.dir.path().join("blobs"))));
    let buckets = inspector.buckets(&mut Vec::new());
    let (versions, uploads) = (inspector.versions(&buckets, None, None), inspector.uploads(&buckets, None, None));
    assert_eq!((versions.items.len(), uploads.items.len()), (36, 1));
    assert_eq!(reads.load(Ordering::Relaxed), 0, "pages are made of the records alone");
    for found in versions.items {
        inspector.inspect_version(found.unwrap());
    }
    assert_eq!(reads.swap(0, Ordering::Relaxed), 9, "one layout for each object of parts");
    for found in uploads.items {
        inspector.inspect_upload(found.unwrap());
    }
    assert_eq!(reads.load(Ordering::Relaxed), 1, "one page of parts");
}
