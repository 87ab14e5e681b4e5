//! Policy documents, parsed: the grammars of OBS, S3 and IAM are one tree here.

use crate::action_set::ActionSet;
use crate::clause::Clause;
use crate::facts::Context;
use crate::parse;
use crate::principals::{Hold, Principals};
use crate::public;
use crate::resources::Resources;
use model::{AccountId, AccountNumber, BucketName, CmkUid, RegionName};
use std::fmt;

/// Longest document, in bytes (obs-api §5.7; AWS's limits are lower).
pub const POLICY_BYTES_MAX: usize = 20 * 1024;

/// Longest key policy, in bytes (kms-iam-api §2.3).
pub const KEY_POLICY_BYTES_MAX: usize = 32 * 1024;

/// Where a document is to stand, which decides what it must and must not say.
#[derive(Clone, Copy, Debug)]
pub enum Grammar<'a> {
    /// On this bucket: OBS's and S3's grammar. Every statement names principals; resources are of this bucket.
    Bucket(&'a BucketName),
    /// On an identity, as a boundary or for a session: AWS 2012-10-17 and 2008-10-17, Huawei 1.1 and 5.0. No principals.
    Identity,
    /// On a role: who may assume it. Principals, no resources.
    Trust,
    /// On this CMK: AWS's grammar. Every statement names principals; actions are of the KMS, in AWS's or Huawei's words;
    /// the resource is `*` or this CMK.
    Key {
        /// Where it lives.
        region: &'a RegionName,
        /// Whose it is.
        account: &'a AccountId,
        /// That account's number.
        number: &'a AccountNumber,
        /// Which.
        uid: CmkUid,
    },
}

/// What is wrong with a document, and where: `Statement[1].Condition.StringEqual: unknown operator`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The element, as a path into the document; empty for the whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

impl std::error::Error for PolicyError {}

/// A policy, ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Policy {
    text: String,
    /// `None`: it cannot be read.
    statements: Option<Vec<Statement>>,
    is_public: bool,
}

/// What a statement does to what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It may be done.
    Allow,
    /// It must not be done, whatever else allows it.
    Deny,
}

/// A statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    /// `None` in the policies of identities: whoever it is attached to.
    pub(crate) principals: Option<Principals>,
    pub(crate) actions: ActionSet,
    pub(crate) resources: Resources,
    pub(crate) clauses: Vec<Clause>,
}

/// The first thing of a statement that the request is not like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mismatch<'a> {
    Action,
    Principal,
    Resource,
    Condition(&'a Clause),
}

impl Policy {
    /// Parses and checks a document.
    ///
    /// # Errors
    /// The first fault found, and where.
    pub fn parse(text: &str, grammar: Grammar<'_>) -> Result<Self, PolicyError> {
        let statements = parse::document(text, grammar)?;
        let is_public = statements.iter().any(public::grants_to_everyone);
        Ok(Self { text: text.to_owned(), statements: Some(statements), is_public })
    }

    /// A policy whose stored document cannot be read: it denies everything.
    pub fn unreadable(text: &str) -> Self {
        Self { text: text.to_owned(), statements: None, is_public: false }
    }

    /// The document as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it could be read.
    pub fn is_readable(&self) -> bool {
        self.statements.is_some()
    }

    /// Whether a bucket policy grants something to everyone without a condition that pins the requester (S3's notion of
    /// a public policy).
    pub fn is_public(&self) -> bool {
        self.is_public
    }

    pub(crate) fn statements(&self) -> Option<&[Statement]> {
        self.statements.as_deref()
    }
}

impl Statement {
    /// Whether it is about the request, and how it names the principal.
    pub(crate) fn hold(&self, cx: &Context<'_>) -> Result<Hold, Mismatch<'_>> {
        let allows = self.effect == Effect::Allow;
        if !self.actions.contains(cx.request.action) {
            return Err(Mismatch::Action);
        }
        let hold = match &self.principals {
            None => Hold::Direct,
            Some(principals) => principals.hold(cx.request.principal, allows).ok_or(Mismatch::Principal)?,
        };
        if !self.resources.hold(cx, allows) {
            return Err(Mismatch::Resource);
        }
        match self.clauses.iter().find(|clause| !clause.holds(cx, allows)) {
            Some(clause) => Err(Mismatch::Condition(clause)),
            None => Ok(hold),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}
