//! Many at once: one call for what is one key, and no more uses than a key has.

use super::setup::{Room, bucket_key_of, user};
use kms::ProviderFault;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use strongroom_sse::SseError;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_and_readers_at_once_take_one_call_each() {
    let mut room = Room::new().await;
    let envelope = room.write(&user(9), 1, 1).await.unwrap();
    room.restart().await;
    let room = Arc::new(room);
    let before = room.provider.wraps.load(Ordering::SeqCst);
    let mut tasks = JoinSet::new();
    for object in 0..64 {
        let (room, envelope) = (Arc::clone(&room), envelope.clone());
        tasks.spawn(async move {
            room.read(&user(2), 1, 1, &envelope).await.unwrap();
            bucket_key_of(&room.write(&user(1), 1, object).await.unwrap())
        });
    }
    let mut ids = tasks.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(room.calls(), (1, 1));
    assert_eq!(room.provider.wraps.load(Ordering::SeqCst), before + 1);
    assert_eq!(room.provider.unwraps.load(Ordering::SeqCst), 1);
    assert_eq!((room.sse.bucket_key_counters().misses(), room.sse.bucket_key_counters().hits()), (2, 126));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_key_seals_more_than_its_limit_however_many_ask_at_once() {
    const LIMIT: u64 = 5;
    let room = Arc::new(Room::with_objects_max(LIMIT).await);
    let mut tasks = JoinSet::new();
    for object in 0..203 {
        let room = Arc::clone(&room);
        tasks.spawn(async move { bucket_key_of(&room.write(&user(1), 1, object).await.unwrap()) });
    }
    let mut uses = BTreeMap::new();
    for id in tasks.join_all().await {
        *uses.entry(id).or_insert(0) += 1;
    }
    assert!(uses.values().all(|count| *count <= LIMIT), "{uses:?}");
    // Every key but the last is used up before the next one is asked for.
    assert_eq!((uses.len(), room.calls().0), (41, 41));
}

/// Who waits while the KMS is unreachable fails together; the next to come asks anew, and nothing remembers the failure.
#[tokio::test]
async fn a_failed_flight_is_shared_by_who_waited_and_forgotten() {
    let room = Room::new().await;
    *room.provider.fault.lock().unwrap() = Some(ProviderFault::Unavailable("down".to_owned()));
    let user = user(1);
    let mut writes: Vec<_> = (0..64).map(|object| Box::pin(room.write(&user, 1, object))).collect();
    let mut failed = 0;
    std::future::poll_fn(|task| {
        writes.retain_mut(|write| match write.as_mut().poll(task) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(result) => {
                assert_eq!(result.err(), Some(SseError::KmsUnavailable));
                failed += 1;
                false
            }
        });
        if writes.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    drop(writes);
    assert_eq!((failed, room.provider.wraps.load(Ordering::SeqCst)), (64, 1));
    assert_eq!(room.write(&user, 1, 1).await.err(), Some(SseError::KmsUnavailable));
    assert_eq!(room.provider.wraps.load(Ordering::SeqCst), 2);
    *room.provider.fault.lock().unwrap() = None;
    room.write(&user, 1, 1).await.unwrap();
    assert_eq!(room.calls(), (1, 0));
}

/// A writer whose client goes away in the middle of the flight leaves it to the next one.
#[tokio::test]
async fn a_flight_that_is_given_up_holds_nobody() {
    let room = Room::new().await;
    let user = user(1);
    {
        let mut given_up = Box::pin(room.write(&user, 1, 1));
        std::future::poll_fn(|task| {
            assert!(given_up.as_mut().poll(task).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    room.write(&user, 1, 2).await.unwrap();
    assert_eq!(room.calls(), (1, 0));
}
