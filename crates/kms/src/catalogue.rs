//! The catalogue in memory: the decoded image of the tables `Cmks`, `CmkVersions` and `CmkAliases`, so that using a CMK
//! reads nothing from the disk. It is built from rows and changed by rows, through one function.

use crate::record::{AliasRecord, CmkRecord, CmkVersionRecord};
use crate::{AliasName, CmkId, KmsError};
use model::codec::DecodeError;
use model::{AccountId, CmkUid, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Change, ReadError, Snapshot, Table};

/// The tables the catalogue mirrors. CMKs come first: the others refer to them.
const TABLES: [Table; 3] = [Table::Cmks, Table::CmkVersions, Table::CmkAliases];

/// All CMKs, their versions and their aliases.
#[derive(Clone, Default)]
pub(crate) struct Catalogue {
    cmks: BTreeMap<CmkUid, CmkRecord>,
    versions: BTreeMap<(CmkUid, u32), Arc<CmkVersionRecord>>,
    aliases: BTreeMap<(AccountId, AliasName), AliasRecord>,
}

impl Catalogue {
    /// Reads everything. Blocks on the disk.
    ///
    /// # Errors
    /// [`KmsError::Damaged`] for a row that is not understood or refers to nothing: a KMS that starts without one of
    /// its keys would look as if the key had been deleted.
    pub(crate) fn load(snapshot: &dyn Snapshot) -> Result<Result<Self, KmsError>, ReadError> {
        let mut catalogue = Self::default();
        for table in TABLES {
            let mut problem = None;
            snapshot.scan(table, b"", None, &mut |key, value| {
                problem = catalogue.put(table, key, value).err();
                problem.is_none()
            })?;
            if let Some(problem) = problem {
                return Ok(Err(damaged(table, problem)));
            }
        }
        Ok(catalogue.check_references().map(|()| catalogue))
    }

    /// Applies the changes of a committed transaction; rows of other tables are not the catalogue's.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<(), KmsError> {
        for change in changes {
            let (table, applied) = match change {
                Change::Put(table, key, value) => (*table, self.put(*table, key, value)),
                Change::Delete(table, key) => (*table, self.delete(*table, key)),
            };
            applied.map_err(|problem| damaged(table, problem))?;
        }
        Ok(())
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        match table {
            Table::Cmks => {
                self.cmks.insert(CmkRecord::uid_from_key(key)?, CmkRecord::decode(value)?);
            }
            Table::CmkVersions => {
                let record = Arc::new(CmkVersionRecord::decode(value)?);
                self.versions.insert(CmkVersionRecord::parts_of_key(key)?, record);
            }
            Table::CmkAliases => {
                self.aliases.insert(AliasRecord::parts_of_key(key)?, AliasRecord::decode(value)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), DecodeError> {
        match table {
            Table::Cmks => {
                self.cmks.remove(&CmkRecord::uid_from_key(key)?);
            }
            Table::CmkVersions => {
                self.versions.remove(&CmkVersionRecord::parts_of_key(key)?);
            }
            Table::CmkAliases => {
                self.aliases.remove(&AliasRecord::parts_of_key(key)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn check_references(&self) -> Result<(), KmsError> {
        for (uid, cmk) in &self.cmks {
            // Old versions stay for unwrapping, so all of them must be there.
            if (1..=cmk.current_version).any(|version| !self.versions.contains_key(&(*uid, version))) {
                return Err(KmsError::Damaged(format!("CMK {} lacks the material of a version", uid.to_uuid())));
            }
        }
        if let Some((uid, _)) = self.versions.keys().find(|(uid, _)| !self.cmks.contains_key(uid)) {
            return Err(KmsError::Damaged(format!("material of a CMK that is not there: {}", uid.to_uuid())));
        }
        if let Some(((_, name), _)) = self.aliases.iter().find(|(_, alias)| !self.cmks.contains_key(&alias.target)) {
            return Err(KmsError::Damaged(format!("{name} names a CMK that is not there")));
        }
        Ok(())
    }

    /// A CMK that is not deleted. A CMK whose deletion is due counts as deleted before its rows are removed.
    pub(crate) fn cmk(&self, uid: CmkUid, now: Timestamp) -> Option<&CmkRecord> {
        self.cmks.get(&uid).filter(|cmk| !cmk.state.is_deleted(now))
    }

    /// The CMK of this id; an id that names another account or region than the CMK's own finds nothing.
    pub(crate) fn find(&self, id: &CmkId, now: Timestamp) -> Option<&CmkRecord> {
        self.cmk(id.uid, now).filter(|cmk| cmk.account == id.account && cmk.region == id.region)
    }

    /// The CMKs of an account that are not deleted, in order of their uids.
    pub(crate) fn of_account(&self, account: &AccountId, now: Timestamp) -> impl Iterator<Item = (CmkUid, &CmkRecord)> {
        self.cmks
            .iter()
            .filter(move |(_, cmk)| cmk.account == *account && !cmk.state.is_deleted(now))
            .map(|(uid, cmk)| (*uid, cmk))
    }

    /// The CMKs whose deletion is due.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = (CmkUid, &CmkRecord)> {
        self.cmks.iter().filter(move |(_, cmk)| cmk.state.is_deleted(now)).map(|(uid, cmk)| (*uid, cmk))
    }

    /// How a version of a CMK finds its material.
    pub(crate) fn version(&self, uid: CmkUid, version: u32) -> Option<&Arc<CmkVersionRecord>> {
        self.versions.get(&(uid, version))
    }

    /// The numbers of a CMK's versions.
    pub(crate) fn versions(&self, uid: CmkUid) -> impl Iterator<Item = u32> {
        self.versions.range((uid, 0)..=(uid, u32::MAX)).map(|((_, version), _)| *version)
    }

    /// An account's alias, whatever the state of its CMK.
    pub(crate) fn alias(&self, account: &AccountId, name: &AliasName) -> Option<&AliasRecord> {
        self.aliases.get(&(account.clone(), name.clone()))
    }

    /// An account's aliases whose CMK is not deleted, in order of their names.
    pub(crate) fn aliases_of_account(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> impl Iterator<Item = (&AliasName, &AliasRecord)> {
        self.aliases
            .iter()
            .filter(move |((owner, _), alias)| owner == account && self.cmk(alias.target, now).is_some())
            .map(|((_, name), alias)| (name, alias))
    }

    /// Every alias of a CMK.
    pub(crate) fn aliases_of_cmk(&self, uid: CmkUid) -> impl Iterator<Item = (&AccountId, &AliasName)> {
        self.aliases.iter().filter(move |(_, alias)| alias.target == uid).map(|((account, name), _)| (account, name))
    }
}

fn damaged(table: Table, problem: DecodeError) -> KmsError {
    KmsError::Damaged(format!("table {}: {problem}", table.name()))
}
