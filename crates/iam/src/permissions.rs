//! Joins what an account attached to an identity: the caller that policies are decided for.

use crate::builtin;
use crate::entity::{Account, Attachments, ManagedPolicy, PolicyRef, Role, User};
use crate::state::State;
use policy::{Attached, Caller, Identity, Permissions, Policy, Session};
use std::sync::Arc;

impl ManagedPolicy {
    /// The document in force.
    pub fn current(&self) -> Arc<Policy> {
        let version = self.versions.iter().find(|version| version.number == self.default_version);
        // Holds by construction; were it otherwise, what cannot be read denies.
        version.map_or_else(|| Arc::new(Policy::unreadable("")), |version| Arc::clone(&version.policy))
    }
}

impl State {
    /// The policy behind a reference, named after where it is attached. One that is gone denies: it may have held a Deny.
    pub(crate) fn attached(&self, place: &str, reference: &PolicyRef) -> Attached {
        let found = match reference {
            PolicyRef::Managed(uid) => self.policies.get(uid),
            PolicyRef::BuiltIn(name) => builtin::find(name),
        };
        match found {
            Some(found) => {
                Attached { source: format!("{place}: policy {}", found.name).into(), policy: found.current() }
            }
            None => Attached {
                source: format!("{place}: a policy that is gone").into(),
                policy: Arc::new(Policy::unreadable("")),
            },
        }
    }

    fn attach_all(&self, place: &str, attachments: &Attachments, to: &mut Vec<Attached>) {
        to.extend(attachments.managed.iter().map(|reference| self.attached(place, reference)));
        to.extend(attachments.inline.iter().map(|(name, policy)| Attached {
            source: format!("{place}: inline policy {name}").into(),
            policy: Arc::clone(policy),
        }));
    }

    /// A user as it asks: its own policies and those of its groups.
    pub(crate) fn user_caller(
        &self,
        account: &Account,
        user: &User,
        session: Option<Session>,
        narrowed: Option<Vec<Attached>>,
    ) -> Caller {
        let mut identity = Vec::new();
        let place = format!("user {}", user.name);
        self.attach_all(&place, &user.attachments, &mut identity);
        for group in user.groups.iter().filter_map(|uid| self.groups.get(uid)) {
            self.attach_all(&format!("group {}", group.name), &group.attachments, &mut identity);
        }
        let boundary =
            user.boundary.as_ref().map(|reference| self.attached(&format!("boundary of {place}"), reference));
        let who = Identity::User { uid: user.uid, name: user.name.clone(), path: user.path.clone() };
        caller(account, who, session, Permissions { identity, boundary, session: narrowed })
    }

    /// Somebody who assumed a role.
    pub(crate) fn role_caller(
        &self,
        account: &Account,
        role: &Role,
        session_name: String,
        session: Option<Session>,
        narrowed: Option<Vec<Attached>>,
    ) -> Caller {
        let mut identity = Vec::new();
        let place = format!("role {}", role.name);
        self.attach_all(&place, &role.attachments, &mut identity);
        let boundary =
            role.boundary.as_ref().map(|reference| self.attached(&format!("boundary of {place}"), reference));
        let who = Identity::Role { uid: role.uid, name: role.name.clone(), path: role.path.clone(), session_name };
        caller(account, who, session, Permissions { identity, boundary, session: narrowed })
    }

    /// An account's root identity.
    pub(crate) fn root_caller(
        &self,
        account: &Account,
        session: Option<Session>,
        narrowed: Option<Vec<Attached>>,
    ) -> Caller {
        caller(account, Identity::Root, session, Permissions { session: narrowed, ..Permissions::default() })
    }
}

fn caller(account: &Account, who: Identity, session: Option<Session>, permissions: Permissions) -> Caller {
    Caller::new(account.id.clone(), account.number.clone(), account.name.to_string(), who, session, permissions)
}
