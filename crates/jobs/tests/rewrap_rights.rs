//! What rewrap jobs tell, and to whom: who only has a key learns no name and no size, and who owns a key sees and stops what
//! holds it up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use audit::{EventKind, Outcome};
use jobs::rewrap::{JobState, RewrapError, RewrapWish};
use kms::{CmkId, CreateCmk, KmsError};
use policy::Principal;
use std::sync::atomic::Ordering;
use store::Table;
use strongroom_jobs as jobs;
use support::*;

/// The rights to start a job over a CMK, and no other.
const KEY_RIGHTS: &str = "[\"kms:Decrypt\",\"kms:Encrypt\",\"kms:DescribeKey\"]";

fn listing(bucket: &str, prefix: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::{bucket}","Condition":{{"StringLike":{{"s3:prefix":"{prefix}"}}}}}}}}"#
    )
}

fn somebody(w: &World, uid: u8, policies: &[&str]) -> (Principal, kms::KeyUser) {
    let who = user(uid, policies);
    w.people.set("AKUSER", who.clone());
    let asked = user_of(&who, "AKUSER");
    (who, asked)
}

#[tokio::test]
async fn who_has_a_key_and_no_right_to_list_learns_no_name_and_no_size() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for name in ["mine/1", "mine/2", "yours/1"] {
        w.put(&bucket, name, &How::Kms(cmk.clone()), b"12").await;
    }
    w.rotate(&cmk).await;
    let keys = allow(KEY_RIGHTS, "\"*\"");
    let anywhere = RewrapWish { prefix: "yours/".into(), ..of(&cmk) };
    let named = |prefix: &str| RewrapWish { bucket: Some(bucket.clone()), prefix: prefix.into(), ..of(&cmk) };
    let before = w.everything();
    let mine = listing("bucket", "mine/*");
    let all = allow("\"s3:ListBucket\"", "\"arn:aws:s3:::bucket\"");
    let other = allow("\"s3:*\"", "[\"arn:aws:s3:::bucket/*\",\"arn:aws:s3:::other\"]");
    for (uid, policies, prefix, count) in [
        (1, vec![&keys], "yours/", None),
        (2, vec![&keys], "", None),
        (3, vec![&keys, &other], "yours/", None),
        (4, vec![&keys, &mine], "yours/", None),
        (5, vec![&keys, &mine], "", None),
        (6, vec![&keys, &mine], "mine/", Some(2)),
        (7, vec![&keys, &all], "yours/", Some(1)),
    ] {
        let (who, asked) = somebody(&w, uid, &policies.iter().map(|text| text.as_str()).collect::<Vec<_>>());
        // Whose names begin so in no bucket in particular is nobody's to ask.
        let invalid = w.jobs.dry_run(&cx_of(&who), &asked, &anywhere).await;
        assert!(matches!(invalid, Err(RewrapError::Invalid(_))), "{uid}");
        let counted = w.jobs.dry_run(&cx_of(&who), &asked, &named(prefix)).await;
        match count {
            Some(count) => assert_eq!(counted.unwrap().totals.objects, count, "{uid}"),
            None => {
                assert_eq!(counted, Err(RewrapError::NoSuchBucket), "{uid}");
                let started = w.jobs.start(&cx_of(&who), &asked, &named(prefix)).await;
                assert_eq!(started, Err(RewrapError::NoSuchBucket), "{uid}");
            }
        }
    }
    assert!(w.everything() == before);
}

#[tokio::test]
async fn what_needs_a_key_is_told_to_who_may_describe_it_and_a_dry_run_is_on_record() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    w.put(&bucket, "o", &How::Kms(cmk.clone()), b"12").await;
    let uses = allow("[\"kms:Decrypt\",\"kms:Encrypt\"]", "\"*\"");
    let (who, asked) = somebody(&w, 1, &[&uses]);
    assert_eq!(w.kms.impact(&asked, &cmk, None).await, Err(KmsError::Denied), "as of its impact");
    let refused = w.jobs.dry_run(&cx_of(&who), &asked, &of(&cmk)).await;
    assert_eq!(refused, Err(RewrapError::Kms(KmsError::Denied)));
    let refused = w.jobs.start(&cx_of(&who), &asked, &of(&cmk)).await;
    assert_eq!(refused, Err(RewrapError::Kms(KmsError::Denied)));
    assert!(w.recorded("DryRunRewrapJob").is_empty() && w.recorded("StartRewrapJob").is_empty());
    let denied = w.recorded("DescribeKey");
    assert!(denied.len() == 2 && denied.iter().all(|event| event.outcome == Outcome::Denied), "{denied:?}");

    let (who, asked) = somebody(&w, 2, &[&allow(KEY_RIGHTS, "\"*\""), &allow("\"s3:*\"", "\"*\"")]);
    let wish = RewrapWish { bucket: Some(bucket), prefix: "o".into(), ..of(&cmk) };
    w.jobs.dry_run(&cx_of(&who), &asked, &wish).await.unwrap();
    let events = w.recorded("DryRunRewrapJob");
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.kind, event.outcome, &event.who.principal), (EventKind::KeyUse, Outcome::Ok, &who.urn()));
    assert_eq!(event.key.as_ref().map(|key| key.arn.clone()), Some(cmk.to_arn()));
    assert_eq!(event.details, [("bucket", "bucket".to_owned()), ("prefix", "o".to_owned())]);
}

#[tokio::test]
async fn a_damaged_object_is_named_to_who_has_the_right_to_it_only() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    for name in ["mine/1", "yours/1"] {
        w.put(&bucket, name, &How::Kms(cmk.clone()), b"x").await;
        w.begin_upload(&bucket, name, &How::Kms(cmk.clone())).await;
    }
    w.rotate(&cmk).await;
    let mut tx = store::Transaction::new();
    for table in [Table::Current, Table::Uploads] {
        for (key, _) in w.rows(table) {
            tx.put(table, key, vec![0xff]);
        }
    }
    w.meta.commit(tx).await.unwrap();
    let mine = allow("\"s3:UpdateObjectEncryption\"", "\"arn:aws:s3:::bucket/mine/*\"");
    let (who, asked) = somebody(&w, 1, &[&allow(KEY_RIGHTS, "\"*\""), &mine]);
    let job = w.jobs.start(&cx_of(&who), &asked, &of(&cmk)).await.unwrap();
    w.jobs.wait(job.id).await;
    let job = w.jobs.status(&asked, job.id).await.unwrap().record;
    assert_eq!((job.state, job.counts.refused, job.counts.failed), (JobState::Done, 2, 2), "{job:?}");
    assert!(job.failures.iter().all(|failure| failure.name == "mine/1"), "{:?}", job.failures);
}

#[tokio::test]
async fn a_colleague_is_told_names_of_buckets_that_they_may_list_only() {
    let w = World::new().await;
    let (bucket, cmk) = (w.bucket("bucket").await, w.cmk().await);
    w.put(&bucket, "secret/1", &How::Kms(cmk.clone()), b"x").await;
    w.rotate(&cmk).await;
    let mut tx = store::Transaction::new();
    for (key, _) in w.rows(Table::Current) {
        tx.put(Table::Current, key, vec![0xff]);
    }
    w.meta.commit(tx).await.unwrap();
    let job = w.rewrap(RewrapWish { bucket: Some(bucket), prefix: "secret/".into(), ..of(&cmk) }).await;
    assert_eq!((job.record.failures.len(), job.withheld), (1, false));
    let keys = allow(KEY_RIGHTS, "\"*\"");
    let (_, asked) = somebody(&w, 1, &[&keys]);
    for seen in [w.jobs.status(&asked, job.id).await.unwrap(), w.jobs.list(&asked).await.unwrap()[0].clone()] {
        let told = (&seen.record.scope.bucket, &seen.record.scope.prefix[..], seen.record.failures.len());
        assert_eq!((told, seen.withheld), ((&None, "", 0), true));
        assert_eq!(seen.record.counts, job.record.counts);
    }
    let (_, asked) = somebody(&w, 2, &[&keys, &allow("\"s3:ListBucket\"", "\"*\"")]);
    assert_eq!(w.jobs.status(&asked, job.id).await.unwrap(), job);
}

#[tokio::test]
async fn a_sweep_removes_bucket_keys_of_buckets_only_that_the_identity_may_configure() {
    let w = World::new().await;
    let (bucket, from, to) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    w.put(&bucket, "o", &How::BucketKey(from.clone()), b"x").await;
    w.clock.advance_millis(OLD_MILLIS);
    let kms = allow("\"kms:*\"", "\"*\"");
    let objects = allow("\"s3:UpdateObjectEncryption\"", "\"arn:aws:s3:::bucket/*\"");
    let wish = RewrapWish { to: Some(to.to_arn()), ..of(&from) };
    let own =
        |w: &World| w.rows(Table::CmkDependents).iter().filter(|(key, _)| key.starts_with(from.uid.as_bytes())).count();
    let (who, asked) = somebody(&w, 1, &[&kms, &objects]);
    let job = w.jobs.start(&cx_of(&who), &asked, &wish).await.unwrap();
    let job = w.ended(job.id).await.record;
    assert_eq!((job.state, job.counts.objects, job.counts.removed, job.counts.refused), (JobState::Done, 1, 0, 1));
    assert_eq!(own(&w), 1, "its bucket key is there");
    let (who, asked) = somebody(&w, 1, &[&kms, &allow("\"s3:PutEncryptionConfiguration\"", "\"arn:aws:s3:::bucket\"")]);
    let job = w.jobs.start(&cx_of(&who), &asked, &wish).await.unwrap();
    let job = w.ended(job.id).await.record;
    assert_eq!((job.state, job.counts.removed, job.counts.refused, own(&w)), (JobState::Done, 1, 0, 0));
}

/// A CMK of account 1 that account 2 may use.
async fn lent(w: &World) -> CmkId {
    let arns = "[\"arn:aws:iam::000000000001:root\",\"arn:aws:iam::000000000002:root\"]";
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":{arns}}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    w.kms.create(&admin(), CreateCmk { policy: Some(policy), ..new_cmk() }).await.unwrap().id
}

#[tokio::test]
async fn who_owns_a_key_sees_and_stops_the_job_of_another_account_over_it() {
    let w = World::new().await;
    let two = root_of(2);
    let borrower = user_of(&two, "AKTWO");
    w.people.set("AKTWO", two.clone());
    let foreign = w.kms.create(&borrower, new_cmk()).await.unwrap().id;
    let cmk = lent(&w).await;
    let bucket = model::BucketName::parse("two-bucket").unwrap();
    w.objects.create_bucket(&cx_of(&two), &bucket, objects::api::CreateBucket::default()).await.unwrap();
    for i in 0..40 {
        w.put_as(&two, &bucket, &format!("{i}"), &How::Kms(cmk.clone()), b"x").await;
        w.put_as(&two, &bucket, &format!("own/{i}"), &How::Kms(foreign.clone()), b"x").await;
    }
    w.rotate(&cmk).await;
    // Jobs stay at their first waiting.
    w.held.store(true, Ordering::SeqCst);
    let within = |wish: RewrapWish| RewrapWish { rate: 1, bucket: Some(bucket.clone()), ..wish };
    for (wish, needs_told) in
        [(within(of(&cmk)), true), (within(RewrapWish { to: Some(cmk.to_arn()), ..of(&foreign) }), false)]
    {
        let job = w.jobs.start(&cx_of(&two), &borrower, &wish).await.unwrap();
        while w.jobs.status(&borrower, job.id).await.unwrap().record.before.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            w.jobs.start(&cx(), &admin(), &of(&cmk)).await,
            Err(RewrapError::Busy(job.id)),
            "it is in their way"
        );
        // Who may not do with the CMK what the job does learns of none, nor does who owns none of it.
        let (_, narrow) = somebody(&w, 1, &[&allow("\"s3:*\"", "\"*\""), &allow("\"kms:DescribeKey\"", "\"*\"")]);
        for stranger in [narrow, user_of(&root_of(3), "AKTHREE")] {
            assert_eq!(w.jobs.status(&stranger, job.id).await, Err(RewrapError::NoSuchJob));
            assert_eq!(w.jobs.stop(&stranger, job.id).await, Err(RewrapError::NoSuchJob));
            assert_eq!(w.jobs.list(&stranger).await.unwrap(), []);
        }
        let seen = w.jobs.status(&admin(), job.id).await.unwrap();
        assert_eq!(
            (seen.record.scope.bucket.clone(), seen.withheld),
            (None, true),
            "whose bucket is not theirs to know"
        );
        assert_eq!(!seen.record.before.is_empty(), needs_told, "what needs a CMK is told of their own");
        let stopped = w.jobs.stop(&admin(), job.id).await.unwrap();
        assert_eq!((stopped.record.state, stopped.record.scope.bucket), (JobState::Stopped, None));
        assert_eq!(
            w.jobs.resume(&admin(), job.id).await,
            Err(RewrapError::NoSuchJob),
            "it is not theirs to go on with"
        );
        let by: Vec<_> = w.recorded("StopRewrapJob").iter().map(|event| event.who.principal.clone()).collect();
        assert_eq!(by.last(), Some(&root_of(1).urn()));
    }
    w.jobs.start(&cx(), &admin(), &of(&cmk)).await.unwrap();
}
