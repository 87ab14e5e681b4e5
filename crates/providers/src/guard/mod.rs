//! The guard makes a key provider of a [`Backend`]: what every service outside needs and none should do for itself.
//!
//! - A time limit for each call and one for the whole request, retries with jitter within it, a circuit breaker, and a
//!   limit of calls under way: a slow or dead service costs a request a bounded time, and the rest of the server nothing.
//! - The envelope of `frame.rs`: the service wraps a one-time key, never ours, and no wrong answer opens anything.
//! - The verified wrap: what lives long is unwrapped once before it is used. A service that answers nonsense to a wrap
//!   would otherwise lose data in silence.
//!
//! INVARIANT: whoever may call the KMS API can hand in ciphertexts of his own making, so what an unwrap says about a
//! ciphertext never counts against the service: only missing answers open the breaker.

mod breaker;
mod frame;
mod retry;
mod statistics;
#[cfg(test)]
mod tests;

use crate::backend::{Backend, Bound, FRESH_KEY_BYTES};
use crate::reference::Reference;
use crate::timer::Timer;
use async_trait::async_trait;
pub use breaker::BreakerState;
use breaker::{Admitted, Breaker};
use crypto::{Binding, KeyRole, ProviderKey, SecretBytes};
use frame::{Frame, PLAIN_BYTES_MAX};
use futures_util::future::{Either, select};
use kms::{Capabilities, KeyProvider, NewVersion, ProviderFault, ProviderName, VersionRef};
use model::{CmkUid, Entropy};
use retry::Budget;
pub use statistics::{Call, Outcome, Statistics};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Probes that must fail in a row before a provider counts as down.
const FAILED_PROBES_MAX: u32 = 2;

const LEFT_ALONE: &str = "it has not answered lately and is left alone for a moment";

/// Which fresh wraps are unwrapped and compared before they are used, at the price of a second call. A wrap that nobody
/// compared may open nothing, which only shows when it is too late (docs/decisions/0008-every-wrap-is-tried.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyWraps {
    /// Those of bucket keys: one wrap stands for many objects, and the call is shared by all of them.
    BucketKeys,
    /// All.
    All,
}

/// Limits of the calls to one service.
#[derive(Clone, Copy, Debug)]
pub struct GuardConfig {
    /// Longest time of one try.
    pub timeout: Duration,
    /// Longest time of a call with its retries and pauses.
    pub total: Duration,
    /// Most tries of one call.
    pub tries_max: u32,
    /// Most calls under way at once; more wait, within the time limit.
    pub calls_max: u32,
    /// Missing answers in a row that open the breaker.
    pub breaker_failures: u32,
    /// How long the breaker stays open before it lets one call try.
    pub breaker_pause: Duration,
    /// Which fresh wraps are verified.
    pub verify: VerifyWraps,
}

impl Default for GuardConfig {
    fn default() -> Self {
        let timeout = Duration::from_secs(2);
        Self {
            timeout,
            total: timeout * 3,
            tries_max: 3,
            calls_max: 64,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(5),
            verify: VerifyWraps::All,
        }
    }
}

/// A key provider made of a backend.
pub struct Guarded {
    name: ProviderName,
    backend: Box<dyn Backend>,
    config: GuardConfig,
    timer: Arc<dyn Timer>,
    entropy: Arc<dyn Entropy>,
    breaker: Mutex<Breaker>,
    budget: Mutex<Budget>,
    slots: Semaphore,
    statistics: Statistics,
    /// Probes that have failed in a row.
    failed_probes: AtomicU32,
}

impl Guarded {
    /// Guards a backend.
    pub fn new(
        name: ProviderName,
        backend: Box<dyn Backend>,
        config: GuardConfig,
        timer: Arc<dyn Timer>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            name,
            backend,
            config,
            timer,
            entropy,
            breaker: Mutex::new(Breaker::new(config.breaker_failures, config.breaker_pause)),
            budget: Mutex::new(Budget::new()),
            slots: Semaphore::new(usize::try_from(config.calls_max).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)),
            statistics: Statistics::default(),
            failed_probes: AtomicU32::new(0),
        }
    }

    /// The counters.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// How the breaker stands.
    pub fn breaker(&self) -> BreakerState {
        locked(&self.breaker).state()
    }

    /// Whether the service is known not to do its work: the breaker is not closed, or the probe failed repeatedly.
    pub fn is_down(&self) -> bool {
        self.breaker() != BreakerState::Closed || self.failed_probes.load(Ordering::Relaxed) >= FAILED_PROBES_MAX
    }

    /// The synthetic probe: generates a key, wraps it under this version, unwraps and compares. With the breaker open it
    /// is the call that tries again, so a service that nobody asks is found to be back.
    ///
    /// # Errors
    /// What went wrong. Being throttled says that the service is there, and does not count as a failed probe.
    pub async fn probe(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        let result = self.try_round(version).await;
        match &result {
            Ok(()) | Err(ProviderFault::Throttled) => self.failed_probes.store(0, Ordering::Relaxed),
            Err(_) => {
                let _ = self.failed_probes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1));
            }
        }
        result
    }

    async fn try_round(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        let bound = Bound::new(&version, KeyRole::Data, &Binding::new("provider-probe"));
        self.fresh_key(version, &bound, true).await.map(drop)
    }

    /// Draws a one-time key and has it wrapped; if asked to, makes sure that the service can unwrap it again.
    async fn fresh_key(
        &self,
        version: VersionRef<'_>,
        bound: &Bound,
        verify: bool,
    ) -> Result<(SecretBytes<FRESH_KEY_BYTES>, Vec<u8>), ProviderFault> {
        let fresh = SecretBytes::random(&*self.entropy);
        let outer = self.call(Call::Wrap, Retries::All, || self.backend.wrap(version, fresh.expose(), bound)).await?;
        if outer.is_empty() || outer.len() > frame::OUTER_BYTES_MAX {
            return Err(ProviderFault::Garbage(format!("{} bytes for a wrapped key", outer.len())));
        }
        if verify {
            let back = self.call(Call::Unwrap, Retries::All, || self.backend.unwrap(version, &outer, bound)).await;
            let unwraps = match back {
                Ok(back) => crypto::constant_time_eq(&back, fresh.expose()),
                Err(ProviderFault::InvalidCiphertext) => false,
                Err(other) => return Err(other),
            };
            if !unwraps {
                tracing::error!(provider = %self.name, "the key provider does not unwrap what it has just wrapped");
                return Err(ProviderFault::Garbage("a fresh wrap does not unwrap".to_owned()));
            }
        }
        Ok((fresh, outer))
    }

    /// Makes a call within the limits. `send` makes one try.
    async fn call<'a, T, F>(&'a self, call: Call, retries: Retries, send: impl Fn() -> F) -> Result<T, ProviderFault>
    where
        F: Future<Output = Result<T, ProviderFault>> + 'a,
    {
        let deadline = self.timer.now() + self.config.total;
        let mut tries = 0;
        loop {
            tries += 1;
            let fault = match self.once(call, deadline, send()).await {
                Ok(answer) => {
                    locked(&self.budget).earn();
                    return Ok(answer);
                }
                Err(Failed::NotSent(fault)) => return Err(fault),
                Err(Failed::Sent(fault)) => fault,
            };
            let pause = retry::pause_after(tries, self.chance());
            let again = retries.include(&fault)
                && tries < self.config.tries_max
                && self.timer.now() + pause < deadline
                && locked(&self.budget).take();
            if !again {
                return Err(fault);
            }
            tracing::debug!(provider = %self.name, call = call.name(), %fault, tries, "asking the key provider again");
            self.statistics.retried();
            self.timer.sleep(pause).await;
        }
    }

    /// One try: through the breaker, with a slot, for a limited time.
    async fn once<T>(
        &self,
        call: Call,
        deadline: Duration,
        try_it: impl Future<Output = Result<T, ProviderFault>>,
    ) -> Result<T, Failed> {
        let begun = self.timer.now();
        let not_sent = |why: &str| {
            self.statistics.ended(call, Outcome::NotSent, Duration::ZERO);
            Err(Failed::NotSent(ProviderFault::Unavailable(format!("`{}`: {why}", self.name))))
        };
        if locked(&self.breaker).refuses(begun) {
            return not_sent(LEFT_ALONE);
        }
        let left = deadline.saturating_sub(begun);
        let Some(Ok(_slot)) = self.within(left, self.slots.acquire()).await else {
            return not_sent("too many calls are under way");
        };
        let admitted = locked(&self.breaker).admit(self.timer.now());
        let Ok(admitted) = admitted else {
            return not_sent(LEFT_ALONE);
        };
        // Until it is settled: whoever asked may go away at any await, and a trial must not stay open for ever.
        let mut trial = Trial { guard: self, admitted: Some(admitted) };
        let sent = self.timer.now();
        let limit = self.config.timeout.min(deadline.saturating_sub(sent));
        let result = match self.within(limit, try_it).await {
            Some(result) => result,
            None => Err(ProviderFault::Unavailable(format!("`{}`: no answer in time", self.name))),
        };
        self.statistics.ended(call, Outcome::of(&result), self.timer.now().saturating_sub(sent));
        trial.settle(&result);
        result.map_err(Failed::Sent)
    }

    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let work = pin!(work);
        match select(work, self.timer.sleep(limit)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    fn chance(&self) -> u32 {
        let mut bytes = [0; 4];
        self.entropy.fill(&mut bytes);
        u32::from_be_bytes(bytes)
    }

    fn verifies(&self, role: KeyRole) -> bool {
        match self.config.verify {
            VerifyWraps::All => true,
            VerifyWraps::BucketKeys => role == KeyRole::BucketKey,
        }
    }
}

#[async_trait]
impl KeyProvider for Guarded {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { specs: self.backend.specs(), plain_bytes_max: PLAIN_BYTES_MAX, import: false, remote: true }
    }

    /// Makes or takes up a key, and makes sure before anybody relies on it that it wraps and unwraps. Making a key is not
    /// asked twice unless the service has said that it did not: a lost answer may leave a key behind, two would leave two.
    async fn create_version(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        if !self.backend.specs().contains(&new.spec) {
            return Err(ProviderFault::Unsupported("keys of this spec"));
        }
        let retries = if new.existing.is_some() { Retries::All } else { Retries::OfThrottling };
        let reference = self.call(Call::Create, retries, || self.backend.create(new)).await?;
        let version = VersionRef { uid: new.uid, version: new.version, spec: new.spec, reference: &reference };
        if let Err(fault) = self.try_round(version).await {
            tracing::warn!(provider = %self.name, cmk = new.uid.to_uuid(), %fault, "a new key at the provider cannot be used");
            if let Err(left) = self.destroy(version).await {
                tracing::warn!(provider = %self.name, cmk = new.uid.to_uuid(), %left, "and stays there");
            }
            return Err(fault);
        }
        Ok(reference)
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        plain: &[u8],
        binding: &Binding,
    ) -> Result<Vec<u8>, ProviderFault> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(ProviderFault::Unsupported("so many bytes in one wrap"));
        }
        let bound = Bound::new(&version, role, binding);
        let (fresh, outer) = self.fresh_key(version, &bound, self.verifies(role)).await?;
        frame::seal(&ProviderKey::from_secret(fresh), &outer, role, plain, &bound, &*self.entropy)
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        wrapped: &[u8],
        binding: &Binding,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let bound = Bound::new(&version, role, binding);
        let frame = Frame::parse(wrapped, &bound)?;
        let answered =
            self.call(Call::Unwrap, Retries::All, || self.backend.unwrap(version, frame.outer, &bound)).await?;
        frame.open(&answered, role, &bound).inspect_err(|fault| {
            tracing::error!(provider = %self.name, cmk = version.uid.to_uuid(), %fault, "not the key that was wrapped");
        })
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        self.call(Call::Destroy, Retries::All, || self.backend.destroy(version)).await
    }

    fn key_named<'a>(&self, reference: &'a [u8]) -> &'a [u8] {
        Reference::decode(reference).map_or(reference, |reference| reference.name.as_bytes())
    }

    fn forget(&self, uid: CmkUid) {
        self.backend.forget(uid);
    }
}

/// Which faults of a call are followed by another try.
#[derive(Clone, Copy, Debug)]
enum Retries {
    /// All that may pass.
    All,
    /// Being throttled only: then the service has done nothing.
    OfThrottling,
}

impl Retries {
    fn include(self, fault: &ProviderFault) -> bool {
        match self {
            Self::All => retry::is_worth_retrying(fault),
            Self::OfThrottling => *fault == ProviderFault::Throttled,
        }
    }
}

enum Failed {
    /// The service was not asked; asking again at once would not be either.
    NotSent(ProviderFault),
    /// The service was asked.
    Sent(ProviderFault),
}

/// A call that the breaker let through. Dropped before its end, it gives its place back.
struct Trial<'a> {
    guard: &'a Guarded,
    admitted: Option<Admitted>,
}

impl Trial<'_> {
    fn settle<T>(&mut self, result: &Result<T, ProviderFault>) {
        let Some(admitted) = self.admitted.take() else { return };
        let (guard, now) = (self.guard, self.guard.timer.now());
        let mut breaker = locked(&guard.breaker);
        let before = breaker.state();
        match result {
            Err(ProviderFault::Unavailable(why)) => {
                if breaker.failed(admitted, now) && before == BreakerState::Closed {
                    tracing::error!(provider = %guard.name, why, "the key provider does not answer: calls are held back");
                }
            }
            // There is somebody, who says no: to this call, or to so many.
            Ok(_) | Err(_) => {
                breaker.succeeded(admitted);
                if before == BreakerState::Trying && breaker.state() == BreakerState::Closed {
                    tracing::info!(provider = %guard.name, "the key provider answers again");
                }
            }
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if let Some(admitted) = self.admitted.take() {
            locked(&self.guard.breaker).abandoned(admitted, self.guard.timer.now());
        }
    }
}

/// A panic while it was held leaves plain numbers behind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
