//! `strongroom kms alias …`: names for CMKs.

use super::super::shown::{listed, pretty};
use super::super::{Common, Env, Outcome};
use super::args::{alias, id_of};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum Alias {
    /// Give a CMK a name.
    #[command(after_help = "Example:\n  strongroom kms alias create invoices 1234abcd-12ab-44cd-a6ef-1234567890ab")]
    Create(Pointed),
    /// Point a name at another CMK. What was wrapped under the former one is still opened by it.
    #[command(after_help = "Example:\n  strongroom kms alias update invoices 1234abcd-12ab-44cd-a6ef-1234567890ab")]
    Update(Pointed),
    /// Take a name away; the CMK stays.
    #[command(after_help = "Example:\n  strongroom kms alias delete invoices")]
    Delete {
        /// The name, `alias/NAME` or NAME.
        #[arg(value_name = "ALIAS")]
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// List the account's names, or those of one CMK.
    #[command(after_help = "Example:\n  strongroom kms alias list")]
    List {
        /// Only the names of this CMK.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Pointed {
    /// The name, `alias/NAME` or NAME.
    #[arg(value_name = "ALIAS")]
    name: String,
    /// The CMK: its id, its ARN or another alias.
    key: String,
    #[command(flatten)]
    common: Common,
}

impl Alias {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Create(pointed) => pointed.send("CreateAlias", env).await,
            Self::Update(pointed) => pointed.send("UpdateAlias", env).await,
            Self::Delete { name, common } => {
                let name = alias(name);
                common.connect(env).await?.kms("DeleteAlias", &json!({ "AliasName": name })).await?;
                Ok(if common.json { pretty(&json!({ "AliasName": name })) } else { String::new() }.into())
            }
            Self::List { key, common } => {
                let mut kms = common.connect(env).await?;
                let mut input = json!({ "Limit": 100 });
                if let Some(key) = key {
                    input["KeyId"] = id_of(&mut kms, key).await?.into();
                }
                let aliases = kms.kms_all("ListAliases", &input, "Aliases").await?;
                let columns = [("alias", "AliasName"), ("key", "TargetKeyId")];
                Ok(if common.json { pretty(&Value::Array(aliases)) } else { listed(&aliases, &columns) }.into())
            }
        }
    }
}

impl Pointed {
    async fn send(&self, operation: &str, env: Env<'_>) -> Outcome {
        let mut kms = self.common.connect(env).await?;
        let input = json!({ "AliasName": alias(&self.name), "TargetKeyId": id_of(&mut kms, &self.key).await? });
        kms.kms(operation, &input).await?;
        Ok(if self.common.json { pretty(&input) } else { String::new() }.into())
    }
}
