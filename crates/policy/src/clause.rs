//! One line of a condition: operator, key, values; and whether a request meets it.
//!
//! Of a key that is absent a plain operator is false and a negated one true; with `IfExists` both are true. Several values
//! in the policy are alternatives, for a negated operator none of them may match.

use crate::ConditionKey;
use crate::address::Network;
use crate::facts::{Context, Fact, Seen};
use crate::glob::{self, Part, Pattern, Unresolved};
use crate::operator::{Comparison, Operator, Order, Quantifier};
use std::cell::Cell;

/// One line of a condition.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    pub(crate) operator: Operator,
    pub(crate) key: ConditionKey,
    /// The operator's name as the document has it.
    pub(crate) operator_name: Box<str>,
    /// The key's name as the document has it.
    pub(crate) key_name: Box<str>,
    /// The values as the document has them.
    pub(crate) texts: Vec<Box<str>>,
    pub(crate) values: Values,
}

/// What the key is compared with.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Texts {
        patterns: Vec<Pattern>,
        /// `${null}` is among them: matches a key that is absent.
        or_absent: bool,
    },
    Numbers(Vec<f64>),
    Dates(Vec<i64>),
    Flags(Vec<bool>),
    Networks(Vec<Network>),
    Arns(Vec<Arn>),
}

/// A pattern for ARNs. Wildcards reach no further than to the next colon, except in the last of the six parts.
#[derive(Clone, Debug)]
pub(crate) enum Arn {
    Any,
    Parts(Box<[Pattern; 6]>),
}

impl Clause {
    /// Whether the request meets it. `allows` tells the statement's effect: where a negated comparison leans on a
    /// variable that stands for nothing, an Allow does not hold.
    pub(crate) fn holds(&self, cx: &Context<'_>, allows: bool) -> bool {
        let seen = cx.seen(&self.key);
        match (self.operator.comparison, &self.values) {
            (Comparison::Null, Values::Flags(flags)) => return flags.contains(&seen.is_absent()),
            (Comparison::NullOrEmpty, Values::Flags(flags)) => {
                let filled = seen.any(|fact| fact.any_text(|text| !text.is_empty()));
                return flags.contains(&!filled);
            }
            _ => {}
        }
        if seen.is_absent() {
            return self.holds_without_value();
        }
        let unresolved = Cell::new(false);
        let negated = self.operator.negated;
        // A match that is to the caller's advantage: it allows, or keeps from denying.
        let favours = allows != negated;
        let matches = |fact: &Fact<'_>| match self.matches(fact, cx, favours) {
            Ok(matches) => matches,
            Err(Unresolved) => {
                unresolved.set(true);
                false
            }
        };
        let holds = match self.operator.quantifier {
            // INVARIANT: a negated comparison is the opposite of the plain one, whatever the number of values.
            Quantifier::Plain => seen.any(matches) != negated,
            Quantifier::ForAllValues => !seen.any(|fact| matches(fact) == negated),
            Quantifier::ForAnyValue => seen.any(|fact| matches(fact) != negated),
        };
        holds && !(allows && negated && unresolved.get())
    }

    fn holds_without_value(&self) -> bool {
        if self.operator.if_exists {
            return true;
        }
        match self.operator.quantifier {
            Quantifier::ForAllValues => true,
            Quantifier::ForAnyValue => false,
            Quantifier::Plain => {
                let named = matches!(self.values, Values::Texts { or_absent: true, .. });
                named != self.operator.negated
            }
        }
    }

    /// Whether one of the policy's values matches, without regard to negation. `favours`: whether a match is to the caller's
    /// advantage; names that the caller chose then count only where they are compared as a whole.
    fn matches(&self, fact: &Fact<'_>, cx: &Context<'_>, favours: bool) -> Result<bool, Unresolved> {
        let whole = matches!(
            self.operator.comparison,
            Comparison::Equals | Comparison::EqualsIgnoringCase | Comparison::Binary
        );
        let own = favours && !whole;
        Ok(match (&self.values, self.operator.comparison) {
            (Values::Texts { patterns, .. }, comparison) => {
                let with: fn(&[Part], &str) -> bool = match comparison {
                    Comparison::EqualsIgnoringCase => glob::equal_ignoring_case,
                    Comparison::Like => glob::glob,
                    Comparison::Begins => glob::begins,
                    Comparison::Ends => glob::ends,
                    _ => glob::equal,
                };
                return any_of(patterns, |pattern| in_any_spelling(fact, own, |text| pattern.compare(text, cx, with)));
            }
            (Values::Arns(patterns), _) => {
                return any_of(patterns, |pattern| in_any_spelling(fact, own, |text| pattern.matches(text, cx)));
            }
            (Values::Numbers(numbers), Comparison::Number(order)) => compared(order, fact.number(), numbers),
            (Values::Dates(dates), Comparison::Date(order)) => compared(order, fact.millis(), dates),
            (Values::Flags(flags), _) => flags.contains(&fact.flag()),
            (Values::Networks(networks), _) => {
                fact.address().is_some_and(|address| networks.iter().any(|network| network.contains(address)))
            }
            _ => false,
        })
    }

    /// What the request has for the key, for explanations.
    pub(crate) fn seen(&self, cx: &Context<'_>) -> Option<Vec<String>> {
        let seen = cx.seen(&self.key);
        (!matches!(seen, Seen::Absent)).then(|| seen.texts())
    }
}

/// Whether one matches. That a variable stands for nothing counts only if nothing else matches.
fn any_of<T>(patterns: &[T], matches: impl Fn(&T) -> Result<bool, Unresolved>) -> Result<bool, Unresolved> {
    let mut result = Ok(false);
    for pattern in patterns {
        match matches(pattern) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(unresolved) => result = Err(unresolved),
        }
    }
    result
}

/// `own`: only in spellings that no caller can choose.
fn in_any_spelling(
    fact: &Fact<'_>,
    own: bool,
    matches: impl Fn(&str) -> Result<bool, Unresolved>,
) -> Result<bool, Unresolved> {
    let mut unresolved = false;
    let passes = |text: &str| {
        matches(text).unwrap_or_else(|Unresolved| {
            unresolved = true;
            false
        })
    };
    let found = if own { fact.any_own_text(passes) } else { fact.any_text(passes) };
    if !found && unresolved { Err(Unresolved) } else { Ok(found) }
}

fn compared<T: PartialOrd + Copy>(order: Order, value: Option<T>, with: &[T]) -> bool {
    value.is_some_and(|value| with.iter().any(|bound| order.holds(value, *bound)))
}

impl Arn {
    fn matches(&self, text: &str, cx: &Context<'_>) -> Result<bool, Unresolved> {
        let Self::Parts(patterns) = self else { return Ok(true) };
        let mut parts = text.splitn(6, ':');
        for pattern in patterns.iter() {
            match parts.next() {
                Some(part) if pattern.matches(part, cx)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}
