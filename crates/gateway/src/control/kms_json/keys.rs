//! CreateKey, DescribeKey, ListKeys, and how a CMK is described.

use super::fault::{Fault, Kind};
use super::input::{self, required};
use super::subject::Subject;
use super::{Call, Output, members, tags};
use kms::{
    CmkDescription, CmkId, CreateCmk, EncryptionContext, KeyManager, KeyRef, KeySpec, KeyState, KmsError, Origin,
    ProviderName,
};
use model::{CmkUid, Timestamp};
use policy::Action;
use serde_json::{Value, json};

const KEYS_PER_PAGE: usize = 100;
const KEYS_PER_PAGE_MAX: usize = 1000;

impl Call<'_> {
    pub(super) async fn create_key(&self, input: members::CreateKey) -> Output {
        only(input.key_usage.as_deref(), "ENCRYPT_DECRYPT", "KeyUsage")?;
        if input.multi_region == Some(true) {
            return Err(Fault::new(Kind::UnsupportedOperation, "MultiRegion is not offered by this server."));
        }
        let spec = spec(input.key_spec.as_deref(), input.customer_master_key_spec.as_deref())?;
        let (origin, provider) = origin(input.origin.as_deref(), input.custom_key_store_id.as_deref())?;
        if input.xks_key_id.is_some() && provider.is_none() {
            return Err(Fault::new(Kind::Validation, "XksKeyId needs CustomKeyStoreId, the key provider that has it."));
        }
        let wanted = CreateCmk {
            spec,
            origin,
            description: input.description.unwrap_or_default(),
            provider,
            existing: input.xks_key_id,
            tags: tags::parsed(input.tags.unwrap_or_default())?,
            policy: input.policy,
            bypass_lockout_check: input.bypass_policy_lockout_safety_check == Some(true),
            ..CreateCmk::default()
        };
        let made =
            self.service.create(self.user, wanted).await.map_err(|error| Fault::of(error, &Subject::account()))?;
        Ok(Some(json!({ "KeyMetadata": metadata(&made) })))
    }

    pub(super) async fn describe_key(&self, input: members::OneKey) -> Output {
        let given = required(&input.key_id, "keyId")?;
        self.check_grant_tokens(&input.grant_tokens)?;
        // As on AWS, describing the default key by its alias makes it at its first use.
        let cmk = match self.service.resolve_or_make(self.user, given, Action::KmsDescribeKey).await {
            Ok(cmk) => cmk,
            Err(error) => return Err(self.refused(error, given, Action::KmsDescribeKey).await),
        };
        let found =
            self.service.describe(self.user, &cmk).await.map_err(|error| Fault::of(error, &Subject::found(&cmk)))?;
        Ok(Some(json!({ "KeyMetadata": metadata(&found) })))
    }

    pub(super) async fn list_keys(&self, input: members::List) -> Output {
        let limit = input::limit(input.limit, KEYS_PER_PAGE, KEYS_PER_PAGE_MAX)?;
        let after = match input.marker {
            Some(marker) => Some(CmkUid::parse_uuid(&marker).ok_or_else(invalid_marker)?),
            None => None,
        };
        let keys = self.service.list(self.user).await.map_err(|error| Fault::of(error, &Subject::account()))?;
        let rest = keys.into_iter().filter(|cmk| after.is_none_or(|after| cmk.uid > after));
        let entry = |cmk: &CmkId| json!({ "KeyId": cmk.uid.to_uuid(), "KeyArn": cmk.to_arn() });
        Ok(Some(page("Keys", rest, limit, entry, |cmk| cmk.uid.to_uuid())))
    }

    /// Finds the CMK of a management operation, which takes an id or an ARN of a key and no alias.
    pub(super) async fn managed_key(
        &self,
        given: &Option<String>,
        member: &str,
        action: Action,
    ) -> Result<CmkId, Fault> {
        let given = required(given, member)?;
        if let Ok(KeyRef::Alias(..)) = KeyRef::parse(given) {
            return Err(Fault::unasked(KmsError::NotFound, &Subject::unknown(given)));
        }
        self.named_key(given, action, None).await
    }

    /// Finds the CMK of a cryptographic operation, in any form of reference. The rules of another account's CMK may ask
    /// for an encryption context.
    pub(super) async fn named_key(
        &self,
        given: &str,
        action: Action,
        context: Option<&EncryptionContext>,
    ) -> Result<CmkId, Fault> {
        let found = match KeyRef::parse(given) {
            Ok(key_ref) => self.service.find_in(self.user, &key_ref, action, context),
            // Not a reference at all: this only says so, or hides it.
            Err(_) => self.service.resolve(self.user, given, action),
        };
        match found {
            Ok(cmk) => Ok(cmk),
            Err(error) => Err(self.refused(error, given, action).await),
        }
    }

    /// What a reference that leads nowhere is answered, after it was put on record.
    pub(super) async fn refused(&self, error: KmsError, given: &str, action: Action) -> Fault {
        let error = self.service.refused(self.user, action, given, error).await;
        Fault::of(error, &Subject::named(self.service, self.user, given))
    }
}

/// A page of a list: as many entries as asked for, and the marker of the last one where more follow.
pub(super) fn page<T>(
    name: &str,
    mut rest: impl Iterator<Item = T>,
    limit: usize,
    entry: impl Fn(&T) -> Value,
    marker: impl Fn(&T) -> String,
) -> Value {
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let truncated = rest.next().is_some();
    let mut output = json!({ name: page.iter().map(entry).collect::<Vec<_>>(), "Truncated": truncated });
    if let (true, Some(last)) = (truncated, page.last()) {
        output["NextMarker"] = marker(last).into();
    }
    output
}

fn only(given: Option<&str>, offered: &str, member: &str) -> Result<(), Fault> {
    match given {
        Some(other) if other != offered => {
            Err(Fault::new(Kind::UnsupportedOperation, format!("This server offers {member} {offered} only.")))
        }
        _ => Ok(()),
    }
}

/// `SYMMETRIC_DEFAULT`, and our own value `SM4`.
fn spec(given: Option<&str>, former: Option<&str>) -> Result<KeySpec, Fault> {
    if given.is_some() && former.is_some() {
        let message = "You cannot specify both KeySpec and CustomerMasterKeySpec. CustomerMasterKeySpec is deprecated.";
        return Err(Fault::new(Kind::Validation, message));
    }
    match given.or(former) {
        None | Some("SYMMETRIC_DEFAULT") => Ok(KeySpec::Aes256),
        Some("SM4") => Ok(KeySpec::Sm4),
        Some(_) => Err(Fault::new(
            Kind::UnsupportedOperation,
            "This server offers KeySpec SYMMETRIC_DEFAULT (AES-256) and SM4 only.",
        )),
    }
}

/// A custom key store is what this server calls a key provider; both of AWS's origins for one are taken.
fn origin(given: Option<&str>, key_store: Option<&str>) -> Result<(Origin, Option<ProviderName>), Fault> {
    let unsupported = |message: String| Err(Fault::new(Kind::UnsupportedOperation, message));
    let provider = match key_store {
        None => None,
        Some(name) => Some(ProviderName::parse(name).ok_or_else(|| {
            Fault::new(Kind::Validation, "CustomKeyStoreId is the name of a key provider: letters, digits and `-`.")
        })?),
    };
    match (given, provider) {
        (None | Some("AWS_KMS"), provider) => Ok((Origin::Kms, provider)),
        (Some("EXTERNAL"), provider) => Ok((Origin::External, provider)),
        (Some("AWS_CLOUDHSM" | "EXTERNAL_KEY_STORE"), Some(provider)) => Ok((Origin::Kms, Some(provider))),
        (Some(other @ ("AWS_CLOUDHSM" | "EXTERNAL_KEY_STORE")), None) => {
            Err(Fault::new(Kind::Validation, format!("Origin {other} needs CustomKeyStoreId.")))
        }
        _ => unsupported(
            "This server offers Origin AWS_KMS, EXTERNAL, AWS_CLOUDHSM and EXTERNAL_KEY_STORE only.".to_owned(),
        ),
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
    let spec = match cmk.spec {
        KeySpec::Aes256 => "SYMMETRIC_DEFAULT",
        KeySpec::Sm4 => "SM4",
    };
    let embedded = cmk.provider == ProviderName::embedded();
    let mut metadata = json!({
        "AWSAccountId": cmk.id.number.as_str(),
        "KeyId": cmk.id.uid.to_uuid(),
        "Arn": cmk.id.to_arn(),
        "CreationDate": seconds(cmk.created),
        "Enabled": cmk.state == KeyState::Enabled,
        "Description": cmk.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": cmk.state.name(),
        "Origin": match cmk.origin {
            Origin::Kms if embedded => "AWS_KMS",
            Origin::Kms => "EXTERNAL_KEY_STORE",
            Origin::External => "EXTERNAL",
        },
        "KeyManager": match cmk.manager {
            KeyManager::Customer => "CUSTOMER",
            KeyManager::Service => "AWS",
        },
        "KeySpec": spec,
        "CustomerMasterKeySpec": spec,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
    });
    if let Some(material) = &cmk.material_id {
        metadata["CurrentKeyMaterialId"] = material.as_str().into();
    }
    if !embedded {
        metadata["CustomKeyStoreId"] = cmk.provider.as_str().into();
    }
    if let KeyState::PendingDeletion { delete_at } = cmk.state {
        metadata["DeletionDate"] = seconds(delete_at);
    }
    if cmk.origin == Origin::External && cmk.state != KeyState::PendingImport {
        metadata["ExpirationModel"] = match cmk.material_expires {
            Some(at) => {
                metadata["ValidTo"] = seconds(at);
                "KEY_MATERIAL_EXPIRES"
            }
            None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
        }
        .into();
    }
    metadata
}
