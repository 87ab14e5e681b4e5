//! Asking for rights to CMKs. Every operation asks here, with what the catalogue knows of the CMK and what the operation
//! says of itself; the evaluator in `policy` decides.

use crate::service::account_of;
use crate::standing::Standing;
use crate::{AliasName, CmkId, EncryptionContext, KeyService, KeyUser, KmsError};
use model::{AccountId, CmkUid};
use policy::{AccessRequest, Action, Authorized, CmkRules, ConditionKey, ContextConstraint, Reason, Resource};
use std::sync::Arc;

/// What an operation says of itself, for conditions.
pub(crate) type Facts<'a> = Vec<(ConditionKey, &'a str)>;

/// Whether an action on a CMK can be allowed to other accounts at all, as on AWS: using it, looking at it, its grants.
/// The rest of its life is its owner's, whatever its key policy says.
pub(crate) fn crosses_accounts(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::KmsEncrypt
            | A::KmsDecrypt
            | A::KmsReEncryptFrom
            | A::KmsReEncryptTo
            | A::KmsGenerateDataKey
            | A::KmsGenerateDataKeyWithoutPlaintext
            | A::KmsDescribeKey
            | A::KmsGetKeyRotationStatus
            | A::KmsCreateGrant
            | A::KmsListGrants
            | A::KmsRevokeGrant
            | A::KmsRetireGrant
    )
}

impl KeyService {
    /// Asks for an action on one CMK. For an id that names nothing, or lies, the account it names decides about its own
    /// identities; the lookup that follows finds nothing.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub(crate) fn authorize(&self, user: &KeyUser, action: Action, cmk: &CmkId) -> Result<Authorized, KmsError> {
        self.authorize_with(user, action, cmk, Facts::new())
    }

    /// As [`KeyService::authorize`], for an operation with an encryption context, and what more it says of itself.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub(crate) fn authorize_in(
        &self,
        user: &KeyUser,
        action: Action,
        cmk: &CmkId,
        context: &EncryptionContext,
        more: Option<(ConditionKey, &str)>,
    ) -> Result<Authorized, KmsError> {
        let mut facts = context_facts(context.iter());
        facts.push((ConditionKey::EncryptionAlgorithm, "SYMMETRIC_DEFAULT"));
        facts.extend(more);
        self.authorize_with(user, action, cmk, facts)
    }

    /// As [`KeyService::authorize`], for an operation that says more of itself.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub(crate) fn authorize_with(
        &self,
        user: &KeyUser,
        action: Action,
        cmk: &CmkId,
        facts: Facts<'_>,
    ) -> Result<Authorized, KmsError> {
        let standing = self.standing(cmk);
        let rules = standing.as_deref().map(|standing| &standing.rules);
        self.authorize_under(user, action, cmk, standing.as_deref(), rules, facts)
    }

    /// What the evaluator is told of a CMK; `None` for one that is not there.
    pub(crate) fn standing(&self, cmk: &CmkId) -> Option<Arc<Standing>> {
        let now = self.clock.now();
        self.ledger.read(|catalogue| catalogue.standing(cmk, now).cloned())
    }

    /// As [`KeyService::authorize_with`], under other rules than those that stand.
    pub(crate) fn authorize_under<'a>(
        &'a self,
        user: &KeyUser,
        action: Action,
        cmk: &CmkId,
        standing: Option<&'a Standing>,
        rules: Option<&CmkRules>,
        mut facts: Facts<'a>,
    ) -> Result<Authorized, KmsError> {
        if user.principal.account() != Some(&cmk.account) && !crosses_accounts(action) {
            return Err(self.denied(user, action));
        }
        facts.extend(standing.into_iter().flat_map(Standing::facts));
        if matches!(user.via, "s3" | "obs") {
            facts.push((ConditionKey::ViaService, &self.via_store));
        }
        let (principal, conditions) = (&user.principal, &*user.conditions);
        let request = AccessRequest {
            principal,
            action,
            resource: Self::resource(cmk),
            owner: Some(&cmk.account),
            bucket: None,
            object_acl: None,
            cmk: rules,
            conditions,
            facts: &facts,
        };
        self.authorizer.authorize(&request).map_err(|_| self.denied(user, action))
    }

    pub(crate) fn resource(cmk: &CmkId) -> Resource<'_> {
        Resource::Cmk { region: &cmk.region, account: &cmk.account, number: &cmk.number, uid: cmk.uid }
    }

    /// Asks for an action on an alias of the caller's account, which is a resource of its own beside its CMK.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub(crate) fn authorize_alias(&self, user: &KeyUser, action: Action, name: &AliasName) -> Result<(), KmsError> {
        let (account, number) = account_of(user)?;
        let name = name.to_string();
        let resource = Resource::KeyAlias { region: &self.region, account, number, name: &name };
        let _: Authorized = self.ask(user, action, resource, account, &[])?;
        Ok(())
    }

    /// Refuses an alias that comes with a new CMK, which needs no right of its own, to whom a statement or an unreadable
    /// policy denies it.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub(crate) fn check_alias_not_denied(&self, user: &KeyUser, name: &AliasName) -> Result<(), KmsError> {
        let (account, number) = account_of(user)?;
        let (action, name) = (Action::KmsCreateAlias, name.to_string());
        let explained = policy::explain(&AccessRequest {
            principal: &user.principal,
            action,
            resource: Resource::KeyAlias { region: &self.region, account, number, name: &name },
            owner: Some(account),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: &user.conditions,
            facts: &[],
        });
        let by_name = matches!(explained.reason, Reason::Statement { .. } | Reason::Unreadable { .. });
        if !explained.allowed && by_name { Err(self.denied(user, action)) } else { Ok(()) }
    }

    /// Asks for an action on the account's KMS as a whole; returns the account.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub(crate) fn authorize_account<'u>(&self, user: &'u KeyUser, action: Action) -> Result<&'u AccountId, KmsError> {
        self.authorize_account_with(user, action, &[])
    }

    /// As [`KeyService::authorize_account`], for an operation that says more of itself.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub(crate) fn authorize_account_with<'u>(
        &self,
        user: &'u KeyUser,
        action: Action,
        facts: &[(ConditionKey, &str)],
    ) -> Result<&'u AccountId, KmsError> {
        let (account, _) = account_of(user)?;
        let _: Authorized = self.ask(user, action, Resource::Service, account, facts)?;
        Ok(account)
    }

    fn ask(
        &self,
        user: &KeyUser,
        action: Action,
        resource: Resource<'_>,
        owner: &AccountId,
        facts: &[(ConditionKey, &str)],
    ) -> Result<Authorized, KmsError> {
        let request = AccessRequest {
            principal: &user.principal,
            action,
            resource,
            owner: Some(owner),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: &user.conditions,
            facts,
        };
        self.authorizer.authorize(&request).map_err(|_| self.denied(user, action))
    }

    fn denied(&self, user: &KeyUser, action: Action) -> KmsError {
        tracing::info!(
            principal = user.principal.urn(),
            action = action.name(),
            via = user.via,
            request_id = user.request_id,
            "KMS access denied"
        );
        KmsError::Denied
    }

    /// Whether the caller may do the action to another account's CMK, as far as that can be told without the encryption
    /// context: with none, or with what a grant asks for. `kms:RetireGrant` is asked for each grant.
    pub(crate) fn may_see(&self, user: &KeyUser, action: Action, cmk: &CmkId) -> bool {
        let Some(standing) = self.standing(cmk) else { return false };
        let may = |rules: &CmkRules, facts: Facts<'_>| {
            self.authorize_under(user, action, cmk, Some(&standing), Some(rules), facts).is_ok()
        };
        if may(&standing.rules, Facts::new()) {
            return true;
        }
        standing.rules.grants.iter().any(|grant| match (action, grant.constraint()) {
            (Action::KmsRetireGrant, _) => {
                let may_retire =
                    |grant| may(&CmkRules { retires: Some(grant), ..standing.rules.clone() }, Facts::new());
                may_retire(Arc::clone(grant)) || self.issued(user, cmk, grant.id()).is_some_and(may_retire)
            }
            (_, Some(ContextConstraint::Equals(pairs) | ContextConstraint::Subset(pairs))) => {
                let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
                may(&standing.rules, context_facts(pairs))
            }
            (_, None) => false,
        })
    }

    /// What a caller is told of a CMK that is not there: nothing, unless they could do the action if it were. An alias
    /// or a text that names nothing stands for a CMK that only a policy for all CMKs covers.
    pub(crate) fn conceal(&self, user: &KeyUser, error: KmsError, uid: Option<CmkUid>, action: Action) -> KmsError {
        let (KmsError::NotFound, Ok((account, number))) = (&error, account_of(user)) else { return error };
        let uid = uid.unwrap_or(CmkUid::from_bytes([0; 16]));
        let cmk = CmkId { region: self.region.clone(), account: account.clone(), number: number.clone(), uid };
        match self.authorize_under(user, action, &cmk, None, None, Facts::new()) {
            Ok(_) => error,
            Err(denied) => denied,
        }
    }
}

/// An encryption context, as conditions see it.
pub(crate) fn context_facts<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Facts<'a> {
    pairs
        .flat_map(|(key, value)| {
            [(ConditionKey::EncryptionContext(key.into()), value), (ConditionKey::EncryptionContextKeys, key)]
        })
        .collect()
}
