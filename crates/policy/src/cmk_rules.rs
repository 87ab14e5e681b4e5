//! What a CMK says about who may touch it: its key policy and the grants on it (kms-iam-api §2.7).

use crate::{Action, Policy};
use model::AccountId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a CMK says about who may touch it.
#[derive(Clone, Debug)]
pub struct CmkRules {
    /// The CMK's owner.
    pub owner: AccountId,
    /// The key policy. `None` is the one every CMK begins with: it leaves all to the account. One that cannot be read
    /// stands here as [`Policy::unreadable`].
    pub policy: Option<Arc<Policy>>,
    /// The grants on it.
    pub grants: Vec<Arc<KeyGrant>>,
    /// Whether other accounts are refused whatever policy and grants say: default keys, and CMKs of a project that is
    /// not the account's default one.
    pub own_account_only: bool,
}

/// A grant: lets one principal do some operations with one CMK. It only allows.
#[derive(Clone, Debug)]
pub struct KeyGrant {
    /// Its id.
    pub id: String,
    /// Who may use the CMK by it: an ARN, an account's number or id, or the uid of a user or a role.
    pub grantee: String,
    /// Who may retire it besides the CMK's owner and, with the operation `RetireGrant`, the grantee.
    pub retiring: Option<String>,
    /// What it allows.
    pub operations: Vec<Action>,
    /// What the encryption context must be.
    pub constraint: Option<ContextConstraint>,
}

/// What a grant asks of the encryption context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextConstraint {
    /// Exactly these pairs.
    Equals(BTreeMap<String, String>),
    /// At least these pairs.
    Subset(BTreeMap<String, String>),
}
