//! `strongroom token-key rotate`.

use super::{Common, Env, Outcome};
use clap::Subcommand;
use http::Method;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenKey {
    /// Seal new session tokens under a fresh key. Tokens already issued live out their time.
    #[command(after_help = "Example:\n  strongroom token-key rotate")]
    Rotate {
        #[command(flatten)]
        common: Common,
    },
}

impl TokenKey {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        let Self::Rotate { common } = self;
        let answer = common.connect(env).await?.admin(Method::POST, &["token-key", "rotate"], None).await?;
        Ok(if common.json { super::shown::pretty(&answer) } else { String::new() }.into())
    }
}
