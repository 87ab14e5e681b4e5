//! An upload that is rewrapped while it is aborted: whoever commits first, the index of CMKs is left with nothing of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use kms::CmkId;
use model::BucketName;
use sse::{Dependent, EncryptionHeaders, RewrapTo};
use std::sync::{Arc, Mutex};
use store::engine::memory::MemoryStore;
use store::{Change, CommitFuture, MetaStore, Snapshot, Table, Transaction};
use strongroom_objects::api::*;
use strongroom_objects::{RewrapOutcome, RewrapStep};
use support::*;
use tokio::sync::oneshot;

/// Holds back the next commit that changes an upload, tells that it is there, and waits until it may go on.
struct Gate {
    inner: Arc<dyn MetaStore>,
    armed: Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>,
}

impl Gate {
    fn arm(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((reached, is_reached), (go, may_go)) = (oneshot::channel(), oneshot::channel());
        *self.armed.lock().unwrap() = Some((reached, may_go));
        (is_reached, go)
    }
}

impl MetaStore for Gate {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.inner.snapshot()
    }

    fn commit(&self, transaction: Transaction) -> CommitFuture {
        let of_upload = transaction
            .changes
            .iter()
            .any(|change| matches!(change, Change::Put(Table::Uploads, ..) | Change::Delete(Table::Uploads, _)));
        match of_upload.then(|| self.armed.lock().unwrap().take()).flatten() {
            None => self.inner.commit(transaction),
            Some((reached, may_go)) => {
                let inner = Arc::clone(&self.inner);
                Box::pin(async move {
                    reached.send(()).unwrap();
                    may_go.await.unwrap();
                    inner.commit(transaction).await
                })
            }
        }
    }
}

struct Stage {
    h: Arc<Harness>,
    gate: Arc<Gate>,
    bucket: BucketName,
    cmks: [CmkId; 2],
    upload: model::UploadId,
    dependent: Dependent,
}

fn index(h: &Harness) -> Vec<Dependent> {
    let mut rows = Vec::new();
    h.meta
        .snapshot()
        .scan(Table::CmkDependents, &[], None, &mut |key, value| {
            rows.push(Dependent::decode(key, value).unwrap());
            true
        })
        .unwrap();
    rows
}

/// An upload under the first of two CMKs.
async fn stage() -> Stage {
    let gate = Arc::new(Gate { inner: Arc::new(MemoryStore::new()), armed: Mutex::default() });
    let h = Arc::new(Harness::over(Arc::<Gate>::clone(&gate)).await);
    let bucket = h.bucket("bucket").await;
    let mut cmks = Vec::new();
    for _ in 0..2 {
        cmks.push(h.kms.create(&operator(), kms::CreateCmk::default()).await.unwrap().id);
    }
    let cmks: [CmkId; 2] = cmks.try_into().unwrap();
    let request = CreateUpload {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: EncryptionHeaders {
            method: Some("aws:kms".into()),
            key_id: Some(cmks[0].to_arn()),
            ..EncryptionHeaders::default()
        },
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let upload = h.objects.create_upload(&cx(), request).await.unwrap().upload;
    let [dependent] = <[Dependent; 1]>::try_from(index(&h)).unwrap();
    assert_eq!(dependent.cmk, cmks[0].uid);
    Stage { h, gate, bucket, cmks, upload, dependent }
}

impl Stage {
    async fn rewrap(&self) -> RewrapOutcome {
        let step = RewrapStep::To(RewrapTo { key_ref: Some(self.cmks[1].to_arn()), bucket_key: None });
        let at = (&self.bucket, self.dependent.bucket);
        self.h.objects.rewrap_upload(&cx(), at, &name("o"), self.upload, &step).await.unwrap()
    }

    async fn abort(&self) {
        self.h.objects.abort_upload(&cx(), &self.bucket, &name("o"), self.upload).await.unwrap();
    }

    async fn left_with_nothing(&self) {
        assert!(index(&self.h).is_empty(), "{:?}", index(&self.h));
        assert_eq!(self.rewrap().await, RewrapOutcome::Gone);
        for cmk in &self.cmks {
            self.h.kms.schedule_deletion(&operator(), cmk, 7, false).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_rewrap_that_an_abort_overtakes_enters_nothing() {
    let stage = stage().await;
    let (reached, go) = stage.gate.arm();
    let (outcome, ()) = tokio::join!(stage.rewrap(), async {
        reached.await.unwrap();
        stage.abort().await;
        go.send(()).unwrap();
    });
    assert_eq!(outcome, RewrapOutcome::Gone);
    stage.left_with_nothing().await;
}

#[tokio::test]
async fn an_abort_that_a_rewrap_overtakes_removes_what_the_rewrap_entered() {
    let stage = stage().await;
    let (reached, go) = stage.gate.arm();
    let ((), outcome) = tokio::join!(stage.abort(), async {
        reached.await.unwrap();
        let outcome = stage.rewrap().await;
        assert_eq!(index(&stage.h).iter().map(|row| row.cmk).collect::<Vec<_>>(), [stage.cmks[1].uid]);
        go.send(()).unwrap();
        outcome
    });
    assert!(matches!(outcome, RewrapOutcome::Rewrapped(_)), "{outcome:?}");
    stage.left_with_nothing().await;
}
