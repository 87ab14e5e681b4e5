//! The command line.

use crate::bench::BenchOptions;
use crate::commands::{AccessKey, Account, Audit, Group, Kms, Policy, Rewrap, Role, TokenKey, Usage, User};
use crate::commands::{Inventory, VerifyAtRest};
use crate::config::SettingFlags;
use clap::{Parser, Subcommand};

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
    /// Accounts of a running server: for the operator.
    #[command(subcommand)]
    Account(Account),
    /// Users of an account.
    #[command(subcommand)]
    User(User),
    /// Groups of users.
    #[command(subcommand)]
    Group(Group),
    /// Roles, which others assume for a while.
    #[command(subcommand)]
    Role(Role),
    /// What users, groups and roles may do, and why.
    #[command(subcommand)]
    Policy(Policy),
    /// Jobs that wrap everything under a CMK anew: after a rotation, or onto another CMK.
    #[command(subcommand)]
    Rewrap(Rewrap),
    /// Credentials that requests are signed with.
    #[command(subcommand)]
    AccessKey(AccessKey),
    /// The audit log: verify it, look into it. Reads its files; needs no server and no key.
    #[command(subcommand)]
    Audit(Audit),
    /// The key that session tokens are sealed under.
    #[command(subcommand)]
    TokenKey(TokenKey),
    /// What was used, by day: requests and storage. Use of keys: `strongroom kms usage`.
    #[command(subcommand)]
    Usage(Usage),
    /// How each object of a bucket is sealed: method, cipher, CMK and version. As comma-separated values.
    #[command(after_help = crate::commands::INVENTORY_EXAMPLE)]
    Inventory(Inventory),
    /// Verify what lies in the data directory of a stopped server: open everything, name what is wrong.
    #[command(after_help = crate::commands::VERIFY_HELP)]
    VerifyAtRest(VerifyAtRest),
    /// Measure the server: throughput and CPU, plain against encrypted, in one run.
    Bench(BenchOptions),
}
