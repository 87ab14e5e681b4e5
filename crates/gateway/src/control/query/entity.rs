//! What policies are attached to: a user, a group or a role. The operations of the three kinds differ in their names
//! and in the parameter that names the entity.

use super::call::Call;
use super::fault::Fault;
use iam::Entity;

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
    Role,
}

impl Kind {
    /// The parameter that names one.
    pub(super) const fn parameter(self) -> &'static str {
        match self {
            Self::User => "UserName",
            Self::Group => "GroupName",
            Self::Role => "RoleName",
        }
    }

    /// The entity that the request names.
    pub(super) fn entity(self, call: &Call<'_>) -> Result<Entity, Fault> {
        Ok(match self {
            Self::User => Entity::User(call.named(self.parameter())?),
            Self::Group => Entity::Group(call.named(self.parameter())?),
            Self::Role => Entity::Role(call.named(self.parameter())?),
        })
    }
}
