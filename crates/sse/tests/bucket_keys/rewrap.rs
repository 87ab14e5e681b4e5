//! A bucket key's row under the newest version of its CMK.

use super::setup::{Place, Room, USE, allow, bucket_key_of, root, same, user, user_with};
use model::BucketKeyId;
use std::sync::Arc;
use store::Table;
use strongroom_sse::{BucketKeyRewrap, Dependent, SseError};

/// The rows of the index for bucket keys of the CMK: id, version.
fn index(room: &Room) -> Vec<(BucketKeyId, u32)> {
    let mut rows = Vec::new();
    room.store
        .snapshot()
        .scan(Table::CmkDependents, &Dependent::prefix(room.cmk.uid), None, &mut |key, value| {
            let row = Dependent::decode(key, value).unwrap();
            rows.push((row.bucket_key.unwrap(), row.version));
            true
        })
        .unwrap();
    rows
}

fn version(room: &Room, id: BucketKeyId) -> u32 {
    Dependent::of_bucket_key(id.as_bytes(), &room.row(id).unwrap()).unwrap().version
}

#[tokio::test]
async fn a_rewrap_replaces_the_row_and_its_index_and_nothing_else() {
    let mut room = Room::new().await;
    let bucket = Place::of(1).bucket;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    let id = bucket_key_of(&envelope);
    let me = root();
    let rewrap = |to| room.sse.rewrap_bucket_key(id, to, &bucket, &me);
    assert_eq!(rewrap(None).await, Ok(BucketKeyRewrap::Current));
    room.kms.rotate(&root(), &room.cmk).await.unwrap();
    assert_eq!(rewrap(Some(1)).await, Ok(BucketKeyRewrap::Current), "not beyond what is asked");
    let done = BucketKeyRewrap::Done { from_version: 1, to_version: 2 };
    // What the reader has in memory stays: the key is the same.
    room.read(&user(3), 1, 1, &envelope).await.unwrap();
    let before = room.calls().1;
    assert_eq!(rewrap(Some(2)).await, Ok(done));
    room.read(&user(3), 1, 1, &envelope).await.unwrap();
    assert_eq!(room.calls().1, before + 2, "the rewrap's own two");
    assert_eq!((version(&room, id), index(&room)), (2, vec![(id, 2)]));
    assert_eq!(rewrap(None).await, Ok(BucketKeyRewrap::Current));
    room.restart().await;
    assert!(same(&keys, &room.read(&user(2), 1, 1, &envelope).await.unwrap()));
    let gone = room.sse.rewrap_bucket_key(BucketKeyId::from_bytes([1; 16]), None, &bucket, &root()).await;
    assert_eq!(gone, Ok(BucketKeyRewrap::Gone));
}

#[tokio::test]
async fn a_rewrap_asks_for_the_right_to_open_and_to_wrap() {
    let room = Room::new().await;
    let bucket = Place::of(1).bucket;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let id = bucket_key_of(&envelope);
    room.kms.rotate(&root(), &room.cmk).await.unwrap();
    let row = room.row(id).unwrap();
    for actions in [r#""kms:Encrypt""#, r#""kms:Decrypt""#, USE] {
        let user = user_with(5, Some(&allow(actions)), None);
        let refused = room.sse.rewrap_bucket_key(id, None, &bucket, &user).await;
        assert_eq!(refused, Err(SseError::KeyDenied), "{actions}");
    }
    room.kms.disable(&root(), &room.cmk).await.unwrap();
    assert_eq!(room.sse.rewrap_bucket_key(id, None, &bucket, &root()).await, Err(SseError::KeyDisabled));
    room.kms.enable(&root(), &room.cmk).await.unwrap();
    assert_eq!(room.row(id).unwrap(), row);
    let user = user_with(5, Some(&allow(r#""kms:Decrypt","kms:Encrypt""#)), None);
    let done = BucketKeyRewrap::Done { from_version: 1, to_version: 2 };
    assert_eq!(room.sse.rewrap_bucket_key(id, None, &bucket, &user).await, Ok(done));
}

/// What does not open, or not to the key that was wrapped, never takes the row's place.
#[tokio::test]
async fn a_wrap_that_opens_to_something_else_is_not_stored() {
    let room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let id = bucket_key_of(&envelope);
    let row = room.row(id).unwrap();
    room.kms.rotate(&root(), &room.cmk).await.unwrap();
    *room.provider.wraps_another_key.lock().unwrap() = true;
    let bucket = Place::of(1).bucket;
    assert_eq!(room.sse.rewrap_bucket_key(id, None, &bucket, &root()).await, Err(SseError::Damaged));
    assert_eq!((room.row(id).unwrap(), index(&room)), (row.clone(), vec![(id, 1)]));
    *room.provider.wraps_another_key.lock().unwrap() = false;
    let another = Place::of(2).bucket;
    assert_eq!(room.sse.rewrap_bucket_key(id, None, &another, &root()).await, Err(SseError::Damaged), "another bucket");
    room.put_row(id, b"damaged").await;
    assert_eq!(room.sse.rewrap_bucket_key(id, None, &bucket, &root()).await, Err(SseError::Damaged));
    assert_eq!(room.row(id).unwrap(), b"damaged");
}

/// Two jobs at once: one rewraps, the other finds it done or does it again; the row opens whatever comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rewraps_at_once_agree() {
    let room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    let id = bucket_key_of(&envelope);
    room.kms.rotate(&root(), &room.cmk).await.unwrap();
    let room = Arc::new(room);
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let room = Arc::clone(&room);
        jobs.spawn(async move { room.sse.rewrap_bucket_key(id, None, &Place::of(1).bucket, &root()).await.unwrap() });
    }
    let came = jobs.join_all().await;
    let done = BucketKeyRewrap::Done { from_version: 1, to_version: 2 };
    assert_eq!(came.iter().filter(|outcome| **outcome == done).count(), 1, "{came:?}");
    assert_eq!(came.iter().filter(|outcome| **outcome == BucketKeyRewrap::Current).count(), 7);
    assert_eq!((version(&room, id), index(&room)), (2, vec![(id, 2)]));
    assert!(same(&keys, &room.read(&user(2), 1, 1, &envelope).await.unwrap()));
}
