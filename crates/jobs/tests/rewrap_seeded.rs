//! Rewrap jobs among everything else: writers, readers, deletes, uploads, rotations and moves interleaved by a seed keep
//! the answers of a plain model; and a job that is cut off at any page and gone on with ends as one that was not.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test")]

mod support;

use jobs::rewrap::{JobState, RewrapError, RewrapWish};
use model::UploadId;
use objects::Fail;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::engine::memory::MemoryStore;
use store::{Change, CommitFuture, MetaStore, Snapshot, Table, Transaction};
use strongroom_jobs as jobs;
use support::*;
use testkit::SeededEntropy;

/// A store that answers no more after so many writings of a job: what a power cut leaves.
struct CutOff {
    inner: Arc<dyn MetaStore>,
    left: AtomicI64,
}

impl MetaStore for CutOff {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.inner.snapshot()
    }

    fn commit(&self, transaction: Transaction) -> CommitFuture {
        let of_job = transaction.changes.iter().any(|change| matches!(change, Change::Put(Table::Jobs, ..)));
        let left = match of_job {
            true => self.left.fetch_sub(1, Ordering::SeqCst),
            false => self.left.load(Ordering::SeqCst),
        };
        // What a page does is done before it cannot be written.
        if left > 0 || (left == 0 && !of_job) {
            self.inner.commit(transaction)
        } else {
            Box::pin(std::future::pending())
        }
    }
}

async fn filled(w: &World) -> (model::BucketName, kms::CmkId, kms::CmkId) {
    let (bucket, from, to) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    for i in 0..40 {
        w.put(&bucket, &format!("direct/{i:02}"), &How::Kms(from.clone()), format!("d{i}").as_bytes()).await;
        w.put(&bucket, &format!("through/{i:02}"), &How::BucketKey(from.clone()), format!("t{i}").as_bytes()).await;
    }
    (bucket, from, to)
}

#[tokio::test]
async fn a_job_that_is_cut_off_at_any_page_ends_as_one_that_was_not() {
    let mut pages = 1;
    loop {
        let inner: Arc<dyn MetaStore> = Arc::new(MemoryStore::new());
        let w = World::over(inner.clone()).await;
        let (bucket, from, to) = filled(&w).await;
        let cut = Arc::new(CutOff { inner: inner.clone(), left: AtomicI64::new(i64::MAX) });
        let broken = w.reopened(cut.clone()).await;
        // Pages of ten.
        let wish = RewrapWish { to: Some(to.to_arn()), rate: 5, ..of(&from) };
        cut.left.store(pages, Ordering::SeqCst);
        let job = broken.jobs.start(&cx(), &admin(), &wish).await.unwrap();
        let mut finished = false;
        while cut.left.load(Ordering::SeqCst) >= 0 && !finished {
            tokio::task::yield_now().await;
            finished = broken.jobs.status(&admin(), job.id).await.unwrap().record.state == JobState::Done;
        }
        drop(broken);
        let w = w.reopened(inner).await;
        let begun = w.jobs.go_on().await.unwrap();
        assert_eq!(begun, usize::from(!finished), "after {pages} writings");
        let done = w.ended(job.id).await.record;
        assert_eq!((done.state, done.counts.failed, done.left.is_none()), (JobState::Done, 0, true), "{pages}");
        assert_eq!((w.needs(&from, None).await, w.needs(&to, None).await.0), ((0, 0, 0), 80), "{pages}");
        // The steps of one page at most are not counted: done, and cut off before that was written.
        assert!(done.counts.objects <= 80 && done.counts.objects >= 80 - 10, "{pages}: {:?}", done.counts);
        for i in [0, 17, 39] {
            assert_eq!(w.get(&bucket, &format!("direct/{i:02}")).await.unwrap(), format!("d{i}").as_bytes());
            assert_eq!(w.get(&bucket, &format!("through/{i:02}")).await.unwrap(), format!("t{i}").as_bytes());
        }
        if finished {
            assert!(pages > 8, "it was cut off at every page before: {pages}");
            return;
        }
        pages += 1;
    }
}

/// What should be there.
#[derive(Default)]
struct Model {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: Vec<(String, UploadId, Vec<objects::api::CompletedPart>, Vec<u8>)>,
}

struct Play {
    w: World,
    rng: SeededEntropy,
    model: Model,
    bucket: model::BucketName,
    cmks: Vec<kms::CmkId>,
    n: u64,
}

impl Play {
    fn name(&self) -> String {
        format!("{}/{}", ["a", "b"][self.rng.below(2) as usize], self.rng.below(12))
    }

    fn cmk(&self) -> kms::CmkId {
        self.cmks[self.rng.below(self.cmks.len() as u64) as usize].clone()
    }

    fn how(&self) -> How {
        match self.rng.below(7) {
            0 => How::Plain,
            1 => How::Obs,
            2 | 3 => How::Kms(self.cmk()),
            _ => How::BucketKey(self.cmk()),
        }
    }

    async fn step(&mut self) {
        self.n += 1;
        match self.rng.below(20) {
            0..=5 => {
                let (name, data) = (self.name(), format!("body {}", self.n).into_bytes());
                self.w.put(&self.bucket, &name, &self.how(), &data).await;
                self.model.objects.insert(name, data);
            }
            6..=8 => self.check(&self.name()).await,
            9 => {
                let name = self.name();
                self.w.delete(&self.bucket, &name).await;
                self.model.objects.remove(&name);
            }
            10 => {
                let name = self.name();
                let id = self.w.begin_upload(&self.bucket, &name, &self.how()).await;
                self.model.uploads.push((name, id, Vec::new(), Vec::new()));
            }
            11..=12 => {
                let Some((name, id, parts, data)) = self.model.uploads.first_mut() else { return };
                let piece = format!("part {} ", self.n).into_bytes();
                let number = parts.len() as u64 + 1;
                parts.push(self.w.part(&self.bucket, name, *id, number, &piece).await);
                data.extend_from_slice(&piece);
            }
            13 => {
                if self.model.uploads.first().is_none_or(|(_, _, parts, _)| parts.is_empty()) {
                    return;
                }
                let (name, id, parts, data) = self.model.uploads.remove(0);
                self.w.complete(&self.bucket, &name, id, parts).await;
                self.model.objects.insert(name, data);
            }
            14 => {
                if self.rng.below(4) == 0 {
                    self.w.rotate(&self.cmk()).await;
                }
            }
            15 => self.w.clock.advance_millis(self.rng.below(200_000)),
            16..=18 => {
                let mut wish = match self.rng.below(4) {
                    0 => RewrapWish { bucket: Some(self.bucket.clone()), ..RewrapWish::default() },
                    _ => of(&self.cmk()),
                };
                if wish.key.is_none() || self.rng.below(2) == 0 {
                    wish.to = Some(self.cmk().to_arn());
                } else {
                    wish.copies = self.rng.below(2) == 0;
                }
                wish.rate = [0, 1, 3][self.rng.below(3) as usize];
                match self.w.jobs.start(&cx(), &admin(), &wish).await {
                    Ok(_) | Err(RewrapError::Busy(_)) => {}
                    // Onto itself there is no copy to refresh; nothing else is refused.
                    Err(error) => panic!("{error:?} of {wish:?}"),
                }
            }
            _ => {
                // A restart, with cold caches: jobs go on by themselves.
                self.w = self.w.reopened(self.w.meta.clone()).await;
                self.w.jobs.go_on().await.unwrap();
            }
        }
        for _ in 0..self.rng.below(6) {
            tokio::task::yield_now().await;
        }
    }

    async fn check(&self, name: &str) {
        match (self.w.get(&self.bucket, name).await, self.model.objects.get(name)) {
            (Ok(data), Some(expected)) => assert_eq!(data, *expected, "{name}"),
            (Err(Fail::NoSuchKey { .. }), None) => {}
            (found, expected) => panic!("{name}: {found:?}, and not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn writers_readers_deletes_rotations_and_jobs_keep_the_models_answers() {
    for seed in 0..24 {
        let w = World::new().await;
        let (bucket, one, two) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
        let mut play =
            Play { w, rng: SeededEntropy::new(seed), model: Model::default(), bucket, cmks: vec![one, two], n: 0 };
        for _ in 0..150 {
            play.step().await;
        }
        // Jobs end, whatever came in between, and nothing of what they say failed.
        for job in play.w.jobs.list(&admin()).await.unwrap() {
            let ended = play.w.ended(job.id).await.record;
            assert_eq!((ended.state, ended.counts.failed, ended.counts.refused), (JobState::Done, 0, 0), "seed {seed}");
        }
        for (name, id, mut parts, mut data) in std::mem::take(&mut play.model.uploads) {
            if parts.is_empty() {
                parts.push(play.w.part(&play.bucket, &name, id, 1, b"only").await);
                data = b"only".to_vec();
            }
            play.w.complete(&play.bucket, &name, id, parts).await;
            play.model.objects.insert(name, data);
        }
        play.w = play.w.reopened(play.w.meta.clone()).await;
        for name in play.model.objects.keys() {
            play.check(name).await;
        }
        // One job more, with nothing beside it: no version but the newest is needed, and the evidence says so.
        for cmk in play.cmks.clone() {
            let done = play.w.rewrap(of(&cmk)).await.record;
            assert!(done.left.is_none() && done.counts.failed == 0, "seed {seed}: {done:?}");
            let newest = play.w.kms.current_version(&cmk).unwrap();
            for version in 1..newest {
                assert_eq!(play.w.needs(&cmk, Some(version)).await, (0, 0, 0), "seed {seed}");
            }
        }
        for name in play.model.objects.keys() {
            play.check(name).await;
        }
    }
}
