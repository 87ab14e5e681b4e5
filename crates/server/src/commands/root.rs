//! `strongroom kms root …`: the key that everything else is under.

use super::passphrase_arg::{PassphraseArg, as_text};
use super::shown::pretty;
use super::{Common, Env, Outcome};
use crate::client::ClientOptions;
use crate::failure::Failure;
use clap::{Subcommand, ValueEnum};
use http::Method;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Root {
    /// Change the root key of a running server.
    ///
    /// A new root key is drawn, every key under the old one is wrapped again, in one step, and the old one is removed from
    /// its source. Requests go on meanwhile. Copies and backups of before still need the old key: keep it with them as long
    /// as you keep them, and copy the new one now. A root key under a passphrase needs the passphrase that the new one is to be
    /// sealed under, the same or another.
    #[command(after_help = "Examples:\n  strongroom kms root rewrap\n  \
                            strongroom kms root rewrap --to passphrase --passphrase-file new-passphrase")]
    Rewrap {
        /// Move the root key to this source; then set root_key_source before the next start.
        #[arg(long, value_enum)]
        to: Option<To>,
        #[command(flatten)]
        passphrase: PassphraseArg,
        #[command(flatten)]
        common: Common,
    },
    /// Bring the passphrase to a server that was started locked (allow_locked).
    #[command(
        after_help = "Example:\n  strongroom kms root unlock --passphrase-file - --control https://127.0.0.1:9001 \
                            --ca ca.crt"
    )]
    Unlock {
        #[command(flatten)]
        passphrase: PassphraseArg,
        #[command(flatten)]
        client: ClientOptions,
    },
}

/// The sources a root key can be moved to.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum To {
    /// A file with the key in clear.
    File,
    /// A file with the key sealed under a passphrase.
    Passphrase,
    /// A file with the key wrapped by the PKCS#11 token of the settings.
    Token,
}

impl Root {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Rewrap { to, passphrase, common } => {
                let given = passphrase.given(env)?;
                let mut input = json!({});
                if let Some(given) = &given {
                    input["passphrase"] = as_text(given)?.into();
                }
                match to {
                    None => {}
                    Some(To::File) => input["source"] = "file".into(),
                    Some(To::Passphrase) => input["source"] = "passphrase".into(),
                    Some(To::Token) => input["source"] = "token".into(),
                }
                let mut client = common.connect(env).await?;
                let answer = client.admin(Method::POST, &["kms", "root", "rewrap"], Some(&input)).await?;
                if common.json {
                    return Ok(pretty(&answer).into());
                }
                let keys = answer["keys"].as_u64().ok_or_else(Failure::not_understood)?;
                let mut text = format!(
                    "the root key was changed; {keys} keys are under the new one\nCopy the new root key now, and keep the \
                     old one with the backups made under it.\n"
                );
                if let Some(why) = answer["unfinished"].as_str() {
                    text += &format!("The old key is still at its source ({why}); the next start removes it.\n");
                }
                Ok(text.into())
            }
            Self::Unlock { passphrase, client } => {
                let given = passphrase.needed(env)?;
                let input = json!({ "passphrase": as_text(&given)? });
                let endpoint = client.endpoint()?;
                crate::client::unlock(&endpoint, &input).await?;
                Ok("unlocked\n".to_owned().into())
            }
        }
    }
}
