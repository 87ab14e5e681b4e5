//! What may be told about CMKs and aliases: one, a list, how much of what is allowed is used.

use crate::catalogue::Catalogue;
use crate::record::CmkRecord;
use crate::trail::Act;
use crate::{
    AliasName, CmkId, KeyImpact, KeyManager, KeyOperation, KeyService, KeySpec, KeyState, KeyUser, KmsError, Origin,
    ProviderName,
};
use model::{AccountNumber, CmkUid, ProjectUid, RegionName, Timestamp};
use policy::{Action, Authorized};

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
    /// Names the material of the current version: 64 hexadecimal digits. `None` while it waits for its first.
    pub material_id: Option<String>,
    /// The creator's words.
    pub description: String,
    /// The version new wraps use, from 1; 0 while it waits for its first material.
    pub current_version: u32,
    /// Its aliases, in order of their names.
    pub aliases: Vec<AliasName>,
    /// The alias that Huawei's API knows as the key's: the first it was given, of those it has.
    pub first_alias: Option<AliasName>,
    /// Its tags, in order of their keys.
    pub tags: Vec<(String, String)>,
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

/// The ARN of an alias, whether or not it exists.
pub fn alias_arn(region: &RegionName, number: &AccountNumber, name: &AliasName) -> String {
    format!("arn:aws:kms:{region}:{number}:{name}")
}

/// Which CMKs to list. All of the account's, unless it says more.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Those of one project; `Some(None)` for the account's default one.
    pub project: Option<Option<ProjectUid>>,
    /// Those in a state, by [`KeyState::name`].
    pub state: Option<&'static str>,
    /// Those of a cipher.
    pub spec: Option<KeySpec>,
}

impl KeyFilter {
    fn takes(&self, record: &CmkRecord) -> bool {
        self.project.is_none_or(|project| project == record.project)
            && self.state.is_none_or(|state| state == record.state.name())
            && self.spec.is_none_or(|spec| spec == record.spec)
    }
}

/// How much of what an account is allowed it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyQuotas {
    /// CMKs, default keys not counted; one that waits for its deletion counts.
    pub keys: u32,
    /// Most CMKs.
    pub keys_max: u32,
    /// The most grants that any of its CMKs has.
    pub grants: u32,
    /// Most grants on one CMK.
    pub grants_max: u32,
}

impl KeyService {
    /// Describes a CMK (`kms:DescribeKey`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], then [`KmsError::NotFound`].
    pub async fn describe(&self, user: &KeyUser, cmk: &CmkId) -> Result<CmkDescription, KmsError> {
        self.perform(user, Act::reading("DescribeKey").on(cmk), async {
            let _: Authorized = self.authorize(user, Action::KmsDescribeKey, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::Describe)?;
                Ok(catalogue.describe(cmk.uid, record))
            })
        })
        .await
    }

    /// What needs a CMK, or one of its versions (`kms:DescribeKey`): what could not be opened any more without it. Very
    /// large counts may be some seconds old.
    ///
    /// # Errors
    /// As [`KeyService::describe`]; [`KmsError::Unavailable`] when it cannot be counted; [`KmsError::Throttled`] when too
    /// many wait for a count.
    pub async fn impact(&self, user: &KeyUser, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, KmsError> {
        self.perform(user, Act::reading("GetKeyImpact").on(cmk), async {
            let _: Authorized = self.authorize(user, Action::KmsDescribeKey, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| catalogue.find(cmk, now).map(drop).ok_or(KmsError::NotFound))?;
            self.recent_impact(cmk, version).await
        })
        .await
    }

    /// The account's CMKs in order of their ids (`kms:ListKeys`).
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub async fn list(&self, user: &KeyUser) -> Result<Vec<CmkId>, KmsError> {
        self.perform(user, Act::reading("ListKeys"), async {
            let account = self.authorize_account(user, Action::KmsListKeys)?;
            let now = self.clock.now();
            Ok(self.ledger.read(|catalogue| catalogue.of_account(account, now).map(|(uid, cmk)| cmk.id(uid)).collect()))
        })
        .await
    }

    /// The account's CMKs with all that may be told of them, in order of their ids (`kms:ListKeys`).
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub async fn list_detailed(&self, user: &KeyUser, filter: &KeyFilter) -> Result<Vec<CmkDescription>, KmsError> {
        self.perform(user, Act::reading("ListKeys"), async {
            let account = self.authorize_account(user, Action::KmsListKeys)?;
            let now = self.clock.now();
            Ok(self.ledger.read(|catalogue| {
                let wanted = catalogue.of_account(account, now).filter(|(_, record)| filter.takes(record));
                wanted.map(|(uid, record)| catalogue.describe(uid, record)).collect()
            }))
        })
        .await
    }

    /// How much of what it is allowed the account uses (`kms:ListKeys`).
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub async fn quotas(&self, user: &KeyUser) -> Result<KeyQuotas, KmsError> {
        self.perform(user, Act::reading("GetQuotas"), async {
            let account = self.authorize_account(user, Action::KmsListKeys)?;
            let now = self.clock.now();
            let grants = self.ledger.read(|catalogue| {
                catalogue.of_account(account, now).map(|(uid, _)| catalogue.grants_of(uid).count()).max().unwrap_or(0)
            });
            Ok(KeyQuotas {
                keys: u32::try_from(self.cmks_owned_by(account)).unwrap_or(u32::MAX),
                keys_max: self.config.keys_max,
                grants: u32::try_from(grants).unwrap_or(u32::MAX),
                grants_max: self.config.grants_max,
            })
        })
        .await
    }

    /// A number that changes with every change of the CMK, its aliases or its grants; 0 for a CMK that is not there. What
    /// was decided at one epoch must be decided again at another.
    pub fn epoch(&self, cmk: &CmkId) -> u64 {
        let now = self.clock.now();
        self.ledger.read(|catalogue| catalogue.find(cmk, now).map_or(0, |record| record.revision))
    }

    /// The whole id of a CMK that is not deleted, for records that keep its uid alone. Asks no right: an id is not one.
    pub fn id_of(&self, uid: CmkUid) -> Option<CmkId> {
        let now = self.clock.now();
        self.ledger.read(|catalogue| catalogue.cmk(uid, now).map(|record| record.id(uid)))
    }
}

impl Catalogue {
    /// All that may be told of a CMK.
    pub(crate) fn describe(&self, uid: CmkUid, record: &CmkRecord) -> CmkDescription {
        let current = self.version(uid, record.current_version);
        CmkDescription {
            material_expires: current.and_then(|version| version.expires),
            material_id: current.map(|version| version.material_id(uid, record.current_version)),
            first_alias: self.first_alias(uid).map(|(name, _)| name.clone()),
            tags: record.tags.clone(),
            ..record.describe(uid, self.aliases_of_cmk(uid).map(|(_, name)| name.clone()).collect())
        }
    }
}

impl CmkRecord {
    pub(crate) fn id(&self, uid: CmkUid) -> CmkId {
        CmkId { region: self.region.clone(), account: self.account.clone(), number: self.number.clone(), uid }
    }

    /// What the record alone tells.
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
            material_id: None,
            description: self.description.clone(),
            current_version: self.current_version,
            first_alias: aliases.first().cloned(),
            aliases,
            tags: self.tags.clone(),
        }
    }
}
