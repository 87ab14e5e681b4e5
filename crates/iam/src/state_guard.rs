//! Reading the state. A thread that waits for the reading lock while it has it already stands still for ever as soon as a
//! writer waits in between, and every request behind it. So it is asserted that no reader nests, in builds for tests.

use crate::state::State;
use std::ops::Deref;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

#[cfg(debug_assertions)]
thread_local! {
    static READING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// The state, for reading.
pub(crate) struct StateGuard<'a>(RwLockReadGuard<'a, State>);

impl<'a> StateGuard<'a> {
    pub(crate) fn new(state: &'a RwLock<State>) -> Self {
        assert_not_reading();
        let guard = Self(state.read().unwrap_or_else(PoisonError::into_inner));
        #[cfg(debug_assertions)]
        READING.set(true);
        guard
    }
}

impl Deref for StateGuard<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

#[cfg(debug_assertions)]
impl Drop for StateGuard<'_> {
    fn drop(&mut self) {
        READING.set(false);
    }
}

/// To be called before either lock on the state is waited for.
pub(crate) fn assert_not_reading() {
    #[cfg(debug_assertions)]
    READING.with(|reading| debug_assert!(!reading.get(), "the state is read while it is being read"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reader_after_another_is_fine() {
        let state = RwLock::default();
        drop(StateGuard::new(&state));
        assert_eq!(StateGuard::new(&state).generation, 0);
        assert_not_reading();
    }

    #[test]
    #[should_panic(expected = "while it is being read")]
    fn a_reader_within_a_reader_is_noticed() {
        let state = RwLock::default();
        let _outer = StateGuard::new(&state);
        let _inner = StateGuard::new(&state);
    }
}
