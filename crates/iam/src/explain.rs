//! The principal that a name stands for, so that decisions can be explained as if it asked.

use crate::authorize::denied;
use crate::entity::{Account, Named};
use crate::state::State;
use crate::{Directory, IamError, Requester};
use model::EntityName;
use policy::{Action, Caller, Principal};
use std::sync::Arc;

/// What the session of a role is called in explanations.
const SESSION_NAME: &str = "explain";

impl Directory {
    /// The principal that the named entity would be (`user/NAME`, `role/NAME`, `root`, an ARN, `anonymous`), for
    /// explaining decisions. Needs `iam:SimulatePrincipalPolicy` on it, or `strongroom:ExplainAccess` for other accounts.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::InvalidInput`] for what is no such name.
    pub async fn principal_as(&self, rq: Requester<'_>, who: &str) -> Result<Principal, IamError> {
        const OWN: Action = Action::IamSimulatePrincipalPolicy;
        const OTHERS: Action = Action::ServerExplainAccess;
        let own = self.shared.own_account(&rq, OWN)?;
        if who == "anonymous" {
            return Ok(Principal::Anonymous);
        }
        let (number, entity) = match who.strip_prefix("arn:aws:iam::") {
            Some(rest) => rest.split_once(':').ok_or_else(|| malformed(who))?,
            None => (own.number.as_str(), who),
        };
        let found = {
            let state = self.shared.state();
            let account = state.accounts.values().map(|e| &e.account).find(|a| a.number.as_str() == number).cloned();
            account.map(|account| (find(&state, &account, entity), account))
        };
        // Asked before anything is told of the account or the entity.
        if number == own.number.as_str() {
            let named = found.as_ref().and_then(|(found, _)| found.as_ref().ok()).map(|(entity, _)| entity.clone());
            self.shared.permit_as(&rq, OWN, &own, named.as_deref().unwrap_or(entity), entity, &[])?;
        } else if own.operator {
            self.shared.permit(&rq, OTHERS, &own, "*", &[])?;
        } else {
            return Err(denied(&rq, OTHERS, who.to_owned()));
        }
        let (found, _) = found.ok_or_else(|| IamError::NoSuchEntity("account", number.to_owned()))?;
        Ok(Principal::Caller(Arc::new(found?.1)))
    }
}

/// The entity as ARNs call it, and as whom it would ask.
fn find(state: &State, account: &Account, entity: &str) -> Result<(String, Caller), IamError> {
    if entity == "root" {
        return Ok(("root".to_owned(), state.root_caller(account, None, None)));
    }
    let (kind, rest) = entity.split_once('/').ok_or_else(|| malformed(entity))?;
    // A path may stand before the name or be left out; a name is unique without it.
    let name = rest.rsplit('/').next().and_then(EntityName::parse).ok_or_else(|| malformed(entity))?;
    match kind {
        "user" => {
            let found = state.user(&account.id, &Named::Name(name));
            let entity = found.entity.clone();
            Ok((entity, state.user_caller(account, &found.get()?.user, None, None)))
        }
        "role" => {
            let found = state.role(&account.id, &Named::Name(name));
            let entity = found.entity.clone();
            Ok((entity, state.role_caller(account, &*found.get()?, SESSION_NAME.to_owned(), None, None)))
        }
        _ => Err(malformed(entity)),
    }
}

fn malformed(who: &str) -> IamError {
    let rule = "is `user/NAME`, `role/NAME`, `root`, an ARN of one of these, or `anonymous`";
    IamError::InvalidInput("principal", format!("`{who}`: {rule}"))
}
