//! CreateAlias, UpdateAlias, DeleteAlias, ListAliases.

use super::fault::Fault;
use super::input::{self, required};
use super::keys::{invalid_marker, page, seconds};
use super::lifecycle::about;
use super::subject::Subject;
use super::{Call, Output, members};
use kms::{AliasDescription, AliasName, KmsError};
use policy::Action;
use serde_json::json;

const ALIASES_PER_PAGE: usize = 50;
const ALIASES_PER_PAGE_MAX: usize = 100;

impl Call<'_> {
    pub(super) async fn create_alias(&self, input: members::Alias) -> Output {
        let name = alias_name(&input.alias_name)?;
        let cmk = self.managed_key(&input.target_key_id, "targetKeyId", Action::KmsCreateAlias).await?;
        self.service.create_alias(self.user, name, &cmk).await.map_err(|error| {
            let about_the_alias = matches!(error, KmsError::AlreadyExists);
            let subject = if about_the_alias { self.alias_subject(name) } else { Subject::found(&cmk) };
            Fault::of(error, &subject)
        })?;
        Ok(None)
    }

    pub(super) async fn update_alias(&self, input: members::Alias) -> Output {
        let name = alias_name(&input.alias_name)?;
        let cmk = self.managed_key(&input.target_key_id, "targetKeyId", Action::KmsUpdateAlias).await?;
        self.service.update_alias(self.user, name, &cmk).await.map_err(|error| match error {
            KmsError::NotFound => Fault::of(error, &self.alias_subject(name)),
            error => about(&cmk, error),
        })?;
        Ok(None)
    }

    pub(super) async fn delete_alias(&self, input: members::Alias) -> Output {
        let name = alias_name(&input.alias_name)?;
        self.service
            .delete_alias(self.user, name)
            .await
            .map_err(|error| Fault::of(error, &self.alias_subject(name)))?;
        Ok(None)
    }

    pub(super) async fn list_aliases(&self, input: members::List) -> Output {
        let limit = input::limit(input.limit, ALIASES_PER_PAGE, ALIASES_PER_PAGE_MAX)?;
        let after = match input.marker {
            Some(marker) => {
                let name = marker.strip_prefix("alias/").and_then(AliasName::parse);
                Some(name.ok_or_else(invalid_marker)?)
            }
            None => None,
        };
        let of = match &input.key_id {
            Some(_) => Some(self.managed_key(&input.key_id, "keyId", Action::KmsListAliases).await?),
            None => None,
        };
        let subject = of.as_ref().map_or_else(Subject::account, Subject::found);
        let aliases =
            self.service.list_aliases(self.user, of.as_ref()).await.map_err(|error| Fault::of(error, &subject))?;
        let rest = aliases.into_iter().filter(|alias| after.as_ref().is_none_or(|after| alias.name > *after));
        let entry = |alias: &AliasDescription| {
            json!({
                "AliasName": alias.name.to_string(),
                "AliasArn": alias.to_arn(),
                "TargetKeyId": alias.target.uid.to_uuid(),
                "CreationDate": seconds(alias.created),
                "LastUpdatedDate": seconds(alias.updated),
            })
        };
        Ok(Some(page("Aliases", rest, limit, entry, |alias| alias.name.to_string())))
    }

    fn alias_subject(&self, name: &str) -> Subject {
        Subject::alias(self.service, self.user, name)
    }
}

/// An alias's name, which here always carries its prefix.
fn alias_name(given: &Option<String>) -> Result<&str, Fault> {
    let name = required(given, "aliasName")?;
    if name.starts_with("alias/") {
        Ok(name)
    } else {
        Err(Fault::unasked(KmsError::InvalidAlias("it begins with alias/"), &Subject::account()))
    }
}
