//! Drawing key pairs for imports: one at a time, however many ask. Drawing primes keeps a thread busy for up to seconds, and
//! the threads are everybody's; whoever finds the line full is told to come back.

use crate::KmsError;
use crypto::ImportKeyPair;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Most requests that draw or wait for their turn at a time.
const PLACES: usize = 4;

/// The line of those that want a pair.
pub(crate) struct ImportPairs {
    places: Semaphore,
    turn: Arc<Semaphore>,
}

impl Default for ImportPairs {
    fn default() -> Self {
        Self { places: Semaphore::new(PLACES), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl ImportPairs {
    /// Draws a pair; `None` for a length that is not offered.
    ///
    /// # Errors
    /// [`KmsError::Throttled`] when as many wait already as may; [`KmsError::Unavailable`].
    pub(crate) async fn draw(&self, rsa_bits: u32) -> Result<Option<ImportKeyPair>, KmsError> {
        self.in_turn(move || ImportKeyPair::generate(rsa_bits)).await
    }

    /// Work whose caller went away keeps its turn to its end: it still keeps a thread busy.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, KmsError> {
        let _place = self.places.try_acquire().map_err(|_| KmsError::Throttled)?;
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.map_err(|error| KmsError::Unavailable(error.to_string()))?;
        blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
    }
}

/// Runs work that keeps a thread busy where it is in nobody's way.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, KmsError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| KmsError::Unavailable(format!("the work did not end: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[tokio::test]
    async fn one_draws_at_a_time_a_few_wait_and_the_rest_are_sent_away() {
        let pairs = Arc::new(ImportPairs::default());
        let (begun, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let mut tasks = Vec::new();
        for _ in 0..PLACES {
            let (pairs, begun, most, gate) =
                (Arc::clone(&pairs), Arc::clone(&begun), Arc::clone(&most), Arc::clone(&gate));
            tasks.push(tokio::spawn(async move {
                let work = move || {
                    most.fetch_max(begun.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    gate.lock().unwrap().recv().unwrap();
                    begun.fetch_sub(1, Ordering::SeqCst);
                };
                pairs.in_turn(work).await
            }));
        }
        while pairs.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pairs.in_turn(|| ()).await, Err(KmsError::Throttled));
        for _ in 0..PLACES {
            go.send(()).unwrap();
        }
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(()));
        }
        assert_eq!(most.load(Ordering::SeqCst), 1, "at a time");
        assert_eq!(pairs.in_turn(|| 7).await, Ok(7), "and then there is room again");
    }

    #[tokio::test]
    async fn whoever_hangs_up_makes_no_room_for_a_second_draw() {
        let pairs = ImportPairs::default();
        let (go, gate) = mpsc::channel::<()>();
        {
            let drawing = pairs.in_turn(move || gate.recv());
            tokio::pin!(drawing);
            let waker = std::task::Waker::noop();
            assert!(drawing.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        }
        assert_eq!(pairs.turn.available_permits(), 0, "the abandoned draw still has its turn");
        go.send(()).unwrap();
        assert_eq!(pairs.in_turn(|| 1).await, Ok(1));
    }
}
