//! The circuit breaker: after some failures in a row, a service is left alone for a while; then one call at a time tries
//! whether it is back. A pure machine: the time is passed in.
//!
//! ```text
//!            failures_max in a row                    pause over, one call admitted
//!   closed ------------------------> open -------------------------------------------> trying
//!     ^                               ^                                                  |  |
//!     |                               '---------------------- it fails ------------------'  |
//!     '--------------------------------------------------------- it succeeds ---------------'
//! ```

use std::time::Duration;

/// How the breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls are refused at once.
    Open,
    /// The pause is over: one call finds out.
    Trying,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Duration },
    Trying,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: State,
    /// Grows with every opening: an answer to a call of before says nothing about now.
    generation: u64,
}

/// A call the breaker let through; to be given back with what came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    generation: u64,
    trial: bool,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, pause: Duration) -> Self {
        Self { failures_max, pause, state: State::Closed { failures: 0 }, generation: 0 }
    }

    /// Lets a call through, or says how long it is to be left alone.
    pub(super) fn admit(&mut self, now: Duration) -> Result<Admitted, Duration> {
        match self.state {
            State::Closed { .. } => Ok(Admitted { generation: self.generation, trial: false }),
            State::Open { until } if now >= until => {
                self.state = State::Trying;
                Ok(Admitted { generation: self.generation, trial: true })
            }
            State::Open { until } => Err(until - now),
            State::Trying => Err(self.pause),
        }
    }

    /// Whether a call would be refused now: so that nobody waits for a place among the calls only to hear that.
    pub(super) fn refuses(&self, now: Duration) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { until } => now < until,
            State::Trying => true,
        }
    }

    /// The call had an answer.
    pub(super) fn succeeded(&mut self, call: Admitted) {
        if call.trial || self.is_of_now(call) {
            self.state = State::Closed { failures: 0 };
        }
    }

    /// The call had no answer. Tells whether that opened the breaker.
    pub(super) fn failed(&mut self, call: Admitted, now: Duration) -> bool {
        match &mut self.state {
            State::Closed { failures } if call.generation == self.generation => {
                *failures += 1;
                if *failures < self.failures_max {
                    return false;
                }
            }
            State::Trying if call.trial => {}
            _ => return false,
        }
        self.state = State::Open { until: now + self.pause };
        self.generation += 1;
        true
    }

    /// The call was given up before it had an answer, or its answer says nothing about the service's health. A trial that
    /// ends so leaves the question open for the next call.
    pub(super) fn abandoned(&mut self, call: Admitted, now: Duration) {
        if call.trial && matches!(self.state, State::Trying) {
            self.state = State::Open { until: now };
        }
    }

    /// How it stands at this time.
    pub(super) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Trying => BreakerState::Trying,
        }
    }

    fn is_of_now(&self, call: Admitted) -> bool {
        call.generation == self.generation && matches!(self.state, State::Closed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(5);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(3, PAUSE);
        for n in 0..3 {
            let call = breaker.admit(at(0)).unwrap();
            assert_eq!(breaker.failed(call, at(0)), n == 2);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let mut breaker = Breaker::new(3, PAUSE);
        for _ in 0..10 {
            for _ in 0..2 {
                let call = breaker.admit(at(0)).unwrap();
                assert!(!breaker.failed(call, at(0)));
            }
            let call = breaker.admit(at(0)).unwrap();
            breaker.succeeded(call);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(opened().state(), BreakerState::Open);
    }

    #[test]
    fn open_until_the_pause_is_over_then_one_call_tries() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(at(4)).unwrap_err(), at(1));
        assert!(breaker.refuses(at(4)) && !breaker.refuses(at(5)));
        let trial = breaker.admit(at(5)).unwrap();
        assert!(breaker.refuses(at(5)));
        assert_eq!(breaker.admit(at(5)).unwrap_err(), PAUSE, "one at a time");
        assert!(breaker.failed(trial, at(6)), "a failed trial opens it again at once");
        assert!(breaker.admit(at(10)).is_err(), "the pause counts from the trial's end");
        let trial = breaker.admit(at(11)).unwrap();
        breaker.succeeded(trial);
        assert!(breaker.admit(at(11)).is_ok() && breaker.admit(at(11)).is_ok());
        let call = breaker.admit(at(11)).unwrap();
        assert!(!breaker.failed(call, at(11)), "counted from zero again");
    }

    #[test]
    fn a_trial_that_is_given_up_leaves_room_for_the_next() {
        let mut breaker = opened();
        let trial = breaker.admit(at(5)).unwrap();
        breaker.abandoned(trial, at(5));
        let next = breaker.admit(at(5)).unwrap();
        breaker.succeeded(next);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn late_answers_of_calls_from_before_say_nothing() {
        let mut breaker = Breaker::new(1, PAUSE);
        let slow = breaker.admit(at(0)).unwrap();
        let slower = breaker.admit(at(0)).unwrap();
        let failing = breaker.admit(at(0)).unwrap();
        assert!(breaker.failed(failing, at(0)));
        breaker.succeeded(slow);
        assert_eq!(breaker.state(), BreakerState::Open, "an old success does not close it");
        let trial = breaker.admit(at(5)).unwrap();
        breaker.succeeded(trial);
        assert!(!breaker.failed(slower, at(6)), "an old failure does not open it");
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
