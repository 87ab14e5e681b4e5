//! Traffic control: a token bucket for each account and group of operations, asked before rights and providers. The rate
//! is the requester's (kms-iam-api §2.8), also where a store of objects asks on their behalf; an answer from the cache of
//! bucket keys is no request and costs nothing.

use crate::trail::Group;
use crate::{KmsError, ThrottleConfig};
use model::{AccountId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Seconds of requests a bucket holds.
const BURST_SECONDS: u64 = 2;
/// Most buckets at a time; some 100 bytes each. Accounts beyond share one bucket until others have filled up again.
const BUCKETS_MAX: usize = 65_536;
/// Tokens are counted in thousandths, so that a rate a second is a whole number a millisecond.
const TOKEN: u64 = 1000;

/// Whose bucket: nobody's is one of its own.
type Slot = (Group, Option<AccountId>);

/// A token bucket.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In thousandths of a token.
    level: u64,
    /// Until when it has been filled.
    filled: Timestamp,
}

impl Bucket {
    fn full(rate: u64, now: Timestamp) -> Self {
        Self { level: rate * BURST_SECONDS * TOKEN, filled: now }
    }

    /// Fills up to now. A clock that was set back fills nothing, and the bucket goes on from the new time.
    fn fill(&mut self, rate: u64, now: Timestamp) {
        let added = now.millis_since(self.filled).saturating_mul(rate);
        self.level = self.level.saturating_add(added).min(rate * BURST_SECONDS * TOKEN);
        self.filled = now;
    }

    fn take(&mut self, rate: u64, now: Timestamp) -> Result<(), KmsError> {
        self.fill(rate, now);
        self.level = self.level.checked_sub(TOKEN).ok_or(KmsError::Throttled)?;
        Ok(())
    }
}

/// The buckets.
pub(crate) struct Throttle {
    rates: ThrottleConfig,
    buckets_max: usize,
    buckets: Mutex<BTreeMap<Slot, Bucket>>,
}

impl Throttle {
    pub(crate) fn new(rates: ThrottleConfig) -> Self {
        Self { rates, buckets_max: BUCKETS_MAX, buckets: Mutex::default() }
    }

    /// Takes one request from an account's bucket.
    ///
    /// # Errors
    /// [`KmsError::Throttled`] when it is empty.
    pub(crate) fn take(&self, account: Option<&AccountId>, group: Group, now: Timestamp) -> Result<(), KmsError> {
        let rate = self.rate(group);
        if rate == 0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut slot = (group, account.cloned());
        if !buckets.contains_key(&slot) && buckets.len() >= self.buckets_max {
            // Whoever has not asked for a while has a full bucket, which is as good as none.
            buckets.retain(|(group, _), bucket| {
                let rate = self.rate(*group);
                bucket.fill(rate, now);
                bucket.level < rate * BURST_SECONDS * TOKEN
            });
            if buckets.len() >= self.buckets_max {
                slot.1 = None;
            }
        }
        buckets.entry(slot).or_insert_with(|| Bucket::full(rate, now)).take(rate, now)
    }

    fn rate(&self, group: Group) -> u64 {
        u64::from(match group {
            Group::Use => self.rates.use_per_second,
            Group::Read => self.rates.read_per_second,
            Group::Change => self.rates.change_per_second,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(use_per_second: u32) -> Throttle {
        Throttle::new(ThrottleConfig { use_per_second, read_per_second: 1, change_per_second: 0 })
    }

    fn account(name: &str) -> AccountId {
        AccountId::parse(name).unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    /// How many requests pass at one moment.
    fn passing(throttle: &Throttle, who: &AccountId, now: Timestamp) -> usize {
        (0..1000).take_while(|_| throttle.take(Some(who), Group::Use, now).is_ok()).count()
    }

    #[test]
    fn a_burst_of_two_seconds_passes_and_then_the_rate() {
        let (throttle, a) = (throttle(5), account("aa"));
        assert_eq!(passing(&throttle, &a, at(0)), 10);
        assert_eq!(throttle.take(Some(&a), Group::Use, at(199)), Err(KmsError::Throttled), "0.995 of a token");
        assert_eq!(passing(&throttle, &a, at(200)), 1, "to the millisecond");
        assert_eq!(passing(&throttle, &a, at(1200)), 5);
        assert_eq!(passing(&throttle, &a, at(60_000)), 10, "never more than it holds");
    }

    #[test]
    fn what_was_refused_costs_nothing() {
        let (throttle, a) = (throttle(1), account("aa"));
        assert_eq!(passing(&throttle, &a, at(0)), 2);
        for millis in 0..999 {
            assert!(throttle.take(Some(&a), Group::Use, at(millis)).is_err());
        }
        assert!(throttle.take(Some(&a), Group::Use, at(1000)).is_ok());
    }

    #[test]
    fn accounts_groups_and_nobody_have_buckets_of_their_own() {
        let (throttle, a, b) = (throttle(1), account("aa"), account("bb"));
        assert_eq!((passing(&throttle, &a, at(0)), passing(&throttle, &b, at(0))), (2, 2));
        assert!(throttle.take(None, Group::Use, at(0)).is_ok());
        assert!(throttle.take(Some(&a), Group::Read, at(0)).is_ok());
        for _ in 0..1000 {
            assert!(throttle.take(Some(&a), Group::Change, at(0)).is_ok(), "0 is no limit");
        }
    }

    #[test]
    fn a_clock_that_jumps_neither_locks_anybody_out_nor_fills_twice() {
        let (throttle, a) = (throttle(1), account("aa"));
        assert_eq!(passing(&throttle, &a, at(500_000)), 2);
        assert_eq!(passing(&throttle, &a, at(0)), 0, "set back: nothing is added");
        assert_eq!(passing(&throttle, &a, at(1000)), 1, "and it goes on from there");
        assert_eq!(passing(&throttle, &a, Timestamp::from_millis(u64::MAX)), 2, "far ahead: full, no more");
        assert_eq!(passing(&throttle, &a, at(1000)), 0);
    }

    #[test]
    fn memory_is_bounded_and_those_beyond_share_a_bucket() {
        let throttle = Throttle { buckets_max: 4, ..throttle(1) };
        let accounts: Vec<_> = ["aa", "ab", "ac", "ad", "ae", "af"].map(account).into();
        for account in &accounts[..4] {
            assert!(throttle.take(Some(account), Group::Use, at(0)).is_ok());
        }
        assert_eq!(passing(&throttle, &accounts[4], at(0)), 2);
        assert_eq!(passing(&throttle, &accounts[5], at(0)), 0, "the shared bucket is empty");
        assert!(throttle.take(Some(&accounts[0]), Group::Use, at(0)).is_ok(), "its own is not");
        assert_eq!(passing(&throttle, &accounts[5], at(5000)), 2, "full buckets make room");
        assert!(throttle.buckets.lock().unwrap().len() <= 5);
    }
}
