//! The request for access, the decision and its proof.

use crate::{Acl, Action, CmkRules, ConditionKey, Conditions, Ownership, Policy, Principal, PublicAccessBlock, decide};
use model::{AccountId, AccountNumber, BucketName, CmkUid, ObjectName, RegionName};
use std::fmt;
use std::sync::Arc;

/// What an action touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The service as a whole: listing buckets, creating CMKs.
    Service,
    /// A bucket.
    Bucket(&'a BucketName),
    /// An object.
    Object(&'a BucketName, &'a ObjectName),
    /// A CMK.
    Cmk {
        /// Where it lives.
        region: &'a RegionName,
        /// Whose it is.
        account: &'a AccountId,
        /// That account's number.
        number: &'a AccountNumber,
        /// Which.
        uid: CmkUid,
    },
    /// The alias of a CMK: making, moving and removing one is asked of it as well as of the CMK (kms-iam-api §2.3).
    KeyAlias {
        /// Where it lives.
        region: &'a RegionName,
        /// Whose it is.
        account: &'a AccountId,
        /// That account's number.
        number: &'a AccountNumber,
        /// Its name, `alias/` included.
        name: &'a str,
    },
    /// Something of IAM: `user/path/name`, `group/…`, `role/…`, `policy/…`, `root`, as in ARNs.
    Iam {
        /// Whose it is.
        account: &'a AccountId,
        /// That account's number.
        number: &'a AccountNumber,
        /// The last part of the ARN.
        entity: &'a str,
    },
}

/// What a bucket says about who may touch it and its objects.
#[derive(Clone, Debug)]
pub struct BucketRules {
    /// The bucket's owner.
    pub owner: AccountId,
    /// The bucket's policy. One that cannot be read stands here as [`Policy::unreadable`].
    pub policy: Option<Arc<Policy>>,
    /// Whether the policy binds the owner's root identity also in reading, setting and removing the policy itself. S3
    /// leaves it that way out unless it is asked not to.
    pub policy_binds_root: bool,
    /// The bucket's ACL.
    pub acl: Acl,
    /// The bucket's block on public access, joined with the server's.
    pub block: PublicAccessBlock,
    /// Whether ACLs count.
    pub ownership: Ownership,
}

/// A request for access.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// To do what.
    pub action: Action,
    /// To what.
    pub resource: Resource<'a>,
    /// The account that owns the resource; for [`Resource::Service`] the principal's own; for an object that does not
    /// exist yet the bucket's.
    pub owner: Option<&'a AccountId>,
    /// The rules of the bucket that is touched or whose object is.
    pub bucket: Option<&'a BucketRules>,
    /// The ACL of the object that is touched, if it exists and has one.
    pub object_acl: Option<&'a Acl>,
    /// The rules of the CMK that is touched. Without them the owner's own identities alone may touch it.
    pub cmk: Option<&'a CmkRules>,
    /// What the request supplied.
    pub conditions: &'a Conditions,
    /// What the operation adds: facts of the resource (tags, the version named in a batch).
    pub facts: &'a [(ConditionKey, &'a str)],
}

/// Proof that an action was allowed. Only [`decide`] and [`may_assume`](crate::may_assume) make it.
#[derive(Debug)]
#[must_use = "the proof is what the guarded operation asks for"]
pub struct Authorized {
    action: Action,
    principal: Principal,
}

impl Authorized {
    pub(crate) fn new(request: &AccessRequest<'_>) -> Self {
        Self { action: request.action, principal: request.principal.clone() }
    }

    /// What was allowed.
    pub fn action(&self) -> Action {
        self.action
    }

    /// To whom.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

/// The action was not allowed. Says nothing about whether the resource exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied;

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("access denied")
    }
}

impl std::error::Error for Denied {}

/// The one authoriser of the server. Every operation on a bucket, an object, a CMK or an identity asks it. Production
/// has [`Evaluator`]; the seam is for tests that count or turn decisions.
pub trait Authorizer: Send + Sync + 'static {
    /// Decides. Works in memory: no I/O.
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorized, Denied>;
}

/// The authoriser: [`decide`] and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evaluator;

impl Authorizer for Evaluator {
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorized, Denied> {
        decide(request)
    }
}
