//! `strongroom kms usage`: how often CMKs were used, from the server's metering.

use super::super::usage::Report;
use super::super::{Env, Outcome};
use clap::Args;

pub(super) const EXAMPLE: &str = "Examples:\n  strongroom kms usage --from 2027-01-01 --to 2027-01-31\n  strongroom kms \
                                  usage --csv > usage.csv";

#[derive(Args, Debug)]
pub(crate) struct Usage {
    #[command(flatten)]
    report: Report,
}

impl Usage {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let columns = [
            ("day", "day"),
            ("account", "account"),
            ("key", "key"),
            ("operation", "operation"),
            ("ok", "done"),
            ("refused", "refused"),
        ];
        self.report.run(&["kms", "usage"], "", &columns, env).await
    }
}
