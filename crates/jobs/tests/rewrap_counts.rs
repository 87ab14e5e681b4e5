//! What rewrap jobs and dry runs count, and what counting may take from everybody else: one walk at a time, which ends when
//! nobody wants it any more.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use jobs::rewrap::{JobState, RewrapError, RewrapWish};
use kms::KmsError;
use std::sync::atomic::Ordering;
use strongroom_jobs as jobs;
use support::gated::gated;
use support::*;

/// A store of three objects under a CMK that was rotated.
async fn world() -> (World, kms::CmkId, std::sync::Arc<gated::Gate>, gated::Opens) {
    let (store, gate, opens) = gated();
    let w = World::over(store).await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for name in ["1", "2", "3"] {
        w.put(&bucket, name, &How::Kms(cmk.clone()), b"x").await;
    }
    w.rotate(&cmk).await;
    (w, cmk, gate, opens)
}

#[tokio::test]
async fn one_count_is_made_at_a_time_and_keeps_its_turn_after_its_caller_left() {
    let (w, cmk, gate, _opens) = world().await;
    let (cx, admin, wish) = (cx(), admin(), of(&cmk));
    gate.shut(true);
    let dry_run = || Box::pin(w.jobs.dry_run(&cx, &admin, &wish));
    // One that counts, and as many as may wait.
    let mut runs: Vec<_> = (0..9).map(|_| dry_run()).collect();
    for run in &mut runs {
        assert!(waits(run).await);
    }
    assert_eq!(dry_run().await, Err(RewrapError::Kms(KmsError::Throttled)));
    assert_eq!(w.kms.impact(&admin, &cmk, None).await, Err(KmsError::Throttled), "one limit for whoever counts");
    gate.until(1).await;
    drop(runs);
    let mut late = dry_run();
    assert!(waits(&mut late).await, "the walk has the turn that nobody waits for");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((gate.walking(), gate.most()), (1, 1));
    gate.shut(false);
    assert_eq!(late.await.unwrap().totals.objects, 3);
    assert_eq!(gate.most(), 1);
}

#[tokio::test]
async fn a_job_waits_for_its_turn_where_a_request_is_turned_away() {
    let (w, cmk, gate, _opens) = world().await;
    let (cx, admin, wish) = (cx(), admin(), of(&cmk));
    gate.shut(true);
    let mut runs: Vec<_> = (0..9).map(|_| Box::pin(w.jobs.dry_run(&cx, &admin, &wish))).collect();
    for run in &mut runs {
        assert!(waits(run).await);
    }
    let job = w.jobs.start(&cx, &admin, &wish).await.unwrap();
    gate.until(1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(gate.most(), 1, "the job's own count is not under way");
    assert_eq!(w.jobs.status(&admin, job.id).await.unwrap().record.state, JobState::Running);
    // Who waits for a turn can be told to stop.
    assert_eq!(w.jobs.stop(&admin, job.id).await.unwrap().record.state, JobState::Stopped);
    w.jobs.resume(&admin, job.id).await.unwrap();
    gate.shut(false);
    for run in runs {
        assert_eq!(run.await.unwrap().totals.objects, 3);
    }
    let done = w.ended(job.id).await.record;
    assert_eq!((done.state, done.counts.objects), (JobState::Done, 3));
}

#[tokio::test]
async fn a_count_that_nobody_wants_any_more_ends() {
    let (w, cmk, gate, _opens) = world().await;
    let (cx, admin, wish) = (cx(), admin(), of(&cmk));
    gate.endless.store(true, Ordering::SeqCst);
    let mut run = Box::pin(w.jobs.dry_run(&cx, &admin, &wish));
    assert!(waits(&mut run).await);
    gate.until(1).await;
    drop(run);
    gate.until(0).await;
    // Of a job that is stopped.
    let job = w.jobs.start(&cx, &admin, &wish).await.unwrap();
    gate.until(1).await;
    assert_eq!(w.jobs.stop(&admin, job.id).await.unwrap().record.state, JobState::Stopped);
    gate.until(0).await;
    // Of all, at the end of the server.
    w.jobs.resume(&admin, job.id).await.unwrap();
    gate.until(1).await;
    w.jobs.close().await;
    gate.until(0).await;
    gate.endless.store(false, Ordering::SeqCst);
    let w = w.reopened(w.meta.clone()).await;
    assert_eq!(w.jobs.go_on().await.unwrap(), 1);
    assert_eq!(w.ended(job.id).await.record.state, JobState::Done);
}

#[tokio::test]
async fn every_version_is_told_apart() {
    let w = World::new().await;
    let (bucket, empty, cmk) = (w.bucket("bucket").await, w.bucket("empty").await, w.cmk().await);
    for i in 1..=70 {
        w.put(&bucket, &format!("{i}"), &How::Kms(cmk.clone()), b"x").await;
        assert_eq!(w.rotate(&cmk).await, i + 1);
    }
    let wish = RewrapWish { bucket: Some(empty), version: Some(69), ..of(&cmk) };
    let job = w.rewrap(wish).await.record;
    let key = cmk.uid.to_uuid();
    assert_eq!(job.evidence(), [format!("1 objects and 0 bucket keys still need version 69 of key {key}")]);
    let after: Vec<_> = job.after.unwrap().1.iter().map(|of| (of.version, of.objects)).collect();
    assert_eq!(after, (1..=70).map(|version| (version, 1)).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_bucket_key_of_a_bucket_that_is_gone_leaves_a_job_nothing_to_do() {
    let w = World::new().await;
    let (gone, stays, cmk) = (w.bucket("gone").await, w.bucket("stays").await, w.cmk().await);
    for bucket in [&gone, &stays] {
        w.put(bucket, "o", &How::BucketKey(cmk.clone()), b"x").await;
        w.delete(bucket, "o").await;
    }
    w.objects.delete_bucket(&cx(), &gone).await.unwrap();
    w.rotate(&cmk).await;
    let would = w.jobs.dry_run(&cx(), &admin(), &of(&cmk)).await.unwrap().totals;
    assert_eq!(would.bucket_keys, 1, "that of the bucket which is there");
    let job = w.rewrap(of(&cmk)).await.record;
    assert_eq!((job.counts.bucket_keys, job.is_incomplete()), (1, false), "{:?}", job.left);
}
