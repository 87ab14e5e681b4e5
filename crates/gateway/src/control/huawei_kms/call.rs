//! What a handler is given: who asks in which project, and the parts of the request.

use super::aad;
use super::code::Code;
use super::fault::Fault;
use super::scope::Scope;
use super::secret::Document;
use crate::control::huawei::json::Object;
use crate::gateway::Gateway;
use kms::{CmkDescription, CmkId, EncryptionContext, KeyService, KeyUser, KmsError};
use policy::Action;
use serde_json::Value;

/// A request that has found its handler.
pub(super) struct Call<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) scope: Scope,
    /// What stands for the `{}`s of the route; the first is the project.
    pub(super) parameters: Vec<String>,
    /// Each name once.
    pub(super) query: Vec<(String, String)>,
    /// `Null` if there was none. It may hold a plaintext.
    pub(super) body: Document,
}

impl Call<'_> {
    pub(super) fn keys(&self) -> &KeyService {
        &self.gateway.keys
    }

    pub(super) fn user(&self) -> &KeyUser {
        &self.scope.user
    }

    pub(super) fn body(&self) -> Object<'_> {
        Object::whole(&self.body)
    }

    /// A part of the path by its place behind the project.
    pub(super) fn parameter(&self, at: usize) -> &str {
        self.parameters.get(at + 1).map_or("", String::as_str)
    }

    /// The parameter of the query, if it is not empty.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A text that is there and not empty.
    pub(super) fn text(&self, name: &'static str) -> Result<&str, Fault> {
        self.maybe_text(name)?.ok_or_else(|| Fault::said(Code::Missing, name))
    }

    /// A text, if it is there and not empty: clients send empty ones for "none".
    pub(super) fn maybe_text(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        Ok(self.body().maybe_text(name)?.filter(|text| !text.is_empty()))
    }

    /// A whole number, sent as one or as a text; refused with this code if it is something else.
    pub(super) fn number(&self, name: &'static str, code: Code) -> Result<Option<u32>, Fault> {
        match self.body.get(name) {
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            _ => self.body().maybe_number(name).map_err(|_| Fault::said(code, format!("{name} is no whole number"))),
        }
    }

    /// Members that are not offered and would change what the request means.
    pub(super) fn refuse(&self, names: &[&'static str]) -> Result<(), Fault> {
        let empty = |value: &Value| value.is_null() || value.as_str() == Some("");
        match names.iter().find(|name| self.body.get(**name).is_some_and(|value| !empty(value))) {
            Some(name) => Err(Fault::parameter(name, "it is not offered by this server")),
            None => Ok(()),
        }
    }

    /// The serial number that nearly every body may carry: 36 characters, as a UUID.
    pub(super) fn check_sequence(&self) -> Result<(), Fault> {
        match self.body.get("sequence") {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(text)) if text.is_empty() || is_uuid_like(text) => Ok(()),
            Some(_) => Err(Code::Sequence.into()),
        }
    }

    /// The encryption context of `additional_authenticated_data` or `encryption_context`.
    pub(super) fn context(&self) -> Result<EncryptionContext, Fault> {
        aad::context(self.body.get("additional_authenticated_data"), self.body.get("encryption_context"))
    }

    /// The key that `key_id` names, for an operation that manages it: by its bare id.
    pub(super) async fn managed(&self, action: Action) -> Result<CmkId, Fault> {
        self.managed_called(self.text("key_id")?, action).await
    }

    /// As [`Call::managed`], by an id from elsewhere.
    pub(super) async fn managed_called(&self, id: &str, action: Action) -> Result<CmkId, Fault> {
        if !is_uuid_like(id) {
            return Err(Code::KeyId.into());
        }
        Ok(self.keys().resolve_in(self.user(), self.scope.project, id, action, false).await?)
    }

    /// The key that a member names, for an operation that uses it: by its id, an alias, or the URN of either.
    pub(super) async fn used(&self, name: &'static str, action: Action) -> Result<CmkId, Fault> {
        let reference = reference(self.text(name)?)?;
        Ok(self.keys().resolve_in(self.user(), self.scope.project, &reference, action, true).await?)
    }

    /// As [`Call::used`], if the member is there.
    pub(super) async fn maybe_used(&self, name: &'static str, action: Action) -> Result<Option<CmkId>, Fault> {
        match self.maybe_text(name)? {
            Some(_) => Ok(Some(self.used(name, action).await?)),
            None => Ok(None),
        }
    }

    /// Refuses what this API does not carry out although the key service would: where nothing would change, or its own
    /// rules are narrower. Said only to who has the right, after which the key is looked at; the rest is the key
    /// service's to refuse. It is on record like every refusal.
    pub(super) async fn refuse_if(
        &self,
        action: Action,
        cmk: &CmkId,
        when: impl FnOnce(&CmkDescription) -> bool,
        code: Code,
    ) -> Result<(), Fault> {
        let permitted = self.keys().permit(self.user(), action, cmk).is_ok();
        self.refuse_after(permitted, action, cmk, when, code).await
    }

    /// As [`Call::refuse_if`], for an operation with an encryption context.
    pub(super) async fn refuse_in(
        &self,
        context: &EncryptionContext,
        action: Action,
        cmk: &CmkId,
        when: impl FnOnce(&CmkDescription) -> bool,
        code: Code,
    ) -> Result<(), Fault> {
        let permitted = self.keys().permit_in(self.user(), action, cmk, context).is_ok();
        self.refuse_after(permitted, action, cmk, when, code).await
    }

    async fn refuse_after(
        &self,
        permitted: bool,
        action: Action,
        cmk: &CmkId,
        when: impl FnOnce(&CmkDescription) -> bool,
        code: Code,
    ) -> Result<(), Fault> {
        if !permitted || !self.keys().glimpse(cmk).is_some_and(|cmk| when(&cmk)) {
            return Ok(());
        }
        let why = KmsError::Conflict(code.text());
        match self.keys().refused(self.user(), action, &cmk.to_obs(), why).await {
            KmsError::Conflict(_) => Err(Fault::Recorded(code)),
            unrecorded => Err(unrecorded.into()),
        }
    }

    /// Whether the request sees a key.
    pub(super) fn sees(&self, cmk: &CmkId) -> bool {
        self.keys().is_in(self.user(), self.scope.project, cmk)
    }
}

/// The form of ids: wider than a UUID, as documented (kms-iam-api §1.3).
pub(super) fn is_uuid_like(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
        })
}

/// A reference as the key service reads it. URNs are `kms:region:domain:KeyId:id` and `kms:region:domain:alias:name`;
/// OBS's long form and ARNs pass as they are.
pub(super) fn reference(text: &str) -> Result<String, Fault> {
    if let Some(urn) = text.strip_prefix("kms:") {
        let parts: Vec<&str> = urn.splitn(4, ':').collect();
        return match parts[..] {
            [region, domain, "KeyId" | "key", id] if is_uuid_like(id) => Ok(format!("{region}:{domain}:key/{id}")),
            [region, domain, "alias", name] => {
                Ok(format!("{region}:{domain}:alias/{}", name.strip_prefix("alias/").unwrap_or(name)))
            }
            _ => Err(Code::KeyId.into()),
        };
    }
    if is_uuid_like(text) || text.starts_with("alias/") || text.starts_with("arn:") || text.contains(":key/") {
        return Ok(text.to_owned());
    }
    Err(Code::KeyId.into())
}
