//! One change of one row, in its two forms: what the store is told and what memory is told.

use crate::access_key::KeyEntry;
use crate::entity::{Group, ManagedPolicy, Project, Role};
use crate::record::{AccountEntry, Revocation, UserEntry, encode_group, encode_policy, encode_project, encode_role};
use crate::state::{Kind, NameKey, State};
use model::{AccessKeyId, AccountId, GroupUid, PolicyUid, ProjectUid, RoleUid, Timestamp, UserUid};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Expectation, Table, Transaction};

/// Sets a row, or (`None`) removes it.
pub(crate) enum Edit {
    Account(AccountId, Option<Arc<AccountEntry>>),
    User(UserUid, Option<Arc<UserEntry>>),
    Group(GroupUid, Option<Arc<Group>>),
    Role(RoleUid, Option<Arc<Role>>),
    Policy(PolicyUid, Option<Arc<ManagedPolicy>>),
    Project(ProjectUid, Option<Arc<Project>>),
    Key(AccessKeyId, Option<Arc<KeyEntry>>),
    Revocation([u8; 16], Option<Arc<Revocation>>),
}

impl Edit {
    pub(crate) fn account(entry: AccountEntry) -> Self {
        Self::Account(entry.account.id.clone(), Some(Arc::new(entry)))
    }

    pub(crate) fn user(entry: UserEntry) -> Self {
        Self::User(entry.user.uid, Some(Arc::new(entry)))
    }

    /// Adds the change to a transaction, which expects the row to be there exactly if memory has it.
    pub(crate) fn stage(&self, state: &State, tx: &mut Transaction) {
        let (table, key, value, known) = match self {
            Self::Account(id, new) => (
                Table::Accounts,
                id.as_str().as_bytes().to_vec(),
                new.as_ref().map(|new| new.encode()),
                state.accounts.contains_key(id),
            ),
            Self::User(uid, new) => (
                Table::Users,
                uid.as_bytes().to_vec(),
                new.as_ref().map(|new| new.encode()),
                state.users.contains_key(uid),
            ),
            Self::Group(uid, new) => (
                Table::Groups,
                uid.as_bytes().to_vec(),
                new.as_ref().map(|new| encode_group(new)),
                state.groups.contains_key(uid),
            ),
            Self::Role(uid, new) => (
                Table::Roles,
                uid.as_bytes().to_vec(),
                new.as_ref().map(|new| encode_role(new)),
                state.roles.contains_key(uid),
            ),
            Self::Policy(uid, new) => (
                Table::Policies,
                uid.as_bytes().to_vec(),
                new.as_ref().map(|new| encode_policy(new)),
                state.policies.contains_key(uid),
            ),
            Self::Project(uid, new) => (
                Table::Projects,
                uid.as_bytes().to_vec(),
                new.as_ref().map(|new| encode_project(new)),
                state.projects.contains_key(uid),
            ),
            Self::Key(id, new) => (
                Table::AccessKeys,
                id.as_str().as_bytes().to_vec(),
                new.as_ref().map(|new| new.record.encode()),
                state.keys.contains_key(id),
            ),
            Self::Revocation(id, new) => {
                (Table::IamTokens, id.to_vec(), new.as_ref().map(|new| new.encode()), state.revoked.contains_key(id))
            }
        };
        let row = key.clone().into();
        tx.expect(if known { Expectation::Present(table, row) } else { Expectation::Absent(table, row) });
        match value {
            Some(value) => tx.put(table, key, value),
            None => tx.delete(table, key),
        };
    }

    /// Makes the change in memory, names included.
    pub(crate) fn apply(self, state: &mut State) {
        let revoked = match &self {
            Self::Account(_, Some(entry)) => entry.sessions_from,
            Self::User(_, Some(entry)) => entry.user.sessions_from,
            Self::Role(_, Some(role)) => role.sessions_from,
            _ => Timestamp::default(),
        };
        state.revoked_until = state.revoked_until.max(revoked);
        let names = &mut state.names;
        match self {
            Self::Account(id, new) => match new {
                Some(new) => drop(state.accounts.insert(id, new)),
                None => drop(state.accounts.remove(&id)),
            },
            Self::User(uid, new) => replace(&mut state.users, names, uid, *uid.as_bytes(), new, |entry| {
                Some((entry.user.account.clone(), Kind::User, entry.user.name.as_str().to_ascii_lowercase()))
            }),
            Self::Group(uid, new) => replace(&mut state.groups, names, uid, *uid.as_bytes(), new, |group| {
                Some((group.account.clone(), Kind::Group, group.name.as_str().to_ascii_lowercase()))
            }),
            Self::Role(uid, new) => replace(&mut state.roles, names, uid, *uid.as_bytes(), new, |role| {
                Some((role.account.clone(), Kind::Role, role.name.as_str().to_ascii_lowercase()))
            }),
            Self::Policy(uid, new) => replace(&mut state.policies, names, uid, *uid.as_bytes(), new, |policy| {
                let name = policy.name.as_str().to_ascii_lowercase();
                policy.account.clone().map(|account| (account, Kind::Policy, name))
            }),
            Self::Project(uid, new) => replace(&mut state.projects, names, uid, *uid.as_bytes(), new, |project| {
                Some((project.account.clone(), Kind::Project, project.name.to_ascii_lowercase()))
            }),
            Self::Key(id, new) => {
                if let Some(old) = state.keys.remove(&id) {
                    let owner = (old.record.info.account.clone(), old.record.info.owner);
                    if let Some(ids) = state.keys_of.get_mut(&owner) {
                        ids.remove(&id);
                        if ids.is_empty() {
                            state.keys_of.remove(&owner);
                        }
                    }
                }
                if let Some(new) = new {
                    let owner = (new.record.info.account.clone(), new.record.info.owner);
                    state.keys_of.entry(owner).or_default().insert(id.clone());
                    state.keys.insert(id, new);
                }
            }
            Self::Revocation(id, new) => match new {
                Some(new) => drop(state.revoked.insert(id, new)),
                None => drop(state.revoked.remove(&id)),
            },
        }
    }
}

fn replace<U: Ord, E>(
    map: &mut BTreeMap<U, Arc<E>>,
    names: &mut BTreeMap<NameKey, [u8; 16]>,
    uid: U,
    bytes: [u8; 16],
    new: Option<Arc<E>>,
    name: impl Fn(&E) -> Option<NameKey>,
) {
    if let Some(old) = map.remove(&uid)
        && let Some(name) = name(&old)
    {
        names.remove(&name);
    }
    if let Some(new) = new {
        if let Some(name) = name(&new) {
            names.insert(name, bytes);
        }
        map.insert(uid, new);
    }
}
