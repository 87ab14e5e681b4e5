//! Traffic control: a token bucket for each account and operation, asked before rights and providers. The rate is the
//! requester's (kms-iam-api §2.8), also where a store of objects asks on their behalf; an answer from the cache of bucket
//! keys is no request and costs nothing.
//!
//! The store asks from buckets of its own, so that nobody's calls of the KMS APIs keep an account from its objects. And a
//! request that is refused for want of a right is paid by whoever sent it, from a bucket of that principal: who may use no
//! key cannot use up what the account's others live on.

use crate::trail::Group;
use crate::{KeyUser, KmsError, ThrottleConfig};
use model::{AccountId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Seconds of requests a bucket holds.
const BURST_SECONDS: u64 = 2;
/// Most buckets of accounts, and most of refusals, at a time; some 150 bytes each. Whoever comes beyond shares one for each
/// operation until others have filled up again.
const BUCKETS_MAX: usize = 65_536;
/// Tokens are counted in thousandths, so that a rate a second is a whole number a millisecond.
const TOKEN: u64 = 1000;

/// What a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// Whether the store of objects asks, for one of its requesters.
    for_object: bool,
    /// By its name on the log.
    operation: &'static str,
    /// Requests a second; 0 for no limit.
    rate: u64,
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Requests a second, not 0.
    rate: u64,
    /// In thousandths of a token.
    level: u64,
    /// Until when it has been filled.
    filled: Timestamp,
}

impl Bucket {
    fn full(rate: u64, now: Timestamp) -> Self {
        let empty = Self { rate, level: 0, filled: now };
        Self { level: empty.room(), ..empty }
    }

    const fn room(&self) -> u64 {
        self.rate * BURST_SECONDS * TOKEN
    }

    /// Fills up to now. A clock that was set back fills nothing, and the bucket goes on from the new time.
    fn fill(&mut self, now: Timestamp) {
        let added = now.millis_since(self.filled).saturating_mul(self.rate);
        self.level = self.level.saturating_add(added).min(self.room());
        self.filled = now;
    }

    fn take(&mut self, now: Timestamp) -> Result<(), KmsError> {
        self.fill(now);
        self.level = self.level.checked_sub(TOKEN).ok_or(KmsError::Throttled)?;
        Ok(())
    }

    fn give_back(&mut self) {
        self.level = self.level.saturating_add(TOKEN).min(self.room());
    }
}

/// The buckets of whoever `Who` names; nobody's, and those of all who found no place, are of their own.
struct Buckets<Who> {
    max: usize,
    of: Mutex<BTreeMap<(Asked, Option<Who>), Bucket>>,
}

impl<Who: Ord> Buckets<Who> {
    fn new(max: usize) -> Self {
        Self { max, of: Mutex::default() }
    }

    fn take(&self, asked: Asked, who: Option<Who>, now: Timestamp) -> Result<(), KmsError> {
        let mut buckets = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let mut slot = (asked, who);
        if !buckets.contains_key(&slot) && buckets.len() >= self.max {
            // Whoever has not asked for a while has a full bucket, which is as good as none.
            buckets.retain(|_, bucket| {
                bucket.fill(now);
                bucket.level < bucket.room()
            });
            if buckets.len() >= self.max {
                slot.1 = None;
            }
        }
        buckets.entry(slot).or_insert_with(|| Bucket::full(asked.rate, now)).take(now)
    }

    fn give_back(&self, asked: Asked, who: Option<Who>) {
        let mut buckets = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = (asked, who);
        let found = if buckets.contains_key(&slot) { buckets.get_mut(&slot) } else { buckets.get_mut(&(asked, None)) };
        if let Some(bucket) = found {
            bucket.give_back();
        }
    }
}

/// All buckets.
pub(crate) struct Throttle {
    rates: ThrottleConfig,
    accounts: Buckets<AccountId>,
    /// Of principals, by their names on the log.
    refusals: Buckets<String>,
}

impl Throttle {
    pub(crate) fn new(rates: ThrottleConfig) -> Self {
        Self { rates, accounts: Buckets::new(BUCKETS_MAX), refusals: Buckets::new(BUCKETS_MAX) }
    }

    /// What an operation that somebody asks for counts against.
    pub(crate) fn asked(&self, user: &KeyUser, group: Group, operation: &'static str) -> Asked {
        let of_group = match group {
            Group::Use => self.rates.use_per_second,
            Group::Read => self.rates.read_per_second,
            Group::Change => self.rates.change_per_second,
        };
        let rate = self.rates.operations.get(operation).copied().unwrap_or(of_group);
        Asked { for_object: matches!(user.via, "s3" | "obs"), operation, rate: rate.into() }
    }

    /// Takes one request from the bucket of the caller's account.
    ///
    /// # Errors
    /// [`KmsError::Throttled`] when it is empty.
    pub(crate) fn take(&self, user: &KeyUser, asked: Asked, now: Timestamp) -> Result<(), KmsError> {
        if asked.rate == 0 {
            return Ok(());
        }
        self.accounts.take(asked, user.principal.account().cloned(), now)
    }

    /// Gives back what [`Throttle::take`] took: the caller pays alone.
    pub(crate) fn give_back(&self, user: &KeyUser, asked: Asked) {
        self.accounts.give_back(asked, user.principal.account().cloned());
    }

    /// Takes one refused request from the bucket of the caller's own.
    ///
    /// # Errors
    /// As [`Throttle::take`].
    pub(crate) fn take_refused(&self, user: &KeyUser, asked: Asked, now: Timestamp) -> Result<(), KmsError> {
        if asked.rate == 0 {
            return Ok(());
        }
        self.refusals.take(asked, Some(user.principal.urn()), now)
    }
}

#[cfg(test)]
mod tests;
