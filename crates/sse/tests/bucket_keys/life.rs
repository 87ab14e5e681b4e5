//! How long a bucket key serves, to the millisecond and to the object.

use super::setup::{Room, TTL_MILLIS, bucket_key_of, root, same, user};
use model::Timestamp;

#[tokio::test]
async fn a_key_seals_until_the_last_millisecond_of_its_life() {
    let room = Room::new().await;
    let first = bucket_key_of(&room.write(&user(1), 1, 1).await.unwrap());
    room.clock.advance_millis(TTL_MILLIS - 1);
    assert_eq!(bucket_key_of(&room.write(&user(1), 1, 2).await.unwrap()), first);
    room.clock.advance_millis(1);
    assert_ne!(bucket_key_of(&room.write(&user(1), 1, 3).await.unwrap()), first);
    assert_eq!(room.calls(), (2, 0));
}

/// A key for opening ends with the same life, and earlier when nobody reads with it for half a minute.
#[tokio::test]
async fn a_key_for_opening_ends_with_its_life_or_with_rest() {
    let mut room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    room.restart().await;
    let read = async || {
        room.read(&user(2), 1, 1, &envelope).await.unwrap();
        room.calls().1
    };
    assert_eq!(read().await, 1);
    for _ in 0..6 {
        room.clock.advance_millis(29_999);
        assert_eq!(read().await, 1);
    }
    room.clock.advance_millis(5);
    assert_eq!(read().await, 1, "a millisecond is left");
    room.clock.advance_millis(1);
    assert_eq!(read().await, 2, "its life is over");
    room.clock.advance_millis(29_999);
    assert_eq!(read().await, 2);
    room.clock.advance_millis(30_000);
    assert_eq!(read().await, 3, "nobody read with it for so long");
}

/// A clock that is set back to before a key was made ends it; one that is set back within its life does not lengthen it
/// beyond that.
#[tokio::test]
async fn a_clock_that_goes_backwards_lengthens_no_life() {
    let room = Room::new().await;
    let start = model::Clock::now(&*room.clock);
    let first = bucket_key_of(&room.write(&user(1), 1, 1).await.unwrap());
    room.clock.set(Timestamp::from_millis(start.as_millis() - 1));
    let second = bucket_key_of(&room.write(&user(1), 1, 2).await.unwrap());
    assert_ne!(second, first);
    room.clock.set(start.plus_millis(TTL_MILLIS - 2));
    assert_eq!(bucket_key_of(&room.write(&user(1), 1, 3).await.unwrap()), second);
    room.clock.set(start.plus_millis(100));
    assert_eq!(bucket_key_of(&room.write(&user(1), 1, 4).await.unwrap()), second);
    room.clock.set(start.plus_millis(TTL_MILLIS - 1));
    assert_ne!(bucket_key_of(&room.write(&user(1), 1, 5).await.unwrap()), second);
}

#[tokio::test]
async fn a_key_seals_no_more_objects_than_its_limit() {
    let room = Room::with_objects_max(3).await;
    let mut ids = Vec::new();
    for object in 0..10 {
        ids.push(bucket_key_of(&room.write(&user(1), 1, object).await.unwrap()));
    }
    assert_eq!(room.calls().0, 4);
    let of_each: Vec<usize> = ids.chunk_by(|a, b| a == b).map(<[_]>::len).collect();
    assert_eq!(of_each, [3, 3, 3, 1]);
}

/// What the sweep leaves in memory is what would still be used.
#[tokio::test]
async fn keys_whose_time_is_over_do_not_stay_in_memory() {
    let room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    room.write(&user(2), 1, 2).await.unwrap();
    room.read(&user(3), 1, 1, &envelope).await.unwrap();
    assert_eq!((room.sse.sweep_bucket_keys(), room.sse.bucket_keys_held()), (0, (2, 3)));
    room.clock.advance_millis(30_000);
    assert_eq!((room.sse.sweep_bucket_keys(), room.sse.bucket_keys_held()), (3, (2, 0)));
    let read = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    room.clock.advance_millis(TTL_MILLIS - 30_000);
    assert_eq!((room.sse.sweep_bucket_keys(), room.sse.bucket_keys_held()), (3, (0, 0)));
    assert!(same(&read, &room.read(&user(1), 1, 1, &envelope).await.unwrap()), "and nothing is lost by it");
}

/// Any change of the CMK ends what is cached of it, and a sweep takes it out of memory; other CMKs' keys stay.
#[tokio::test]
async fn keys_of_a_changed_cmk_do_not_stay_in_memory() {
    let room = Room::new().await;
    let other = super::setup::new_cmk(&room.kms).await;
    room.write(&user(1), 1, 1).await.unwrap();
    room.write_under(&other, &user(1), 1, 1).await.unwrap();
    room.kms.disable(&root(), &room.cmk).await.unwrap();
    assert_eq!((room.sse.sweep_bucket_keys(), room.sse.bucket_keys_held()), (2, (1, 1)));
    room.kms.schedule_deletion(&root(), &other, 7, false).await.unwrap();
    assert_eq!((room.sse.sweep_bucket_keys(), room.sse.bucket_keys_held()), (2, (0, 0)));
}

/// A rotated CMK makes new objects need its new version at once; what the old version wrapped opens as before.
#[tokio::test]
async fn rotation_of_the_cmk_ends_keys_for_sealing() {
    let room = Room::new().await;
    let before = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &before).await.unwrap();
    room.kms.rotate(&root(), &room.cmk).await.unwrap();
    let after = room.write(&user(1), 1, 2).await.unwrap();
    assert_ne!(bucket_key_of(&before), bucket_key_of(&after));
    assert_eq!(room.calls().0, 2);
    assert!(same(&keys, &room.read(&user(1), 1, 1, &before).await.unwrap()));
}
