//! The key service: opening it, finding CMKs by the names callers use, and describing them. Changes of CMKs stand in
//! `lifecycle.rs`, their use in `usage.rs`.

use crate::embedded::EmbeddedProvider;
use crate::internal::InternalKeys;
use crate::key_ref::{KeyRef, Place};
use crate::ledger::Ledger;
use crate::provider::KeyProvider;
use crate::record::CmkRecord;
use crate::{
    AliasName, CmkId, Dependents, KeyManager, KeySpec, KeyState, KeyUser, KmsConfig, KmsCounters, KmsError, Origin,
    ProviderName, RootSlot, TokenKeys, root_check,
};
use audit::{AuditTrail, NoTrail};
use crypto::{BucketKey, MetadataKey, RootKey, SecretsKey};
use model::{AccountId, AccountNumber, BucketUid, Clock, CmkUid, Entropy, ProjectUid, RegionName, Timestamp};
use policy::{AccessRequest, Action, Authorized, Authorizer, Resource};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use store::{Change, MetaStore};

/// What may be told about a CMK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CmkDescription {
    /// Its id.
    pub id: CmkId,
    /// Where it is in its life.
    pub state: KeyState,
    /// Who decides over its life.
    pub manager: KeyManager,
    /// When it was created.
    pub created: Timestamp,
    /// Its cipher.
    pub spec: KeySpec,
    /// Where its material comes from.
    pub origin: Origin,
    /// Who keeps the material of new versions.
    pub provider: ProviderName,
    /// The project it was made in, if that is not the account's default one.
    pub project: Option<ProjectUid>,
    /// Whether it rotates by itself.
    pub rotates: bool,
    /// When its imported material expires.
    pub material_expires: Option<Timestamp>,
    /// The creator's words.
    pub description: String,
    /// The version new wraps use, from 1; 0 while it waits for its first material.
    pub current_version: u32,
    /// Its aliases, in order of their names.
    pub aliases: Vec<AliasName>,
}

/// What may be told about an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasDescription {
    /// Its name.
    pub name: AliasName,
    /// The CMK it names.
    pub target: CmkId,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last pointed elsewhere.
    pub updated: Timestamp,
}

impl AliasDescription {
    /// The form in AWS replies: `arn:aws:kms:region:number:alias/name`.
    pub fn to_arn(&self) -> String {
        alias_arn(&self.target.region, &self.target.number, &self.name)
    }
}

/// The key management service. One per data directory: it keeps the catalogue of CMKs in memory.
pub struct KeyService {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) providers: BTreeMap<ProviderName, Arc<dyn KeyProvider>>,
    pub(crate) internal: Arc<InternalKeys>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) region: RegionName,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) counters: Arc<KmsCounters>,
    pub(crate) audit: Arc<dyn AuditTrail>,
    pub(crate) dependents: OnceLock<Arc<dyn Dependents>>,
    pub(crate) config: KmsConfig,
}

/// What the service is opened with.
pub struct Parts {
    /// Where the catalogue is kept.
    pub store: Arc<dyn MetaStore>,
    /// The root key.
    pub root: Arc<RootSlot>,
    /// Key providers besides the embedded one. Their names differ.
    pub providers: Vec<Arc<dyn KeyProvider>>,
    /// Who decides about rights.
    pub authorizer: Arc<dyn Authorizer>,
    /// The region new CMKs live in.
    pub region: RegionName,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where key use is put on record before it happens.
    pub audit: Arc<dyn AuditTrail>,
    /// The settings.
    pub config: KmsConfig,
}

impl Parts {
    /// The embedded provider alone, the usual settings, and no audit log.
    pub fn new(
        store: Arc<dyn MetaStore>,
        root: RootKey,
        authorizer: Arc<dyn Authorizer>,
        region: RegionName,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            root: RootSlot::new(root),
            providers: Vec::new(),
            authorizer,
            region,
            clock,
            entropy,
            audit: Arc::new(NoTrail),
            config: KmsConfig::default(),
        }
    }
}

impl KeyService {
    /// Opens the service: verifies the root key, then loads the catalogue. The first start of a data directory binds it
    /// to this root key.
    ///
    /// # Errors
    /// [`KmsError::WrongRootKey`]; [`KmsError::Damaged`] for unreadable records; [`KmsError::Unavailable`] when the
    /// store does not answer.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, KmsError> {
        let Parts { store, root, providers: others, authorizer, region, clock, entropy, audit, config } = parts;
        root_check::verify(&store, &root.get(), &*entropy).await?;
        let ledger = Ledger::load(Arc::clone(&store)).await?;
        let embedded: Arc<dyn KeyProvider> = Arc::new(EmbeddedProvider::new(Arc::clone(&root), Arc::clone(&entropy)));
        let providers = std::iter::once(embedded).chain(others).map(|p| (p.name().clone(), p)).collect();
        let internal = Arc::new(InternalKeys::new(store, root, Arc::clone(&clock), Arc::clone(&entropy)));
        let (counters, dependents) = Default::default();
        Ok(Arc::new(Self {
            ledger,
            providers,
            internal,
            authorizer,
            region,
            clock,
            entropy,
            counters,
            audit,
            dependents,
            config,
        }))
    }

    /// Tells the service who keeps what is wrapped under CMKs. Until then nothing is known to need one, and deletions
    /// are not held up. To be called once, before the first request.
    pub fn set_dependents(&self, dependents: Arc<dyn Dependents>) {
        let _ = self.dependents.set(dependents);
    }

    /// The settings.
    pub fn config(&self) -> &KmsConfig {
        &self.config
    }

    /// The provider of a CMK version.
    pub(crate) fn provider(&self, name: &ProviderName) -> Result<&Arc<dyn KeyProvider>, KmsError> {
        self.providers.get(name).ok_or_else(|| {
            KmsError::Unavailable(format!("the CMK belongs to the key provider `{name}`, which is not configured"))
        })
    }

    /// The region new CMKs live in.
    pub fn region(&self) -> &RegionName {
        &self.region
    }

    /// How many requests to use a CMK there were.
    pub fn counters(&self) -> &Arc<KmsCounters> {
        &self.counters
    }

    /// Finds the CMK a reference names, in any form of [`KeyRef::parse`], for an action. Says nothing about its state;
    /// whether the caller may use it is asked of the CMK that was found.
    ///
    /// # Errors
    /// [`KmsError::Denied`] without an account; [`KmsError::InvalidArn`]; [`KmsError::NotFound`] for what does not
    /// exist, is deleted, or is of another account or region — also for the default key before its first use, see
    /// [`KeyService::resolve_or_make`]. Whoever may not do the action to such a CMK of their own account is told
    /// [`KmsError::Denied`] instead, as for one that is there.
    pub fn resolve(&self, user: &KeyUser, key_ref: &str, action: Action) -> Result<CmkId, KmsError> {
        match KeyRef::parse(key_ref) {
            Ok(key_ref) => self.find(user, &key_ref, action),
            Err(error) => Err(self.conceal(user, error, None, action)),
        }
    }

    /// As [`KeyService::resolve`]; a reference to the default key makes it at its first use.
    ///
    /// # Errors
    /// As [`KeyService::resolve`], and those of [`KeyService::default_key`].
    pub async fn resolve_or_make(&self, user: &KeyUser, key_ref: &str, action: Action) -> Result<CmkId, KmsError> {
        let found = self.resolve(user, key_ref, action);
        match KeyRef::parse(key_ref) {
            Ok(KeyRef::Alias(place, name)) if found == Err(KmsError::NotFound) && name.is_default_key() => {
                let (account, number) = account_of(user)?;
                if place.is_of(&self.region, account, number) {
                    self.default_key(user, action).await
                } else {
                    Err(KmsError::NotFound)
                }
            }
            _ => found,
        }
    }

    /// Finds the CMK of a parsed reference; errors as [`KeyService::resolve`].
    pub fn find(&self, user: &KeyUser, key_ref: &KeyRef, action: Action) -> Result<CmkId, KmsError> {
        let (account, number) = account_of(user)?;
        let now = self.clock.now();
        let found = self.ledger.read(|catalogue| {
            let (place, uid) = match key_ref {
                KeyRef::Key(place, uid) => (place, *uid),
                KeyRef::Alias(place, name) => (place, catalogue.alias(account, name).ok_or(KmsError::NotFound)?.target),
            };
            let cmk = catalogue.cmk(uid, now).filter(|cmk| cmk.account == *account).ok_or(KmsError::NotFound)?;
            if place.is_of(&cmk.region, account, number) { Ok(cmk.id(uid)) } else { Err(KmsError::NotFound) }
        });
        let named = match key_ref {
            KeyRef::Key(_, uid) => Some(*uid),
            KeyRef::Alias(..) => None,
        };
        found.map_err(|error| self.conceal(user, error, named, action))
    }

    /// What a caller is told of a CMK that is not there: nothing, unless they could do the action if it were. An alias
    /// or a text that names nothing stands for a CMK that only a policy for all CMKs covers.
    pub(crate) fn conceal(&self, user: &KeyUser, error: KmsError, uid: Option<CmkUid>, action: Action) -> KmsError {
        let (KmsError::NotFound, Ok((account, number))) = (&error, account_of(user)) else { return error };
        let uid = uid.unwrap_or(CmkUid::from_bytes([0; 16]));
        let (region, account, number) = (self.region.clone(), account.clone(), number.clone());
        match self.authorize(user, action, &CmkId { region, account, number, uid }) {
            Ok(_) => error,
            Err(denied) => denied,
        }
    }

    /// Describes a CMK (`kms:DescribeKey`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], then [`KmsError::NotFound`].
    pub fn describe(&self, user: &KeyUser, cmk: &CmkId) -> Result<CmkDescription, KmsError> {
        let _: Authorized = self.authorize(user, Action::KmsDescribeKey, cmk)?;
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
            let aliases = catalogue.aliases_of_cmk(cmk.uid).map(|(_, name)| name.clone()).collect();
            Ok(record.describe(cmk.uid, aliases))
        })
    }

    /// The account's CMKs in order of their ids (`kms:ListKeys`).
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub fn list(&self, user: &KeyUser) -> Result<Vec<CmkId>, KmsError> {
        let account = self.authorize_account(user, Action::KmsListKeys)?;
        let now = self.clock.now();
        Ok(self.ledger.read(|catalogue| catalogue.of_account(account, now).map(|(uid, cmk)| cmk.id(uid)).collect()))
    }

    /// The account's aliases in order of their names, all or those of one CMK (`kms:ListAliases`).
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::NotFound`] when the CMK does not exist.
    pub fn list_aliases(&self, user: &KeyUser, of: Option<&CmkId>) -> Result<Vec<AliasDescription>, KmsError> {
        let account = self.authorize_account(user, Action::KmsListAliases)?;
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            if let Some(cmk) = of {
                catalogue.find(cmk, now).filter(|cmk| cmk.account == *account).ok_or(KmsError::NotFound)?;
            }
            let wanted = |target: CmkUid| of.is_none_or(|cmk| cmk.uid == target);
            Ok(catalogue
                .aliases_of_account(account, now)
                .filter(|(_, alias)| wanted(alias.target))
                .filter_map(|(name, alias)| {
                    Some(AliasDescription {
                        name: name.clone(),
                        target: catalogue.cmk(alias.target, now)?.id(alias.target),
                        created: alias.created,
                        updated: alias.updated,
                    })
                })
                .collect())
        })
    }

    /// A number that changes with every change of the CMK's state; 0 for a CMK that is not there. What was decided at
    /// one epoch must be decided again at another.
    pub fn epoch(&self, cmk: &CmkId) -> u64 {
        let now = self.clock.now();
        self.ledger.read(|catalogue| catalogue.find(cmk, now).map_or(0, |record| record.revision))
    }

    /// The key that seals object metadata which must not stand in clear. Made at first use.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn metadata_key(&self) -> Result<Arc<MetadataKey>, KmsError> {
        self.internal.metadata().await
    }

    /// The key that seals the secrets of access keys. Made at first use.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn secrets_key(&self) -> Result<Arc<SecretsKey>, KmsError> {
        self.internal.secrets().await
    }

    /// The keys that seal tokens. The first is made at first use. To be asked for once: each answer is a ring of its own
    /// in memory, and only the one that is rotated learns of its new key.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn token_keys(&self) -> Result<Arc<TokenKeys>, KmsError> {
        TokenKeys::load(Arc::clone(&self.internal), Arc::clone(&self.clock), Arc::clone(&self.entropy)).await
    }

    /// The key that takes a bucket key's place for SSE-OBS in one bucket. Made at first use.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn sse_obs_key(&self, bucket: BucketUid) -> Result<Arc<BucketKey>, KmsError> {
        self.internal.sse_obs(bucket).await
    }

    /// The change that removes a deleted bucket's SSE-OBS key, to be made part of the transaction that deletes the
    /// bucket. The cached key is dropped at once; should the transaction fail, it is read again at its next use.
    #[must_use = "the key's row is removed by committing the change"]
    pub fn forget_bucket(&self, bucket: BucketUid) -> Change {
        self.internal.forget_bucket(bucket)
    }

    /// Asks the authoriser about an action on one CMK. The owner is the account the id names: for an id that lies, the
    /// lookup that follows finds nothing.
    pub(crate) fn authorize(&self, user: &KeyUser, action: Action, cmk: &CmkId) -> Result<Authorized, KmsError> {
        self.ask(
            user,
            action,
            Resource::Cmk { region: &cmk.region, account: &cmk.account, number: &cmk.number, uid: cmk.uid },
            Some(&cmk.account),
        )
    }

    /// Asks the authoriser about an action on the account's KMS as a whole; returns the account.
    pub(crate) fn authorize_account<'u>(&self, user: &'u KeyUser, action: Action) -> Result<&'u AccountId, KmsError> {
        let (account, _) = account_of(user)?;
        let _: Authorized = self.ask(user, action, Resource::Service, Some(account))?;
        Ok(account)
    }

    fn ask(
        &self,
        user: &KeyUser,
        action: Action,
        resource: Resource<'_>,
        owner: Option<&AccountId>,
    ) -> Result<Authorized, KmsError> {
        let request = AccessRequest {
            principal: &user.principal,
            action,
            resource,
            owner,
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: &user.conditions,
            facts: &[],
        };
        self.authorizer.authorize(&request).map_err(|denied| {
            tracing::info!(
                principal = user.principal.urn(),
                action = action.name(),
                via = user.via,
                request_id = user.request_id,
                "KMS access denied"
            );
            denied.into()
        })
    }
}

impl Place {
    fn is_of(&self, own_region: &RegionName, own_account: &AccountId, own_number: &AccountNumber) -> bool {
        match self {
            Self::Own => true,
            Self::Arn { region, number } => region == own_region.as_str() && number == own_number.as_str(),
            Self::Obs { region, account } => region == own_region.as_str() && account == own_account.as_str(),
        }
    }
}

impl CmkRecord {
    pub(crate) fn id(&self, uid: CmkUid) -> CmkId {
        CmkId { region: self.region.clone(), account: self.account.clone(), number: self.number.clone(), uid }
    }

    pub(crate) fn describe(&self, uid: CmkUid, aliases: Vec<AliasName>) -> CmkDescription {
        CmkDescription {
            id: self.id(uid),
            state: self.state,
            manager: self.manager,
            created: self.created,
            spec: self.spec,
            origin: self.origin,
            provider: self.provider.clone(),
            project: self.project,
            rotates: self.rotation.is_some(),
            material_expires: None,
            description: self.description.clone(),
            current_version: self.current_version,
            aliases,
        }
    }
}

/// The ARN of an alias, whether or not it exists.
pub fn alias_arn(region: &RegionName, number: &AccountNumber, name: &AliasName) -> String {
    format!("arn:aws:kms:{region}:{number}:{name}")
}

pub(crate) fn account_of(user: &KeyUser) -> Result<(&AccountId, &AccountNumber), KmsError> {
    user.principal.caller().map(|caller| (&caller.account, &caller.number)).ok_or(KmsError::Denied)
}
