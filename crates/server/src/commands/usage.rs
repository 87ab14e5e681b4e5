//! `strongroom usage …`: requests, storage and what bucket keys saved, from the server's metering. Use of keys is under `strongroom kms usage`.

use super::kms::Moment;
use super::shown::{field, list, pretty, table};
use super::{Common, Env, Outcome};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::Value;
use time::macros::format_description;

const REQUESTS_EXAMPLE: &str = "Examples:\n  strongroom usage requests --from 2027-01-01 --to 2027-01-31\n  \
                                strongroom usage requests --csv > requests.csv";
const STORAGE_EXAMPLE: &str = "Examples:\n  strongroom usage storage --now\n  strongroom usage storage --from \
                               2027-01-01 --csv > storage.csv";

const BUCKET_KEYS_EXAMPLE: &str = "Examples:\n  strongroom usage bucket-keys\n  strongroom usage bucket-keys --from \
                                   2027-01-01 --csv > bucket-keys.csv";

#[derive(Debug, Subcommand)]
pub(crate) enum Usage {
    /// Requests by day, account, dialect, operation and outcome, and the bytes they moved.
    ///
    /// The operator sees all accounts, others their own.
    #[command(after_help = REQUESTS_EXAMPLE)]
    Requests {
        #[command(flatten)]
        report: Report,
    },
    /// What is stored, by bucket, method of encryption and CMK, as counted once a day.
    ///
    /// The operator sees all accounts, others their own.
    #[command(after_help = STORAGE_EXAMPLE)]
    Storage {
        /// Count now instead: the server looks at every object.
        #[arg(long, conflicts_with_all = ["from", "to"])]
        now: bool,
        #[command(flatten)]
        report: Report,
    },
    /// Calls to the key service for bucket keys, made and saved, by day, account, bucket, CMK and operation.
    ///
    /// The operator sees all accounts, others their own.
    #[command(after_help = BUCKET_KEYS_EXAMPLE)]
    BucketKeys {
        #[command(flatten)]
        report: Report,
    },
}

/// Which days, and in what form.
#[derive(Args, Debug)]
pub(crate) struct Report {
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
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Requests { report } => {
                let columns = [
                    ("day", "day"),
                    ("account", "account"),
                    ("dialect", "dialect"),
                    ("operation", "operation"),
                    ("outcome", "outcome"),
                    ("requests", "requests"),
                    ("bytes_received", "received"),
                    ("bytes_sent", "sent"),
                ];
                report.run(&["usage", "requests"], "", &columns, env).await
            }
            Self::Storage { now, report } => {
                let columns = [
                    ("day", "day"),
                    ("account", "account"),
                    ("bucket", "bucket"),
                    ("method", "method"),
                    ("key", "key"),
                    ("objects", "objects"),
                    ("bytes", "bytes"),
                    ("sealed_bytes", "sealed bytes"),
                ];
                report.run(&["usage", "storage"], if *now { "now=true&" } else { "" }, &columns, env).await
            }
            Self::BucketKeys { report } => {
                let columns =
                    ["day", "account", "bucket", "key", "operation", "made", "saved"].map(|name| (name, name));
                report.run(&["usage", "bucket-keys"], "", &columns, env).await
            }
        }
    }
}

impl Report {
    /// Asks for a report. `columns` are the names of members, and what stands over them for a person.
    pub(super) async fn run(&self, path: &[&str], also: &str, columns: &[(&str, &str)], env: Env<'_>) -> Outcome {
        let day = |moment: &Option<Moment>, name: &str| -> Result<String, Failure> {
            let Some(Moment(at)) = moment else { return Ok(String::new()) };
            let day =
                at.format(format_description!("[year]-[month]-[day]")).map_err(|_| Failure::usage("no such day"))?;
            Ok(format!("{name}={day}&"))
        };
        let query = also.to_owned() + &day(&self.from, "from")? + &day(&self.to, "to")?;
        let mut client = self.common.connect(env).await?;
        if self.csv {
            return Ok(client.admin_text(path, &format!("{query}format=csv")).await?.into());
        }
        let text = client.admin_text(path, query.trim_end_matches('&')).await?;
        let usage: Value = serde_json::from_str(&text).map_err(|_| Failure::not_understood())?;
        if self.common.json {
            return Ok(pretty(&usage).into());
        }
        let cell = |row: &Value, name: &str| match row.get(name).and_then(Value::as_u64) {
            Some(number) => number.to_string(),
            None => field(row, name).to_owned(),
        };
        let rows: Vec<Vec<String>> =
            list(&usage, "usage").iter().map(|row| columns.iter().map(|(name, _)| cell(row, name)).collect()).collect();
        let headings: Vec<&str> = columns.iter().map(|(_, heading)| *heading).collect();
        Ok(table(&headings, &rows).into())
    }
}
