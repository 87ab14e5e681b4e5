//! The server's own keys: one each, kept across restarts, bound to their place.

use crate::setup::Setup;
use crypto::Wrappable;
use model::BucketUid;
use store::{Table, Transaction};
use strongroom_kms::KmsError;

fn bucket(byte: u8) -> BucketUid {
    BucketUid::from_bytes([byte; 16])
}

fn same(a: &impl Wrappable, b: &impl Wrappable) -> bool {
    a.as_secret().expose() == b.as_secret().expose()
}

#[tokio::test]
async fn they_are_made_once_and_survive_a_restart() {
    let setup = Setup::new();
    let service = setup.open().await;
    let (metadata, secrets) = (service.metadata_key().await.unwrap(), service.secrets_key().await.unwrap());
    let (one, two) = (service.sse_obs_key(bucket(1)).await.unwrap(), service.sse_obs_key(bucket(2)).await.unwrap());
    assert!(!same(&*one, &*two));
    assert!(same(&*one, &*service.sse_obs_key(bucket(1)).await.unwrap()));
    let service = setup.open().await;
    assert!(same(&*metadata, &*service.metadata_key().await.unwrap()));
    assert!(same(&*secrets, &*service.secrets_key().await.unwrap()));
    assert!(same(&*one, &*service.sse_obs_key(bucket(1)).await.unwrap()));
    assert_eq!(setup.rows(Table::InternalKeys).len(), 4);
}

#[tokio::test]
async fn two_makers_at_once_get_one_key() {
    let setup = Setup::new();
    let (a, b) = (setup.open().await, setup.open().await);
    let (x, y, z) = tokio::join!(a.sse_obs_key(bucket(1)), a.sse_obs_key(bucket(1)), b.sse_obs_key(bucket(1)));
    let (x, y, z) = (x.unwrap(), y.unwrap(), z.unwrap());
    assert!(same(&*x, &*y) && same(&*y, &*z));
    let (x, y) = tokio::join!(a.metadata_key(), b.metadata_key());
    assert!(same(&*x.unwrap(), &*y.unwrap()));
}

#[tokio::test]
async fn a_bucket_s_key_goes_with_the_bucket() {
    let setup = Setup::new();
    let service = setup.open().await;
    let old = service.sse_obs_key(bucket(1)).await.unwrap();
    let kept = service.sse_obs_key(bucket(2)).await.unwrap();
    let mut tx = Transaction::new();
    tx.changes.push(service.forget_bucket(bucket(1)));
    setup.store.commit(tx).await.unwrap();
    assert_eq!(setup.rows(Table::InternalKeys).len(), 1);
    assert!(!same(&*old, &*service.sse_obs_key(bucket(1)).await.unwrap()), "what it sealed is lost");
    assert!(same(&*kept, &*service.sse_obs_key(bucket(2)).await.unwrap()));
}

#[tokio::test]
async fn a_key_moved_to_another_row_does_not_open() {
    let setup = Setup::new();
    let service = setup.open().await;
    service.sse_obs_key(bucket(1)).await.unwrap();
    service.metadata_key().await.unwrap();
    let rows = setup.rows(Table::InternalKeys);
    let value = |name: &[u8]| rows.iter().find(|(key, _)| key.starts_with(name)).unwrap().1.clone();
    setup.put(Table::InternalKeys, &[b"sse-obs/".as_slice(), &[2; 16]].concat(), &value(b"sse-obs/")).await;
    setup.put(Table::InternalKeys, b"secrets", &value(b"metadata")).await;
    assert!(matches!(service.sse_obs_key(bucket(2)).await.map(drop), Err(KmsError::Damaged(_))));
    assert!(matches!(service.secrets_key().await.map(drop), Err(KmsError::Damaged(_))));
}
