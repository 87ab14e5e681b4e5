//! `strongroom kms usage`: how often CMKs were used, from the server's metering.

use super::super::shown::{field, list, pretty, table};
use super::super::{Common, Env, Outcome};
use super::args::Moment;
use crate::failure::Failure;
use clap::Args;
use serde_json::Value;
use time::macros::format_description;

pub(super) const EXAMPLE: &str = "Examples:\n  strongroom kms usage --from 2027-01-01 --to 2027-01-31\n  strongroom kms \
                                  usage --csv > usage.csv";

#[derive(Args, Debug)]
pub(crate) struct Usage {
    /// The first day (UTC); without it, 31 days are shown.
    #[arg(long, value_name = "DATE")]
    from: Option<Moment>,
    /// The last day (UTC); without it, today.
    #[arg(long, value_name = "DATE")]
    to: Option<Moment>,
    /// Print comma-separated values for a spreadsheet.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    common: Common,
}

impl Usage {
    pub(super) async fn run(&self, env: Env<'_>) -> Outcome {
        let day = |moment: &Option<Moment>, name: &str| -> Result<String, Failure> {
            let Some(Moment(at)) = moment else { return Ok(String::new()) };
            let day =
                at.format(format_description!("[year]-[month]-[day]")).map_err(|_| Failure::usage("no such day"))?;
            Ok(format!("{name}={day}&"))
        };
        let query = day(&self.from, "from")? + &day(&self.to, "to")?;
        let mut client = self.common.connect(env).await?;
        if self.csv {
            return Ok(client.admin_text(&["kms", "usage"], &format!("{query}format=csv")).await?.into());
        }
        let text = client.admin_text(&["kms", "usage"], query.trim_end_matches('&')).await?;
        let usage: Value = serde_json::from_str(&text).map_err(|_| Failure::not_understood())?;
        Ok(if self.common.json { pretty(&usage) } else { listed(list(&usage, "usage")) }.into())
    }
}

fn listed(rows: &[Value]) -> String {
    let row = |line: &Value| {
        let number = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default().to_string();
        let text = |name: &str| field(line, name).to_owned();
        vec![text("day"), text("account"), text("key"), text("operation"), number("ok"), number("refused")]
    };
    let headings = ["day", "account", "key", "operation", "done", "refused"];
    table(&headings, &rows.iter().map(row).collect::<Vec<_>>())
}
