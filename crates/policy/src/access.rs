//! The request for access, the decision and its proof.

use crate::Action;
use model::{AccountId, BucketName, CmkUid, ObjectName, Principal};
use std::fmt;

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
    Cmk(CmkUid),
}

/// What the request supplied, as sent: a bucket default is not visible here.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Whether the request came over TLS.
    pub secure_transport: bool,
    /// Condition keys and their raw values, names in lower case.
    pub values: Vec<(String, String)>,
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
    /// The account that owns the resource; for [`Resource::Service`] the principal's own.
    pub owner: Option<&'a AccountId>,
    /// What the request supplied.
    pub conditions: &'a Conditions,
}

/// Proof that an action was allowed. Only [`decide`] makes it.
#[derive(Debug)]
#[must_use = "the proof is what the guarded operation asks for"]
pub struct Authorized {
    action: Action,
    principal: Principal,
}

impl Authorized {
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

/// The one authoriser of the server. Every operation on a bucket, an object or a CMK asks it.
pub trait Authorizer: Send + Sync + 'static {
    /// Decides. Works in memory: no I/O.
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorized, Denied>;
}

/// The decision: an account's root identity may do everything to what its account owns; nobody else may do anything.
///
/// Pure. Policies, ACLs and grants will join here.
pub fn decide(request: &AccessRequest<'_>) -> Result<Authorized, Denied> {
    match (request.principal, request.owner) {
        (Principal::Root { account, .. }, Some(owner)) if account == owner => {
            Ok(Authorized { action: request.action, principal: request.principal.clone() })
        }
        _ => Err(Denied),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::AccountNumber;

    fn root(id: &str) -> Principal {
        Principal::Root {
            account: AccountId::parse(id).unwrap(),
            number: AccountNumber::parse("000000000001").unwrap(),
        }
    }

    #[test]
    fn root_rules_its_own_account_only() {
        let (mine, other) = (AccountId::parse("aa").unwrap(), AccountId::parse("bb").unwrap());
        let conditions = Conditions::default();
        for &action in Action::ALL {
            let ask = |principal: &Principal, owner| {
                decide(&AccessRequest {
                    principal,
                    action,
                    resource: Resource::Service,
                    owner,
                    conditions: &conditions,
                })
                .is_ok()
            };
            assert!(ask(&root("aa"), Some(&mine)));
            assert!(!ask(&root("aa"), Some(&other)));
            assert!(!ask(&root("aa"), None));
            assert!(!ask(&Principal::Anonymous, Some(&mine)));
            assert!(!ask(&Principal::Anonymous, None));
        }
    }
}
