//! A passphrase for a subcommand: from a file, from standard input, or from the environment; never from the command line,
//! which other users of the machine see.

use super::Env;
use crate::failure::Failure;
use crate::root_key::GivenPassphrase;
use clap::Args;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const VARIABLE: &str = "STRONGROOM_PASSPHRASE";
const LINE_BYTES_MAX: u64 = 4096;

/// Where a passphrase is to be taken from.
#[derive(Args, Clone, Debug)]
pub(crate) struct PassphraseArg {
    /// File with the passphrase, mode 0600; `-` for a line of standard input. Without it, STRONGROOM_PASSPHRASE.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArg {
    /// The passphrase; `None` when none was given.
    pub(super) fn given(&self, env: Env<'_>) -> Result<Option<GivenPassphrase>, Failure> {
        match &self.passphrase_file {
            Some(path) if path == Path::new("-") => {
                let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX as usize));
                std::io::stdin()
                    .lock()
                    .take(LINE_BYTES_MAX)
                    .read_until(b'\n', &mut line)
                    .map_err(|error| Failure::new(format!("cannot read the passphrase: {error}")))?;
                Ok(Some(GivenPassphrase::new(line)))
            }
            Some(path) => Ok(Some(GivenPassphrase::from_file(path)?)),
            None => Ok(env(VARIABLE)
                .filter(|text| !text.is_empty())
                .map(|text| GivenPassphrase::new(Zeroizing::new(text.into_bytes())))),
        }
    }

    /// The passphrase, without which nothing is done.
    pub(super) fn needed(&self, env: Env<'_>) -> Result<GivenPassphrase, Failure> {
        self.given(env)?
            .ok_or_else(|| Failure::usage(format!("a passphrase is needed: give --passphrase-file, or set {VARIABLE}")))
    }
}

/// A passphrase as text, as JSON takes it.
pub(super) fn as_text(passphrase: &GivenPassphrase) -> Result<&str, Failure> {
    std::str::from_utf8(passphrase.expose()).map_err(|_| Failure::usage("the passphrase is not text (UTF-8)"))
}
