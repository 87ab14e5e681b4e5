//! The subcommands besides the server itself, one file per noun: what the command line takes, and what it does. All are
//! clients of a running server but for `audit`, which reads files, and `verify-at-rest`, which reads the data directory.

mod access_key;
mod account;
mod audit;
mod backup;
mod document;
mod group;
mod inventory;
mod kms;
mod passphrase_arg;
mod policy;
mod report_files;
mod rewrap;
mod role;
mod root;
mod secret_arg;
mod shown;
mod target;
mod token_key;
mod usage;
mod user;
mod verify_at_rest;

pub(crate) use self::audit::Audit;
use crate::client::{ClientOptions, ControlClient, Credentials};
use crate::failure::Failure;
pub(crate) use access_key::AccessKey;
pub(crate) use account::Account;
use clap::Args;
pub(crate) use group::Group;
pub(crate) use inventory::{INVENTORY_EXAMPLE, Inventory};
pub(crate) use kms::Kms;
pub(crate) use policy::Policy;
pub(crate) use rewrap::Rewrap;
pub(crate) use role::Role;
pub(crate) use shown::printable;
pub(crate) use token_key::TokenKey;
pub(crate) use usage::Usage;
pub(crate) use user::User;
pub(crate) use verify_at_rest::{VERIFY_HELP, VerifyAtRest};
use zeroize::Zeroizing;

/// What every subcommand of this kind takes.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Print JSON for programs instead of text for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientOptions,
}

/// Looks up an environment variable.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Common {
    async fn connect(&self, env: Env<'_>) -> Result<ControlClient, Failure> {
        let credentials = Credentials::from_env(env)?;
        ControlClient::connect(&self.client.endpoint()?, credentials, self.client.region()?).await
    }
}

/// What a subcommand has to say. Wiped on drop: it may hold a secret that is told once.
pub(crate) struct Output {
    /// For standard output.
    pub(crate) text: Zeroizing<String>,
    /// For standard error: what a person should read while a program takes the text.
    pub(crate) note: Zeroizing<String>,
    /// The exit code.
    pub(crate) exit_code: u8,
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Self { text: Zeroizing::new(text), note: Zeroizing::default(), exit_code: 0 }
    }
}

type Outcome = Result<Output, Failure>;
