//! The question that comes before every operation: may the requester do this to that? It is asked before anything is
//! told of the entity, and its refusal is the same whether the entity exists or not.

use crate::change::Shared;
use crate::entity::Account;
use crate::state::Found;
use crate::{IamError, Requester};
use policy::{AccessRequest, Action, ConditionKey, Resource};
use std::sync::Arc;

/// A fact about what is touched, for the conditions of policies.
pub(crate) type Fact<'a> = (ConditionKey, &'a str);

impl Shared {
    /// The requester's account, which is what its operations are about.
    pub(crate) fn own_account(&self, rq: &Requester<'_>, action: Action) -> Result<Arc<Account>, IamError> {
        let state = self.state();
        let entry = rq.principal.account().and_then(|account| state.accounts.get(account));
        match entry {
            Some(entry) if entry.account.enabled => Ok(Arc::clone(&entry.account)),
            _ => Err(denied(rq, action, "*".to_owned())),
        }
    }

    /// The requester's account, which must be the operator's.
    pub(crate) fn operator_account(&self, rq: &Requester<'_>, action: Action) -> Result<Arc<Account>, IamError> {
        let account = self.own_account(rq, action)?;
        if account.operator { Ok(account) } else { Err(denied(rq, action, "*".to_owned())) }
    }

    /// Asks for a right to an entity that was looked for. The refusal shows what was asked for and not what was found: it
    /// is the same whether the entity exists or not.
    pub(crate) fn permit_found<E>(
        &self,
        rq: &Requester<'_>,
        action: Action,
        account: &Account,
        found: &Found<E>,
        facts: &[Fact<'_>],
    ) -> Result<(), IamError> {
        self.permit_as(rq, action, account, &found.entity, &found.asked(), facts)
    }

    /// Like [`Shared::permit`], with what a refusal shows in place of the entity.
    pub(crate) fn permit_as(
        &self,
        rq: &Requester<'_>,
        action: Action,
        account: &Account,
        entity: &str,
        shown: &str,
        facts: &[Fact<'_>],
    ) -> Result<(), IamError> {
        self.permit(rq, action, account, entity, facts).map_err(|_| match shown {
            "*" => denied(rq, action, "*".to_owned()),
            _ => denied(rq, action, format!("arn:aws:iam::{}:{shown}", account.number)),
        })
    }

    /// Asks for a right to an entity of an account: `user/path/name`, `root` and the like. A refusal shows it: for what
    /// the requester named in full.
    pub(crate) fn permit(
        &self,
        rq: &Requester<'_>,
        action: Action,
        account: &Account,
        entity: &str,
        facts: &[Fact<'_>],
    ) -> Result<(), IamError> {
        let request = AccessRequest {
            principal: rq.principal,
            action,
            resource: Resource::Iam { account: &account.id, number: &account.number, entity },
            owner: Some(&account.id),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: rq.conditions,
            facts,
        };
        match self.authorizer.authorize(&request) {
            Ok(_proof) => Ok(()),
            Err(_) => Err(denied(rq, action, format!("arn:aws:iam::{}:{entity}", account.number))),
        }
    }
}

pub(crate) fn denied(rq: &Requester<'_>, action: Action, resource: String) -> IamError {
    let principal = rq.principal.caller().map_or_else(|| "anonymous".to_owned(), |caller| caller.arn());
    IamError::AccessDenied { action: action.name(), principal, resource }
}
