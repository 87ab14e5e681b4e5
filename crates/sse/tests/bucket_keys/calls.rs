//! What objects cost the KMS, against the model of kms-iam-api §3.7: with R requesters, B buckets, a life of W and a time
//! of T, exactly R × B × ceil(T / W) calls to make keys, however many objects; and for every reader and key read with one
//! call to unwrap it in each W.

use super::setup::{Place, Room, TTL_MILLIS, bucket_key_of, new_cmk, root, user};
use kms::Operation;
use store::metering::{MeterKind, metered};
use strongroom_sse::BucketKeyUsage;

/// A million PUTs by ten requesters into five buckets over an hour.
#[tokio::test]
async fn a_million_puts_take_the_calls_of_the_model() {
    const REQUESTERS: u64 = 10;
    const BUCKETS: u64 = 5;
    const PUTS: u64 = 1_000_000;
    const HOUR_MILLIS: u64 = 3_600_000;
    let room = Room::new().await;
    let users: Vec<_> = (0..REQUESTERS).map(|n| user(n as u8)).collect();
    let mut millis = 0;
    for put in 0..PUTS {
        let due = put * HOUR_MILLIS / PUTS;
        room.clock.advance_millis(due - millis);
        millis = due;
        let (who, bucket) = (put % REQUESTERS, put / REQUESTERS % BUCKETS);
        room.write(&users[who as usize], bucket as u8, put).await.unwrap();
    }
    let calls = REQUESTERS * BUCKETS * HOUR_MILLIS.div_ceil(TTL_MILLIS);
    assert_eq!(calls, 1000);
    assert_eq!(room.calls(), (calls, 0));
    let counted: Vec<_> = room.sse.bucket_key_counters().snapshot().collect();
    assert_eq!(counted, [(Operation::GenerateDataKey, calls, PUTS - calls), (Operation::Decrypt, 0, 0)]);
}

/// One requester and bucket for an hour: 20 keys; the same by the provider's own count.
#[tokio::test]
async fn one_requester_takes_a_key_for_each_life() {
    let room = Room::new().await;
    let mut written = Vec::new();
    for second in 0..3600 {
        written.push(room.write(&user(1), 1, second).await.unwrap());
        room.clock.advance_millis(1000);
    }
    assert_eq!(room.calls(), (20, 0));
    assert_eq!(room.provider.wraps.load(std::sync::atomic::Ordering::SeqCst), 20);
    // Each key is obtained anew; another CMK and another bucket have their own.
    let mut ids: Vec<_> = written.iter().map(bucket_key_of).collect();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    let other = new_cmk(&room.kms).await;
    room.write(&user(1), 1, 1).await.unwrap();
    room.write_under(&other, &user(1), 1, 1).await.unwrap();
    room.write_under(&other, &user(1), 2, 1).await.unwrap();
    assert_eq!(room.calls().0, 23);
}

/// Reading: one call for each reader, key and life, however many objects and reads.
#[tokio::test]
async fn reads_take_the_calls_of_the_model() {
    const READERS: u8 = 4;
    const KEYS: u64 = 3;
    let mut room = Room::new().await;
    let mut objects = Vec::new();
    for key in 0..KEYS {
        for object in 0..5 {
            objects.push((key * 10 + object, room.write(&user(100), 1, key * 10 + object).await.unwrap()));
        }
        room.clock.advance_millis(TTL_MILLIS);
    }
    assert_eq!(room.calls(), (KEYS, 0));
    // A new server: nothing is cached.
    room.restart().await;
    const TIME_MILLIS: u64 = 2 * TTL_MILLIS + 1;
    for _ in (0..TIME_MILLIS).step_by(10_000) {
        for reader in 0..READERS {
            for (object, envelope) in &objects {
                room.read(&user(reader), 1, *object, envelope).await.unwrap();
            }
        }
        room.clock.advance_millis(10_000);
    }
    let calls = u64::from(READERS) * KEYS * TIME_MILLIS.div_ceil(TTL_MILLIS);
    assert_eq!(room.calls(), (0, calls));
    assert_eq!(room.provider.unwraps.load(std::sync::atomic::Ordering::SeqCst), calls);
}

/// Who obtained a key for writing reads with it; others obtain it for themselves, each once.
#[tokio::test]
async fn the_writer_reads_without_a_further_call_and_nobody_else_does() {
    let room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    room.read(&user(1), 1, 1, &envelope).await.unwrap();
    assert_eq!(room.calls(), (1, 0));
    for reader in [user(2), root()] {
        room.read(&reader, 1, 1, &envelope).await.unwrap();
        room.read(&reader, 1, 1, &envelope).await.unwrap();
    }
    assert_eq!(room.calls(), (1, 2));
}

/// What was made and saved is told by day, bucket and CMK, and after a restart too.
#[tokio::test]
async fn calls_are_metered_by_bucket_and_cmk() {
    let mut room = Room::new().await;
    for object in 0..10 {
        room.write(&user(1), 1, object).await.unwrap();
    }
    let envelope = room.write(&user(2), 2, 1).await.unwrap();
    for _ in 0..3 {
        room.read(&user(1), 2, 1, &envelope).await.unwrap();
    }
    room.sse.flush_bucket_key_usage().await.unwrap();
    room.restart().await;
    room.write(&user(1), 1, 11).await.unwrap();
    room.sse.flush_bucket_key_usage().await.unwrap();
    let rows = metered::<2>(&room.store, MeterKind::BucketKeys, (0, u32::MAX), None).await.unwrap().unwrap();
    let rows = rows.into_iter().map(|row| BucketKeyUsage::decode(row).unwrap());
    let told: Vec<_> = rows.map(|row| (row.bucket, row.cmk, row.operation, row.made, row.saved)).collect();
    let of = |bucket, operation, made, saved| {
        (Place::of(bucket).bucket.to_string(), Some(room.cmk.uid), operation, made, saved)
    };
    assert_eq!(told, [of(1, "GenerateDataKey", 2, 9), of(2, "GenerateDataKey", 1, 0), of(2, "Decrypt", 1, 2)]);
}
