//! Rewrap jobs whose caller goes away, whose row cannot be written, and that are stopped while a step takes long: what is
//! asked for is done to its end, and no job says that it runs when nobody runs it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use jobs::rewrap::{JobRecord, JobState, Phase, RewrapError, RewrapWish};
use model::JobId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::{Table, Transaction};
use strongroom_jobs as jobs;
use support::gated::gated;
use support::*;

async fn filled(w: &World, objects: usize) -> kms::CmkId {
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for i in 0..objects {
        w.put(&bucket, &format!("{i:03}"), &How::Kms(cmk.clone()), b"x").await;
    }
    w.rotate(&cmk).await;
    cmk
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_asked_for_is_done_although_who_asked_goes_away() {
    let (store, gate, _opens) = gated();
    let w = World::over(store).await;
    let cmk = filled(&w, 20).await;
    let (cx, admin, wish) = (cx(), admin(), RewrapWish { rate: 1, ..of(&cmk) });
    w.held.store(true, Ordering::SeqCst);
    gate.jobs_unanswered.store(true, Ordering::SeqCst);
    let mut start = Box::pin(w.jobs.start(&cx, &admin, &wish));
    while w.rows(Table::Jobs).is_empty() {
        assert!(waits(&mut start).await);
        tokio::task::yield_now().await;
    }
    drop(start);
    gate.jobs_unanswered.store(false, Ordering::SeqCst);
    let job = w.jobs.list(&admin).await.unwrap().remove(0);
    assert_eq!(job.record.state, JobState::Running);
    until(|| w.recorded("Encrypt").iter().any(|event| event.via == "job")).await;

    let mut stop = Box::pin(w.jobs.stop(&admin, job.id));
    assert!(waits(&mut stop).await);
    drop(stop);
    w.jobs.wait(job.id).await;
    while w.jobs.status(&admin, job.id).await.unwrap().record.state != JobState::Stopped {
        tokio::task::yield_now().await;
    }

    let mut resume = Box::pin(w.jobs.resume(&admin, job.id));
    assert!(waits(&mut resume).await);
    drop(resume);
    while w.jobs.status(&admin, job.id).await.unwrap().record.state == JobState::Stopped {
        tokio::task::yield_now().await;
    }
    w.held.store(false, Ordering::SeqCst);
    assert_eq!(w.ended(job.id).await.record.state, JobState::Done);
    assert_eq!(w.needs(&cmk, Some(1)).await, (0, 0, 0));
}

#[tokio::test]
async fn a_job_whose_end_could_not_be_written_keeps_nobody_waiting_and_is_resumed() {
    let (store, gate, _opens) = gated();
    let w = World::over(store).await;
    let cmk = filled(&w, 20).await;
    let who = user(1, &[&allow("[\"s3:*\",\"kms:*\"]", "\"*\"")]);
    w.people.set("AKUSER", who.clone());
    w.held.store(true, Ordering::SeqCst);
    let wish = RewrapWish { rate: 1, ..of(&cmk) };
    let job = w.jobs.start(&cx_of(&who), &user_of(&who, "AKUSER"), &wish).await.unwrap();
    while w.jobs.status(&admin(), job.id).await.unwrap().record.counts.objects == 0 {
        tokio::task::yield_now().await;
    }
    gate.jobs_unwritten.store(true, Ordering::SeqCst);
    w.people.remove("AKUSER");
    w.held.store(false, Ordering::SeqCst);
    w.jobs.wait(job.id).await;
    gate.jobs_unwritten.store(false, Ordering::SeqCst);
    let row = JobRecord::decode(&w.rows(Table::Jobs)[0].1).unwrap().unwrap();
    assert_eq!(row.state, JobState::Running, "what the disk says");
    assert_eq!(w.recorded("EndRewrapJob").len(), 1, "the log knows");
    for seen in [w.jobs.status(&admin(), job.id).await.unwrap(), w.jobs.list(&admin()).await.unwrap().remove(0)] {
        assert_eq!(seen.record.state, JobState::Paused, "nobody runs it");
        assert!(seen.record.reason.contains("resume"), "{}", seen.record.reason);
    }
    // It is in nobody's way, and can be stopped and resumed.
    let second = w.jobs.start(&cx(), &admin(), &RewrapWish { version: Some(2), ..of(&cmk) }).await.unwrap();
    assert_eq!(w.ended(second.id).await.record.state, JobState::Done);
    w.jobs.resume(&admin(), job.id).await.unwrap();
    let done = w.ended(job.id).await.record;
    assert_eq!((done.state, done.counts.objects), (JobState::Done, 20));
}

#[tokio::test]
async fn of_two_jobs_that_seem_to_run_over_a_cmk_one_goes_on() {
    let w = World::new().await;
    let cmk = filled(&w, 3).await;
    let first = w.rewrap(of(&cmk)).await;
    w.clock.advance_millis(1);
    let second = w.rewrap(of(&cmk)).await;
    let mut tx = Transaction::new();
    for job in [&first, &second] {
        let record = JobRecord { state: JobState::Running, phase: Phase::Count, ended: None, ..job.record.clone() };
        tx.put(Table::Jobs, job.id.as_bytes().to_vec(), record.encode());
    }
    w.meta.commit(tx).await.unwrap();
    let w = w.reopened(w.meta.clone()).await;
    assert_eq!(w.jobs.go_on().await.unwrap(), 1);
    let state = |id: JobId| {
        let w = &w;
        async move { w.jobs.status(&admin(), id).await.unwrap().record.state }
    };
    assert_eq!(state(first.id).await, JobState::Paused, "the second was begun after it had broken off");
    assert_eq!(w.ended(second.id).await.record.state, JobState::Done);
    assert_eq!(w.jobs.stop(&admin(), first.id).await.unwrap().record.state, JobState::Stopped);
}

#[tokio::test]
async fn a_stop_that_waits_for_a_step_keeps_nobody_else_waiting() {
    let (store, gate, _opens) = gated();
    let w = World::over(store).await;
    let (cmk, other) = (filled(&w, 20).await, w.cmk().await);
    let job = w.jobs.start(&cx(), &admin(), &of(&cmk)).await.unwrap();
    gate.current_held.store(true, Ordering::SeqCst);
    until(|| w.recorded("Encrypt").iter().any(|event| event.via == "job")).await;
    let admin = admin();
    let mut stop = Box::pin(w.jobs.stop(&admin, job.id));
    while w.recorded("StopRewrapJob").is_empty() {
        assert!(waits(&mut stop).await);
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(waits(&mut stop).await, "a step is under way");
    // It is at work until it has ended.
    assert_eq!(w.jobs.start(&cx(), &admin, &of(&cmk)).await, Err(RewrapError::Busy(job.id)));
    assert_eq!(w.jobs.resume(&admin, job.id).await, Err(RewrapError::WrongState("running")));
    assert_eq!(w.jobs.list(&admin).await.unwrap().len(), 1);
    let second = w.jobs.start(&cx(), &admin, &of(&other)).await.unwrap();
    w.jobs.wait(second.id).await;
    assert_eq!(w.jobs.status(&admin, second.id).await.unwrap().record.state, JobState::Done);
    gate.current_held.store(false, Ordering::SeqCst);
    assert_eq!(stop.await.unwrap().record.state, JobState::Stopped);
}

#[tokio::test]
async fn who_a_job_acts_as_is_asked_again_within_a_page() {
    let (store, gate, _opens) = gated();
    let w = World::over(store).await;
    let cmk = filled(&w, 200).await;
    let all = allow("[\"s3:*\",\"kms:*\"]", "\"*\"");
    w.people.set("AKUSER", user(1, &[&all]));
    let (clock, people, commits) = (w.clock.clone(), Arc::downgrade(&w.people), AtomicUsize::new(0));
    *gate.on_current.lock().unwrap() = Some(Box::new(move || {
        clock.advance_millis(500);
        if commits.fetch_add(1, Ordering::SeqCst) == 20 {
            // The right to objects goes, the right to keys stays.
            let narrow = user(1, &[&allow("\"kms:*\"", "\"*\"")]);
            let _set = people.upgrade().map(|people: Arc<People>| people.set("AKUSER", narrow));
        }
    }));
    let job = w.jobs.start(&cx_of(&user(1, &[&all])), &user_of(&user(1, &[&all]), "AKUSER"), &of(&cmk)).await.unwrap();
    let done = w.ended(job.id).await.record;
    assert_eq!((done.state, done.counts.failed), (JobState::Done, 0));
    assert!(done.counts.objects < 60 && done.counts.refused > 140, "{:?}", done.counts);
}

#[tokio::test]
async fn an_end_is_on_record_before_it_is_written() {
    let (store, gate, _opens) = gated();
    let w = World::over(store).await;
    let cmk = filled(&w, 3).await;
    gate.done_lost.store(true, Ordering::SeqCst);
    let job = w.jobs.start(&cx(), &admin(), &of(&cmk)).await.unwrap();
    until(|| gate.done_tried.load(Ordering::SeqCst)).await;
    assert_eq!(w.jobs.status(&admin(), job.id).await.unwrap().record.state, JobState::Running);
    let ends = w.recorded("EndRewrapJob");
    assert_eq!(ends.len(), 1, "a server that is killed now has it on its log");
    assert!(ends[0].details.contains(&("state", "done".to_owned())));
    gate.done_lost.store(false, Ordering::SeqCst);
    let w = w.reopened(w.meta.clone()).await;
    assert_eq!(w.jobs.go_on().await.unwrap(), 1);
    assert_eq!(w.ended(job.id).await.record.state, JobState::Done);
}
