//! Descriptions and tags of CMKs.

use crate::record::DESCRIPTION_BYTES_MAX;
use crate::rights::Facts;
use crate::trail::Act;
use crate::{CmkDescription, CmkId, KeyOperation, KeyService, KeyUser, KmsError};
use model::ProjectUid;
use policy::{Action, Authorized, ConditionKey};
use std::collections::{BTreeMap, BTreeSet};

/// Most tags of a CMK (AWS; Huawei: 20).
pub const TAGS_MAX: usize = 50;
/// Longest key of a tag in characters (AWS; Huawei: 36).
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Longest value of a tag in characters (AWS; Huawei: 43).
pub const TAG_VALUE_CHARS_MAX: usize = 256;

impl KeyService {
    /// Replaces a CMK's description (`kms:UpdateKeyDescription`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Validation`] over 8192 bytes.
    pub async fn update_description(&self, user: &KeyUser, cmk: &CmkId, description: &str) -> Result<(), KmsError> {
        self.perform_change(user, Act::changing("UpdateKeyDescription").on(cmk), |intent| async move {
            let _: Authorized = self.authorize(user, Action::KmsUpdateKeyDescription, cmk)?;
            let description = description.to_owned();
            self.alter(intent, cmk, KeyOperation::UpdateDescription, move |record, _| {
                if description.len() > DESCRIPTION_BYTES_MAX {
                    return Err(KmsError::Validation(format!("the description exceeds {DESCRIPTION_BYTES_MAX} bytes")));
                }
                record.description.clone_from(&description);
                Ok(())
            })
            .await
        })
        .await
    }

    /// Adds tags or replaces their values (`kms:TagResource`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Tag`];
    /// [`KmsError::LimitExceeded`] over 50 tags.
    pub async fn tag(&self, user: &KeyUser, cmk: &CmkId, tags: Vec<(String, String)>) -> Result<(), KmsError> {
        let act = Act::changing("TagResource").on(cmk).detail("tags", keys(tags.iter().map(|(key, _)| key)));
        self.perform_change(user, act, |intent| async move {
            let _: Authorized = self.authorize_with(user, Action::KmsTagResource, cmk, tag_facts(&tags))?;
            self.alter(intent, cmk, KeyOperation::Tag, move |record, _| {
                record.tags = check_tags(std::mem::take(&mut record.tags), tags.clone())?;
                Ok(())
            })
            .await
        })
        .await
    }

    /// Removes tags by their keys (`kms:UntagResource`); one that is not there is no error.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says.
    pub async fn untag(&self, user: &KeyUser, cmk: &CmkId, keys: Vec<String>) -> Result<(), KmsError> {
        let act = Act::changing("UntagResource").on(cmk).detail("tags", self::keys(keys.iter()));
        self.perform_change(user, act, |intent| async move {
            let facts = keys.iter().map(|key| (ConditionKey::TagKeys, key.as_str())).collect();
            let _: Authorized = self.authorize_with(user, Action::KmsUntagResource, cmk, facts)?;
            self.alter(intent, cmk, KeyOperation::Tag, move |record, _| {
                record.tags.retain(|(key, _)| !keys.contains(key));
                Ok(())
            })
            .await
        })
        .await
    }

    /// A CMK's tags in order of their keys (`kms:ListResourceTags`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn tags(&self, user: &KeyUser, cmk: &CmkId) -> Result<Vec<(String, String)>, KmsError> {
        self.perform(user, Act::reading("ListResourceTags").on(cmk), async {
            let _: Authorized = self.authorize(user, Action::KmsListResourceTags, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::Describe)?;
                Ok(record.tags.clone())
            })
        })
        .await
    }

    /// The tags of all CMKs of one project of the account, `None` for its default one: each key with its values
    /// (`kms:ListResourceTags` on the account's KMS).
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub async fn tags_of_project(
        &self,
        user: &KeyUser,
        project: Option<ProjectUid>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, KmsError> {
        self.perform(user, Act::reading("ListResourceTags"), async {
            let account = self.authorize_account(user, Action::KmsListResourceTags)?;
            let now = self.clock.now();
            Ok(self.ledger.read(|catalogue| {
                let mut all = BTreeMap::<String, BTreeSet<String>>::new();
                let own = catalogue.of_account(account, now).filter(|(_, record)| record.project == project);
                for (key, value) in own.flat_map(|(_, record)| &record.tags) {
                    all.entry(key.clone()).or_default().insert(value.clone());
                }
                all
            }))
        })
        .await
    }

    /// The CMKs of one project of the account, `None` for its default one, that have every tag asked for, with one of the
    /// values named for it, or any if none is (`kms:ListResourceTags` on the account's KMS). In order of their ids.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub async fn keys_by_tags(
        &self,
        user: &KeyUser,
        project: Option<ProjectUid>,
        tags: &[(String, Vec<String>)],
    ) -> Result<Vec<CmkDescription>, KmsError> {
        self.perform(user, Act::reading("ListResourceTags"), async {
            let account = self.authorize_account(user, Action::KmsListResourceTags)?;
            let now = self.clock.now();
            let has = |own: &[(String, String)], key: &String, values: &[String]| {
                own.iter().any(|(k, value)| k == key && (values.is_empty() || values.contains(value)))
            };
            Ok(self.ledger.read(|catalogue| {
                catalogue
                    .of_account(account, now)
                    .filter(|(_, record)| record.project == project)
                    .filter(|(_, record)| tags.iter().all(|(key, values)| has(&record.tags, key, values)))
                    .map(|(uid, record)| catalogue.describe(uid, record))
                    .collect()
            }))
        })
        .await
    }
}

/// The tags that come of adding some: in order of their keys.
///
/// # Errors
/// [`KmsError::Tag`], [`KmsError::LimitExceeded`].
pub(crate) fn check_tags(
    present: Vec<(String, String)>,
    more: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, KmsError> {
    let mut all: BTreeMap<String, String> = present.into_iter().collect();
    let mut seen = BTreeSet::new();
    for (key, value) in more {
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX {
            return Err(KmsError::Tag("a key is 1 to 128 characters long"));
        }
        if value.chars().count() > TAG_VALUE_CHARS_MAX {
            return Err(KmsError::Tag("a value is at most 256 characters long"));
        }
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(KmsError::Tag("keys that begin with aws: are reserved"));
        }
        if !key.chars().chain(value.chars()).all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c)) {
            return Err(KmsError::Tag("keys and values consist of letters, digits, spaces and _.:/=+-@"));
        }
        if !seen.insert(key.clone()) {
            return Err(KmsError::Tag("a key is given twice"));
        }
        all.insert(key, value);
    }
    if all.len() > TAGS_MAX {
        return Err(KmsError::LimitExceeded("the number of tags of a CMK"));
    }
    Ok(all.into_iter().collect())
}

/// Tags that are sent, as conditions see them.
pub(crate) fn tag_facts(tags: &[(String, String)]) -> Facts<'_> {
    tags.iter()
        .flat_map(|(key, value)| {
            [(ConditionKey::RequestTag(key.as_str().into()), value.as_str()), (ConditionKey::TagKeys, key.as_str())]
        })
        .collect()
}

/// The keys of tags, for the record; their values may be nobody's business.
fn keys<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    let mut all = String::new();
    for key in keys.take(TAGS_MAX) {
        let shown = key.chars().take(TAG_KEY_CHARS_MAX);
        all.extend(if all.is_empty() { "" } else { "," }.chars().chain(shown));
    }
    all
}
