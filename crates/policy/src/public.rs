//! What is public. As S3 sees it: a grant to everyone, unless a condition pins the requester to fixed values.

use crate::ConditionKey;
use crate::acl::{Acl, Grantee};
use crate::clause::{Arn, Clause, Values};
use crate::document::{Effect, Statement};
use crate::facts::ANONYMOUS_USER_ID;
use crate::glob::{Lookup, Pattern, equal_ignoring_case};
use crate::operator::{Comparison, Quantifier};
use std::borrow::Cow;

/// Whether the statement alone makes its policy public. A Deny beside it changes nothing: it is not weighed what
/// remains.
pub(crate) fn grants_to_everyone(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
        && statement.principals.as_ref().is_some_and(|principals| principals.names_everyone())
        && !statement.clauses.iter().any(pins)
}

/// Whether the condition holds for a fixed set of requesters only.
fn pins(clause: &Clause) -> bool {
    let operator = clause.operator;
    let positive = !operator.negated && !operator.if_exists && operator.quantifier != Quantifier::ForAllValues;
    let compares = matches!(
        operator.comparison,
        Comparison::Equals | Comparison::EqualsIgnoringCase | Comparison::Like | Comparison::Arn | Comparison::Address
    );
    positive && compares && is_of_requester(&clause.key) && is_fixed(&clause.values) && !lets_anonymous_in(clause)
}

/// Whether the user id asked for is that of everybody who does not sign. A fixed value, and yet no fixed requester.
fn lets_anonymous_in(clause: &Clause) -> bool {
    let Values::Texts { patterns, .. } = &clause.values else { return false };
    clause.key == ConditionKey::UserId
        && patterns.iter().any(|p| p.compare(ANONYMOUS_USER_ID, &Nothing, equal_ignoring_case).unwrap_or(true))
}

/// Stands for no policy variable.
struct Nothing;

impl Lookup for Nothing {
    fn lookup<'k>(&'k self, _: &'k ConditionKey) -> Option<Cow<'k, str>> {
        None
    }
}

fn is_of_requester(key: &ConditionKey) -> bool {
    use ConditionKey as K;
    match key {
        // What a header says is not among them: anybody may send it.
        K::SourceIp | K::PrincipalArn | K::PrincipalAccount | K::UserId | K::DomainId | K::DomainName => true,
        // Never present, so nobody is granted anything.
        K::Unknown(name) => matches!(
            &**name,
            "aws:sourcevpc"
                | "aws:sourcevpce"
                | "aws:sourcearn"
                | "aws:sourceaccount"
                | "aws:sourceowner"
                | "aws:principalorgid"
                | "aws:principalorgpaths"
                | "s3:dataaccesspointaccount"
                | "s3:dataaccesspointarn"
        ),
        _ => false,
    }
}

fn is_fixed(values: &Values) -> bool {
    match values {
        Values::Texts { patterns, or_absent } => !or_absent && patterns.iter().all(Pattern::is_fixed),
        Values::Networks(networks) => networks.iter().all(|network| !network.is_broad()),
        Values::Arns(arns) => arns.iter().all(|arn| match arn {
            Arn::Any => false,
            Arn::Parts(parts) => parts.iter().all(Pattern::is_fixed),
        }),
        Values::Numbers(_) | Values::Dates(_) | Values::Flags(_) => false,
    }
}

impl Acl {
    /// Whether it grants something to everyone, or to everyone who has an account anywhere.
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(|grant| matches!(grant.grantee, Grantee::AllUsers | Grantee::AuthenticatedUsers))
    }
}
