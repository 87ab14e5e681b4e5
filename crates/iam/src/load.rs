//! Reads the whole directory from the store, and refuses what does not fit together.

use crate::access_key::{KeyEntry, Used};
use crate::edit::Edit;
use crate::entity::KeyOwner;
use crate::record::{
    AccessKeyRecord, AccountEntry, Revocation, UserEntry, decode_group, decode_policy, decode_project, decode_role,
};
use crate::state::State;
use crate::{IamError, SecretSealer};
use model::codec::DecodeError;
use model::{AccessKeyId, AccountId, Entropy, GroupUid, PolicyUid, ProjectUid, RoleUid, UserUid};
use std::sync::Arc;
use store::{MetaStore, Table};

/// A secret that does not open: of which access key. The way out is to give root credentials, if it is the root's.
pub(crate) struct Unopened(pub(crate) AccessKeyRecord);

/// Everything that is stored. Access keys whose secrets do not open are told apart.
///
/// # Errors
/// [`IamError::Damaged`] for a record that is unreadable or belongs to nothing, [`IamError::Store`].
pub(crate) async fn load(
    store: &Arc<dyn MetaStore>,
    sealer: &dyn SecretSealer,
    entropy: &dyn Entropy,
) -> Result<(State, Vec<Unopened>), IamError> {
    const TABLES: [Table; 8] = [
        Table::Accounts,
        Table::Users,
        Table::Groups,
        Table::Roles,
        Table::Policies,
        Table::Projects,
        Table::AccessKeys,
        Table::IamTokens,
    ];
    // One snapshot for all: a change is seen in whole or not at all.
    let tables = store::read(store, |snapshot| {
        let mut tables = Vec::new();
        for table in TABLES {
            let mut rows = Vec::new();
            snapshot.scan(table, b"", None, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                true
            })?;
            tables.push((table, rows));
        }
        Ok(tables)
    })
    .await?;
    let (mut state, mut unopened) = (State::default(), Vec::new());
    for (table, rows) in tables {
        for (key, value) in rows {
            let row = read_row(table, &key, &value, sealer, entropy);
            let row = row.map_err(|error| IamError::Damaged(format!("a row of {}: {error}", table.name())))?;
            match row {
                Row::Edit(edit) => edit.apply(&mut state),
                Row::Unopened(record) => unopened.push(Unopened(record)),
            }
        }
    }
    check(&state)?;
    Ok((state, unopened))
}

enum Row {
    Edit(Edit),
    Unopened(AccessKeyRecord),
}

fn read_row(
    table: Table,
    key: &[u8],
    value: &[u8],
    sealer: &dyn SecretSealer,
    entropy: &dyn Entropy,
) -> Result<Row, DecodeError> {
    let uid = || <[u8; 16]>::try_from(key).map_err(|_| DecodeError("key of the row"));
    Ok(Row::Edit(match table {
        Table::Accounts => Edit::account(AccountEntry::decode(text(key, AccountId::parse)?, value)?),
        Table::Users => Edit::user(UserEntry::decode(UserUid::from_bytes(uid()?), value, sealer)?),
        Table::Groups => {
            let uid = GroupUid::from_bytes(uid()?);
            Edit::Group(uid, Some(Arc::new(decode_group(uid, value)?)))
        }
        Table::Roles => {
            let uid = RoleUid::from_bytes(uid()?);
            Edit::Role(uid, Some(Arc::new(decode_role(uid, value)?)))
        }
        Table::Policies => {
            let uid = PolicyUid::from_bytes(uid()?);
            Edit::Policy(uid, Some(Arc::new(decode_policy(uid, value)?)))
        }
        Table::Projects => {
            let uid = ProjectUid::from_bytes(uid()?);
            Edit::Project(uid, Some(Arc::new(decode_project(uid, value)?)))
        }
        Table::IamTokens => Edit::Revocation(uid()?, Some(Arc::new(Revocation::decode(value)?))),
        _ => {
            let id = text(key, AccessKeyId::parse)?;
            let (record, secret) = AccessKeyRecord::decode(&id, value, sealer, entropy)?;
            let Some(secret) = secret else { return Ok(Row::Unopened(record)) };
            Edit::Key(id, Some(Arc::new(KeyEntry::new(record, Arc::new(secret), Arc::new(Used::default())))))
        }
    }))
}

fn text<T>(key: &[u8], parse: fn(&str) -> Option<T>) -> Result<T, DecodeError> {
    std::str::from_utf8(key).ok().and_then(parse).ok_or(DecodeError("key of the row"))
}

/// Everything belongs to an account that exists, keys to users that exist. What does not was cut off by a damage that may
/// have taken a Deny along.
fn check(state: &State) -> Result<(), IamError> {
    let orphan =
        |what: &str, id: &dyn std::fmt::Display| Err(IamError::Damaged(format!("{what} {id} belongs to nothing")));
    let known = |account: &AccountId| state.accounts.contains_key(account);
    for entry in state.users.values() {
        if !known(&entry.user.account) || entry.user.groups.iter().any(|group| !state.groups.contains_key(group)) {
            return orphan("user", &entry.user.uid);
        }
    }
    if let Some(group) = state.groups.values().find(|group| !known(&group.account)) {
        return orphan("group", &group.uid);
    }
    if let Some(role) = state.roles.values().find(|role| !known(&role.account)) {
        return orphan("role", &role.uid);
    }
    if let Some(policy) = state.policies.values().find(|policy| !policy.account.as_ref().is_some_and(known)) {
        return orphan("policy", &policy.uid);
    }
    if let Some(project) = state.projects.values().find(|project| !known(&project.account)) {
        return orphan("project", &project.uid);
    }
    for (id, entry) in &state.keys {
        let owned = match entry.record.info.owner {
            KeyOwner::Root => true,
            KeyOwner::User(uid) => {
                state.users.get(&uid).is_some_and(|owner| owner.user.account == entry.record.info.account)
            }
        };
        if !owned || !known(&entry.record.info.account) {
            return orphan("access key", id);
        }
    }
    Ok(())
}
