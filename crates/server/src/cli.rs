//! The command line.

use crate::bench::BenchOptions;
use crate::client::ClientOptions;
use crate::config::SettingFlags;
use clap::{Args, Parser, Subcommand};

/// An encrypted object store that speaks OBS and S3, with its own key management service.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server.
    ///
    /// A setting is taken from its flag, else from its environment variable, else from `strongroom.toml` in the data
    /// directory, else it has its default. Root credentials come from STRONGROOM_ROOT_ACCESS_KEY and
    /// STRONGROOM_ROOT_SECRET_KEY; without them they are generated at the first start and shown once. SIGTERM ends the
    /// server after requests under way; SIGHUP reads the certificate again.
    Server(SettingFlags),
    /// Print every setting with its documentation, its value and where the value comes from.
    ///
    /// The output is a `strongroom.toml` that can be kept.
    Config(SettingFlags),
    /// Keys of a running server.
    #[command(subcommand)]
    Kms(Kms),
    /// Measure the server: throughput and CPU, plain against encrypted, in one run.
    Bench(BenchOptions),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Kms {
    /// Customer master keys (CMKs).
    #[command(subcommand)]
    Key(Key),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Create a CMK and print its id.
    Create {
        /// What the key is for, in words.
        #[arg(long, default_value = "")]
        description: String,
        /// A name for the key, `alias/NAME`.
        #[arg(long, value_name = "ALIAS")]
        alias: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List the account's CMKs.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show one CMK.
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// Let a CMK be used again.
    Enable {
        #[command(flatten)]
        named: Named,
    },
    /// Refuse every use of a CMK, at once, until it is enabled again.
    Disable {
        #[command(flatten)]
        named: Named,
    },
}

/// What every `kms key` subcommand takes.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Print JSON for programs instead of text for people.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientOptions,
}

/// A subcommand about one CMK.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The CMK: its id or ARN; to show one, also an alias.
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) common: Common,
}
