//! The walk over a store: buckets, objects, uploads, bucket keys, the index, references and files. A page at a time;
//! objects of a page are opened side by side, each on a blocking thread, each with some segments in memory.

use super::judge::{Judged, unopened};
use super::sample::{Chosen, Drawing, Sample};
use super::tally::{Judgement, Tally};
use model::{BucketName, BucketUid};
use objects::inspect::{Buckets, Finding, FindingKind, Inspector, Page, REFERENCES_HELD};
use sse::SseVerification;
use std::num::NonZeroUsize;
use std::sync::Arc;
use store::Table;
use tokio::task::{JoinSet, spawn_blocking};

/// What is to be verified.
#[derive(Clone, Debug)]
pub struct Options {
    /// One bucket alone. Tables of all buckets, and files, are then not walked; of them only what the bucket's own
    /// records lead to is looked at.
    pub bucket: Option<BucketName>,
    /// Only a sample is opened; of the rest the structure is checked.
    pub sample: Option<Sample>,
    /// Objects that are opened at a time.
    pub workers: NonZeroUsize,
    /// Ids that the search for orphans holds at a time.
    pub references_held: usize,
}

impl Default for Options {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { bucket: None, sample: None, workers, references_held: REFERENCES_HELD }
    }
}

/// Whoever watches.
pub trait Progress: Send + Sync {
    /// What is looked at now, and how many of it there are, if that is known.
    fn phase(&self, name: &'static str, total: u64);
    /// One more was looked at.
    fn step(&self);
    /// So many bytes of plaintext were opened.
    fn opened(&self, bytes: u64);
}

/// Nobody watches.
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: &'static str, _: u64) {}
    fn step(&self) {}
    fn opened(&self, _: u64) {}
}

/// What the parts of a run share.
pub(super) struct Run {
    pub(super) inspector: Inspector,
    pub(super) keys: Option<Arc<SseVerification>>,
    options: Options,
    pub(super) progress: Arc<dyn Progress>,
}

/// Verifies a store. Without keys the structure alone is looked at, and nothing is opened.
///
/// # Errors
/// When the bucket that was asked for is not there, or a worker did not end. Damage is no error: it is what is looked for.
pub async fn verify(
    inspector: Inspector,
    keys: Option<Arc<SseVerification>>,
    options: Options,
    progress: Arc<dyn Progress>,
) -> Result<Tally, String> {
    let run = Arc::new(Run { inspector, keys, options, progress });
    let mut tally = Tally::default();
    run.progress.phase("buckets", 0);
    let (buckets, index_complete, findings) = run
        .blocking(|run| {
            let mut findings = Vec::new();
            let buckets = run.inspector.buckets(&mut findings);
            (buckets, run.inspector.index_is_complete(&mut findings), findings)
        })
        .await?;
    let of = match &run.options.bucket {
        None => None,
        Some(name) => Some(buckets.uid(name).ok_or_else(|| format!("there is no bucket `{name}`"))?),
    };
    tally.buckets = buckets.len() as u64;
    tally.find_all(findings);
    tally.index_complete = index_complete;
    if !index_complete {
        let why = "the index of CMKs is not complete: what it lacks is not known";
        tally.unverified.insert(why.to_owned(), 1);
    }
    let buckets = Arc::new(buckets);
    let chosen = run.count(of, &mut tally).await?;
    run.versions(&buckets, of, chosen, &mut tally).await?;
    run.uploads(&buckets, of, &mut tally).await?;
    run.bucket_keys(&buckets, of, &mut tally).await?;
    if of.is_none() {
        run.index(&buckets, &mut tally).await?;
        run.tables_alone(&mut tally).await?;
        run.progress.phase("references and files", 0);
        let (counts, findings) = run
            .blocking(|run| {
                let mut findings = Vec::new();
                (run.inspector.references(run.options.references_held, &mut findings), findings)
            })
            .await?;
        tally.references = Some(counts);
        tally.find_all(findings);
    }
    tally.findings.sort();
    Ok(tally)
}

impl Run {
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, String> {
        let run = Arc::clone(self);
        spawn_blocking(move || work(&run)).await.map_err(|error| format!("a worker did not end: {error}"))
    }

    /// Counts the objects, and draws the sample. A table that cannot be read on is told by the walk.
    async fn count(self: &Arc<Self>, of: Option<BucketUid>, tally: &mut Tally) -> Result<Option<Chosen>, String> {
        let (total, chosen, fault) = self
            .blocking(move |run| {
                let (mut total, mut drawing) = (0, run.options.sample.map(Drawing::begin));
                let prefix = of.map(|uid| uid.as_bytes().to_vec()).unwrap_or_default();
                let counted = run.inspector.version_keys(&prefix, &mut |key| {
                    total += 1;
                    drawing.iter_mut().for_each(|drawing| drawing.meet(key));
                });
                (total, drawing.map(Drawing::end), counted.err())
            })
            .await?;
        if let Some(fault) = fault {
            tally.find(Finding::at(FindingKind::StoreDamaged, "table current", fault.to_string()));
        }
        self.progress.phase("objects", total);
        Ok(chosen)
    }

    async fn versions(
        self: &Arc<Self>,
        buckets: &Arc<Buckets>,
        of: Option<BucketUid>,
        chosen: Option<Chosen>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let (mut after, mut tasks) = (None::<Vec<u8>>, JoinSet::new());
        loop {
            let known = Arc::clone(buckets);
            let Page { items, next } =
                self.blocking(move |run| run.inspector.versions(&known, of, after.as_deref())).await?;
            for item in items {
                match item {
                    Ok(found) => {
                        let open = chosen.is_none_or(|chosen| chosen.holds(&found.key));
                        self.room(&mut tasks, tally).await?;
                        let run = Arc::clone(self);
                        tasks.spawn(async move {
                            let found = run.blocking(move |run| run.inspector.inspect_version(found)).await?;
                            run.judge(found, open).await
                        });
                    }
                    Err(finding) => {
                        self.progress.step();
                        tally.find(finding);
                    }
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        while let Some(done) = tasks.join_next().await {
            self.enter(done, tally)?;
        }
        Ok(())
    }

    /// Waits until there is room for one more.
    async fn room(&self, tasks: &mut JoinSet<Result<Judged, String>>, tally: &mut Tally) -> Result<(), String> {
        while tasks.len() >= self.options.workers.get() {
            if let Some(done) = tasks.join_next().await {
                self.enter(done, tally)?;
            }
        }
        Ok(())
    }

    fn enter(
        &self,
        done: Result<Result<Judged, String>, tokio::task::JoinError>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        done.map_err(|error| format!("a worker did not end: {error}"))??.enter(tally);
        self.progress.step();
        Ok(())
    }

    /// Uploads are opened, one after the other, in a run with keys that opens everything: a sample is of objects.
    async fn uploads(
        self: &Arc<Self>,
        buckets: &Arc<Buckets>,
        of: Option<BucketUid>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        self.progress.phase("uploads in progress", 0);
        let mut after = None::<Vec<u8>>;
        loop {
            let known = Arc::clone(buckets);
            let Page { items, next } =
                self.blocking(move |run| run.inspector.uploads(&known, of, after.as_deref())).await?;
            for item in items {
                match item {
                    Ok(found) => {
                        let found = self.blocking(move |run| run.inspector.inspect_upload(found)).await?;
                        self.judge(found, self.options.sample.is_none()).await?.enter(tally);
                        self.progress.step();
                    }
                    Err(finding) => tally.find(finding),
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn bucket_keys(
        self: &Arc<Self>,
        buckets: &Arc<Buckets>,
        of: Option<BucketUid>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        self.progress.phase("bucket keys", 0);
        let mut after = None::<Vec<u8>>;
        loop {
            let known = Arc::clone(buckets);
            let Page { items, next } =
                self.blocking(move |run| run.inspector.bucket_keys(&known, of, after.as_deref())).await?;
            for item in items {
                let row = match item {
                    Ok(row) => row,
                    Err(finding) => {
                        tally.find(finding);
                        continue;
                    }
                };
                tally.bucket_keys += 1;
                tally.find_all(row.findings);
                let (Some(keys), Some(bucket)) = (&self.keys, &row.bucket) else {
                    tally.bucket_keys_left += u64::from(row.bucket.is_none());
                    continue;
                };
                match keys.check_bucket_key(&row.row, bucket).await {
                    Ok(()) => tally.bucket_keys_opened += 1,
                    Err(error) => {
                        let about = |kind, what: &str| {
                            let bucket = Some(bucket.to_string());
                            Finding { bucket, ..Finding::at(kind, row.at.clone(), what) }
                        };
                        match unopened(error, about) {
                            (Judgement::Unverified(why), _) => *tally.unverified.entry(why).or_default() += 1,
                            (_, finding) => tally.find_all(finding),
                        }
                    }
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn index(self: &Arc<Self>, buckets: &Arc<Buckets>, tally: &mut Tally) -> Result<(), String> {
        self.progress.phase("index of CMKs", 0);
        let mut after = None::<Vec<u8>>;
        loop {
            let known = Arc::clone(buckets);
            let Page { items, next } =
                self.blocking(move |run| run.inspector.dependents(&known, after.as_deref())).await?;
            for item in items {
                match item {
                    Ok(_) => tally.index_rows += 1,
                    Err(finding) => tally.find(finding),
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What nothing else of the walk reads: each row is read and compared with its checksum.
    async fn tables_alone(self: &Arc<Self>, tally: &mut Tally) -> Result<(), String> {
        self.progress.phase("other tables", 0);
        let mut count = 0;
        for table in Inspector::tables_alone() {
            count += self.table_alone(table, tally).await?;
        }
        tally.other_rows = Some(count);
        Ok(())
    }

    async fn table_alone(self: &Arc<Self>, table: Table, tally: &mut Tally) -> Result<u64, String> {
        let (mut count, mut after) = (0, None::<Vec<u8>>);
        loop {
            let Page { items, next } =
                self.blocking(move |run| run.inspector.rows_alone(table, after.as_deref())).await?;
            for item in items {
                count += 1;
                tally.find_all(item.err());
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }
}
