//! Permission boundaries of users and roles.

use crate::authorize::Fact;
use crate::edit::Edit;
use crate::entity::{Entity, PolicyRef, Role};
use crate::record::UserEntry;
use crate::state::Holder;
use crate::{Directory, IamError, Requester};
use policy::{Action, ConditionKey};
use std::sync::Arc;

impl Directory {
    /// PutUserPermissionsBoundary, DeleteUserPermissionsBoundary and their kin for roles. Conditions see the boundary that
    /// is set, or the one that is removed.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::NoSuchEntity`] for the entity, the policy, or a boundary to remove that is
    /// not there; [`IamError::InvalidInput`] for a group, which has none.
    pub async fn set_boundary(
        &self,
        rq: Requester<'_>,
        of: Entity,
        boundary: Option<PolicyRef>,
    ) -> Result<(), IamError> {
        use Action::{IamDeleteRolePermissionsBoundary, IamDeleteUserPermissionsBoundary};
        use Action::{IamPutRolePermissionsBoundary, IamPutUserPermissionsBoundary};
        let action = match (&of, boundary) {
            (Entity::User(_), Some(_)) => IamPutUserPermissionsBoundary,
            (Entity::User(_), None) => IamDeleteUserPermissionsBoundary,
            (Entity::Role(_), Some(_)) => IamPutRolePermissionsBoundary,
            (Entity::Role(_), None) => IamDeleteRolePermissionsBoundary,
            (Entity::Group(_), _) => {
                return Err(IamError::InvalidInput("GroupName", "a group has no boundary".to_owned()));
            }
        };
        let account = self.shared.own_account(&rq, action)?;
        let found = self.shared.state().holder(&account.id, &of);
        let seen = boundary.or_else(|| found.found.as_ref().and_then(|holder| holder.boundary()));
        let seen = seen.map(|boundary| self.arn_of(&account, boundary));
        let facts: Vec<Fact<'_>> = seen.iter().map(|arn| (ConditionKey::PermissionsBoundary, &**arn)).collect();
        self.shared.permit_found(&rq, action, &account, &found, &facts)?;
        let of = found.get()?.entity();
        self.shared
            .change(move |state, edits| {
                let holder = state.holder(&account.id, &of).get()?;
                let boundary = boundary.map(|boundary| state.policy(&account.id, boundary).get()).transpose()?;
                let boundary = boundary.map(|policy| policy.reference);
                if boundary.is_none() && holder.boundary().is_none() {
                    return Err(IamError::NoSuchEntity("permissions boundary", "set".to_owned()));
                }
                match &*holder {
                    Holder::User(entry) => {
                        let mut entry = UserEntry::clone(entry);
                        Arc::make_mut(&mut entry.user).boundary = boundary;
                        edits.push(Edit::user(entry));
                    }
                    Holder::Role(role) => {
                        let role = Role { boundary, ..Role::clone(role) };
                        edits.push(Edit::Role(role.uid, Some(Arc::new(role))));
                    }
                    Holder::Group(_) => {}
                }
                Ok(())
            })
            .await
    }
}
