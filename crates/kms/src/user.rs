//! Who uses a CMK, and the proof that they may.

use crate::{CmkId, EncryptionContext, KmsError};
use policy::{Action, Authorized, Conditions, Principal};
use std::sync::Arc;

/// Who asks, through which door.
#[derive(Clone, Debug)]
pub struct KeyUser {
    /// The caller's own identity: the KMS never acts on anybody's behalf.
    pub principal: Principal,
    /// The access key that signed, for the audit trail; `None` for tokens and the anonymous.
    pub access_key: Option<Arc<str>>,
    /// The door: `obs`, `s3`, `kms`, `huawei-kms`, `admin` or `job`.
    pub via: &'static str,
    /// The request's id, for the log.
    pub request_id: String,
    /// What the conditions of policies see of the request.
    pub conditions: Arc<Conditions>,
}

/// Proof that a principal may use a CMK for one action and encryption context, at the epoch named. Only
/// [`KeyService::authorize_use`](crate::KeyService::authorize_use) and
/// [`KeyService::authorize_use_within`](crate::KeyService::authorize_use_within) make it.
///
/// It belongs to the request it was made for. A change of the CMK's state after it was made is noticed: generating and
/// unwrapping check the state again when the epoch has moved on.
#[derive(Debug)]
#[must_use = "the proof is what generating and unwrapping ask for"]
pub struct KeyUse {
    pub(crate) cmk: CmkId,
    pub(crate) user: KeyUser,
    pub(crate) authorized: Authorized,
    /// What may be bound to. Each of its pairs was decided on, and perhaps more were.
    pub(crate) context: EncryptionContext,
    pub(crate) epoch: u64,
}

impl KeyUse {
    /// The CMK.
    pub fn cmk(&self) -> &CmkId {
        &self.cmk
    }

    /// What was allowed.
    pub fn action(&self) -> Action {
        self.authorized.action()
    }

    /// To whom.
    pub fn principal(&self) -> &Principal {
        self.authorized.principal()
    }

    /// The CMK's epoch when this was decided; see [`KeyService::epoch`](crate::KeyService::epoch).
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// # Errors
    /// [`KmsError::Denied`] when the proof is of another action, or for another context: policies and grants look at
    /// both.
    pub(crate) fn holds_for(&self, action: Action, context: &EncryptionContext) -> Result<(), KmsError> {
        if self.action() == action && self.context == *context { Ok(()) } else { Err(KmsError::Denied) }
    }
}
