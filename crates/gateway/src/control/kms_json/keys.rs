//! CreateKey, DescribeKey, ListKeys, and how a CMK is described.

use super::fault::{Fault, Kind};
use super::input::{self, required};
use super::subject::Subject;
use super::{Call, Output};
use kms::{CmkDescription, CmkId, CreateCmk, KeyManager, KeyRef, KeyState, KmsError};
use model::{CmkUid, Timestamp};
use policy::Action;
use serde_json::{Value, json};

const KEYS_PER_PAGE: usize = 100;
const KEYS_PER_PAGE_MAX: usize = 1000;

impl Call<'_> {
    pub(super) async fn create_key(&self, input: input::CreateKey) -> Output {
        let spec = input.key_spec.or(input.customer_master_key_spec);
        only(spec.as_deref(), "SYMMETRIC_DEFAULT", "KeySpec")?;
        only(input.key_usage.as_deref(), "ENCRYPT_DECRYPT", "KeyUsage")?;
        only(input.origin.as_deref(), "AWS_KMS", "Origin")?;
        // A policy or a tag that is accepted and has no effect would be worse than a refusal.
        let refused = [
            (input.multi_region == Some(true), "MultiRegion"),
            (input.policy.is_some(), "Policy"),
            (input.tags.is_some_and(|tags| !tags.is_empty()), "Tags"),
            (input.custom_key_store_id.is_some(), "CustomKeyStoreId"),
        ];
        if let Some((_, member)) = refused.iter().find(|(given, _)| *given) {
            return Err(Fault::new(Kind::UnsupportedOperation, format!("{member} is not offered by this server.")));
        }
        let wanted = CreateCmk { description: input.description.unwrap_or_default(), ..CreateCmk::default() };
        let made =
            self.service.create(self.user, wanted).await.map_err(|error| Fault::of(error, &Subject::account()))?;
        Ok(Some(json!({ "KeyMetadata": metadata(&made) })))
    }

    pub(super) async fn describe_key(&self, input: input::OneKey) -> Output {
        let given = required(&input.key_id, "keyId")?;
        // As on AWS, describing the default key by its alias makes it at its first use.
        let cmk = self
            .service
            .resolve_or_make(self.user, given, Action::KmsDescribeKey)
            .await
            .map_err(|error| Fault::of(error, &self.subject(given)))?;
        let found = self.service.describe(self.user, &cmk).map_err(|error| Fault::of(error, &Subject::found(&cmk)))?;
        Ok(Some(json!({ "KeyMetadata": metadata(&found) })))
    }

    pub(super) fn list_keys(&self, input: input::List) -> Output {
        let limit = input::limit(input.limit, KEYS_PER_PAGE, KEYS_PER_PAGE_MAX)?;
        let after = match input.marker {
            Some(marker) => Some(CmkUid::parse_uuid(&marker).ok_or_else(invalid_marker)?),
            None => None,
        };
        let keys = self.service.list(self.user).map_err(|error| Fault::of(error, &Subject::account()))?;
        let mut rest = keys.into_iter().filter(|cmk| after.is_none_or(|after| cmk.uid > after));
        let page: Vec<CmkId> = rest.by_ref().take(limit).collect();
        let truncated = rest.next().is_some();
        let mut output = json!({
            "Keys": page
                .iter()
                .map(|cmk| json!({ "KeyId": cmk.uid.to_uuid(), "KeyArn": cmk.to_arn() }))
                .collect::<Vec<_>>(),
            "Truncated": truncated,
        });
        if let (true, Some(last)) = (truncated, page.last()) {
            output["NextMarker"] = last.uid.to_uuid().into();
        }
        Ok(Some(output))
    }

    /// Finds the CMK of a management operation, which takes an id or an ARN of a key and no alias.
    pub(super) fn managed_key(&self, given: &Option<String>, member: &str, action: Action) -> Result<CmkId, Fault> {
        let given = required(given, member)?;
        match KeyRef::parse(given) {
            Ok(KeyRef::Alias(..)) => Err(Fault::of(KmsError::NotFound, &Subject::unknown(given))),
            Ok(key_ref) => {
                self.service.find(self.user, &key_ref, action).map_err(|error| Fault::of(error, &self.subject(given)))
            }
            Err(error) => Err(Fault::of(error, &self.subject(given))),
        }
    }

    pub(super) fn subject(&self, given: &str) -> Subject {
        Subject::named(self.service, self.user, given)
    }
}

fn only(given: Option<&str>, offered: &str, member: &str) -> Result<(), Fault> {
    match given {
        Some(other) if other != offered => {
            Err(Fault::new(Kind::UnsupportedOperation, format!("This server offers {member} {offered} only.")))
        }
        _ => Ok(()),
    }
}

pub(super) fn invalid_marker() -> Fault {
    Fault::new(Kind::InvalidMarker, "The marker is not one this server returned.")
}

/// Epoch seconds, with milliseconds behind the point.
pub(super) fn seconds(at: Timestamp) -> Value {
    // Exact for every date before the year 142,000.
    (at.as_millis() as f64 / 1000.0).into()
}

fn metadata(cmk: &CmkDescription) -> Value {
    let mut metadata = json!({
        "AWSAccountId": cmk.id.number.as_str(),
        "KeyId": cmk.id.uid.to_uuid(),
        "Arn": cmk.id.to_arn(),
        "CreationDate": seconds(cmk.created),
        "Enabled": cmk.state == KeyState::Enabled,
        "Description": cmk.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": cmk.state.name(),
        "Origin": "AWS_KMS",
        "KeyManager": match cmk.manager {
            KeyManager::Customer => "CUSTOMER",
            KeyManager::Service => "AWS",
        },
        "KeySpec": "SYMMETRIC_DEFAULT",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
    });
    if let KeyState::PendingDeletion { delete_at } = cmk.state {
        metadata["DeletionDate"] = seconds(delete_at);
    }
    metadata
}
