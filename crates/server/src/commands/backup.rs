//! `strongroom kms backup …` and `strongroom kms restore`: everything that keys need, in one file under a passphrase.
//!
//! Taking one asks a running server, or reads the data directory of one that is stopped. Looking at one, trying it and
//! restoring it need no server.

use super::passphrase_arg::{PassphraseArg, as_text};
use super::shown::{field, lines, pretty};
use super::{Common, Env, Outcome};
use crate::clock::SystemClock;
use crate::config::{Layers, SettingFlags, Settings};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::private_file::write_private;
use crate::root_key::{FileSource, GivenPassphrase, PassphraseSource, RootSource, SourceName, Which, find};
use crate::serve::Drill;
use clap::{Args, Subcommand, ValueEnum};
use crypto::SystemEntropy;
use data_encoding::BASE64;
use http::Method;
use kms::{BACKUP_BYTES_MAX, BackupError, BackupInfo, KeyBackup};
use model::Clock;
use serde_json::json;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::engine::fjall::FjallStore;
use store::{DirLock, MetaStore};
use time::format_description::well_known::Rfc3339;

pub(super) const EXAMPLE: &str = "Examples:\n  strongroom kms backup --out keys.backup --passphrase-file backup-passphrase\n  \
                                  strongroom kms backup verify keys.backup --passphrase-file backup-passphrase";
pub(super) const RESTORE_EXAMPLE: &str =
    "Example:\n  strongroom kms restore keys.backup --into /var/lib/strongroom --passphrase-file backup-passphrase";

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    look: Option<Look>,
    #[command(flatten)]
    take: Take,
}

#[derive(Args, Debug)]
struct Take {
    /// The file to be written, mode 0600. It must not exist.
    #[arg(long, value_name = "FILE", required = true)]
    out: Option<PathBuf>,
    /// Read the data directory of a stopped server instead of asking a running one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The passphrase of the stopped server's root key, if it has one: a file, mode 0600.
    #[arg(long, value_name = "FILE", requires = "data")]
    root_passphrase_file: Option<PathBuf>,
    /// Where the stopped server's root key is, if not in its data directory.
    #[arg(long, value_name = "FILE", requires = "data")]
    root_key_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArg,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Look {
    /// Show what a backup is of.
    #[command(after_help = "Example:\n  strongroom kms backup inspect keys.backup --passphrase-file backup-passphrase")]
    Inspect(Of),
    /// The restore drill: open every key of a backup, without a server, in memory.
    ///
    /// Opens the key service and the accounts from the backup as a server would at its start, and unwraps every key under
    /// the root key. Nothing is written.
    #[command(after_help = "Example:\n  strongroom kms backup verify keys.backup --passphrase-file backup-passphrase")]
    Verify(Of),
}

#[derive(Args, Debug)]
struct Of {
    /// The backup.
    file: PathBuf,
    /// Print JSON for programs instead of text for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    passphrase: PassphraseArg,
}

/// What `strongroom kms restore` takes.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The backup.
    file: PathBuf,
    /// The data directory to be made. It must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Where the restored server's root key goes: a file in clear, or one sealed under the backup's passphrase.
    #[arg(long, value_enum, default_value = "file")]
    root_key_source: KeySource,
    /// Write the root key alone, beside data that you have restored otherwise; the directory need not be empty.
    #[arg(long)]
    root_key_only: bool,
    #[command(flatten)]
    passphrase: PassphraseArg,
}

/// Where a restored root key goes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeySource {
    /// `root.key`
    File,
    /// `root.sealed`
    Passphrase,
}

impl Backup {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        match &self.look {
            None => self.take.run(env).await,
            Some(Look::Inspect(of)) => of.shown(&of.open(env)?, None),
            Some(Look::Verify(of)) => {
                let backup = of.open(env)?;
                let drill = Drill::run(&backup).await?;
                of.shown(&backup, Some(&drill))
            }
        }
    }
}

fn failed(error: BackupError) -> Failure {
    Failure::new(error.to_string())
}

impl Take {
    async fn run(&self, env: Env<'_>) -> Outcome {
        let out = self.out.as_deref().ok_or_else(|| Failure::usage("--out is missing"))?;
        if fs::symlink_metadata(out).is_ok() {
            return Err(Failure::new(format!("`{}` exists; a backup replaces nothing", out.display())));
        }
        let passphrase = self.passphrase.needed(env)?;
        let file = match &self.data {
            Some(dir) => self.offline(dir, &passphrase, env).await?,
            None => {
                let mut client = self.common.connect(env).await?;
                let input = json!({ "passphrase": as_text(&passphrase)? });
                let answer = client.admin(Method::POST, &["kms", "backup"], Some(&input)).await?;
                let text = answer["backup"].as_str().ok_or_else(Failure::not_understood)?;
                BASE64.decode(text.as_bytes()).map_err(|_| Failure::not_understood())?
            }
        };
        // What cannot be opened is no backup: it is opened before it is called one.
        let backup = KeyBackup::open(&file, passphrase.expose()).map_err(failed)?;
        let keys = backup.check().map_err(failed)?;
        write_private(out, &file)?;
        if self.common.json {
            return Ok(pretty(&json!({ "file": out, "bytes": file.len(), "keys": keys })).into());
        }
        Ok(format!("{} keys, {} bytes, sealed under the passphrase: {}\n", keys, file.len(), out.display()).into())
    }

    /// Of a server that is stopped.
    async fn offline(&self, dir: &Path, passphrase: &GivenPassphrase, env: Env<'_>) -> Result<Vec<u8>, Failure> {
        let dir = DataDir::existing(dir)?;
        let _lock = DirLock::acquire(dir.path()).map_err(|error| Failure::new(error.to_string()))?;
        let settings = Settings::parse(&Layers::gather(&SettingFlags::of_data(dir.path()), env)?)?;
        let mut place = settings.root_key.clone();
        if let Some(path) = &self.root_key_file {
            place.path.clone_from(path);
        }
        let given = self.root_passphrase_file.as_deref().map(GivenPassphrase::from_file).transpose()?;
        let source = place.open()?;
        let store: Arc<dyn MetaStore> = Arc::new(
            FjallStore::open(&dir.meta())
                .map_err(|error| Failure::new(format!("cannot open the metadata store: {error}")))?,
        );
        let found = find(&*source, given.as_ref(), false, &SystemEntropy)?;
        let root = found.choose(&source, &store).await?;
        let info = BackupInfo {
            created: SystemClock.now(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            region: settings.region.as_str().to_owned(),
        };
        KeyBackup::take(&*store.snapshot(), root, info)
            .and_then(|backup| backup.seal(passphrase.expose(), place.cost, &SystemEntropy))
            .map_err(failed)
    }
}

fn open(path: &Path, passphrase: &GivenPassphrase) -> Result<KeyBackup, Failure> {
    let mut file = Vec::new();
    File::open(path)
        .and_then(|opened| opened.take(BACKUP_BYTES_MAX + 1).read_to_end(&mut file))
        .map_err(|error| Failure::io("read", path, &error))?;
    KeyBackup::open(&file, passphrase.expose()).map_err(failed)
}

impl Of {
    fn open(&self, env: Env<'_>) -> Result<KeyBackup, Failure> {
        open(&self.file, &self.passphrase.needed(env)?)
    }

    fn shown(&self, backup: &KeyBackup, drill: Option<&Drill>) -> Outcome {
        let info = backup.info();
        let made = i128::from(info.created.as_millis()) * 1_000_000;
        let made = time::OffsetDateTime::from_unix_timestamp_nanos(made)
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .ok_or_else(|| Failure::new("the backup's date is out of range"))?;
        let rows = backup.rows();
        let mut told = json!({ "made": made, "version": info.program, "region": info.region, "rows": rows });
        if let Some(drill) = drill {
            told["opened"] = json!({ "keys": drill.keys, "cmks": drill.cmks, "accounts": drill.accounts });
        }
        if self.json {
            return Ok(pretty(&told).into());
        }
        let mut text = lines(&[("made", field(&told, "made")), ("version", &info.program), ("region", &info.region)]);
        rows.iter().for_each(|(table, count)| text += &format!("{table}: {count}\n"));
        if let Some(Drill { keys, cmks, accounts }) = drill {
            text += &format!("every key opens: {keys} keys, {cmks} CMKs, {accounts} accounts\n");
        }
        Ok(text.into())
    }
}

impl Restore {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let passphrase = self.passphrase.needed(env)?;
        let backup = open(&self.file, &passphrase)?;
        let keys = backup.check().map_err(failed)?;
        if !self.root_key_only && fs::read_dir(&self.into).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Failure::new(format!("`{}` is not empty; nothing was written", self.into.display())));
        }
        let dir = DataDir::prepare(&self.into)?;
        let _lock = DirLock::acquire(dir.path()).map_err(|error| Failure::new(error.to_string()))?;
        let (name, source): (SourceName, Box<dyn RootSource>) = match self.root_key_source {
            KeySource::File => {
                (SourceName::File, Box::new(FileSource::new(&dir.path().join(SourceName::File.default_file()))))
            }
            KeySource::Passphrase => {
                let path = dir.path().join(SourceName::Passphrase.default_file());
                (SourceName::Passphrase, Box::new(PassphraseSource::new(&path, Default::default())))
            }
        };
        let path = dir.path().join(name.default_file());
        if fs::symlink_metadata(&path).is_ok() {
            return Err(Failure::new(format!("`{}` exists; nothing was written", path.display())));
        }
        // The key first: rows without it would be a data directory that nobody can open.
        source.write(Which::Present, backup.root(), Some(&passphrase))?;
        if !self.root_key_only {
            let store: Arc<dyn MetaStore> = Arc::new(
                FjallStore::open(&dir.meta())
                    .map_err(|error| Failure::new(format!("cannot make the metadata store: {error}")))?,
            );
            backup.write_into(&store).await.map_err(failed)?;
        }
        let what =
            if self.root_key_only { "the root key".to_owned() } else { format!("{keys} keys and their accounts") };
        Ok(format!("restored {what} into {}\nThe root key is {}.\n", dir.path().display(), path.display()).into())
    }
}
