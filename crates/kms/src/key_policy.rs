//! Key policies: what a CMK itself says about who may do what with it (kms-iam-api §2.7).

use crate::create::flag;
use crate::rights::Facts;
use crate::standing::Standing;
use crate::trail::Act;
use crate::{CmkId, KeyOperation, KeyService, KeyUser, KmsError};
use model::AccountNumber;
use policy::{AccessRequest, Action, Authorized, CmkRules, ConditionKey, Grammar, Policy, may_still_put_key_policy};
use std::sync::Arc;

pub use policy::KEY_POLICY_BYTES_MAX;

impl KeyService {
    /// The key policy as it was put, or the one every CMK begins with (`kms:GetKeyPolicy`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn key_policy(&self, user: &KeyUser, cmk: &CmkId) -> Result<String, KmsError> {
        self.perform(user, Act::reading("GetKeyPolicy").on(cmk), async {
            let _: Authorized = self.authorize(user, Action::KmsGetKeyPolicy, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::Describe)?;
                Ok(record.policy.as_deref().map_or_else(|| default_key_policy(&record.number), str::to_owned))
            })
        })
        .await
    }

    /// The names of the CMK's key policies, of which there is always the one (`kms:ListKeyPolicies`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn key_policies(&self, user: &KeyUser, cmk: &CmkId) -> Result<&'static [&'static str], KmsError> {
        self.perform(user, Act::reading("ListKeyPolicies").on(cmk), async {
            let _: Authorized = self.authorize(user, Action::KmsListKeyPolicies, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| catalogue.find(cmk, now).map(drop).ok_or(KmsError::NotFound))?;
            Ok(["default"].as_slice())
        })
        .await
    }

    /// Sets the key policy (`kms:PutKeyPolicy`); in force for every request that begins after this returns.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`]; [`KmsError::MalformedPolicy`], also for one under which the caller
    /// could not set another, unless that check is bypassed; [`KmsError::ServiceManaged`].
    pub async fn put_key_policy(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        policy: &str,
        bypass_lockout_check: bool,
    ) -> Result<(), KmsError> {
        let act = Act::changing("PutKeyPolicy").on(cmk).detail("bypassLockoutCheck", bypass_lockout_check);
        self.perform_change(user, act, |intent| async move {
            let facts = vec![(ConditionKey::BypassPolicyLockoutSafetyCheck, flag(bypass_lockout_check))];
            let _: Authorized = self.authorize_with(user, Action::KmsPutKeyPolicy, cmk, facts)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                catalogue.find(cmk, now).ok_or(KmsError::NotFound)?.admit(KeyOperation::PutKeyPolicy)
            })?;
            let standing = self.standing(cmk).ok_or(KmsError::NotFound)?;
            acceptable(user, cmk, Some(&standing), policy, bypass_lockout_check)?;
            let policy: Arc<str> = policy.into();
            self.alter(intent, cmk, KeyOperation::PutKeyPolicy, move |record, _| {
                record.policy = Some(Arc::clone(&policy));
                Ok(())
            })
            .await
        })
        .await
    }
}

/// Whether a document may become the CMK's key policy. `standing`: what stands now; `None` for a CMK that is to be made.
///
/// # Errors
/// [`KmsError::MalformedPolicy`].
pub(crate) fn acceptable(
    user: &KeyUser,
    cmk: &CmkId,
    standing: Option<&Standing>,
    document: &str,
    bypass_lockout_check: bool,
) -> Result<(), KmsError> {
    if document.len() > KEY_POLICY_BYTES_MAX {
        return Err(KmsError::MalformedPolicy(format!("it exceeds {KEY_POLICY_BYTES_MAX} bytes")));
    }
    let grammar = Grammar::Key { region: &cmk.region, account: &cmk.account, number: &cmk.number, uid: cmk.uid };
    let policy = Policy::parse(document, grammar).map_err(|error| KmsError::MalformedPolicy(error.to_string()))?;
    if bypass_lockout_check {
        return Ok(());
    }
    let new;
    let rules = match standing {
        Some(standing) => &standing.rules,
        None => {
            new = CmkRules::new(cmk.account.clone());
            &new
        }
    };
    let mut facts: Facts<'_> = standing.into_iter().flat_map(Standing::facts).collect();
    facts.push((ConditionKey::BypassPolicyLockoutSafetyCheck, flag(false)));
    let request = AccessRequest {
        principal: &user.principal,
        action: Action::KmsPutKeyPolicy,
        resource: KeyService::resource(cmk),
        owner: Some(&cmk.account),
        bucket: None,
        object_acl: None,
        cmk: Some(rules),
        conditions: &user.conditions,
        facts: &facts,
    };
    if may_still_put_key_policy(&request, &Arc::new(policy)) {
        Ok(())
    } else {
        Err(KmsError::MalformedPolicy(
            "it would not let you change the key policy again; bypass the lockout check if that is meant".to_owned(),
        ))
    }
}

/// The document that stands for the rules every CMK begins with (kms-iam-api §2.7).
pub(crate) fn default_key_policy(number: &AccountNumber) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{number}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}
