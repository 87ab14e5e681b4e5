//! The backup of the key store: everything that keys need to be used again, in one file under a passphrase. The bytes are
//! drawn in docs/formats/backup.md.
//!
//! Whoever has the file and the passphrase has every key; without the passphrase the file tells its size and nothing else.

use crate::record::InternalKey;
use crate::root_change::row_opens;
use crate::{KeyService, KmsError, root_check};
use bytes::Bytes;
use crypto::{
    Binding, DataCipher, Dek, KEY_BYTES, PASSPHRASE_PARAMS_BYTES, PassphraseCost, PassphraseError, PassphraseKey,
    PassphraseParams, PassphraseUse, RootKey, SEGMENT_BYTES, SecretBytes, StreamOpener, StreamSealer, Suite,
    WRAPPED_BYTES, Wrappable, Wrapped, plain_len, sealed_len, segment_count, unwrap, wrap,
};
use model::codec::{DecodeError, Reader, Writer};
use model::{Entropy, StreamUid, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use store::{Expectation, MetaStore, Snapshot, StoreFault, Table, Transaction};
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"SRBACKUP";
const FORMAT: u8 = 1;
const PARAMS_AT: usize = MAGIC.len() + 1;
const WRAP_AT: usize = PARAMS_AT + PASSPHRASE_PARAMS_BYTES;
const UID_AT: usize = WRAP_AT + WRAPPED_BYTES;
const UID_BYTES: usize = 16;
const STREAM_AT: usize = UID_AT + UID_BYTES;

/// Longest backup that is opened, in bytes: it is held in memory.
pub const BACKUP_BYTES_MAX: u64 = 1 << 30;

/// The tables of a backup. Of [`Table::System`] the root key's check value alone.
pub const BACKUP_TABLES: &[Table] = &[
    Table::System,
    Table::Cmks,
    Table::CmkVersions,
    Table::CmkAliases,
    Table::InternalKeys,
    Table::Accounts,
    Table::AccessKeys,
    Table::Users,
    Table::Groups,
    Table::Roles,
    Table::Policies,
    Table::Projects,
    Table::IamTokens,
    Table::CmkGrants,
    Table::CmkWraps,
];

/// Why a backup could not be made or opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupError {
    /// The passphrase is too short, too long, or there is not the memory to compute its key.
    Passphrase(PassphraseError),
    /// No backup, or one of a format that this program does not know.
    NotABackup(&'static str),
    /// Another passphrase's, or damaged. One answer for both.
    WrongPassphraseOrDamaged,
    /// The content is not what a backup holds.
    Content(&'static str),
    /// The store did not take or give the rows.
    Store(String),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passphrase(error) => error.fmt(f),
            Self::NotABackup(why) => write!(f, "this is no backup of a key store: {why}"),
            Self::WrongPassphraseOrDamaged => f.write_str("the passphrase is wrong, or the backup is damaged"),
            Self::Content(what) => write!(f, "the backup's content is malformed: {what}"),
            Self::Store(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<DecodeError> for BackupError {
    fn from(DecodeError(what): DecodeError) -> Self {
        Self::Content(what)
    }
}

impl From<StoreFault> for BackupError {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault.to_string())
    }
}

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// When it was made.
    pub created: Timestamp,
    /// The version of the program that made it.
    pub program: String,
    /// The region of the server.
    pub region: String,
}

/// A backup in clear. Its root key is wiped on drop; the rows hold no secret without it.
pub struct KeyBackup {
    info: BackupInfo,
    root: RootKey,
    rows: Vec<(Table, Bytes, Bytes)>,
}

impl KeyBackup {
    /// Takes the rows of a snapshot, which must be under this root key.
    ///
    /// # Errors
    /// [`BackupError::Content`] when they are not; [`BackupError::Store`].
    pub fn take(snapshot: &dyn Snapshot, root: RootKey, info: BackupInfo) -> Result<Self, BackupError> {
        let mut rows = Vec::new();
        for table in BACKUP_TABLES {
            let prefix = if *table == Table::System { root_check::ROW } else { &[] };
            snapshot.scan(*table, prefix, None, &mut |key, value| {
                if is_part(*table, key) {
                    rows.push((*table, Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
                }
                true
            })?;
        }
        let backup = Self { info, root, rows };
        backup.check()?;
        Ok(backup)
    }

    /// Seals it. Blocks for about a second.
    ///
    /// # Errors
    /// [`BackupError::Passphrase`].
    pub fn seal(&self, passphrase: &[u8], cost: PassphraseCost, entropy: &dyn Entropy) -> Result<Vec<u8>, BackupError> {
        let params = PassphraseParams::new(cost, entropy).ok_or(BackupError::Content("cost of the passphrase"))?;
        let kek = PassphraseKey::derive(passphrase, PassphraseUse::Backup, &params).map_err(BackupError::Passphrase)?;
        let (dek, uid) = (Dek::generate(entropy), StreamUid::random(entropy));
        let content = self.content();
        let sealed = sealed_len(Suite::Aes256Gcm, content.len() as u64);
        let mut file = Vec::with_capacity(STREAM_AT + usize::try_from(sealed).unwrap_or(0));
        file.extend_from_slice(MAGIC);
        file.push(FORMAT);
        file.extend_from_slice(&params.encode());
        let wrapped = wrap(&kek, &dek, &binding(&file, uid), entropy);
        file.extend_from_slice(wrapped.as_bytes());
        file.extend_from_slice(uid.as_bytes());
        let mut sealer = StreamSealer::sealed(DataCipher::Aes256Gcm, &dek, uid);
        let count = segment_count(content.len() as u64);
        for (index, text) in (1..=count).zip(content.chunks(SEGMENT_BYTES)) {
            let at = file.len();
            file.resize(at + text.len() + Suite::Aes256Gcm.tag_bytes(), 0);
            sealer
                .seal_segment(text, index == count, &mut file[at..])
                .map_err(|_| BackupError::Content("too long to be sealed"))?;
        }
        Ok(file)
    }

    /// Opens a backup whole. Blocks for about a second.
    ///
    /// # Errors
    /// [`BackupError`]; nothing of the content is used before all of it has been opened.
    pub fn open(file: &[u8], passphrase: &[u8]) -> Result<Self, BackupError> {
        let short = || BackupError::NotABackup("it is too short");
        if file.len() as u64 > BACKUP_BYTES_MAX {
            return Err(BackupError::NotABackup("it is too long"));
        }
        let (head, stream) = file.split_at_checked(STREAM_AT).ok_or_else(short)?;
        let mut r = Reader::bare(head);
        if r.array::<8>()? != *MAGIC {
            return Err(BackupError::NotABackup("it begins with other bytes"));
        }
        if r.u8()? != FORMAT {
            return Err(BackupError::NotABackup("its format is one that this program does not know"));
        }
        let params = PassphraseParams::decode(&r.array()?)?;
        let wrapped = Wrapped::<Dek>::from_bytes(r.array()?);
        let uid = StreamUid::from_bytes(r.array()?);
        let kek = PassphraseKey::derive(passphrase, PassphraseUse::Backup, &params).map_err(BackupError::Passphrase)?;
        let wrong = || BackupError::WrongPassphraseOrDamaged;
        let dek = unwrap(&kek, &wrapped, &binding(&head[..WRAP_AT], uid)).map_err(|_| wrong())?;
        Self::parse(&opened(&dek, uid, stream).ok_or_else(wrong)?)
    }

    /// Of what and when.
    pub fn info(&self) -> &BackupInfo {
        &self.info
    }

    /// The root key, to be put at its source.
    pub fn root(&self) -> &RootKey {
        &self.root
    }

    /// How many rows of which table.
    pub fn rows(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        self.rows.iter().for_each(|(table, ..)| *counts.entry(table.name()).or_default() += 1);
        counts
    }

    /// Opens every key that is under the root key; returns how many there are.
    ///
    /// # Errors
    /// [`BackupError::Content`] when one does not open, or the root key's check value is missing.
    pub fn check(&self) -> Result<usize, BackupError> {
        if !self.rows.iter().any(|(table, ..)| *table == Table::System) {
            return Err(BackupError::Content("the root key's check value is missing"));
        }
        let under_root = |table: &Table| matches!(table, Table::System | Table::InternalKeys | Table::CmkVersions);
        let mut keys = 0;
        for (table, key, row) in self.rows.iter().filter(|(table, ..)| under_root(table)) {
            if !row_opens(*table, key, row, &self.root) {
                return Err(BackupError::Content("a key does not open under the root key"));
            }
            keys += 1;
        }
        Ok(keys - 1)
    }

    /// Writes every row into a store in which none of the tables has a row, in one transaction.
    ///
    /// # Errors
    /// [`BackupError::Store`].
    pub async fn write_into(&self, store: &Arc<dyn MetaStore>) -> Result<(), BackupError> {
        let mut transaction = Transaction::new();
        for table in BACKUP_TABLES {
            let prefix = if *table == Table::System { root_check::ROW } else { &[] };
            transaction.expect(Expectation::EmptyPrefix(*table, Bytes::from_static(prefix)));
        }
        for (table, key, value) in &self.rows {
            transaction.put(*table, key.clone(), value.clone());
        }
        store
            .commit(transaction)
            .await
            .map_err(|error| BackupError::Store(format!("the rows were not written: {error}")))
    }

    fn content(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::new(FORMAT);
        w.u64(self.info.created.as_millis()).str(&self.info.program).str(&self.info.region);
        let rows: usize = self.rows.iter().map(|(_, key, value)| 1 + 4 + key.len() + 4 + value.len()).sum();
        // Made large enough at once: a vector that grows would leave copies of the root key behind.
        let mut content = Zeroizing::new(Vec::with_capacity(w.as_bytes().len() + KEY_BYTES + 8 + rows));
        content.extend_from_slice(w.as_bytes());
        content.extend_from_slice(self.root.as_secret().expose());
        content.extend_from_slice(&(self.rows.len() as u64).to_be_bytes());
        for (table, key, value) in &self.rows {
            let mut row = Writer::bare();
            row.u8(table.id()).bytes(key).bytes(value);
            content.extend_from_slice(row.as_bytes());
        }
        content
    }

    fn parse(content: &[u8]) -> Result<Self, BackupError> {
        let (format, mut r) = Reader::open(content)?;
        if format != FORMAT {
            return Err(BackupError::Content("format"));
        }
        let created = Timestamp::from_millis(r.u64()?);
        let info = BackupInfo { created, program: r.str()?.to_owned(), region: r.str()?.to_owned() };
        let secret = r.raw(KEY_BYTES)?;
        let root = RootKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(secret)));
        let count = r.u64()?;
        let mut rows = Vec::new();
        for _ in 0..count {
            let table = r.u8()?;
            let table = BACKUP_TABLES.iter().find(|t| t.id() == table).ok_or(BackupError::Content("table of a row"))?;
            let (key, value) = (Bytes::copy_from_slice(r.bytes()?), Bytes::copy_from_slice(r.bytes()?));
            let sorted = rows.last().is_none_or(|(t, k, _): &(Table, Bytes, Bytes)| (*t, k) < (*table, &key));
            if !sorted || !is_part(*table, &key) {
                return Err(BackupError::Content("order of the rows"));
            }
            rows.push((*table, key, value));
        }
        r.finish()?;
        Ok(Self { info, root, rows })
    }
}

impl KeyService {
    /// A backup of the key store as it is now. Whether the caller may is decided by whoever calls this.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn back_up(
        self: &Arc<Self>,
        passphrase: Zeroizing<Vec<u8>>,
        program: &str,
    ) -> Result<Vec<u8>, BackupError> {
        let cost = self.root.keeper().map(|keeper| keeper.passphrase_cost()).unwrap_or_default();
        let info = BackupInfo {
            created: self.clock.now(),
            program: program.to_owned(),
            region: self.region.as_str().to_owned(),
        };
        // The root key does not change between taking it and looking at what is under it.
        let (snapshot, root) = {
            let _turn = self.ledger.take_turn().await;
            (self.internal.store.snapshot(), self.root.get())
        };
        let service = Arc::clone(self);
        let work = move || {
            let root =
                RootKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(root.as_secret().expose())));
            KeyBackup::take(&*snapshot, root, info)?.seal(&passphrase, cost, &*service.entropy)
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|e| Err(BackupError::Store(format!("the backup did not end: {e}"))))
    }
}

impl From<BackupError> for KmsError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Passphrase(PassphraseError::Length) => Self::Validation(error.to_string()),
            BackupError::Passphrase(_) | BackupError::Store(_) => Self::Unavailable(error.to_string()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// Of `System` the check value alone; of the server's own keys all but that of the audit log: the log is no part of a backup,
/// and a key without its log would say that somebody took the log away.
fn is_part(table: Table, key: &[u8]) -> bool {
    match table {
        Table::System => key == root_check::ROW,
        Table::InternalKeys => key != InternalKey::Audit.key(),
        _ => true,
    }
}

fn binding(head: &[u8], uid: StreamUid) -> Binding {
    Binding::new("backup").field(head).field(uid.as_bytes())
}

/// The content, when every segment opens and none is missing.
fn opened(dek: &Dek, uid: StreamUid, stream: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let opener = StreamOpener::sealed(DataCipher::Aes256Gcm, dek, uid);
    let length = plain_len(Suite::Aes256Gcm, stream.len() as u64)?;
    let count = segment_count(length);
    let mut content = Zeroizing::new(vec![0; usize::try_from(length).ok()?]);
    let segments = stream.chunks(SEGMENT_BYTES + Suite::Aes256Gcm.tag_bytes());
    let mut seen = 0;
    for (segment, text) in segments.zip(content.chunks_mut(SEGMENT_BYTES)) {
        opener.open_segment(seen, seen + 1 == count, segment, text).ok()?;
        seen += 1;
    }
    (seen == count).then_some(content)
}
