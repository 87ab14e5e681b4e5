//! `strongroom access-key …`: the credentials that requests are signed with.

use super::account::told_once;
use super::shown::{field, listed, pretty};
use super::{Common, Env, Outcome};
use crate::failure::Failure;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum AccessKey {
    /// Make an access key. Its secret is shown this once and never again.
    #[command(after_help = "Example:\n  strongroom access-key create --user alice")]
    Create {
        #[command(flatten)]
        of: Of,
    },
    /// List access keys; secrets are not shown.
    #[command(after_help = "Example:\n  strongroom access-key list --user alice")]
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Accept an access key again.
    #[command(after_help = "Example:\n  strongroom access-key enable SRAK7D2K5M3Q8R4T6V9X --user alice")]
    Enable {
        #[command(flatten)]
        named: Named,
    },
    /// Refuse an access key, at once, until it is enabled again.
    #[command(after_help = "Example:\n  strongroom access-key disable SRAK7D2K5M3Q8R4T6V9X --user alice")]
    Disable {
        #[command(flatten)]
        named: Named,
    },
    /// Delete an access key.
    #[command(after_help = "Example:\n  strongroom access-key delete SRAK7D2K5M3Q8R4T6V9X --user alice")]
    Delete {
        #[command(flatten)]
        named: Named,
    },
}

/// Whose access keys.
#[derive(Args, Debug)]
pub(crate) struct Of {
    /// The user; without it, whoever asks.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// A subcommand about one access key.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The access key's id.
    id: String,
    #[command(flatten)]
    of: Of,
}

impl Of {
    fn parameters(&self) -> Vec<(&str, &str)> {
        self.user.as_deref().map(|user| ("UserName", user)).into_iter().collect()
    }
}

impl AccessKey {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create { of } => {
                let answer = of.common.connect(env).await?.iam("CreateAccessKey", &of.parameters()).await?;
                let key = answer.get("AccessKey").ok_or_else(Failure::not_understood)?;
                let (id, secret) = (field(key, "AccessKeyId"), field(key, "SecretAccessKey"));
                Ok(if of.common.json { pretty(key) } else { told_once(id, secret) }.into())
            }
            Self::List { of } => {
                let mut client = of.common.connect(env).await?;
                let keys = client.iam_all("ListAccessKeys", &of.parameters(), "AccessKeyMetadata").await?;
                let columns = [
                    ("access key", "AccessKeyId"),
                    ("state", "Status"),
                    ("created", "CreateDate"),
                    ("user", "UserName"),
                ];
                Ok(if of.common.json { pretty(&keys.into()) } else { listed(&keys, &columns) }.into())
            }
            Self::Enable { named } => named.call("UpdateAccessKey", &[("Status", "Active")], env).await,
            Self::Disable { named } => named.call("UpdateAccessKey", &[("Status", "Inactive")], env).await,
            Self::Delete { named } => named.call("DeleteAccessKey", &[], env).await,
        }
    }
}

impl Named {
    async fn call(&self, action: &str, more: &[(&str, &str)], env: Env<'_>) -> Outcome {
        let mut parameters = self.of.parameters();
        parameters.push(("AccessKeyId", &self.id));
        parameters.extend_from_slice(more);
        let answer = self.of.common.connect(env).await?.iam(action, &parameters).await?;
        Ok(if self.of.common.json { pretty(&answer) } else { String::new() }.into())
    }
}
