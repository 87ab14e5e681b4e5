//! Whether and when a call is made once more. Pure: chance and time are passed in.
//!
//! Waiting times have full jitter: any time between nothing and a ceiling that doubles, so that clients that failed
//! together do not come back together. A budget keeps retries a small share of all calls: when most calls fail, more of
//! them would only hold the service down.

use kms::ProviderFault;
use std::time::Duration;

const CEILING_FIRST: Duration = Duration::from_millis(100);
const CEILING_MAX: Duration = Duration::from_secs(1);

/// Retries in hand at the start, and most that are saved up.
const BUDGET_MAX_TENTHS: u32 = 100;
const RETRY_COSTS_TENTHS: u32 = 10;
const SUCCESS_EARNS_TENTHS: u32 = 1;

/// Whether another try may end better. Nothing that the service has decided is asked again.
pub(super) fn is_worth_retrying(fault: &ProviderFault) -> bool {
    match fault {
        ProviderFault::Unavailable(_) | ProviderFault::Throttled => true,
        ProviderFault::InvalidCiphertext
        | ProviderFault::InvalidReference
        | ProviderFault::Refused(_)
        | ProviderFault::Unsupported(_)
        | ProviderFault::Garbage(_) => false,
    }
}

/// How long to wait before the try that follows `tries` tries. `chance` is any random number.
pub(super) fn pause_after(tries: u32, chance: u32) -> Duration {
    let ceiling = CEILING_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(CEILING_MAX);
    ceiling.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

/// Retries that may still be made.
#[derive(Debug)]
pub(super) struct Budget {
    tenths: u32,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { tenths: BUDGET_MAX_TENTHS }
    }

    /// Takes one retry, if there is one.
    pub(super) fn take(&mut self) -> bool {
        let left = self.tenths.checked_sub(RETRY_COSTS_TENTHS);
        self.tenths = left.unwrap_or(self.tenths);
        left.is_some()
    }

    /// A call succeeded.
    pub(super) fn earn(&mut self) {
        self.tenths = (self.tenths + SUCCESS_EARNS_TENTHS).min(BUDGET_MAX_TENTHS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_lie_between_nothing_and_a_doubling_ceiling() {
        let ceiling = |tries| pause_after(tries, u32::MAX);
        assert_eq!([1, 2, 3, 4, 5, 40].map(|tries| ceiling(tries).as_millis()), [100, 200, 400, 800, 1000, 1000]);
        for tries in 1..6 {
            assert_eq!(pause_after(tries, 0), Duration::ZERO);
            assert!(pause_after(tries, u32::MAX / 2) < ceiling(tries));
        }
    }

    #[test]
    fn only_what_may_pass_is_retried() {
        assert!(is_worth_retrying(&ProviderFault::Throttled));
        assert!(is_worth_retrying(&ProviderFault::Unavailable(String::new())));
        for decided in [
            ProviderFault::InvalidCiphertext,
            ProviderFault::InvalidReference,
            ProviderFault::Refused(String::new()),
            ProviderFault::Unsupported("x"),
            ProviderFault::Garbage(String::new()),
        ] {
            assert!(!is_worth_retrying(&decided), "{decided}");
        }
    }

    #[test]
    fn the_budget_lets_ten_in_a_row_pass_and_then_one_in_ten_calls() {
        let mut budget = Budget::new();
        assert_eq!((0..20).filter(|_| budget.take()).count(), 10);
        let retries = (0..100)
            .filter(|_| {
                budget.earn();
                budget.take()
            })
            .count();
        assert_eq!(retries, 10);
        (0..1000).for_each(|_| budget.earn());
        assert_eq!((0..20).filter(|_| budget.take()).count(), 10, "no more than ten are saved up");
    }
}
