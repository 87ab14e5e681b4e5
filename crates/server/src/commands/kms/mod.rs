//! `strongroom kms …`: the key service of a running server, one file per noun. Clients of the control address, nothing
//! more.

mod alias;
mod args;
mod crypt;
mod grant;
mod impact;
mod import;
mod key;
mod key_policy;
mod pages;
mod rotate;
mod usage;

use super::backup;
use super::root::Root;
use super::{Env, Outcome};
pub(super) use args::Moment;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Kms {
    /// Customer master keys (CMKs).
    #[command(subcommand)]
    Key(key::Key),
    /// Names for CMKs, which can be pointed elsewhere.
    #[command(subcommand)]
    Alias(alias::Alias),
    /// Rights on one CMK, lent to one principal.
    #[command(subcommand)]
    Grant(grant::Grant),
    /// New versions of a CMK, by a schedule or now. Old versions go on opening what they wrapped.
    #[command(subcommand)]
    Rotate(rotate::Rotate),
    /// Key material that you bring.
    #[command(subcommand)]
    Import(import::Import),
    /// Show what could not be opened any more without a CMK.
    ///
    /// Counts the objects, uploads, bucket keys and bucket defaults that need it. A deletion is refused while there are
    /// any, unless it is forced.
    #[command(after_help = impact::EXAMPLE)]
    Impact(impact::Impact),
    /// The root key, which everything else is under.
    #[command(subcommand)]
    Root(Root),
    /// Take a backup of every key, account and right; look at one; try one.
    ///
    /// One file, sealed under a passphrase. It holds the root key too: who has the file and the passphrase has every key.
    #[command(after_help = backup::EXAMPLE)]
    Backup(backup::Backup),
    /// Make a data directory from a backup.
    ///
    /// It has the keys, accounts, users and policies of the backup, and no bucket. What was wrapped under its CMKs opens again.
    #[command(after_help = backup::RESTORE_EXAMPLE)]
    Restore(backup::Restore),
    /// Show how often CMKs were used: by day, account, CMK and operation.
    #[command(after_help = usage::EXAMPLE)]
    Usage(usage::Usage),
    /// Make a data key: in clear for use now, and wrapped under a CMK to be kept.
    #[command(after_help = crypt::DATA_KEY_EXAMPLE)]
    DataKey(crypt::DataKey),
    /// Wrap up to 4096 bytes under a CMK and print them in base64.
    #[command(after_help = crypt::ENCRYPT_EXAMPLE)]
    Encrypt(crypt::Encrypt),
    /// Unwrap what `encrypt` or `data-key` printed, and print it in base64.
    #[command(after_help = crypt::DECRYPT_EXAMPLE)]
    Decrypt(crypt::Decrypt),
}

impl Kms {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Key(command) => command.run(env).await,
            Self::Alias(command) => command.run(env).await,
            Self::Grant(command) => command.run(env).await,
            Self::Rotate(command) => command.run(env).await,
            Self::Import(command) => command.run(env).await,
            Self::Impact(command) => command.run(env).await,
            Self::Root(command) => command.run(env).await,
            Self::Backup(command) => command.run(env).await,
            Self::Restore(command) => command.run(env).await,
            Self::Usage(command) => command.run(env).await,
            Self::DataKey(command) => command.run(env).await,
            Self::Encrypt(command) => command.run(env).await,
            Self::Decrypt(command) => command.run(env).await,
        }
    }
}
