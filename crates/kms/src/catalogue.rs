//! The catalogue in memory: the decoded image of the tables `Cmks`, `CmkVersions`, `CmkAliases` and `CmkGrants`, so that
//! using a CMK reads nothing from the disk. It is built from rows and changed by rows, through one function.
//!
//! INVARIANT: beside each CMK stands what the evaluator is told of it ([`Standing`]), made anew with every change of the
//! CMK, its aliases or its grants, so that deciding about a use parses and searches nothing.

use crate::record::{AliasRecord, CmkRecord, CmkVersionRecord, GrantId, GrantRecord};
use crate::standing::Standing;
use crate::{AliasName, CmkId, KmsError};
use model::codec::DecodeError;
use model::{AccountId, AccountNumber, CmkUid, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Change, ReadError, Snapshot, Table};

/// The tables the catalogue mirrors. CMKs come first: the others refer to them.
const TABLES: [Table; 4] = [Table::Cmks, Table::CmkVersions, Table::CmkAliases, Table::CmkGrants];

/// All CMKs, their versions, aliases and grants.
#[derive(Default)]
pub(crate) struct Catalogue {
    cmks: BTreeMap<CmkUid, CmkRecord>,
    versions: BTreeMap<(CmkUid, u32), Arc<CmkVersionRecord>>,
    aliases: BTreeMap<AccountId, BTreeMap<AliasName, AliasRecord>>,
    grants: BTreeMap<(CmkUid, GrantId), Arc<GrantRecord>>,
    standings: BTreeMap<CmkUid, Arc<Standing>>,
    // What follows finds the above by something else than their keys.
    of_account: BTreeMap<AccountId, BTreeSet<CmkUid>>,
    numbers: BTreeMap<AccountNumber, AccountId>,
    names: BTreeMap<CmkUid, BTreeSet<AliasName>>,
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
            let (mut problem, mut touched) = Default::default();
            snapshot.scan(table, b"", None, &mut |key, value| {
                problem = catalogue.put(table, key, value, &mut touched).err();
                problem.is_none()
            })?;
            if let Some(problem) = problem {
                return Ok(Err(damaged(table, problem)));
            }
        }
        if let Err(problem) = catalogue.check_references() {
            return Ok(Err(problem));
        }
        let all: Vec<CmkUid> = catalogue.cmks.keys().copied().collect();
        all.into_iter().for_each(|uid| catalogue.stand(uid));
        Ok(Ok(catalogue))
    }

    /// Applies the changes of a committed transaction; rows of other tables are not the catalogue's.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<(), KmsError> {
        let mut touched = BTreeSet::new();
        for change in changes {
            let (table, applied) = match change {
                Change::Put(table, key, value) => (*table, self.put(*table, key, value, &mut touched)),
                Change::Delete(table, key) => (*table, self.delete(*table, key, &mut touched)),
            };
            applied.map_err(|problem| damaged(table, problem))?;
        }
        touched.into_iter().for_each(|uid| self.stand(uid));
        Ok(())
    }

    /// Makes anew what the evaluator is told of a CMK.
    fn stand(&mut self, uid: CmkUid) {
        let Some(record) = self.cmks.get(&uid) else {
            self.standings.remove(&uid);
            return;
        };
        let names = self.names.get(&uid).into_iter().flatten();
        let grants = self.grants_of(uid);
        let before = self.standings.get(&uid).map(|standing| &**standing);
        let standing = Arc::new(Standing::new(uid, record, names, grants, before));
        self.standings.insert(uid, standing);
    }

    /// Takes in a row, and notes the CMKs it is about.
    fn put(
        &mut self,
        table: Table,
        key: &[u8],
        value: &[u8],
        touched: &mut BTreeSet<CmkUid>,
    ) -> Result<(), DecodeError> {
        match table {
            Table::Cmks => {
                let (uid, record) = (CmkRecord::uid_from_key(key)?, CmkRecord::decode(value)?);
                self.of_account.entry(record.account.clone()).or_default().insert(uid);
                self.numbers.insert(record.number.clone(), record.account.clone());
                self.cmks.insert(uid, record);
                touched.insert(uid);
            }
            Table::CmkVersions => {
                let record = Arc::new(CmkVersionRecord::decode(value)?);
                self.versions.insert(CmkVersionRecord::parts_of_key(key)?, record);
            }
            Table::CmkAliases => {
                let ((account, name), alias) = (AliasRecord::parts_of_key(key)?, AliasRecord::decode(value)?);
                self.forget_alias(&account, &name, touched);
                self.names.entry(alias.target).or_default().insert(name.clone());
                touched.insert(alias.target);
                self.aliases.entry(account).or_default().insert(name, alias);
            }
            Table::CmkGrants => {
                let (uid, id) = GrantRecord::parts_of_key(key)?;
                self.grants.insert((uid, id), Arc::new(GrantRecord::decode(value)?));
                touched.insert(uid);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes out a row, and notes the CMK it was about.
    fn delete(&mut self, table: Table, key: &[u8], touched: &mut BTreeSet<CmkUid>) -> Result<(), DecodeError> {
        match table {
            Table::Cmks => {
                let uid = CmkRecord::uid_from_key(key)?;
                if let Some(record) = self.cmks.remove(&uid)
                    && let Some(own) = self.of_account.get_mut(&record.account)
                {
                    own.remove(&uid);
                }
                touched.insert(uid);
            }
            Table::CmkVersions => {
                self.versions.remove(&CmkVersionRecord::parts_of_key(key)?);
            }
            Table::CmkAliases => {
                let (account, name) = AliasRecord::parts_of_key(key)?;
                self.forget_alias(&account, &name, touched);
            }
            Table::CmkGrants => {
                let row = GrantRecord::parts_of_key(key)?;
                self.grants.remove(&row);
                touched.insert(row.0);
            }
            _ => {}
        }
        Ok(())
    }

    fn forget_alias(&mut self, account: &AccountId, name: &AliasName, touched: &mut BTreeSet<CmkUid>) {
        let Some(alias) = self.aliases.get_mut(account).and_then(|own| own.remove(name)) else { return };
        if let Some(names) = self.names.get_mut(&alias.target) {
            names.remove(name);
            if names.is_empty() {
                self.names.remove(&alias.target);
            }
        }
        touched.insert(alias.target);
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
        if let Some((uid, _)) = self.grants.keys().find(|(uid, _)| !self.cmks.contains_key(uid)) {
            return Err(KmsError::Damaged(format!("grant on a CMK that is not there: {}", uid.to_uuid())));
        }
        let aliases = self.aliases.iter().flat_map(|(account, own)| own.iter().map(move |alias| (account, alias)));
        for (account, (name, alias)) in aliases {
            match self.cmks.get(&alias.target) {
                None => return Err(KmsError::Damaged(format!("{name} names a CMK that is not there"))),
                Some(cmk) if cmk.account != *account => {
                    return Err(KmsError::Damaged(format!("{name} names a CMK of another account")));
                }
                Some(_) => {}
            }
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

    /// What the evaluator is told of the CMK of this id.
    pub(crate) fn standing(&self, id: &CmkId, now: Timestamp) -> Option<&Arc<Standing>> {
        self.find(id, now).and_then(|_| self.standings.get(&id.uid))
    }

    /// The CMKs of an account that are not deleted, in order of their uids.
    pub(crate) fn of_account(&self, account: &AccountId, now: Timestamp) -> impl Iterator<Item = (CmkUid, &CmkRecord)> {
        let own = self.of_account.get(account).into_iter().flatten();
        own.filter_map(move |uid| Some((*uid, self.cmk(*uid, now)?)))
    }

    /// Every CMK that is not deleted, in order of their uids.
    pub(crate) fn all(&self, now: Timestamp) -> impl Iterator<Item = (CmkUid, &CmkRecord)> {
        self.cmks.iter().filter(move |(_, cmk)| !cmk.state.is_deleted(now)).map(|(uid, cmk)| (*uid, cmk))
    }

    /// The account of this number, if it ever had a CMK.
    pub(crate) fn account_of_number(&self, number: &str) -> Option<&AccountId> {
        self.numbers.get(&AccountNumber::parse(number)?)
    }

    /// The CMKs whose deletion is due.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = (CmkUid, &CmkRecord)> {
        self.cmks.iter().filter(move |(_, cmk)| cmk.state.is_deleted(now)).map(|(uid, cmk)| (*uid, cmk))
    }

    /// How a version of a CMK finds its material.
    pub(crate) fn version(&self, uid: CmkUid, version: u32) -> Option<&Arc<CmkVersionRecord>> {
        self.versions.get(&(uid, version))
    }

    /// All versions of all CMKs.
    pub(crate) fn all_versions(&self) -> Vec<(CmkUid, u32)> {
        self.versions.keys().copied().collect()
    }

    /// The numbers of a CMK's versions.
    pub(crate) fn versions(&self, uid: CmkUid) -> impl Iterator<Item = u32> {
        self.versions.range((uid, 0)..=(uid, u32::MAX)).map(|((_, version), _)| *version)
    }

    /// A CMK's grants, in order of their ids.
    pub(crate) fn grants_of(&self, uid: CmkUid) -> impl Iterator<Item = (GrantId, &Arc<GrantRecord>)> {
        let range = (uid, GrantId([0; 32]))..=(uid, GrantId([0xff; 32]));
        self.grants.range(range).map(|((_, id), grant)| (*id, grant))
    }

    /// A grant.
    pub(crate) fn grant(&self, uid: CmkUid, id: GrantId) -> Option<&Arc<GrantRecord>> {
        self.grants.get(&(uid, id))
    }

    /// An account's alias, whatever the state of its CMK.
    pub(crate) fn alias(&self, account: &AccountId, name: &AliasName) -> Option<&AliasRecord> {
        self.aliases.get(account)?.get(name)
    }

    /// An account's aliases whose CMK is not deleted, in order of their names.
    pub(crate) fn aliases_of_account(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> impl Iterator<Item = (&AliasName, &AliasRecord)> {
        let own = self.aliases.get(account).into_iter().flatten();
        own.filter(move |(_, alias)| self.cmk(alias.target, now).is_some())
    }

    /// Every alias of a CMK, with the account, in order of their names.
    pub(crate) fn aliases_of_cmk(&self, uid: CmkUid) -> impl Iterator<Item = (&AccountId, &AliasName)> {
        let account = self.cmks.get(&uid).map(|cmk| &cmk.account);
        let names = self.names.get(&uid).into_iter().flatten();
        names.filter_map(move |name| Some((account?, name)))
    }

    /// The alias that Huawei's API shows as the CMK's only one: the first it was given, of those it has.
    pub(crate) fn first_alias(&self, uid: CmkUid) -> Option<(&AliasName, &AliasRecord)> {
        self.aliases_of_cmk(uid)
            .filter_map(|(account, name)| Some((name, self.alias(account, name)?)))
            .min_by_key(|(_, alias)| alias.created)
    }
}

fn damaged(table: Table, problem: DecodeError) -> KmsError {
    KmsError::Damaged(format!("table {}: {problem}", table.name()))
}
