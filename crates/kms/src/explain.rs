//! Why somebody may or may not do something to a CMK: the evaluator's own account, over what stands on the CMK now.

use crate::rights::{context_facts, crosses_accounts};
use crate::{CmkId, EncryptionContext, KeyService};
use policy::{AccessRequest, Action, CmkRules, ConditionKey, Conditions, Explanation, Principal};

impl KeyService {
    /// Explains a decision about a CMK as it would be made now, of a request that is not made: with this encryption
    /// context, through the store or not. Asks for no right and is put on no record: whoever asks has been admitted to
    /// ask about the account that the CMK is of. A CMK that is not there is explained as one without key policy and
    /// grants.
    pub fn explain(
        &self,
        principal: &Principal,
        action: Action,
        cmk: &CmkId,
        conditions: &Conditions,
        context: &EncryptionContext,
        through_store: bool,
    ) -> Explanation {
        let standing = self.standing(cmk);
        let mut facts = context_facts(context.iter());
        facts.extend(standing.iter().flat_map(|standing| standing.facts()));
        if through_store {
            facts.push((ConditionKey::ViaService, &self.via_store));
        }
        // What never crosses accounts is refused to others whatever stands on the CMK.
        let rules = standing.as_ref().map(|standing| CmkRules {
            own_account_only: standing.rules.own_account_only || !crosses_accounts(action),
            ..standing.rules.clone()
        });
        policy::explain(&AccessRequest {
            principal,
            action,
            resource: Self::resource(cmk),
            owner: Some(&cmk.account),
            bucket: None,
            object_acl: None,
            cmk: rules.as_ref(),
            conditions,
            facts: &facts,
        })
    }
}
