//! Making CMKs that users ask for, and what making the default key has in common with it.

use crate::aliases::{add_alias, alias_name};
use crate::catalogue::Catalogue;
use crate::intent::Intent;
use crate::key_policy::acceptable;
use crate::ledger::Plan;
use crate::provider::{KeyProvider, KeySpec, NewVersion, ProviderName, VersionRef};
use crate::record::{CmkRecord, CmkVersionRecord, DESCRIPTION_BYTES_MAX, VersionCause};
use crate::rights::Facts;
use crate::service::account_of;
use crate::standing::facts_of;
use crate::tags::{check_tags, tag_facts};
use crate::trail::Act;
use crate::{
    AliasName, CmkDescription, CmkId, KeyManager, KeyService, KeyState, KeyUser, KmsError, Origin,
    provider::ProviderFault,
};
use model::{AccountId, CmkUid, Entropy, ProjectUid, Timestamp};
use policy::{Action, Authorized, ConditionKey};
use std::sync::Arc;
use store::{Expectation, Table, Transaction};

/// What a new CMK is to be.
#[derive(Clone, Debug)]
pub struct CreateCmk {
    /// Its cipher.
    pub spec: KeySpec,
    /// Where its material comes from.
    pub origin: Origin,
    /// The creator's words.
    pub description: String,
    /// The project it is made in; `None` for the account's default one.
    pub project: Option<ProjectUid>,
    /// Who is to keep its material; `None` for the default of the settings.
    pub provider: Option<ProviderName>,
    /// A key that exists at the provider and is to be taken up.
    pub existing: Option<String>,
    /// An alias, made with it: both or none.
    pub alias: Option<String>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// The key policy; `None` for the one that leaves all to the account.
    pub policy: Option<String>,
    /// Take a key policy that locks its author out.
    pub bypass_lockout_check: bool,
}

impl Default for CreateCmk {
    fn default() -> Self {
        Self {
            spec: KeySpec::Aes256,
            origin: Origin::Kms,
            description: String::new(),
            project: None,
            provider: None,
            existing: None,
            alias: None,
            tags: Vec::new(),
            policy: None,
            bypass_lockout_check: false,
        }
    }
}

impl KeyService {
    /// Creates a CMK of the caller's account (`kms:CreateKey`; with tags also `kms:TagResource`): enabled, or pending
    /// import if its material is to come from outside. An alias is made in the same transaction and needs no right of
    /// its own, but who is denied `kms:CreateAlias` on it makes none.
    ///
    /// # Errors
    /// [`KmsError::Denied`], also for a key policy from a session that is narrowed; [`KmsError::Validation`] for a
    /// description over 8192 bytes; [`KmsError::Unsupported`] for what the provider does not offer;
    /// [`KmsError::InvalidAlias`], [`KmsError::AlreadyExists`] about the alias; [`KmsError::LimitExceeded`];
    /// [`KmsError::Conflict`] for a key of the provider that another CMK holds;
    /// [`KmsError::MalformedPolicy`], [`KmsError::Tag`]; [`KmsError::Unavailable`].
    pub async fn create(&self, user: &KeyUser, wanted: CreateCmk) -> Result<CmkDescription, KmsError> {
        let (account, number) = match account_of(user) {
            Ok(own) => own,
            Err(error) => return self.recorded(user, Act::changing("CreateKey"), Err(error)).await,
        };
        let uid = new_uid(&*self.entropy);
        let id = CmkId { region: self.region.clone(), account: account.clone(), number: number.clone(), uid };
        // The id is on record even if no CMK comes of it: a provider may have made something under it.
        let mut act = Act::changing("CreateKey").on(&id).detail("origin", origin_name(wanted.origin));
        if let Some(alias) = &wanted.alias {
            act = act.detail("alias", alias);
        }
        self.perform_change(user, act, |intent| self.create_unrecorded(intent, user, &id, &wanted)).await
    }

    async fn create_unrecorded(
        &self,
        intent: Intent,
        user: &KeyUser,
        id: &CmkId,
        wanted: &CreateCmk,
    ) -> Result<CmkDescription, KmsError> {
        self.authorize_create(user, id, wanted)?;
        if wanted.description.len() > DESCRIPTION_BYTES_MAX {
            return Err(KmsError::Validation(format!("the description exceeds {DESCRIPTION_BYTES_MAX} bytes")));
        }
        let tags = check_tags(Vec::new(), wanted.tags.clone())?;
        let alias = wanted.alias.as_deref().map(alias_name).transpose()?;
        if let Some(name) = &alias {
            self.check_alias_not_denied(user, name)?;
        }
        if let Some(text) = &wanted.policy {
            acceptable(user, id, None, text, wanted.bypass_lockout_check)?;
        }
        // Asked again when the CMK is stored; here before a provider is asked for anything.
        let limits = Limits { keys_max: self.config.keys_max, alias };
        self.ledger.read(|catalogue| limits.check(catalogue, &id.account, self.clock.now()))?;
        let record = CmkRecord {
            description: wanted.description.clone(),
            spec: wanted.spec,
            origin: wanted.origin,
            project: wanted.project,
            tags,
            policy: wanted.policy.as_deref().map(Arc::from),
            ..self.blank(id, wanted.provider.as_ref(), KeyManager::Customer)
        };
        let (stored, existing) = (id.clone(), wanted.existing.clone());
        let plan = move |catalogue: &Catalogue, new: &NewCmk| {
            limits.check(catalogue, &stored.account, new.record.created)?;
            let mut transaction = new.transaction();
            if let Some(name) = &limits.alias {
                add_alias(&mut transaction, &stored.account, name, stored.uid, new.record.created);
            }
            Ok(Plan::Commit(transaction, stored.clone()))
        };
        let _: CmkId = self.make_and_store(intent, id, record, existing, plan).await?;
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            catalogue.find(id, now).map(|record| catalogue.describe(id.uid, record)).ok_or(KmsError::NotFound)
        })
    }

    fn authorize_create(&self, user: &KeyUser, id: &CmkId, wanted: &CreateCmk) -> Result<(), KmsError> {
        let of_kind = facts_of(wanted.spec, wanted.origin);
        let mut facts: Facts<'_> = of_kind.iter().map(|(key, value)| (key.clone(), &**value)).collect();
        let tag_facts = tag_facts(&wanted.tags);
        facts.extend(tag_facts.iter().cloned());
        if wanted.policy.is_some() {
            facts.push((ConditionKey::BypassPolicyLockoutSafetyCheck, flag(wanted.bypass_lockout_check)));
            // A narrowed session sets no key policies; nor does it in passing.
            if user.principal.caller().is_some_and(|caller| caller.is_narrowed()) {
                return Err(KmsError::Denied);
            }
        }
        self.authorize_account_with(user, Action::KmsCreateKey, &facts)?;
        if !wanted.tags.is_empty() {
            let _: Authorized = self.authorize_with(user, Action::KmsTagResource, id, facts)?;
        }
        Ok(())
    }

    /// A record of a CMK as most begin.
    pub(crate) fn blank(&self, id: &CmkId, provider: Option<&ProviderName>, manager: KeyManager) -> CmkRecord {
        CmkRecord {
            revision: 1,
            account: id.account.clone(),
            number: id.number.clone(),
            region: id.region.clone(),
            created: self.clock.now(),
            manager,
            state: KeyState::Enabled,
            deletion_forced: false,
            spec: KeySpec::Aes256,
            origin: Origin::Kms,
            provider: provider.unwrap_or(&self.config.default_provider).clone(),
            project: None,
            current_version: 1,
            rotation: None,
            last_period_days: 0,
            description: String::new(),
            tags: Vec::new(),
            policy: None,
        }
    }

    /// Has the provider make a CMK's material and stores the CMK as the plan says, or has the provider destroy the
    /// material again. Returns the CMK that is there then: this one, or one that the plan found instead. Runs to its end
    /// even if the caller goes away, so that no provider keeps a key that nobody knows of.
    pub(crate) async fn make_and_store(
        &self,
        mut intent: Intent,
        id: &CmkId,
        record: CmkRecord,
        existing: Option<String>,
        plan: impl Fn(&Catalogue, &NewCmk) -> Result<Plan<CmkId>, KmsError> + Send + 'static,
    ) -> Result<CmkId, KmsError> {
        let id = id.clone();
        self.to_its_end(|service| async move {
            let new = service.make(&mut intent, &id, record, existing.as_deref()).await?;
            let planned = Arc::clone(&new);
            let provider = Arc::clone(service.provider(&new.record.provider)?);
            let result = service
                .ledger
                .change(intent, move |catalogue| {
                    if planned.existing {
                        planned.check_unheld(catalogue, &*provider)?;
                    }
                    plan(catalogue, &planned)
                })
                .await;
            match &result {
                Ok(other) if *other != id => service.discard(&new, &KmsError::AlreadyExists).await,
                Ok(_) => {}
                Err(error) => service.discard(&new, error).await,
            }
            result
        })
        .await
    }

    /// Has the provider make the first version, unless the material comes from outside.
    async fn make(
        &self,
        intent: &mut Intent,
        id: &CmkId,
        mut record: CmkRecord,
        existing: Option<&str>,
    ) -> Result<Arc<NewCmk>, KmsError> {
        let uid = id.uid;
        let provider = self.providers.get(&record.provider).ok_or_else(|| {
            KmsError::Validation(format!("there is no key provider `{}` here", record.provider.as_str()))
        })?;
        let offered = provider.capabilities();
        if !offered.specs.contains(&record.spec) {
            return Err(KmsError::Unsupported("its key provider does not offer this key spec"));
        }
        if record.origin == Origin::External {
            if existing.is_some() {
                return Err(KmsError::Validation(
                    "material from outside and a key that exists at the provider exclude each other".to_owned(),
                ));
            }
            if !offered.import {
                return Err(KmsError::Unsupported("its key provider does not take material from outside"));
            }
            (record.state, record.current_version) = (KeyState::PendingImport, 0);
            return Ok(Arc::new(NewCmk { uid, record, version: None, existing: false }));
        }
        let wanted = NewVersion { uid, version: record.current_version, spec: record.spec, existing };
        intent.announce().await?;
        let reference = provider.create_version(wanted).await.map_err(made_nothing)?;
        let mut material_id = [0; 32];
        self.entropy.fill(&mut material_id);
        let version = CmkVersionRecord {
            provider: record.provider.clone(),
            created: record.created,
            reference,
            cause: VersionCause::Created,
            material_id,
            expires: None,
            digest: [0; 32],
        };
        Ok(Arc::new(NewCmk { uid, record, version: Some(version), existing: existing.is_some() }))
    }

    /// Has the provider destroy what it made for a CMK that was not stored after all. Where it is not known whether it
    /// was, the material stays; so does what the provider had before.
    async fn discard(&self, new: &NewCmk, why: &KmsError) {
        let Some(version) = new.version.as_ref().filter(|_| !new.existing) else { return };
        if matches!(why, KmsError::Unavailable(_) | KmsError::Damaged(_)) {
            tracing::warn!(cmk = new.uid.to_uuid(), provider = %version.provider, "a new CMK may have been left behind");
            return;
        }
        let Some(provider) = self.providers.get(&version.provider) else { return };
        let reference = VersionRef { uid: new.uid, version: 1, spec: new.record.spec, reference: &version.reference };
        if let Err(fault) = provider.destroy(reference).await {
            tracing::warn!(cmk = new.uid.to_uuid(), provider = %version.provider, %fault, "a new CMK was left behind");
        }
    }
}

fn made_nothing(fault: ProviderFault) -> KmsError {
    match fault {
        ProviderFault::Unsupported(what) => KmsError::Unsupported(what),
        ProviderFault::Throttled => KmsError::Throttled,
        ProviderFault::Unavailable(why) | ProviderFault::Refused(why) | ProviderFault::Garbage(why) => {
            KmsError::Unavailable(why)
        }
        ProviderFault::InvalidCiphertext | ProviderFault::InvalidReference => KmsError::Damaged(fault.to_string()),
    }
}

/// What the account must leave room for.
struct Limits {
    keys_max: u32,
    alias: Option<AliasName>,
}

impl Limits {
    fn check(&self, catalogue: &Catalogue, account: &AccountId, now: Timestamp) -> Result<(), KmsError> {
        let own = catalogue.of_account(account, now).filter(|(_, cmk)| cmk.manager == KeyManager::Customer).count();
        if own >= self.keys_max as usize {
            return Err(KmsError::LimitExceeded("the number of CMKs of an account"));
        }
        match &self.alias {
            Some(name) if catalogue.alias(account, name).is_some() => Err(KmsError::AlreadyExists),
            _ => Ok(()),
        }
    }
}

/// A CMK that was made and is not stored yet.
pub(crate) struct NewCmk {
    uid: CmkUid,
    pub(crate) record: CmkRecord,
    version: Option<CmkVersionRecord>,
    /// Whether the provider had the key before.
    existing: bool,
}

impl NewCmk {
    /// A key that another CMK holds is not taken up once more: whoever may use one of the two could use what the other
    /// keeps, and the end of one would be the end of both.
    fn check_unheld(&self, catalogue: &Catalogue, provider: &dyn KeyProvider) -> Result<(), KmsError> {
        let Some(version) = &self.version else { return Ok(()) };
        let taken = provider.key_named(&version.reference);
        let mut held = catalogue.all_versions().into_iter().filter_map(|(uid, number)| catalogue.version(uid, number));
        if held.any(|held| held.provider == version.provider && provider.key_named(&held.reference) == taken) {
            return Err(KmsError::Conflict("another CMK holds this key of the key provider"));
        }
        Ok(())
    }

    /// What stores it.
    pub(crate) fn transaction(&self) -> Transaction {
        let key = CmkRecord::key(self.uid);
        let mut transaction = Transaction::new();
        transaction.expect(Expectation::Absent(Table::Cmks, key.clone().into())).put(
            Table::Cmks,
            key,
            self.record.encode(),
        );
        if let Some(version) = &self.version {
            let row = CmkVersionRecord::key(self.uid, self.record.current_version);
            transaction.put(Table::CmkVersions, row, version.encode());
        }
        transaction
    }
}

/// A random UUID (version 4, RFC 9562), as SDKs expect key ids to look.
pub(crate) fn new_uid(entropy: &dyn Entropy) -> CmkUid {
    let mut bytes = *CmkUid::random(entropy).as_bytes();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    CmkUid::from_bytes(bytes)
}

fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Kms => "AWS_KMS",
        Origin::External => "EXTERNAL",
    }
}

/// A yes or no as conditions read it.
pub(crate) fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
