//! A bucket key in memory whose CMK's imported material is over: as good as gone, like the material, whether or not anything
//! has removed it from memory.

use super::setup::{Room, bucket_key_of, root, same, user};
use crypto::{OaepHash, wrap_for_import};
use kms::{CreateCmk, ImportWrapping, Origin};
use model::{Clock, Timestamp};
use strongroom_sse::SseError;

const HOUR_MILLIS: u64 = 3_600_000;

async fn import(room: &Room, expires: Option<Timestamp>) {
    let asked = room.kms.import_parameters(&root(), &room.cmk, ImportWrapping::OaepSha256, 2048).await.unwrap();
    let wrapped = wrap_for_import(&asked.public_key, OaepHash::Sha256, &[0xa7; 32]).unwrap();
    room.kms.import_material(&root(), &room.cmk, &asked.token, &wrapped, expires).await.unwrap();
}

/// A room whose CMK waits for its material.
async fn waiting() -> Room {
    let mut room = Room::new().await;
    let make = CreateCmk { origin: Origin::External, ..CreateCmk::default() };
    room.cmk = room.kms.create(&root(), make).await.unwrap().id;
    room
}

async fn refused(room: &Room, envelope: &strongroom_sse::Envelope) {
    assert_eq!(room.write(&user(1), 1, 2).await.err(), Some(SseError::KeyPendingImport));
    assert_eq!(room.read(&user(1), 1, 1, envelope).await.err(), Some(SseError::KeyPendingImport));
}

#[tokio::test]
async fn a_cached_key_ends_with_the_last_moment_of_the_material() {
    let room = waiting().await;
    let begun = room.clock.now();
    let expires = begun.plus_millis(HOUR_MILLIS);
    import(&room, Some(expires)).await;
    room.clock.set(begun.plus_millis(HOUR_MILLIS - 1000));
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    room.clock.set(begun.plus_millis(HOUR_MILLIS - 1));
    assert_eq!(bucket_key_of(&room.write(&user(1), 1, 2).await.unwrap()), bucket_key_of(&envelope));
    let calls = room.calls();
    // No job has run that destroys it, and the key's own time is not over.
    room.clock.set(expires);
    assert_ne!(room.sse.bucket_keys_held(), (0, 0));
    refused(&room, &envelope).await;
    assert_eq!(room.calls(), calls);
    // The same material again, for longer.
    import(&room, None).await;
    assert!(same(&keys, &room.read(&user(1), 1, 1, &envelope).await.unwrap()));
}

#[tokio::test]
async fn a_cached_key_is_not_used_after_the_material_was_deleted() {
    let room = waiting().await;
    import(&room, None).await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    let calls = room.calls();
    room.kms.delete_imported_material(&root(), &room.cmk).await.unwrap();
    refused(&room, &envelope).await;
    assert_eq!(room.calls(), calls);
    room.sse.sweep_bucket_keys();
    assert_eq!(room.sse.bucket_keys_held(), (0, 0), "wiped from memory as well");
    import(&room, None).await;
    assert!(same(&keys, &room.read(&user(1), 1, 1, &envelope).await.unwrap()));
}
