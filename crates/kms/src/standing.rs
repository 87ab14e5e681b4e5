//! What the evaluator is told of a CMK: its key policy, parsed, its grants, and what conditions may ask of it. Made once
//! for each change of the CMK, never for a request.

use crate::record::{CmkRecord, GrantId, GrantRecord};
use crate::{AliasName, KeyManager, KeySpec, Origin};
use model::CmkUid;
use policy::{CmkRules, ConditionKey, Grammar, KeyGrant, Policy};
use std::sync::Arc;

/// See the module's text.
pub(crate) struct Standing {
    pub(crate) rules: CmkRules,
    facts: Vec<(ConditionKey, Box<str>)>,
}

impl Standing {
    /// `before`: what stood before the change; a policy that is still the same is not parsed again.
    pub(crate) fn new<'a>(
        uid: CmkUid,
        record: &CmkRecord,
        names: impl Iterator<Item = &'a AliasName>,
        grants: impl Iterator<Item = (GrantId, &'a Arc<GrantRecord>)>,
        before: Option<&Self>,
    ) -> Self {
        let known = before.and_then(|before| before.rules.policy.as_ref());
        let policy = record.policy.as_deref().map(|text| match known {
            Some(known) if known.text() == text => Arc::clone(known),
            _ => Arc::new(parse(uid, record, text)),
        });
        let grants = grants.filter_map(|(id, grant)| parsed(uid, id, grant)).collect();
        // Default keys and those of a project serve their own account only (kms-iam-api §1.3, §1.12).
        let own_account_only = record.manager == KeyManager::Service || record.project.is_some();
        let rules = CmkRules { policy, grants, own_account_only, ..CmkRules::new(record.account.clone()) };
        let mut facts = facts_of(record.spec, record.origin);
        facts.extend(names.map(|name| (ConditionKey::ResourceAliases, name.to_string().into())));
        facts.extend(
            record
                .tags
                .iter()
                .map(|(key, value)| (ConditionKey::ResourceTag(key.as_str().into()), value.as_str().into())),
        );
        Self { rules, facts }
    }

    /// What conditions may ask of the CMK.
    pub(crate) fn facts(&self) -> impl Iterator<Item = (ConditionKey, &str)> {
        self.facts.iter().map(|(key, value)| (key.clone(), &**value))
    }
}

/// What conditions may ask of a CMK whose kind alone is known: one that is to be made.
pub(crate) fn facts_of(spec: KeySpec, origin: Origin) -> Vec<(ConditionKey, Box<str>)> {
    let spec = match spec {
        KeySpec::Aes256 => "SYMMETRIC_DEFAULT",
        KeySpec::Sm4 => "SM4",
    };
    let origin = match origin {
        Origin::Kms => "AWS_KMS",
        Origin::External => "EXTERNAL",
    };
    [
        (ConditionKey::KeySpec, spec),
        (ConditionKey::KeyOrigin, origin),
        (ConditionKey::KeyUsage, "ENCRYPT_DECRYPT"),
        (ConditionKey::MultiRegion, "false"),
    ]
    .map(|(key, value)| (key, value.into()))
    .into()
}

/// A stored policy that cannot be read denies everything: its Deny must not be lost with the rest of it.
fn parse(uid: CmkUid, record: &CmkRecord, text: &str) -> Policy {
    let grammar = Grammar::Key { region: &record.region, account: &record.account, number: &record.number, uid };
    Policy::parse(text, grammar).unwrap_or_else(|error| {
        tracing::error!(cmk = uid.to_uuid(), %error, "the stored key policy cannot be read: the CMK is denied to all");
        Policy::unreadable(text)
    })
}

/// A stored grant that cannot be read allows nothing.
fn parsed(uid: CmkUid, id: GrantId, grant: &GrantRecord) -> Option<Arc<KeyGrant>> {
    match grant.parsed(id) {
        Ok(grant) => Some(Arc::new(grant)),
        Err(error) => {
            tracing::error!(cmk = uid.to_uuid(), grant = id.to_hex(), %error, "the stored grant cannot be read");
            None
        }
    }
}
