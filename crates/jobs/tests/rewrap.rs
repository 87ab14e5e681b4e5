//! Rewrap jobs from their start to their evidence: each kind, filters, refusals, and what stands in the way of one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use jobs::rewrap::{FAILURES_NAMED_MAX, JobState, RewrapError, RewrapWish};
use kms::KmsError;
use policy::Principal;
use store::Table;
use strongroom_jobs as jobs;
use support::*;

#[tokio::test]
async fn a_rotated_cmk_is_left_by_direct_objects_uploads_and_bucket_keys_and_no_other_object_is_touched() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for i in 0..20 {
        w.put(&bucket, &format!("direct/{i}"), &How::Kms(cmk.clone()), format!("d{i}").as_bytes()).await;
        w.put(&bucket, &format!("through/{i}"), &How::BucketKey(cmk.clone()), format!("t{i}").as_bytes()).await;
    }
    w.put(&bucket, "obs", &How::Obs, b"o").await;
    w.put(&bucket, "plain", &How::Plain, b"p").await;
    let upload = w.begin_upload(&bucket, "upload", &How::Kms(cmk.clone())).await;
    let first = w.part(&bucket, "upload", upload, 1, b"one").await;
    let through = w.begin_upload(&bucket, "through", &How::BucketKey(cmk.clone())).await;
    assert_eq!(w.rotate(&cmk).await, 2);
    assert_eq!(w.needs(&cmk, Some(1)).await, (40, 2, 1));
    let before = w.rows(Table::Current);
    let head = w.objects.head_object(&cx(), read(&bucket, "direct/3")).await.unwrap();
    w.clock.advance_millis(5_000);

    let job = w.rewrap(of(&cmk)).await.record;
    assert_eq!(job.state, JobState::Done, "{}", job.reason);
    assert_eq!((job.totals.objects, job.totals.uploads, job.totals.bucket_keys, job.totals.served), (20, 1, 1, 21));
    assert_eq!((job.counts.objects, job.counts.uploads, job.counts.bucket_keys), (20, 1, 1));
    assert_eq!((job.counts.unchanged, job.counts.gone, job.counts.refused, job.counts.failed), (0, 0, 0, 0));
    assert_eq!(job.counts.bytes, (0..20).map(|i: u64| format!("d{i}").len() as u64).sum::<u64>());
    // The evidence, and the same from the KMS.
    assert_eq!(
        job.before.iter().map(|of| (of.version, of.objects, of.uploads, of.bucket_keys)).collect::<Vec<_>>(),
        [(1, 40, 2, 1)]
    );
    let key = cmk.uid.to_uuid();
    assert_eq!(job.evidence(), [format!("0 objects and 0 bucket keys still need version 1 of key {key}")]);
    let (_, after) = job.after.unwrap();
    assert_eq!(
        after.iter().map(|of| (of.version, of.objects, of.uploads, of.bucket_keys)).collect::<Vec<_>>(),
        [(2, 40, 2, 1)]
    );
    assert!(job.left.is_none());
    assert_eq!(w.needs(&cmk, Some(1)).await, (0, 0, 0));

    // Rows of other objects are as they were, byte by byte.
    for ((key, old), (_, new)) in before.iter().zip(w.rows(Table::Current)) {
        let is_direct = String::from_utf8_lossy(key).contains("direct/");
        assert_eq!(*old != new, is_direct, "{}", String::from_utf8_lossy(key));
    }
    let now = w.objects.head_object(&cx(), read(&bucket, "direct/3")).await.unwrap();
    assert_eq!((now.etag, now.last_modified, now.size), (head.etag, head.last_modified, head.size));
    // With cold caches, everything opens; the upload goes on.
    let w = w.reopened(w.meta.clone()).await;
    for i in 0..20 {
        assert_eq!(w.get(&bucket, &format!("direct/{i}")).await.unwrap(), format!("d{i}").as_bytes());
        assert_eq!(w.get(&bucket, &format!("through/{i}")).await.unwrap(), format!("t{i}").as_bytes());
    }
    let second = w.part(&bucket, "upload", upload, 2, b"two").await;
    w.complete(&bucket, "upload", upload, vec![first, second]).await;
    assert_eq!(w.get(&bucket, "upload").await.unwrap(), b"onetwo");
    let part = w.part(&bucket, "through", through, 1, b"late").await;
    w.complete(&bucket, "through", through, vec![part]).await;
    assert_eq!(w.get(&bucket, "through").await.unwrap(), b"late");
    assert_eq!(w.needs(&cmk, Some(1)).await, (0, 0, 0));
    // Once more there is nothing to do.
    let job = w.rewrap(of(&cmk)).await.record;
    assert_eq!((job.totals.is_none(), job.counts), (true, jobs::rewrap::Counts::default()));
    assert_eq!(job.evidence(), [format!("nothing needs a version before 2 of key {key}")]);
}

#[tokio::test]
async fn copies_follow_on_demand_and_only_then() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for i in 0..5 {
        w.put(&bucket, &format!("o{i}"), &How::BucketKey(cmk.clone()), b"data").await;
    }
    w.rotate(&cmk).await;
    let job = w.rewrap(RewrapWish { copies: true, ..of(&cmk) }).await.record;
    assert_eq!((job.counts.copies, job.counts.bucket_keys, job.counts.failed), (5, 1, 0));
    // The table of bucket keys is lost: the copies are all there is, and they name the newest version.
    for (key, _) in w.rows(Table::BucketKeys) {
        let mut tx = store::Transaction::new();
        tx.delete(Table::BucketKeys, key);
        w.meta.commit(tx).await.unwrap();
    }
    let w = w.reopened(w.meta.clone()).await;
    for i in 0..5 {
        assert_eq!(w.get(&bucket, &format!("o{i}")).await.unwrap(), b"data");
    }
    let opened: Vec<u32> = w.recorded("Decrypt").iter().map(|e| e.key.as_ref().unwrap().version.unwrap()).collect();
    assert!(!opened.is_empty() && opened.iter().all(|version| *version == 2), "{opened:?}");
}

#[tokio::test]
async fn objects_whose_bucket_key_lost_its_row_are_wrapped_anew_one_by_one() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for i in 0..3 {
        w.put(&bucket, &format!("o{i}"), &How::BucketKey(cmk.clone()), b"data").await;
    }
    let mut tx = store::Transaction::new();
    for (key, row) in w.rows(Table::BucketKeys) {
        tx.changes.push(sse::Dependent::of_bucket_key(&key, &row).unwrap().remove());
        tx.delete(Table::BucketKeys, key);
    }
    w.meta.commit(tx).await.unwrap();
    w.rotate(&cmk).await;
    let job = w.rewrap(of(&cmk)).await.record;
    assert_eq!((job.counts.objects, job.counts.bucket_keys, job.left.is_none()), (3, 0, true));
    assert_eq!(w.needs(&cmk, Some(1)).await, (0, 0, 0));
    assert_eq!(w.needs(&cmk, Some(2)).await, (3, 0, 1), "under one bucket key of now");
    assert_eq!(w.get(&bucket, "o1").await.unwrap(), b"data");
}

#[tokio::test]
async fn everything_moves_to_another_cmk_and_bucket_keys_that_nothing_needs_are_removed() {
    let w = World::new().await;
    let (bucket, from, to) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    for i in 0..10 {
        w.put(&bucket, &format!("direct/{i}"), &How::Kms(from.clone()), b"d").await;
        w.put(&bucket, &format!("through/{i}"), &How::BucketKey(from.clone()), b"t").await;
    }
    let upload = w.begin_upload(&bucket, "upload", &How::BucketKey(from.clone())).await;
    w.clock.advance_millis(OLD_MILLIS);
    // Another bucket key, which may still seal new objects when the job comes by.
    w.put(&bucket, "young", &How::BucketKey(from.clone()), b"t").await;
    assert_eq!(w.rows(Table::BucketKeys).len(), 2);
    let wish = RewrapWish { to: Some(to.to_arn()), ..of(&from) };
    let job = w.rewrap(wish.clone()).await.record;
    assert_eq!(job.state, JobState::Done);
    assert_eq!((job.counts.objects, job.counts.uploads, job.counts.removed, job.counts.failed), (21, 1, 1, 0));
    assert_eq!((w.needs(&from, None).await, w.needs(&to, None).await), ((0, 0, 0), (21, 1, 1)));
    let key = from.uid.to_uuid();
    assert_eq!(job.evidence(), [format!("0 objects and 0 bucket keys still need key {key}")]);
    assert_eq!(job.after.unwrap().1, []);
    assert_eq!(w.rows(Table::BucketKeys).len(), 2, "the young one, and the new CMK's");
    // Ways stay: through a bucket key or without.
    let row = |name: &str| {
        let rows = w.rows(Table::CmkDependents);
        let all = rows.iter().map(|(key, row)| sse::Dependent::decode(key, row).unwrap());
        all.into_iter().find(|row| row.name == name).unwrap()
    };
    assert!(row("direct/1").bucket_key.is_none() && row("through/1").bucket_key.is_some());
    // Later the young one is removed, and its rows with it.
    w.clock.advance_millis(OLD_MILLIS);
    let job = w.rewrap(wish).await.record;
    assert_eq!((job.counts.removed, job.counts.objects), (1, 0));
    assert!(w.rows(Table::CmkDependents).iter().all(|(key, _)| !key.starts_with(from.uid.as_bytes())));
    // The CMK can go.
    w.kms.schedule_deletion(&admin(), &from, 7, false).await.unwrap();
    let w = w.reopened(w.meta.clone()).await;
    assert_eq!(w.get(&bucket, "through/3").await.unwrap(), b"t");
    let part = w.part(&bucket, "upload", upload, 1, b"late").await;
    w.complete(&bucket, "upload", upload, vec![part]).await;
    assert_eq!(w.get(&bucket, "upload").await.unwrap(), b"late");
}

#[tokio::test]
async fn what_is_under_sse_obs_comes_under_a_cmk() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for i in 0..7 {
        w.put(&bucket, &format!("a/{i}"), &How::Obs, b"o").await;
        w.put(&bucket, &format!("b/{i}"), &How::Obs, b"o").await;
    }
    w.put(&bucket, "a/plain", &How::Plain, b"p").await;
    let wish = RewrapWish {
        to: Some(cmk.to_arn()),
        bucket: Some(bucket.clone()),
        prefix: "a/".into(),
        bucket_key: true,
        ..RewrapWish::default()
    };
    let job = w.rewrap(wish).await.record;
    assert_eq!((job.state, job.totals.objects, job.counts.objects, job.left.is_none()), (JobState::Done, 7, 7, true));
    assert_eq!(w.needs(&cmk, None).await, (7, 0, 1));
    for name in ["a/3", "b/3"] {
        assert_eq!(w.get(&bucket, name).await.unwrap(), b"o");
    }
    assert_eq!(w.get(&bucket, "a/plain").await.unwrap(), b"p");
}

#[tokio::test]
async fn filters_leave_the_rest_and_the_evidence_says_what_remains() {
    let w = World::new().await;
    let (one, two, cmk) = (w.bucket("one-bucket").await, w.bucket("two-bucket").await, w.cmk().await);
    for (bucket, name) in [(&one, "logs/a"), (&one, "logs/b"), (&one, "pics/a"), (&two, "logs/a")] {
        w.put(bucket, name, &How::Kms(cmk.clone()), b"x").await;
    }
    w.rotate(&cmk).await;
    let wish = RewrapWish { bucket: Some(one.clone()), prefix: "logs/".into(), version: Some(1), ..of(&cmk) };
    let job = w.rewrap(wish).await.record;
    assert_eq!((job.counts.objects, job.left.is_none()), (2, true));
    let key = cmk.uid.to_uuid();
    assert_eq!(job.evidence(), [format!("2 objects and 0 bucket keys still need version 1 of key {key}")]);
    let after: Vec<_> = job.after.unwrap().1.iter().map(|of| (of.version, of.objects)).collect();
    assert_eq!(after, [(1, 2), (2, 2)], "two objects outside of the job's names still need version 1");
    let job = w.rewrap(RewrapWish { version: Some(2), ..of(&cmk) }).await.record;
    assert_eq!((job.counts.objects, w.needs(&cmk, Some(1)).await), (0, (2, 0, 0)));
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let w = World::new().await;
    let (bucket, cmk, to) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    for i in 0..3 {
        w.put(&bucket, &format!("d{i}"), &How::Kms(cmk.clone()), b"12").await;
        w.put(&bucket, &format!("t{i}"), &How::BucketKey(cmk.clone()), b"12").await;
        w.put(&bucket, &format!("o{i}"), &How::Obs, b"12").await;
    }
    w.rotate(&cmk).await;
    let before = w.everything();
    let would = |wish: RewrapWish| {
        let w = &w;
        async move {
            let t = w.jobs.dry_run(&cx(), &admin(), &wish).await.unwrap().totals;
            (t.objects, t.bytes, t.bucket_keys, t.served)
        }
    };
    assert_eq!(would(of(&cmk)).await, (3, 6, 1, 3));
    assert_eq!(would(RewrapWish { to: Some(to.to_arn()), ..of(&cmk) }).await, (6, 12, 0, 0));
    let managed = RewrapWish { to: Some(to.to_arn()), bucket: Some(bucket), ..RewrapWish::default() };
    assert_eq!(would(managed).await, (3, 6, 0, 0));
    assert!(w.everything() == before, "row for row");
    assert_eq!(w.jobs.list(&admin()).await.unwrap(), []);
}

#[tokio::test]
async fn a_rate_is_kept_by_the_clock() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for i in 0..50 {
        w.put(&bucket, &format!("{i}"), &How::Kms(cmk.clone()), b"x").await;
    }
    w.rotate(&cmk).await;
    let began = model::Clock::now(&*w.clock);
    let job = w.rewrap(RewrapWish { rate: 10, ..of(&cmk) }).await.record;
    let took = model::Clock::now(&*w.clock).millis_since(began);
    assert_eq!((job.counts.objects, took), (50, 5_000));
}

#[tokio::test]
async fn whoever_may_not_use_the_keys_starts_nothing_and_sees_nothing() {
    let w = World::new().await;
    let (bucket, cmk, to) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    w.put(&bucket, "o", &How::Kms(cmk.clone()), b"x").await;
    w.rotate(&cmk).await;
    let all_of = |cmk: &kms::CmkId, actions: &str| allow(actions, &format!("\"{}\"", cmk.to_arn()));
    let s3 = allow("\"s3:*\"", "\"*\"");
    let moving = RewrapWish { to: Some(to.to_arn()), ..of(&cmk) };
    for (uid, policies, wish) in [
        (1, vec![s3.clone()], of(&cmk)),
        (2, vec![s3.clone(), all_of(&cmk, "\"kms:Decrypt\"")], of(&cmk)),
        (3, vec![s3.clone(), all_of(&cmk, "\"kms:Encrypt\"")], of(&cmk)),
        (4, vec![s3.clone(), all_of(&cmk, "\"kms:*\"")], moving.clone()),
        (5, vec![s3.clone(), all_of(&to, "\"kms:*\"")], moving.clone()),
    ] {
        let who = user(uid, &policies.iter().map(String::as_str).collect::<Vec<_>>());
        w.people.set("AKUSER", who.clone());
        let asked = user_of(&who, "AKUSER");
        let before = w.everything();
        let refused = w.jobs.start(&cx_of(&who), &asked, &wish).await;
        assert_eq!(refused, Err(RewrapError::Kms(KmsError::Denied)), "{uid}");
        let refused = w.jobs.dry_run(&cx_of(&who), &asked, &wish).await;
        assert_eq!(refused, Err(RewrapError::Kms(KmsError::Denied)), "{uid}");
        assert!(w.everything() == before);
    }
    assert!(w.recorded("StartRewrapJob").is_empty());
    assert!(w.recorded("Decrypt").iter().chain(&w.recorded("Encrypt")).all(|e| e.outcome == audit::Outcome::Denied));
    // Nor do they learn of somebody else's job.
    let job = w.jobs.start(&cx(), &admin(), &moving).await.unwrap();
    let stranger = user_of(&user(9, &[&s3]), "AKUSER");
    assert_eq!(w.jobs.status(&stranger, job.id).await, Err(RewrapError::NoSuchJob));
    assert_eq!(w.jobs.stop(&stranger, job.id).await, Err(RewrapError::NoSuchJob));
    assert_eq!(w.jobs.resume(&stranger, job.id).await, Err(RewrapError::NoSuchJob));
    assert_eq!(w.jobs.list(&stranger).await.unwrap(), []);
    let elsewhere = user_of(&root_of(2), "AKTWO");
    assert_eq!(w.jobs.status(&elsewhere, job.id).await, Err(RewrapError::NoSuchJob));
    w.jobs.wait(job.id).await;
}

#[tokio::test]
async fn sessions_and_borrowed_access_keys_start_no_job() {
    let w = World::new().await;
    let cmk = w.cmk().await;
    let unsigned = kms::KeyUser { access_key: None, ..admin() };
    let borrowed = user_of(&root_of(1), "AKOTHER");
    w.people.set("AKOTHER", user(1, &[]));
    let unknown = user_of(&root_of(1), "ASIASESSION");
    let anonymous = user_of(&Principal::Anonymous, ADMIN);
    for who in [unsigned, borrowed, unknown, anonymous] {
        assert_eq!(w.jobs.start(&cx(), &who, &of(&cmk)).await, Err(RewrapError::NeedsAccessKey));
    }
}

#[tokio::test]
async fn each_object_is_asked_for_and_what_is_refused_is_counted_and_not_named() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for name in ["mine/1", "mine/2", "yours/1"] {
        w.put(&bucket, name, &How::Kms(cmk.clone()), b"x").await;
    }
    w.put(&bucket, "through", &How::BucketKey(cmk.clone()), b"x").await;
    w.rotate(&cmk).await;
    let rights = [
        allow("[\"kms:Decrypt\",\"kms:Encrypt\",\"kms:DescribeKey\"]", "\"*\""),
        allow("\"s3:UpdateObjectEncryption\"", "\"arn:aws:s3:::bucket/mine/*\""),
    ];
    let who = user(1, &rights.each_ref().map(String::as_str));
    w.people.set("AKUSER", who.clone());
    let job = w.jobs.start(&cx_of(&who), &user_of(&who, "AKUSER"), &of(&cmk)).await.unwrap();
    let job = w.ended(job.id).await.record;
    assert_eq!((job.state, job.counts.objects, job.counts.refused, job.counts.failed), (JobState::Done, 2, 2, 0));
    assert_eq!(job.failures, []);
    assert_eq!((job.left.objects, job.left.bucket_keys), (1, 1));
    assert_eq!(w.needs(&cmk, Some(1)).await, (2, 0, 1));
    // Each use of the CMK was in that user's name.
    let used = w.recorded("Encrypt");
    assert!(!used.is_empty() && used.iter().all(|e| e.via == "job" && e.who.principal == who.urn()));
}

#[tokio::test]
async fn a_right_or_an_identity_that_ends_midway_stops_the_job_and_another_goes_on_with_it() {
    for key_gone in [false, true] {
        let w = World::new().await;
        let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
        for i in 0..600 {
            w.put(&bucket, &format!("{i:03}"), &How::Kms(cmk.clone()), b"x").await;
        }
        w.rotate(&cmk).await;
        let s3 = allow("\"s3:*\"", "\"*\"");
        let who = user(1, &[&s3, &allow("\"kms:*\"", "\"*\"")]);
        w.people.set("AKUSER", who.clone());
        let wish = RewrapWish { rate: 50, ..of(&cmk) };
        let job = w.jobs.start(&cx_of(&who), &user_of(&who, "AKUSER"), &wish).await.unwrap();
        while w.jobs.status(&admin(), job.id).await.unwrap().record.counts.objects == 0 {
            tokio::task::yield_now().await;
        }
        match key_gone {
            true => w.people.remove("AKUSER"),
            false => w.people.set("AKUSER", user(1, &[&s3])),
        }
        let stopped = w.ended(job.id).await.record;
        assert_eq!(stopped.state, JobState::Refused, "{stopped:?}");
        assert!(stopped.counts.objects < 600 && stopped.counts.refused == 0 && !stopped.reason.is_empty());
        // The same access key in other hands is another identity.
        w.people.set("AKUSER", user(2, &[&s3, &allow("\"kms:*\"", "\"*\"")]));
        assert_eq!(w.jobs.go_on().await.unwrap(), 0);
        let resumed = w.jobs.resume(&admin(), job.id).await.unwrap();
        assert_eq!(resumed.record.starter.access_key, ADMIN);
        let done = w.ended(job.id).await.record;
        assert_eq!((done.state, done.counts.objects), (JobState::Done, 600));
        assert_eq!(w.needs(&cmk, Some(1)).await, (0, 0, 0));
    }
}

#[tokio::test]
async fn a_cmk_disabled_in_the_middle_pauses_the_job_until_it_is_resumed() {
    let w = World::new().await;
    let (bucket, from, to) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    for i in 0..600 {
        w.put(&bucket, &format!("{i:03}"), &How::Kms(from.clone()), b"x").await;
    }
    let wish = RewrapWish { rate: 50, to: Some(to.to_arn()), ..of(&from) };
    let job = w.jobs.start(&cx(), &admin(), &wish).await.unwrap();
    while w.jobs.status(&admin(), job.id).await.unwrap().record.counts.objects == 0 {
        tokio::task::yield_now().await;
    }
    w.kms.disable(&admin(), &to).await.unwrap();
    let paused = w.ended(job.id).await.record;
    assert_eq!((paused.state, paused.counts.failed), (JobState::Paused, 0), "{paused:?}");
    assert!(paused.reason.contains("disabled"));
    let again = w.jobs.resume(&admin(), job.id).await.unwrap();
    let paused = w.ended(again.id).await.record;
    assert_eq!(paused.state, JobState::Paused, "still disabled");
    w.kms.enable(&admin(), &to).await.unwrap();
    w.jobs.resume(&admin(), job.id).await.unwrap();
    let done = w.ended(job.id).await.record;
    assert_eq!((done.state, done.counts.objects, done.counts.failed), (JobState::Done, 600, 0));
    assert_eq!(w.needs(&from, None).await, (0, 0, 0));
}

#[tokio::test]
async fn one_job_at_a_time_for_a_cmk_and_a_stopped_one_can_be_resumed() {
    let w = World::new().await;
    let (bucket, cmk, other) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    for i in 0..600 {
        w.put(&bucket, &format!("{i:03}"), &How::Kms(cmk.clone()), b"x").await;
    }
    w.rotate(&cmk).await;
    let first = w.jobs.start(&cx(), &admin(), &RewrapWish { rate: 50, ..of(&cmk) }).await.unwrap();
    for second in [
        of(&cmk),
        RewrapWish { to: Some(cmk.to_arn()), ..of(&other) },
        RewrapWish { to: Some(other.to_arn()), ..of(&cmk) },
        RewrapWish { to: Some(cmk.to_arn()), bucket: Some(bucket.clone()), ..RewrapWish::default() },
    ] {
        assert_eq!(w.jobs.start(&cx(), &admin(), &second).await, Err(RewrapError::Busy(first.id)));
    }
    let stopped = w.jobs.stop(&admin(), first.id).await.unwrap().record;
    assert_eq!(stopped.state, JobState::Stopped);
    assert_eq!(w.jobs.stop(&admin(), first.id).await, Err(RewrapError::WrongState("stopped")));
    let second = w.jobs.start(&cx(), &admin(), &RewrapWish { rate: 50, ..of(&cmk) }).await.unwrap();
    assert_eq!(w.jobs.resume(&admin(), first.id).await, Err(RewrapError::Busy(second.id)));
    w.jobs.stop(&admin(), second.id).await.unwrap();
    w.jobs.resume(&admin(), first.id).await.unwrap();
    assert_eq!(w.ended(first.id).await.record.state, JobState::Done);
    assert_eq!(w.jobs.resume(&admin(), first.id).await, Err(RewrapError::WrongState("done")));
    assert_eq!(w.needs(&cmk, Some(1)).await, (0, 0, 0));
    // Their lives are on record.
    let of_first = |operation: &str| {
        let with_id = |e: &&audit::Event| e.details.contains(&("job", first.id.to_string()));
        w.recorded(operation).iter().filter(with_id).count()
    };
    let lives = ["StartRewrapJob", "StopRewrapJob", "ResumeRewrapJob", "EndRewrapJob"].map(of_first);
    assert_eq!(lives, [1, 1, 1, 1]);
}

#[tokio::test]
async fn damage_is_counted_and_named_and_stops_nothing() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for i in 0..100 {
        w.put(&bucket, &format!("{i:02}"), &How::Kms(cmk.clone()), b"x").await;
    }
    w.rotate(&cmk).await;
    let mut tx = store::Transaction::new();
    for (key, row) in w.rows(Table::Current).into_iter().take(40) {
        let mut row = row.to_vec();
        // The wrapped DEK is near the end of the envelope; its tag does not hold any more.
        let at = row.len() / 2;
        row[at] ^= 1;
        tx.put(Table::Current, key, row);
    }
    w.meta.commit(tx).await.unwrap();
    let job = w.rewrap(of(&cmk)).await.record;
    assert_eq!((job.state, job.counts.objects + job.counts.failed), (JobState::Done, 100));
    assert!(job.counts.failed > 0 && job.counts.failed <= 40, "{}", job.counts.failed);
    assert_eq!(job.failures.len() as u64, job.counts.failed.min(FAILURES_NAMED_MAX as u64));
    assert!(job.failures.iter().all(|failure| failure.bucket == "bucket" && !failure.error.is_empty()));
    assert_eq!(job.left.objects, job.counts.failed, "what remains is told");
}

#[tokio::test]
async fn wishes_that_contradict_themselves_are_refused() {
    let w = World::new().await;
    let (bucket, cmk, to) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    let foreign = model::BucketName::parse("missing").unwrap();
    let managed = RewrapWish { to: Some(to.to_arn()), bucket: Some(bucket.clone()), ..RewrapWish::default() };
    let invalid = |wish: RewrapWish| {
        let w = &w;
        async move { matches!(w.jobs.start(&cx(), &admin(), &wish).await, Err(RewrapError::Invalid(_))) }
    };
    assert!(invalid(RewrapWish::default()).await);
    assert!(invalid(RewrapWish { bucket: None, ..managed.clone() }).await);
    assert!(invalid(RewrapWish { copies: true, ..managed.clone() }).await);
    assert!(invalid(RewrapWish { version: Some(1), ..managed.clone() }).await);
    assert!(invalid(RewrapWish { bucket_key: true, ..of(&cmk) }).await);
    assert!(invalid(RewrapWish { version: Some(2), ..of(&cmk) }).await);
    assert!(invalid(RewrapWish { version: Some(0), ..of(&cmk) }).await);
    assert!(invalid(RewrapWish { copies: true, to: Some(to.to_arn()), ..of(&cmk) }).await);
    let missing = RewrapWish { bucket: Some(foreign), ..of(&cmk) };
    assert_eq!(w.jobs.start(&cx(), &admin(), &missing).await, Err(RewrapError::NoSuchBucket));
    // Somebody else's bucket is not told from one that is not there.
    let two = root_of(2);
    w.people.set("AKTWO", two.clone());
    let own = {
        let made = w.kms.create(&user_of(&two, "AKTWO"), new_cmk()).await.unwrap();
        RewrapWish { bucket: Some(bucket), ..of(&made.id) }
    };
    let refused = w.jobs.start(&cx_of(&two), &user_of(&two, "AKTWO"), &own).await;
    assert_eq!(refused, Err(RewrapError::NoSuchBucket));
}

#[tokio::test]
async fn the_oldest_jobs_of_an_account_are_forgotten() {
    let w = World::new().await;
    let cmk = w.cmk().await;
    let first = w.rewrap(of(&cmk)).await.id;
    for _ in 0..jobs::rewrap::IDLE_JOBS_MAX {
        w.clock.advance_millis(1);
        w.rewrap(of(&cmk)).await;
    }
    assert_eq!(w.jobs.status(&admin(), first).await, Err(RewrapError::NoSuchJob));
    assert_eq!(w.jobs.list(&admin()).await.unwrap().len(), jobs::rewrap::IDLE_JOBS_MAX);
}
