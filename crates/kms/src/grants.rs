//! Grants: an owner, or whoever may, lets one principal do some operations with one CMK (kms-iam-api §1.4, §2.3).

use crate::{CmkId, KeyService, KeyUser, KmsError};
use model::Timestamp;
use policy::{Action, ContextConstraint};

const UNDER_WAY: KmsError = KmsError::Unsupported("this operation");

/// What a new grant is to be.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Who may use the CMK by it: an ARN, an account's number or id, or the uid of a user or a role.
    pub grantee: String,
    /// Who may retire it, in the same forms.
    pub retiring: Option<String>,
    /// What it allows.
    pub operations: Vec<Action>,
    /// What the encryption context must be.
    pub constraint: Option<ContextConstraint>,
    /// Makes a repetition find the first one; may be empty.
    pub name: String,
}

/// A grant that was made.
#[derive(Clone, Debug)]
pub struct GrantMade {
    /// Its id: 64 hexadecimal digits.
    pub id: String,
    /// Names the grant to its retiring principal.
    pub token: String,
}

/// What may be told about a grant.
#[derive(Clone, Debug)]
pub struct GrantDescription {
    /// The CMK.
    pub cmk: CmkId,
    /// Its id.
    pub id: String,
    /// As given.
    pub grant: NewGrant,
    /// Who made it, as an ARN.
    pub issuer: String,
    /// When.
    pub created: Timestamp,
}

/// A grant to be retired.
#[derive(Clone, Debug)]
pub enum GrantRef {
    /// By its token.
    Token(String),
    /// By CMK and id.
    Id(CmkId, String),
}

impl KeyService {
    /// Makes a grant (`kms:CreateGrant`); in force for every request that begins after this returns. The same one under
    /// the same name is found instead of made.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Validation`] for operations or
    /// principals that are not allowed; [`KmsError::LimitExceeded`]; [`KmsError::ServiceManaged`].
    pub async fn create_grant(&self, user: &KeyUser, cmk: &CmkId, grant: NewGrant) -> Result<GrantMade, KmsError> {
        let _ = (user, cmk, grant);
        Err(UNDER_WAY)
    }

    /// A CMK's grants in order of their ids (`kms:ListGrants`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn grants(&self, user: &KeyUser, cmk: &CmkId) -> Result<Vec<GrantDescription>, KmsError> {
        let _ = (user, cmk);
        Err(UNDER_WAY)
    }

    /// The grants, on any CMK, that a principal of the caller's account may retire (`kms:ListRetirableGrants`), in order
    /// of CMK and id. `None` asks about the caller.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub async fn retirable_grants(
        &self,
        user: &KeyUser,
        retiring: Option<&str>,
    ) -> Result<Vec<GrantDescription>, KmsError> {
        let _ = (user, retiring);
        Err(UNDER_WAY)
    }

    /// Takes a grant away (`kms:RevokeGrant`); at once.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], [`KmsError::InvalidGrantId`].
    pub async fn revoke_grant(&self, user: &KeyUser, cmk: &CmkId, id: &str) -> Result<(), KmsError> {
        let _ = (user, cmk, id);
        Err(UNDER_WAY)
    }

    /// Gives a grant back, as its retiring principal, as its grantee if it allows `RetireGrant`, or with
    /// `kms:RetireGrant`.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], [`KmsError::InvalidGrantId`], [`KmsError::InvalidGrantToken`].
    pub async fn retire_grant(&self, user: &KeyUser, grant: GrantRef) -> Result<(), KmsError> {
        let _ = (user, grant);
        Err(UNDER_WAY)
    }
}
