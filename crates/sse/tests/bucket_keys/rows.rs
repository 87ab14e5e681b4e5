//! Which row or copy opens an object: the row is the authority, the copy beside the object the fallback, and neither is
//! believed before its key has opened the DEK.

use super::setup::{Place, Room, bucket_key_of, new_cmk, root, same, user};
use kms::CmkWrapped;
use model::BucketUid;
use std::sync::atomic::Ordering;
use strongroom_sse::{Envelope, SseError, Target, Through};

/// An envelope with another copy of its bucket key.
fn with_copy(envelope: &Envelope, change: impl FnOnce(&mut Vec<u8>)) -> Envelope {
    let mut changed = envelope.clone();
    let Envelope::Kms { through: Through::BucketKey { bucket_key, .. }, .. } = &mut changed else { panic!() };
    let mut bytes = bucket_key.as_bytes().to_vec();
    change(&mut bytes);
    *bucket_key = CmkWrapped::from_bytes(&bytes).unwrap();
    changed
}

fn flip_last(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

#[tokio::test]
async fn an_object_opens_from_its_own_record_after_the_table_is_lost() {
    let mut room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    room.lose_table().await;
    room.restart().await;
    assert!(same(&keys, &room.read(&user(2), 1, 1, &envelope).await.unwrap()));
    assert_eq!(room.calls(), (0, 1));
    let denied = super::setup::user_with(3, None, None);
    assert_eq!(room.read(&denied, 1, 1, &envelope).await.err(), Some(SseError::KeyDenied));
}

/// The copy is not needed while there is a row: a copy of a version that is gone does no harm. (That a record whose copy
/// was changed does not authenticate is the record's affair.)
#[tokio::test]
async fn the_row_is_the_authority() {
    let mut room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    room.restart().await;
    let damaged = with_copy(&envelope, |bytes| flip_last(bytes));
    assert!(same(&keys, &room.read(&user(1), 1, 1, &damaged).await.unwrap()));
    assert_eq!(room.calls(), (0, 1));
    room.lose_table().await;
    room.restart().await;
    assert_eq!(room.read(&user(1), 1, 1, &damaged).await.err(), Some(SseError::Damaged));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_or_does_not_open_gives_way_to_the_copy() {
    let mut room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    let (id, row) = (bucket_key_of(&envelope), room.row(bucket_key_of(&envelope)).unwrap());
    let mut flipped = row.clone();
    flip_last(&mut flipped);
    // Calls: an unreadable row costs none, one that does not unwrap one more.
    for (wrong, unwraps) in [(&b""[..], 1), (&row[..row.len() - 1], 1), (b"\x63 another format", 1), (&flipped, 2)] {
        room.put_row(id, wrong).await;
        room.restart().await;
        let before = room.provider.unwraps.load(Ordering::SeqCst);
        assert!(same(&keys, &room.read(&user(1), 1, 1, &envelope).await.unwrap()));
        assert!(same(&keys, &room.read(&user(1), 1, 1, &envelope).await.unwrap()));
        assert_eq!(room.provider.unwraps.load(Ordering::SeqCst) - before, unwraps);
    }
    // Neither opens: damaged, and nothing is remembered of it.
    room.restart().await;
    let damaged = with_copy(&envelope, |bytes| flip_last(bytes));
    assert_eq!(room.read(&user(1), 1, 1, &damaged).await.err(), Some(SseError::Damaged));
    room.put_row(id, &row).await;
    assert!(same(&keys, &room.read(&user(1), 1, 1, &damaged).await.unwrap()));
}

/// A row that was put in another's place: of another bucket, of another CMK, of another key of the same bucket and CMK. The
/// object still opens, by its copy, to what it is; nothing opens with the key of the row, and the other key's own objects
/// are not disturbed.
#[tokio::test]
async fn a_swapped_row_opens_nothing() {
    let mut room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    let other_bucket = room.write(&user(1), 2, 1).await.unwrap();
    let cmk = new_cmk(&room.kms).await;
    let other_cmk = room.write_under(&cmk, &user(1), 1, 1).await.unwrap();
    let other_key = room.write(&user(2), 1, 1).await.unwrap();
    for (swapped, unwraps) in [(&other_bucket, 1), (&other_cmk, 1), (&other_key, 2)] {
        room.put_row(bucket_key_of(&envelope), &room.row(bucket_key_of(swapped)).unwrap()).await;
        room.restart().await;
        let before = room.provider.unwraps.load(Ordering::SeqCst);
        assert!(same(&keys, &room.read(&user(3), 1, 1, &envelope).await.unwrap()));
        assert_eq!(room.provider.unwraps.load(Ordering::SeqCst) - before, unwraps);
        // With the copy swapped as well there is nothing to open it.
        room.restart().await;
        let Envelope::Kms { through: Through::BucketKey { bucket_key, .. }, .. } = swapped else { panic!() };
        let copy = bucket_key.as_bytes().to_vec();
        let both = with_copy(&envelope, |bytes| *bytes = copy);
        assert_eq!(room.read(&user(3), 1, 1, &both).await.err(), Some(SseError::Damaged));
    }
    room.read(&user(3), 1, 1, &other_key).await.unwrap();
}

/// What is warm answers for the object it belongs to only: a record that names a warm key without being sealed under it
/// is damaged, and costs the KMS nothing.
#[tokio::test]
async fn a_warm_key_opens_nothing_that_is_not_under_it() {
    let room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let other = room.write(&user(1), 1, 2).await.unwrap();
    assert_eq!(bucket_key_of(&envelope), bucket_key_of(&other));
    assert_eq!(room.read(&user(1), 1, 2, &envelope).await.err(), Some(SseError::Damaged), "another version's DEK");
    assert_eq!(room.calls(), (1, 0));
    room.read(&user(1), 1, 2, &other).await.unwrap();
}

/// A bucket that was made again under the same name has another uid: nothing of the old one opens in it.
#[tokio::test]
async fn a_bucket_made_again_never_opens_what_the_old_one_held() {
    let mut room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let place = Place::of(1);
    let again = Target { bucket_uid: BucketUid::from_bytes([99; 16]), ..place.target(1) };
    for _ in 0..2 {
        // Once with the key warm in the cache of the old bucket, once cold.
        let opened = room.sse.begin_read(&envelope, again, None, &root()).await;
        assert_eq!(opened.err(), Some(SseError::Damaged));
        room.restart().await;
    }
    room.read(&root(), 1, 1, &envelope).await.unwrap();
}
