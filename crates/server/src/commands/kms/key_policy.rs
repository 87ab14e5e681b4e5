//! `strongroom kms key policy get|put`: the key policy of a CMK.

use super::super::shown::{field, pretty};
use super::super::{Env, Outcome, document};
use super::args::Named;
use crate::failure::Failure;
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyPolicy {
    /// Print a CMK's key policy.
    #[command(after_help = "Example:\n  strongroom kms key policy get alias/invoices > policy.json")]
    Get(Named),
    /// Set a CMK's key policy.
    ///
    /// Refused if you could not set another one under it, which would lock the key for good.
    #[command(after_help = "Example:\n  strongroom kms key policy put alias/invoices policy.json")]
    Put {
        #[command(flatten)]
        named: Named,
        /// File with the document; `-` is standard input.
        file: PathBuf,
        /// Set it even if it locks you out.
        #[arg(long)]
        bypass_lockout_check: bool,
    },
}

impl KeyPolicy {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Get(named) => {
                let (mut kms, id) = named.found(env).await?;
                let answer = kms.kms("GetKeyPolicy", &json!({ "KeyId": id, "PolicyName": "default" })).await?;
                let text = field(&answer, "Policy");
                // The document itself in both forms: it is JSON already, and what `put` takes.
                let document: Value = serde_json::from_str(text).map_err(|_| Failure::not_understood())?;
                Ok(pretty(&document).into())
            }
            Self::Put { named, file, bypass_lockout_check } => {
                let text = document::read(file)?;
                let (mut kms, id) = named.found(env).await?;
                let input = json!({
                    "KeyId": id,
                    "PolicyName": "default",
                    "Policy": text,
                    "BypassPolicyLockoutSafetyCheck": bypass_lockout_check,
                });
                kms.kms("PutKeyPolicy", &input).await?;
                Ok(if named.common.json { pretty(&json!({ "KeyId": id })) } else { String::new() }.into())
            }
        }
    }
}
