//! What a guard counts: calls by kind and outcome, their time, and retries. Read by the metrics page.

use kms::ProviderFault;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A key is made or taken up.
    Create,
    /// A one-time key is wrapped.
    Wrap,
    /// A one-time key is unwrapped.
    Unwrap,
    /// A key is destroyed.
    Destroy,
}

impl Call {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Create, Self::Wrap, Self::Unwrap, Self::Destroy];

    /// The kind's name on the metrics page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Wrap => "wrap",
            Self::Unwrap => "unwrap",
            Self::Destroy => "destroy",
        }
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Ok,
    /// The service asked for fewer requests.
    Throttled,
    /// No answer, or none in time.
    Unavailable,
    /// The service decided against it.
    Refused,
    /// An answer to something else.
    Garbage,
    /// Not sent: the breaker was open, or too many calls were under way.
    NotSent,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::Throttled, Self::Unavailable, Self::Refused, Self::Garbage, Self::NotSent];

    /// The outcome's name on the metrics page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Garbage => "garbage",
            Self::NotSent => "not_sent",
        }
    }

    pub(super) fn of<T>(result: &Result<T, ProviderFault>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(ProviderFault::Throttled) => Self::Throttled,
            Err(ProviderFault::Unavailable(_)) => Self::Unavailable,
            Err(ProviderFault::Garbage(_)) => Self::Garbage,
            Err(
                ProviderFault::InvalidCiphertext
                | ProviderFault::InvalidReference
                | ProviderFault::Refused(_)
                | ProviderFault::Unsupported(_),
            ) => Self::Refused,
        }
    }
}

/// The counters of one provider.
#[derive(Debug, Default)]
pub struct Statistics {
    calls: [[AtomicU64; Outcome::ALL.len()]; Call::ALL.len()],
    micros: [AtomicU64; Call::ALL.len()],
    retries: AtomicU64,
}

impl Statistics {
    /// How many calls of this kind ended so. Each try counts.
    pub fn calls(&self, call: Call, outcome: Outcome) -> u64 {
        self.calls[call as usize][outcome as usize].load(Ordering::Relaxed)
    }

    /// Time that calls of this kind took together, in microseconds.
    pub fn micros(&self, call: Call) -> u64 {
        self.micros[call as usize].load(Ordering::Relaxed)
    }

    /// How many calls were tries after a failed one.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    pub(super) fn ended(&self, call: Call, outcome: Outcome, took: Duration) {
        self.calls[call as usize][outcome as usize].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros[call as usize].fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }
}
