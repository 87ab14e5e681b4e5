//! The guard over a service that misbehaves by script, in time that passes when everybody waits.

use super::*;
use crypto::{CmkMaterial, SystemEntropy};
use futures_util::FutureExt;
use kms::KeySpec;
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::task::Poll;

/// Time that passes when everybody waits for it: a sleeper that is asked again, and is the first to wake, moves the
/// clock to its own time.
#[derive(Default)]
struct Simulated {
    now: Mutex<Duration>,
    sleepers: Mutex<Vec<(u64, Duration)>>,
    next: AtomicU64,
}

impl Simulated {
    fn pass(&self, time: Duration) {
        *locked(&self.now) += time;
    }
}

/// Takes its sleeper along when it is dropped.
struct Sleeper<'a>(&'a Simulated, u64);

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        locked(&self.0.sleepers).retain(|(id, _)| *id != self.1);
    }
}

#[async_trait]
impl Timer for Simulated {
    fn now(&self) -> Duration {
        *locked(&self.now)
    }

    async fn sleep(&self, time: Duration) {
        let (id, until) = (self.next.fetch_add(1, Ordering::Relaxed), self.now() + time);
        locked(&self.sleepers).push((id, until));
        let sleeper = Sleeper(self, id);
        let mut asked = 0;
        std::future::poll_fn(|context| {
            asked += 1;
            let first = locked(&self.sleepers).iter().all(|(other, at)| (until, id) <= (*at, *other));
            // Not at the first times: whoever else is to wait has not said so yet.
            if self.now() >= until || (asked > 3 && first) {
                let mut now = locked(&self.now);
                *now = (*now).max(until);
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        drop(sleeper);
    }
}

/// What the service does with a call, from the front of its script; an empty script is an honest service.
enum Does {
    Work,
    Takes(Duration),
    Fails,
    Throttles,
    Refuses,
    /// Answers with these bytes.
    Says(Vec<u8>),
    /// Wraps under another key.
    AnotherKey,
    Invalid,
}

#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<Does>>,
    calls: AtomicU64,
    destroyed: AtomicU64,
}

impl Script {
    fn then(&self, steps: impl IntoIterator<Item = Does>) {
        locked(&self.steps).extend(steps);
    }

    fn calls(&self) -> u64 {
        self.calls.swap(0, Ordering::Relaxed)
    }
}

struct Fake {
    script: Arc<Script>,
    timer: Arc<Simulated>,
    keys: [CmkMaterial; 2],
}

impl Fake {
    /// The bytes or the fault of the script's next step; nothing where the work is to be done, and with which key.
    async fn step(&self) -> Result<Result<usize, Vec<u8>>, ProviderFault> {
        self.script.calls.fetch_add(1, Ordering::Relaxed);
        let step = locked(&self.script.steps).pop_front();
        match step {
            None | Some(Does::Work) => Ok(Ok(0)),
            Some(Does::AnotherKey) => Ok(Ok(1)),
            Some(Does::Takes(time)) => {
                self.timer.sleep(time).await;
                Ok(Ok(0))
            }
            Some(Does::Fails) => Err(ProviderFault::Unavailable("down".to_owned())),
            Some(Does::Throttles) => Err(ProviderFault::Throttled),
            Some(Does::Refuses) => Err(ProviderFault::Refused("disabled".to_owned())),
            Some(Does::Invalid) => Err(ProviderFault::InvalidCiphertext),
            Some(Does::Says(bytes)) => Ok(Err(bytes)),
        }
    }
}

#[async_trait]
impl Backend for Fake {
    fn specs(&self) -> &'static [KeySpec] {
        &[KeySpec::Aes256]
    }

    async fn create(&self, _new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        self.step().await.map(|_| b"made".to_vec())
    }

    async fn wrap(
        &self,
        _version: VersionRef<'_>,
        key: &[u8; FRESH_KEY_BYTES],
        bound: &Bound,
    ) -> Result<Vec<u8>, ProviderFault> {
        let binding = Binding::new("fake").field(bound.as_bytes());
        match self.step().await? {
            Ok(which) => Ok(crypto::wrap_secret(&self.keys[which], KeyRole::Data, key, &binding, &SystemEntropy)),
            Err(says) => Ok(says),
        }
    }

    async fn unwrap(
        &self,
        _version: VersionRef<'_>,
        wrapped: &[u8],
        bound: &Bound,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let binding = Binding::new("fake").field(bound.as_bytes());
        match self.step().await? {
            Ok(which) => crypto::unwrap_secret(&self.keys[which], KeyRole::Data, wrapped, &binding)
                .map_err(|_| ProviderFault::InvalidCiphertext),
            Err(says) => Ok(Zeroizing::new(says)),
        }
    }

    async fn destroy(&self, _version: VersionRef<'_>) -> Result<(), ProviderFault> {
        self.script.destroyed.fetch_add(1, Ordering::Relaxed);
        self.step().await.map(drop)
    }
}

struct Setup {
    guard: Guarded,
    script: Arc<Script>,
    timer: Arc<Simulated>,
}

fn setup(change: impl FnOnce(&mut GuardConfig)) -> Setup {
    let (script, timer) = (Arc::<Script>::default(), Arc::<Simulated>::default());
    // One call for each wrap, so that calls are easily counted.
    let mut config = GuardConfig { verify: VerifyWraps::BucketKeys, ..GuardConfig::default() };
    change(&mut config);
    let keys = [CmkMaterial::generate(&SystemEntropy), CmkMaterial::generate(&SystemEntropy)];
    let fake = Fake { script: Arc::clone(&script), timer: Arc::clone(&timer), keys };
    let name = ProviderName::parse("fake").unwrap();
    let guard = Guarded::new(name, Box::new(fake), config, Arc::<Simulated>::clone(&timer), Arc::new(SystemEntropy));
    Setup { guard, script, timer }
}

const ROLE: KeyRole = KeyRole::Dek;
const KEY: [u8; 32] = [9; 32];

fn version() -> VersionRef<'static> {
    VersionRef { uid: CmkUid::from_bytes([7; 16]), version: 1, spec: KeySpec::Aes256, reference: b"made" }
}

fn binding() -> Binding {
    Binding::new("test").field(b"bucket")
}

impl Setup {
    async fn wrap(&self) -> Result<Vec<u8>, ProviderFault> {
        self.guard.wrap(version(), ROLE, &KEY, &binding()).await
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        self.guard.unwrap(version(), ROLE, wrapped, &binding()).await
    }

    async fn is_unavailable(&self) -> bool {
        matches!(self.wrap().await, Err(ProviderFault::Unavailable(_)))
    }
}

#[tokio::test]
async fn one_call_each_way_and_never_two_for_damaged_bytes() {
    let s = setup(|_| {});
    let wrapped = s.wrap().await.unwrap();
    assert_eq!(s.script.calls(), 1);
    assert_eq!(*s.unwrap(&wrapped).await.unwrap(), KEY);
    assert_eq!(s.script.calls(), 1);
    let mut damaged = wrapped.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(s.unwrap(&damaged).await.unwrap_err(), ProviderFault::InvalidCiphertext);
    let moved = s.guard.unwrap(version(), ROLE, &wrapped, &Binding::new("test").field(b"another")).await;
    assert_eq!(moved.unwrap_err(), ProviderFault::InvalidCiphertext);
    let swapped = s.guard.unwrap(version(), KeyRole::BucketKey, &wrapped, &binding()).await;
    assert_eq!(swapped.unwrap_err(), ProviderFault::InvalidCiphertext);
    assert_eq!(s.script.calls(), 0, "the service is not asked about them");
}

#[tokio::test]
async fn another_keys_data_and_garbage_are_never_a_key() {
    let s = setup(|_| {});
    let wrapped = s.wrap().await.unwrap();
    for answer in [vec![], vec![0; 32], vec![1; 31], KEY.to_vec(), b"<html>".to_vec()] {
        s.script.then([Does::Says(answer)]);
        assert!(matches!(s.unwrap(&wrapped).await, Err(ProviderFault::Garbage(_))));
    }
    s.script.then([Does::Invalid]);
    assert_eq!(s.unwrap(&wrapped).await.unwrap_err(), ProviderFault::InvalidCiphertext);
    assert_eq!(*s.unwrap(&wrapped).await.unwrap(), KEY, "an honest answer still opens it");
    for answer in [vec![], vec![0; frame::OUTER_BYTES_MAX + 1]] {
        s.script.then([Does::Says(answer)]);
        assert!(matches!(s.wrap().await, Err(ProviderFault::Garbage(_))));
    }
}

#[tokio::test]
async fn wraps_of_bucket_keys_are_verified_before_they_are_used() {
    let s = setup(|_| {});
    let binding = binding();
    let bucket_key = || s.guard.wrap(version(), KeyRole::BucketKey, &KEY, &binding);
    bucket_key().await.unwrap();
    assert_eq!(s.script.calls(), 2);
    s.script.then([Does::Says(vec![5; 100])]);
    assert!(matches!(bucket_key().await, Err(ProviderFault::Garbage(_))), "garbage for a wrap");
    s.script.then([Does::AnotherKey]);
    assert!(matches!(bucket_key().await, Err(ProviderFault::Garbage(_))), "wrapped under another key");
    s.script.then([Does::Work, Does::Says(vec![5; 32])]);
    assert!(matches!(bucket_key().await, Err(ProviderFault::Garbage(_))), "unwrapped to another key");
    s.script.calls();

    assert_eq!(GuardConfig::default().verify, VerifyWraps::All, "unless somebody decides otherwise");
    let all = setup(|config| config.verify = VerifyWraps::All);
    all.wrap().await.unwrap();
    assert_eq!(all.script.calls(), 2);
    all.script.then([Does::AnotherKey]);
    assert!(matches!(all.wrap().await, Err(ProviderFault::Garbage(_))));
}

#[tokio::test]
async fn a_new_key_is_tried_before_it_is_relied_on_and_destroyed_if_it_fails() {
    let s = setup(|_| {});
    let new = NewVersion { uid: CmkUid::from_bytes([7; 16]), version: 1, spec: KeySpec::Aes256, existing: None };
    assert_eq!(s.guard.create_version(new).await.unwrap(), b"made");
    assert_eq!(s.script.calls(), 3);
    s.script.then([Does::Work, Does::Work, Does::Refuses]);
    assert!(matches!(s.guard.create_version(new).await, Err(ProviderFault::Refused(_))));
    assert_eq!(s.script.destroyed.load(Ordering::Relaxed), 1);
    let sm4 = NewVersion { spec: KeySpec::Sm4, ..new };
    assert!(matches!(s.guard.create_version(sm4).await, Err(ProviderFault::Unsupported(_))));
}

#[tokio::test]
async fn making_a_key_is_not_repeated_when_the_answer_was_lost() {
    let s = setup(|_| {});
    let new = NewVersion { uid: CmkUid::from_bytes([7; 16]), version: 1, spec: KeySpec::Aes256, existing: None };
    s.script.then([Does::Fails]);
    assert!(matches!(s.guard.create_version(new).await, Err(ProviderFault::Unavailable(_))));
    assert_eq!(s.script.calls(), 1);
    s.script.then([Does::Throttles]);
    s.guard.create_version(new).await.unwrap();
    assert_eq!(s.script.calls(), 4, "one throttled, one that made it, one wrap, one unwrap");
    s.script.then([Does::Fails]);
    s.guard.create_version(NewVersion { existing: Some("a key"), ..new }).await.unwrap();
    assert_eq!(s.script.calls(), 4, "taking up a key changes nothing at the service");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_was_decided_is_not() {
    let s = setup(|_| {});
    let wrapped = s.wrap().await.unwrap();
    s.script.calls();
    s.script.then([Does::Fails, Does::Throttles]);
    s.unwrap(&wrapped).await.unwrap();
    assert_eq!(s.script.calls(), 3);
    assert_eq!(s.guard.statistics().retries(), 2);
    s.script.then([Does::Throttles, Does::Throttles, Does::Throttles]);
    assert_eq!(s.unwrap(&wrapped).await.unwrap_err(), ProviderFault::Throttled);
    assert_eq!(s.script.calls(), 3);
    for decided in [Does::Refuses, Does::Invalid, Does::Says(vec![1])] {
        s.script.then([decided]);
        assert!(s.unwrap(&wrapped).await.is_err());
        assert_eq!(s.script.calls(), 1);
    }
    let count = |outcome| s.guard.statistics().calls(Call::Unwrap, outcome);
    assert_eq!([Outcome::Ok, Outcome::Throttled, Outcome::Unavailable, Outcome::Refused].map(count), [2, 4, 1, 2]);
}

#[tokio::test]
async fn a_slow_service_costs_a_bounded_time() {
    let s = setup(|config| config.breaker_failures = 100);
    let begun = s.timer.now();
    s.script.then((0..10).map(|_| Does::Takes(Duration::from_secs(60))));
    assert!(s.is_unavailable().await);
    let took = s.timer.now() - begun;
    assert!(took >= Duration::from_secs(4) && took <= Duration::from_secs(6), "{took:?}");
    assert_eq!(s.script.calls(), 3);

    let s = setup(|_| {});
    s.script.then([Does::Takes(Duration::from_millis(1999))]);
    assert!(s.wrap().await.is_ok(), "slow, but in time");
    assert_eq!(s.script.calls(), 1);
}

#[tokio::test]
async fn the_breaker_spares_a_dead_service_and_finds_it_back() {
    let s = setup(|config| config.tries_max = 1);
    let wrapped = s.wrap().await.unwrap();
    s.script.calls();
    s.script.then((0..5).map(|_| Does::Fails));
    for _ in 0..5 {
        assert!(!s.guard.is_down());
        assert!(s.is_unavailable().await);
    }
    assert!(s.guard.is_down());
    assert_eq!(s.script.calls(), 5);
    for _ in 0..100 {
        assert!(s.is_unavailable().await);
    }
    assert_eq!((s.script.calls(), s.guard.statistics().calls(Call::Wrap, Outcome::NotSent)), (0, 100));

    s.timer.pass(Duration::from_secs(5));
    s.script.then([Does::Fails]);
    assert!(s.is_unavailable().await && s.is_unavailable().await);
    assert_eq!(s.script.calls(), 1, "one call tried");
    s.timer.pass(Duration::from_secs(5));
    assert_eq!(*s.unwrap(&wrapped).await.unwrap(), KEY);
    assert!(!s.guard.is_down());
    assert!(s.wrap().await.is_ok());
}

#[tokio::test]
async fn no_ciphertext_a_caller_hands_in_opens_the_breaker() {
    let s = setup(|_| {});
    let wrapped = s.wrap().await.unwrap();
    for _ in 0..50 {
        s.script.then([Does::Invalid]);
        assert!(s.unwrap(&wrapped).await.is_err());
        s.script.then([Does::Says(vec![4; 32])]);
        assert!(s.unwrap(&wrapped).await.is_err());
        s.script.then([Does::Throttles, Does::Throttles, Does::Throttles]);
        assert!(s.unwrap(&wrapped).await.is_err());
        locked(&s.script.steps).clear();
    }
    assert_eq!(s.guard.breaker(), BreakerState::Closed);
    assert!(!s.guard.is_down());
}

#[tokio::test]
async fn a_trial_whose_caller_goes_away_does_not_lock_the_breaker() {
    let s = setup(|config| (config.tries_max, config.breaker_failures) = (1, 1));
    s.script.then([Does::Fails]);
    assert!(s.is_unavailable().await);
    s.timer.pass(Duration::from_secs(5));
    s.script.then([Does::Takes(Duration::from_secs(1))]);
    {
        let mut trial = pin!(s.wrap());
        assert!(trial.as_mut().now_or_never().is_none());
        assert_eq!(s.guard.breaker(), BreakerState::Trying);
    }
    assert!(s.wrap().await.is_ok(), "the next call tries");
    assert_eq!(s.guard.breaker(), BreakerState::Closed);
}

#[tokio::test]
async fn more_calls_than_allowed_wait_and_are_turned_away_in_time() {
    let s = setup(|config| (config.calls_max, config.tries_max, config.breaker_failures) = (1, 1, 100));
    s.script.then([Does::Takes(Duration::from_secs(1))]);
    let (slow, waiting) = tokio::join!(s.wrap(), s.wrap());
    assert!(slow.is_ok() && waiting.is_ok(), "the second had its turn");

    let s = setup(|config| {
        (config.calls_max, config.tries_max) = (1, 1);
        (config.timeout, config.total) = (Duration::from_secs(9), Duration::from_secs(3));
    });
    let _held = s.guard.slots.acquire().await.unwrap();
    assert!(s.is_unavailable().await);
    assert_eq!(s.timer.now(), Duration::from_secs(3));
    assert_eq!((s.script.calls(), s.guard.breaker()), (0, BreakerState::Closed));

    let s = setup(|config| (config.calls_max, config.tries_max, config.breaker_failures) = (1, 1, 1));
    s.script.then([Does::Fails]);
    assert!(s.is_unavailable().await);
    let (before, _held) = (s.timer.now(), s.guard.slots.acquire().await.unwrap());
    assert!(s.is_unavailable().await);
    assert_eq!(s.timer.now(), before, "nobody waits for a place to hear that the service is left alone");
}

#[tokio::test]
async fn retries_are_few_when_most_calls_fail() {
    let s = setup(|config| config.breaker_failures = u32::MAX);
    s.script.then((0..1000).map(|_| Does::Fails));
    for _ in 0..100 {
        assert!(s.is_unavailable().await);
    }
    assert_eq!(s.script.calls(), 110, "ten in hand, and no success to earn more");
}

#[tokio::test]
async fn the_probe_tells_a_working_service_from_a_lying_one() {
    let s = setup(|_| {});
    s.guard.probe(version()).await.unwrap();
    assert_eq!(s.script.calls(), 2);
    for down in [false, true] {
        s.script.then([Does::Work, Does::Says(vec![3; 32])]);
        assert!(matches!(s.guard.probe(version()).await, Err(ProviderFault::Garbage(_))));
        assert_eq!(s.guard.is_down(), down, "two in a row");
    }
    s.guard.probe(version()).await.unwrap();
    assert!(!s.guard.is_down());
    for _ in 0..5 {
        s.script.then([Does::Throttles, Does::Throttles, Does::Throttles]);
        assert_eq!(s.guard.probe(version()).await, Err(ProviderFault::Throttled));
    }
    assert!(!s.guard.is_down(), "busy is not down");
}
