//! The cache of bucket keys: a bounded map whose least recently used entry gives way, with one flight at a time for each
//! entry. It knows nothing of the KMS: time and epochs are told to it, so every rule of an entry's life is tested here.
//!
//! The lock is never held across an await. What is under it is a hash look-up and two steps in a tree of at most
//! [`CACHED_KEYS_MAX`] entries; only [`Slots::sweep`] walks them all.

use crate::SseError;
use kms::CmkId;
use model::{Clock, CmkUid, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// Most entries of a map. At some 600 bytes each with both maps full: about 5 MiB.
pub(super) const CACHED_KEYS_MAX: usize = 4096;

/// How long an entry serves.
#[derive(Clone, Copy)]
pub(super) struct Life {
    /// From the moment its key was asked for.
    pub(super) ttl_millis: u64,
    /// Since it was last used; `u64::MAX` for no such limit.
    pub(super) idle_millis: u64,
    /// Most uses; `u64::MAX` for no limit.
    pub(super) uses_max: u64,
}

/// A key that is there, and the moment it was asked for.
struct Held<V> {
    asked: Timestamp,
    value: V,
}

/// An entry: a key, or the flight that fetches it. The first to come fetches, the others wait for it. A flight that
/// fails leaves the entry empty, and the next to come tries again.
pub(super) struct Slot<V> {
    cell: OnceCell<Held<V>>,
    cmk: CmkId,
    /// The CMK's epoch when the entry was made: any change of the CMK since ends it.
    epoch: u64,
    uses: AtomicU64,
    used_millis: AtomicU64,
    /// How many flights failed, and how the last one did.
    failed: Mutex<(u64, Option<SseError>)>,
}

impl<V> Slot<V> {
    fn new(cmk: CmkId, epoch: u64, now: Timestamp, held: Option<Held<V>>) -> Self {
        Self {
            cell: OnceCell::new_with(held),
            cmk,
            epoch,
            uses: AtomicU64::new(0),
            used_millis: AtomicU64::new(now.as_millis()),
            failed: Mutex::default(),
        }
    }

    /// Whether who comes now, at this epoch of the CMK, may use it or wait for it. A clock that was set back ends it: how
    /// old it is cannot be told then.
    fn serves(&self, life: Life, epoch: u64, now: Timestamp) -> bool {
        let Some(held) = self.cell.get() else { return self.epoch == epoch };
        let used = Timestamp::from_millis(self.used_millis.load(Ordering::Relaxed));
        self.epoch == epoch
            && now >= held.asked
            && now.millis_since(held.asked) < life.ttl_millis
            && now.millis_since(used) < life.idle_millis
            && self.uses.load(Ordering::Relaxed) < life.uses_max
    }

    /// The key; fetched if nobody has yet. Who waited for a flight that found the KMS unreachable shares its error: they
    /// do not try one after the other. No error outlives its flight.
    pub(super) async fn get(
        &self,
        clock: &dyn Clock,
        fetch: impl Future<Output = Result<V, SseError>>,
    ) -> Result<&V, SseError> {
        let failed_before = self.failed().0;
        let held = self.cell.get_or_try_init(|| async {
            if let (now, Some(error)) = &*self.failed()
                && *now != failed_before
            {
                return Err(error.clone());
            }
            let asked = clock.now();
            match fetch.await {
                Ok(value) => Ok(Held { asked, value }),
                Err(error) => {
                    // Other errors may be those of the one object that was being read.
                    if matches!(error, SseError::KmsUnavailable | SseError::KmsThrottled) {
                        let mut failed = self.failed();
                        *failed = (failed.0 + 1, Some(error.clone()));
                    }
                    Err(error)
                }
            }
        });
        Ok(&held.await?.value)
    }

    fn failed(&self) -> MutexGuard<'_, (u64, Option<SseError>)> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of the uses. `false`: there is none left.
    pub(super) fn take_use(&self, uses_max: u64) -> bool {
        let left = |uses| (uses < uses_max).then_some(uses + 1);
        self.uses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }
}

/// INVARIANT: `order` holds exactly the ticks of `map`, each with its key.
struct Inner<K, V> {
    map: HashMap<K, (u64, Arc<Slot<V>>)>,
    /// By last use, the least recent first.
    order: BTreeMap<u64, K>,
    tick: u64,
}

/// The entries.
pub(super) struct Slots<K, V> {
    life: Life,
    max: usize,
    inner: Mutex<Inner<K, V>>,
}

impl<K: Hash + Eq + Clone, V> Slots<K, V> {
    pub(super) fn new(life: Life) -> Self {
        Self::with_room(life, CACHED_KEYS_MAX)
    }

    fn with_room(life: Life, max: usize) -> Self {
        Self { life, max, inner: Mutex::new(Inner { map: HashMap::new(), order: BTreeMap::new(), tick: 0 }) }
    }

    /// The entry of a key: the one that is there if it still serves, else a new one, empty. An entry that gives way to
    /// another while its flight is under way ends with that flight.
    pub(super) fn slot(&self, key: K, cmk: &CmkId, epoch: u64, now: Timestamp) -> Arc<Slot<V>> {
        let mut inner = self.inner();
        if let Some(slot) = inner.touch(&key, |slot| slot.serves(self.life, epoch, now)) {
            slot.used_millis.store(now.as_millis(), Ordering::Relaxed);
            return slot;
        }
        let slot = Arc::new(Slot::new(cmk.clone(), epoch, now, None));
        inner.insert(key, Arc::clone(&slot), self.max);
        slot
    }

    /// Enters a key that is there already.
    pub(super) fn enter(&self, key: K, cmk: &CmkId, epoch: u64, asked: Timestamp, value: V) {
        let held = Held { asked, value };
        let slot = Arc::new(Slot::new(cmk.clone(), epoch, asked, Some(held)));
        self.inner().insert(key, slot, self.max);
    }

    /// Drops what serves nobody any more: its time or its uses are over, or its CMK has moved on since. `epoch_of` tells
    /// a CMK's epoch. How many went.
    pub(super) fn sweep(&self, now: Timestamp, epoch_of: impl Fn(&CmkId) -> u64) -> usize {
        let mut epochs: HashMap<CmkUid, u64> = HashMap::new();
        let mut inner = self.inner();
        let Inner { map, order, .. } = &mut *inner;
        let before = map.len();
        map.retain(|_, (tick, slot)| {
            let epoch = *epochs.entry(slot.cmk.uid).or_insert_with(|| epoch_of(&slot.cmk));
            // An entry without a key is kept for those who wait for it.
            let kept = slot.serves(self.life, epoch, now) && (slot.cell.initialized() || Arc::strong_count(slot) > 1);
            if !kept {
                order.remove(tick);
            }
            kept
        });
        before - map.len()
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.inner().map.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone, V> Inner<K, V> {
    /// The entry, now the most recently used, if it still serves.
    fn touch(&mut self, key: &K, serves: impl FnOnce(&Slot<V>) -> bool) -> Option<Arc<Slot<V>>> {
        let (tick, slot) = self.map.get_mut(key)?;
        if !serves(slot) {
            return None;
        }
        if *tick != self.tick {
            self.order.remove(tick);
            self.tick += 1;
            *tick = self.tick;
            self.order.insert(self.tick, key.clone());
        }
        Some(Arc::clone(slot))
    }

    fn insert(&mut self, key: K, slot: Arc<Slot<V>>, max: usize) {
        self.tick += 1;
        if let Some((tick, _)) = self.map.insert(key.clone(), (self.tick, slot)) {
            self.order.remove(&tick);
        }
        self.order.insert(self.tick, key);
        if self.map.len() > max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.map.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AccountId, AccountNumber, RegionName};
    use std::sync::Weak;
    use testkit::TestClock;

    const LIFE: Life = Life { ttl_millis: 100, idle_millis: 40, uses_max: 3 };
    /// What is held in place of a key; whether it is gone shows by a [`Weak`].
    type Key = Arc<u32>;

    fn cmk(n: u8) -> CmkId {
        CmkId {
            region: RegionName::parse("local-1").unwrap(),
            account: AccountId::parse("aa").unwrap(),
            number: AccountNumber::parse("000000000001").unwrap(),
            uid: CmkUid::from_bytes([n; 16]),
        }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1000 + millis)
    }

    /// Enters a key at a moment and gives a watch on it.
    fn enter(slots: &Slots<u32, Key>, key: u32, moment: u64) -> Weak<u32> {
        let value = Arc::new(key);
        let weak = Arc::downgrade(&value);
        slots.enter(key, &cmk(1), 1, at(moment), value);
        weak
    }

    /// Whether the entry of a key is there to be used.
    fn hits(slots: &Slots<u32, Key>, key: u32, epoch: u64, moment: u64) -> bool {
        slots.slot(key, &cmk(1), epoch, at(moment)).cell.initialized()
    }

    #[test]
    fn an_entry_ends_with_its_time_its_rest_its_epoch_and_a_clock_set_back() {
        let fresh = || {
            let slots = Slots::new(LIFE);
            enter(&slots, 1, 0);
            slots
        };
        assert!(hits(&fresh(), 1, 1, 39) && !hits(&fresh(), 1, 1, 40), "not used for so long");
        let used = fresh();
        assert!([30, 60, 90, 99].into_iter().all(|moment| hits(&used, 1, 1, moment)));
        assert!(!hits(&used, 1, 1, 100), "its time is over however often it is used");
        assert!(!hits(&fresh(), 1, 2, 0), "the CMK has changed");
        let back = fresh();
        assert!(hits(&back, 1, 1, 20) && hits(&back, 1, 1, 10), "set back to a moment of its life");
        let before = Timestamp::from_millis(999);
        assert!(!back.slot(1, &cmk(1), 1, before).cell.initialized(), "set back to before its life");
    }

    #[tokio::test]
    async fn uses_are_taken_exactly_also_by_many_at_once() {
        let slots: Arc<Slots<u32, Key>> = Arc::new(Slots::new(Life { uses_max: 1000, ..LIFE }));
        let slot = slots.slot(1, &cmk(1), 1, at(0));
        slot.get(&TestClock::at(at(0)), async { Ok(Arc::new(1)) }).await.unwrap();
        let takers = (0..8).map(|_| {
            let slot = Arc::clone(&slot);
            std::thread::spawn(move || (0..1000).filter(|_| slot.take_use(1000)).count())
        });
        let taken: usize = takers.collect::<Vec<_>>().into_iter().map(|taker| taker.join().unwrap()).sum();
        assert_eq!(taken, 1000);
        assert!(!hits(&slots, 1, 1, 0), "used up");
    }

    #[test]
    fn the_least_recently_used_gives_way_and_its_key_with_it() {
        let slots = Slots::with_room(LIFE, 3);
        let keys: Vec<_> = (1..=3).map(|key| enter(&slots, key, 0)).collect();
        assert!(hits(&slots, 1, 1, 1));
        let fourth = enter(&slots, 4, 1);
        let there = |weak: &Weak<u32>| weak.upgrade().is_some();
        assert_eq!(keys.iter().map(there).collect::<Vec<_>>(), [true, false, true]);
        assert!(there(&fourth));
        assert_eq!(slots.len(), 3);
        // The same key again takes no other's place, and wipes what it had.
        enter(&slots, 4, 2);
        assert!(!there(&fourth) && there(&keys[0]) && there(&keys[2]));
        for key in 5..1000 {
            enter(&slots, key, 2);
        }
        assert_eq!((slots.len(), slots.inner().order.len()), (3, 3));
    }

    #[test]
    fn a_sweep_drops_what_serves_nobody_and_nothing_else() {
        let slots = Slots::new(LIFE);
        let old = enter(&slots, 1, 0);
        let other_cmk = Arc::new(2);
        let foreign = Arc::downgrade(&other_cmk);
        slots.enter(2, &cmk(2), 7, at(30), other_cmk);
        let young = enter(&slots, 3, 30);
        let there = |weak: &Weak<u32>| weak.upgrade().is_some();
        let epoch_of = |of: &CmkId| if of.uid == cmk(2).uid { 8 } else { 1 };
        assert_eq!(slots.sweep(at(30), |of| if of.uid == cmk(2).uid { 7 } else { 1 }), 0);
        assert_eq!(slots.sweep(at(35), epoch_of), 1);
        assert_eq!((there(&old), there(&foreign), there(&young)), (true, false, true));
        assert_eq!(slots.sweep(at(45), epoch_of), 1);
        assert_eq!((there(&old), there(&young)), (false, true));
        // A key that is in use is wiped by who uses it last.
        let slot = slots.slot(3, &cmk(1), 1, at(45));
        assert_eq!(slots.sweep(at(200), epoch_of), 1);
        assert!(there(&young));
        drop(slot);
        assert!(!there(&young));
        assert_eq!((slots.len(), slots.inner().order.len()), (0, 0));
        // A flight is left alone, what a failed one leaves is not.
        let flight = slots.slot(4, &cmk(1), 1, at(0));
        assert_eq!(slots.sweep(at(0), epoch_of), 0);
        drop(flight);
        assert_eq!(slots.sweep(at(0), epoch_of), 1);
    }

    #[tokio::test]
    async fn who_waited_for_an_unreachable_kms_shares_the_error_and_who_comes_later_tries_again() {
        let (slots, clock) = (Slots::<u32, Key>::new(LIFE), TestClock::at(at(0)));
        let tries = AtomicU64::new(0);
        let (slot, tries, clock) = (slots.slot(1, &cmk(1), 1, at(0)), &tries, &clock);
        let get = |answer: Result<Key, SseError>| {
            let slot = Arc::clone(&slot);
            async move {
                let fetch = async {
                    tries.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    answer
                };
                slot.get(clock, fetch).await.map(|key| **key)
            }
        };
        for (error, flights) in [(SseError::KmsUnavailable, 1), (SseError::Damaged, 3)] {
            tries.store(0, Ordering::Relaxed);
            let asked = || get(Err(error.clone()));
            let (a, b, c) = tokio::join!(asked(), asked(), asked());
            assert_eq!([a, b, c], [(); 3].map(|()| Err(error.clone())));
            assert_eq!(tries.load(Ordering::Relaxed), flights, "{error}");
        }
        assert_eq!(get(Ok(Arc::new(9))).await, Ok(9));
    }

    /// The time of a key begins when it was asked for, not when a flight before it failed.
    #[tokio::test]
    async fn a_failed_flight_costs_no_time() {
        let (slots, clock) = (Slots::<u32, Key>::new(LIFE), TestClock::at(at(0)));
        slots.slot(1, &cmk(1), 1, at(0)).get(&clock, async { Err(SseError::KmsThrottled) }).await.unwrap_err();
        clock.set(at(90));
        slots.slot(1, &cmk(1), 1, at(90)).get(&clock, async { Ok(Arc::new(1)) }).await.unwrap();
        assert!(hits(&slots, 1, 1, 120));
    }
}
