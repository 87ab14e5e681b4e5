//! The directory in memory: everything that is stored, by id and by name. Changed only by [`State::apply`], with what was
//! committed.

use crate::IamError;
use crate::access_key::KeyEntry;
use crate::builtin;
use crate::edit::Edit;
use crate::entity::{Entity, Group, KeyOwner, ManagedPolicy, Named, PolicyRef, Project, Role};
use crate::record::{AccountEntry, Revocation, UserEntry};
use model::{
    AccessKeyId, AccountId, EntityName, EntityPath, GroupUid, PolicyUid, ProjectUid, RoleUid, Timestamp, UserUid,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    User,
    Group,
    Role,
    Policy,
    Project,
}

impl Kind {
    /// As in ARNs and messages.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::Policy => "policy",
            Self::Project => "project",
        }
    }
}

/// Account, kind, name in lower case: names are unique without regard to case.
pub(crate) type NameKey = (AccountId, Kind, String);

/// Everything.
#[derive(Default)]
pub(crate) struct State {
    /// One more with each change: what was derived from the state is derived again.
    pub(crate) generation: u64,
    pub(crate) accounts: BTreeMap<AccountId, Arc<AccountEntry>>,
    pub(crate) users: BTreeMap<UserUid, Arc<UserEntry>>,
    pub(crate) groups: BTreeMap<GroupUid, Arc<Group>>,
    pub(crate) roles: BTreeMap<RoleUid, Arc<Role>>,
    pub(crate) policies: BTreeMap<PolicyUid, Arc<ManagedPolicy>>,
    pub(crate) projects: BTreeMap<ProjectUid, Arc<Project>>,
    pub(crate) keys: HashMap<AccessKeyId, Arc<KeyEntry>>,
    pub(crate) revoked: BTreeMap<[u8; 16], Arc<Revocation>>,
    pub(crate) names: BTreeMap<NameKey, [u8; 16]>,
    pub(crate) keys_of: BTreeMap<(AccountId, KeyOwner), BTreeSet<AccessKeyId>>,
    /// The latest moment from which on anybody's sessions count.
    pub(crate) revoked_until: Timestamp,
}

/// An entity that was looked for: what it is called in ARNs is known whether it exists or not.
pub(crate) struct Found<E> {
    kind: Kind,
    /// `user/path/name`; of what does not exist, without a path.
    pub(crate) entity: String,
    called: String,
    pub(crate) found: Option<Arc<E>>,
}

impl<E> Found<E> {
    /// It, or that it does not exist. To be asked after the right was.
    pub(crate) fn get(self) -> Result<Arc<E>, IamError> {
        self.found.ok_or(IamError::NoSuchEntity(self.kind.word(), self.called))
    }

    /// What the requester called it. Policies are looked for by a uid that the requester may not have named.
    pub(crate) fn asked(&self) -> String {
        match self.kind {
            Kind::Policy => "*".to_owned(),
            _ => format!("{}/{}", self.kind.word(), self.called),
        }
    }

    fn new(
        kind: Kind,
        called: String,
        found: Option<Arc<E>>,
        named: impl Fn(&E) -> (&EntityPath, &EntityName),
    ) -> Self {
        let entity = match found.as_deref().map(named) {
            Some((path, name)) => format!("{}{path}{name}", kind.word()),
            None => format!("{}/{called}", kind.word()),
        };
        Self { kind, entity, called, found }
    }
}

/// Who carries policies.
#[derive(Clone)]
pub(crate) enum Holder {
    User(Arc<UserEntry>),
    Group(Arc<Group>),
    Role(Arc<Role>),
}

impl State {
    /// Where an entity of this name stands, if there is one.
    fn by_name(&self, account: &AccountId, kind: Kind, name: &str) -> Option<[u8; 16]> {
        self.names.get(&(account.clone(), kind, name.to_ascii_lowercase())).copied()
    }

    /// Refuses a name that another entity of the kind has. `own`: whose name it may be already.
    pub(crate) fn name_free(
        &self,
        account: &AccountId,
        kind: Kind,
        name: &str,
        own: Option<&[u8; 16]>,
    ) -> Result<(), IamError> {
        match self.by_name(account, kind, name) {
            Some(uid) if Some(&uid) != own => Err(IamError::AlreadyExists(kind.word(), name.to_owned())),
            _ => Ok(()),
        }
    }

    /// The uids of an account's entities of a kind, in order of their names.
    pub(crate) fn uids(&self, account: &AccountId, kind: Kind) -> impl Iterator<Item = [u8; 16]> {
        let (account, from) = (account.clone(), (account.clone(), kind, String::new()));
        self.names.range(from..).take_while(move |((a, k, _), _)| *a == account && *k == kind).map(|(_, uid)| *uid)
    }

    pub(crate) fn user(&self, account: &AccountId, named: &Named<UserUid>) -> Found<UserEntry> {
        let (uid, called) = match named {
            Named::Name(name) => (self.by_name(account, Kind::User, name.as_str()), name.to_string()),
            Named::Uid(uid) => (Some(*uid.as_bytes()), uid.to_hex()),
        };
        let found = uid.and_then(|uid| self.users.get(&UserUid::from_bytes(uid)));
        let found = found.filter(|entry| entry.user.account == *account).cloned();
        Found::new(Kind::User, called, found, |entry| (&entry.user.path, &entry.user.name))
    }

    pub(crate) fn group(&self, account: &AccountId, named: &Named<GroupUid>) -> Found<Group> {
        let (uid, called) = match named {
            Named::Name(name) => (self.by_name(account, Kind::Group, name.as_str()), name.to_string()),
            Named::Uid(uid) => (Some(*uid.as_bytes()), uid.to_hex()),
        };
        let found = uid.and_then(|uid| self.groups.get(&GroupUid::from_bytes(uid)));
        let found = found.filter(|group| group.account == *account).cloned();
        Found::new(Kind::Group, called, found, |group| (&group.path, &group.name))
    }

    pub(crate) fn role(&self, account: &AccountId, named: &Named<RoleUid>) -> Found<Role> {
        let (uid, called) = match named {
            Named::Name(name) => (self.by_name(account, Kind::Role, name.as_str()), name.to_string()),
            Named::Uid(uid) => (Some(*uid.as_bytes()), uid.to_hex()),
        };
        let found = uid.and_then(|uid| self.roles.get(&RoleUid::from_bytes(uid)));
        let found = found.filter(|role| role.account == *account).cloned();
        Found::new(Kind::Role, called, found, |role| (&role.path, &role.name))
    }

    pub(crate) fn policy(&self, account: &AccountId, reference: PolicyRef) -> Found<ManagedPolicy> {
        let (called, found) = match reference {
            PolicyRef::BuiltIn(name) => (name.to_owned(), builtin::find(name).cloned()),
            PolicyRef::Managed(uid) => {
                let own = |policy: &&Arc<ManagedPolicy>| policy.account.as_ref() == Some(account);
                (uid.to_hex(), self.policies.get(&uid).filter(own).cloned())
            }
        };
        Found::new(Kind::Policy, called, found, |policy| (&policy.path, &policy.name))
    }

    pub(crate) fn policy_by_name(&self, account: &AccountId, name: &str) -> Option<&Arc<ManagedPolicy>> {
        self.policies.get(&PolicyUid::from_bytes(self.by_name(account, Kind::Policy, name)?))
    }

    pub(crate) fn holder(&self, account: &AccountId, entity: &Entity) -> Found<Holder> {
        fn of<E>(found: Found<E>, make: impl Fn(Arc<E>) -> Holder) -> Found<Holder> {
            let Found { kind, entity, called, found } = found;
            Found { kind, entity, called, found: found.map(|it| Arc::new(make(it))) }
        }
        match entity {
            Entity::User(named) => of(self.user(account, named), Holder::User),
            Entity::Group(named) => of(self.group(account, named), Holder::Group),
            Entity::Role(named) => of(self.role(account, named), Holder::Role),
        }
    }

    /// The users of an account, in order of their names.
    pub(crate) fn users_of(&self, account: &AccountId) -> impl Iterator<Item = &Arc<UserEntry>> {
        self.uids(account, Kind::User).filter_map(|uid| self.users.get(&UserUid::from_bytes(uid)))
    }

    pub(crate) fn groups_of(&self, account: &AccountId) -> impl Iterator<Item = &Arc<Group>> {
        self.uids(account, Kind::Group).filter_map(|uid| self.groups.get(&GroupUid::from_bytes(uid)))
    }

    pub(crate) fn roles_of(&self, account: &AccountId) -> impl Iterator<Item = &Arc<Role>> {
        self.uids(account, Kind::Role).filter_map(|uid| self.roles.get(&RoleUid::from_bytes(uid)))
    }

    pub(crate) fn policies_of(&self, account: &AccountId) -> impl Iterator<Item = &Arc<ManagedPolicy>> {
        self.uids(account, Kind::Policy).filter_map(|uid| self.policies.get(&PolicyUid::from_bytes(uid)))
    }

    pub(crate) fn projects_of(&self, account: &AccountId) -> impl Iterator<Item = &Arc<Project>> {
        self.uids(account, Kind::Project).filter_map(|uid| self.projects.get(&ProjectUid::from_bytes(uid)))
    }

    pub(crate) fn keys_of(&self, account: &AccountId, owner: KeyOwner) -> Vec<&Arc<KeyEntry>> {
        let ids = self.keys_of.get(&(account.clone(), owner)).into_iter().flatten();
        ids.filter_map(|id| self.keys.get(id)).collect()
    }

    /// An account by id, number or name.
    pub(crate) fn account_named(&self, named: &str) -> Option<&Arc<AccountEntry>> {
        let by_id = AccountId::parse(named).and_then(|id| self.accounts.get(&id));
        by_id.or_else(|| {
            self.accounts.values().find(|entry| {
                entry.account.number.as_str() == named || entry.account.name.as_str().eq_ignore_ascii_case(named)
            })
        })
    }

    /// Makes a committed change part of the state.
    pub(crate) fn apply(&mut self, edits: Vec<Edit>) {
        self.generation += 1;
        for edit in edits {
            edit.apply(self);
        }
    }
}
