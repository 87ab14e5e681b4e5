//! Keys in memory while the audit log takes no events: they are used as little as those that are not in memory.

use super::setup::{Room, TTL_MILLIS, same, user};
use async_trait::async_trait;
use audit::{AuditFault, AuditTrail, Event};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use strongroom_sse::SseError;

/// A log that keeps the operations it is told of, and takes none when told to.
#[derive(Default)]
pub struct Log {
    pub full: AtomicBool,
    refusing: AtomicBool,
    told: Mutex<Vec<&'static str>>,
}

impl Log {
    fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

#[async_trait]
impl AuditTrail for Log {
    async fn record(&self, event: Event) -> Result<(), AuditFault> {
        let full = self.full.load(Ordering::SeqCst);
        self.refusing.store(full, Ordering::SeqCst);
        if full {
            return Err(AuditFault("full".to_owned()));
        }
        self.told.lock().unwrap().push(event.operation);
        Ok(())
    }

    fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::SeqCst)
    }
}

const REFUSED: Option<SseError> = Some(SseError::KmsUnavailable);

#[tokio::test]
async fn what_is_cached_serves_nobody_while_the_log_takes_nothing_and_serves_again_after() {
    let room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    let keys = room.read(&user(1), 1, 1, &envelope).await.unwrap();
    room.log.take();
    room.log.fill(true);
    // Another user, for whom nothing is cached, is the first to find out.
    assert_eq!(room.write(&user(2), 1, 2).await.err(), REFUSED);
    let counted: Vec<_> = room.sse.bucket_key_counters().snapshot().collect();
    for _ in 0..2 {
        assert_eq!(room.write(&user(1), 1, 2).await.err(), REFUSED);
        assert_eq!(room.read(&user(1), 1, 1, &envelope).await.err(), REFUSED);
        assert_eq!(room.read(&user(2), 1, 1, &envelope).await.err(), REFUSED);
    }
    let saved = |counted: &[(kms::Operation, u64, u64)]| counted.iter().map(|(_, _, saved)| *saved).collect::<Vec<_>>();
    let after: Vec<_> = room.sse.bucket_key_counters().snapshot().collect();
    assert_eq!(saved(&after), saved(&counted), "what was refused saved no call");
    assert_eq!((room.log.take(), room.calls()), (vec![], (1, 0)));

    // The first use that comes when there is room again brings the log back, without a call to the KMS; then all is as before.
    room.log.fill(false);
    assert!(same(&keys, &room.read(&user(1), 1, 1, &envelope).await.unwrap()));
    assert_eq!(room.log.take(), ["Decrypt"]);
    room.write(&user(1), 1, 3).await.unwrap();
    assert!(same(&keys, &room.read(&user(1), 1, 1, &envelope).await.unwrap()));
    assert_eq!((room.log.take(), room.calls()), (vec![], (1, 0)));
}

/// A log that broke down while nobody asked the KMS is found out by the next who does: after a key's time at the latest.
#[tokio::test]
async fn what_nobody_has_found_out_ends_with_the_key_s_time() {
    let room = Room::new().await;
    let envelope = room.write(&user(1), 1, 1).await.unwrap();
    room.log.fill(true);
    room.write(&user(1), 1, 2).await.unwrap();
    room.clock.advance_millis(TTL_MILLIS);
    assert_eq!(room.write(&user(1), 1, 3).await.err(), REFUSED);
    assert_eq!(room.read(&user(1), 1, 1, &envelope).await.err(), REFUSED);
    room.log.fill(false);
    room.write(&user(1), 1, 3).await.unwrap();
    room.read(&user(1), 1, 1, &envelope).await.unwrap();
}
