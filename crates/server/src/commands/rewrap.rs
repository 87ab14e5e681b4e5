//! `strongroom rewrap …`: jobs of a running server that wrap everything under a CMK anew.

use super::shown::{field, list, pretty, printable, row, table};
use super::{Common, Env, Outcome, Output};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use std::time::Duration;

const START_EXAMPLE: &str = "Examples:\n  \
    strongroom kms rotate now alias/invoices\n  \
    strongroom rewrap start alias/invoices --dry-run\n  \
    strongroom rewrap start alias/invoices --wait\n  \
    strongroom rewrap start alias/old --to alias/new --bucket pics --rate 500\n  \
    strongroom rewrap start --to alias/invoices --bucket pics --prefix 2026/";

/// How often a job is looked at while it is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug, Subcommand)]
pub(crate) enum Rewrap {
    /// Wrap everything under a CMK anew: under its newest version, or under another CMK.
    ///
    /// No object is read or written: only the wrapped keys in its record change. ETag, date and version stay. Under the
    /// newest version, a bucket key is rewrapped in place of all the objects under it. Under another CMK, each object is.
    /// Without a CMK to begin with, objects under SSE-OBS (SSE-S3) come under the one named with --to.
    ///
    /// You need kms:Decrypt and kms:DescribeKey of the CMK, kms:Encrypt of the one that things come under, and s3:ListBucket
    /// of a bucket that you name; the job then acts as you, with the access key that started it, and asks for
    /// s3:UpdateObjectEncryption of each object. It runs in the server, goes on after a restart, and ends with a count of
    /// what still needs the old version.
    #[command(after_help = START_EXAMPLE)]
    Start(Box<Start>),
    /// Show how far a job is, and at its end the evidence.
    ///
    /// Exit code 1: it ended and left something, or it is paused or refused; with --wait also if it was stopped. 0 after
    /// --wait says that it is done and nothing is left.
    #[command(after_help = "Example:\n  strongroom rewrap status 0123456789abcdef0123456789abcdef")]
    Status {
        #[command(flatten)]
        named: Named,
        /// Wait for its end, with a progress bar on a terminal.
        #[arg(long)]
        wait: bool,
    },
    /// Stop a job where it is. What was wrapped anew stays so.
    #[command(after_help = "Example:\n  strongroom rewrap stop 0123456789abcdef0123456789abcdef")]
    Stop(Named),
    /// Go on with a job that was stopped, paused or refused; it acts as you from then on.
    #[command(after_help = "Example:\n  strongroom rewrap resume 0123456789abcdef0123456789abcdef")]
    Resume(Named),
    /// List the jobs that you may see, the newest first.
    #[command(after_help = "Example:\n  strongroom rewrap list")]
    List {
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Start {
    /// The CMK that things are under now: its id, its ARN or an alias (`alias/NAME`). Left out: SSE-OBS (SSE-S3).
    #[arg(value_name = "KEY", required_unless_present = "to")]
    key: Option<String>,
    /// Only what needs this version of it.
    #[arg(long, value_name = "NUMBER", requires = "key")]
    version: Option<u32>,
    /// The CMK that things come under. Left out: the newest version of their own.
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    /// Only in this bucket.
    #[arg(long)]
    bucket: Option<String>,
    /// Only objects of the bucket whose names begin so. Bucket keys serve all names and are rewrapped all the same.
    #[arg(long, requires = "bucket")]
    prefix: Option<String>,
    /// Refresh the copies of bucket keys beside objects too. They are needed only where the table of bucket keys is lost.
    #[arg(long, conflicts_with = "to")]
    copies: bool,
    /// Put objects from SSE-OBS under a bucket key.
    #[arg(long, conflicts_with = "key")]
    bucket_key: bool,
    /// Objects per second at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    rate: u32,
    /// Count what would be done, and do nothing.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Wait for the end: exit code 0 says that it is done and nothing is left. To interrupt the waiting does not stop the job.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The job's id.
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    common: Common,
}

impl Rewrap {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        match self {
            Self::Start(start) => start.run(env).await,
            Self::Status { named, wait } => {
                let mut client = named.common.connect(env).await?;
                let job = match wait {
                    true => waited(&mut client, &named.job).await?,
                    false => client.admin(Method::GET, &["rewrap", &named.job], None).await?,
                };
                Ok(told(&job, *wait, &named.common))
            }
            Self::Stop(named) => named.ask("stop", env).await,
            Self::Resume(named) => named.ask("resume", env).await,
            Self::List { common } => {
                let mut client = common.connect(env).await?;
                let jobs = client.admin(Method::GET, &["rewrap"], None).await?;
                Ok(if common.json { pretty(&jobs) } else { listed(&jobs) }.into())
            }
        }
    }
}

impl Named {
    async fn ask(&self, what: &str, env: Env<'_>) -> Outcome {
        let mut client = self.common.connect(env).await?;
        let job = client.admin(Method::POST, &["rewrap", &self.job, what], None).await?;
        Ok(told(&job, false, &self.common))
    }
}

impl Start {
    async fn run(&self, env: Env<'_>) -> Outcome {
        let mut client = self.common.connect(env).await?;
        let mut input = Map::new();
        for (name, value) in [("key", &self.key), ("to", &self.to), ("bucket", &self.bucket), ("prefix", &self.prefix)]
        {
            input.extend(value.as_ref().map(|value| (name.to_owned(), value.as_str().into())));
        }
        input.extend(self.version.map(|version| ("version".to_owned(), version.into())));
        for (name, said) in [("copies", self.copies), ("bucket_key", self.bucket_key), ("dry_run", self.dry_run)] {
            input.insert(name.to_owned(), said.into());
        }
        input.insert("rate".to_owned(), self.rate.into());
        let answer = client.admin(Method::POST, &["rewrap"], Some(&input.into())).await?;
        if self.dry_run {
            return Ok(if self.common.json { pretty(&answer) } else { would(&answer) }.into());
        }
        if self.wait {
            return Ok(told(&waited(&mut client, field(&answer, "id")).await?, true, &self.common));
        }
        Ok(told(&answer, false, &self.common))
    }
}

/// Looks at a job until it does not run any more.
async fn waited(client: &mut ControlClient, id: &str) -> Result<Value, Failure> {
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {per_sec} {eta}")
        .map_err(|error| Failure::new(error.to_string()))?;
    let bar = ProgressBar::new(0).with_style(style).with_message("rewrap");
    loop {
        let job = client.admin(Method::GET, &["rewrap", id], None).await?;
        let sum = |of: &str, names: &[&str]| -> u64 { names.iter().map(|name| number(&job[of], name)).sum() };
        bar.set_length(sum("totals", &["objects", "uploads", "bucket_keys"]));
        let steps =
            ["objects", "uploads", "bucket_keys", "copies", "removed", "unchanged", "gone", "refused", "failed"];
        bar.set_position(sum("counts", &steps));
        if field(&job, "state") != "running" {
            bar.finish_and_clear();
            return Ok(job);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn number(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// A job for whoever asked; what it left, or cannot go on with, is a failure of the command too.
fn told(job: &Value, awaited: bool, common: &Common) -> Output {
    let mut output = Output::from(if common.json { pretty(job) } else { shown(job) });
    output.exit_code = exit_code(job, awaited);
    output
}

/// Whoever waited goes on as if the old version were needed no more: only evidence that is complete says so. A look at a
/// job tells what will not mend itself.
fn exit_code(job: &Value, awaited: bool) -> u8 {
    let complete = job["evidence"]["complete"].as_bool();
    let well = match field(job, "state") {
        "done" => complete == Some(true),
        "running" | "stopped" => !awaited,
        _ => false,
    };
    u8::from(!well)
}

fn would(answer: &Value) -> String {
    let totals = &answer["totals"];
    [
        row("objects", &format!("{} ({} bytes)", number(totals, "objects"), number(totals, "bytes"))),
        row("uploads", &number(totals, "uploads").to_string()),
        row("bucket keys", &number(totals, "bucket_keys").to_string()),
        row("as they are", &format!("{} under bucket keys", number(totals, "served_by_bucket_keys"))),
    ]
    .concat()
}

fn shown(job: &Value) -> String {
    let (counts, totals) = (&job["counts"], &job["totals"]);
    let of_all = |name: &str| format!("{} of {}", number(counts, name), number(totals, name));
    let state = match field(job, "reason") {
        "" => field(job, "state").to_owned(),
        reason => format!("{}: {}", field(job, "state"), printable(reason)),
    };
    let mut text = [row("job", field(job, "id")), row("state", &state)].concat();
    for (label, name) in [("from", "key"), ("to", "to"), ("bucket", "bucket"), ("prefix", "prefix")] {
        if !field(job, name).is_empty() {
            text += &row(label, &printable(field(job, name)));
        }
    }
    text += &row("objects", &format!("{} ({} bytes)", of_all("objects"), number(counts, "bytes")));
    text += &row("uploads", &of_all("uploads"));
    text += &row("bucket keys", &of_all("bucket_keys"));
    for (label, name) in [
        ("copies", "copies"),
        ("removed", "removed"),
        ("unchanged", "unchanged"),
        ("gone", "gone"),
        ("refused", "refused"),
        ("failed", "failed"),
    ] {
        if number(counts, name) > 0 {
            text += &row(label, &number(counts, name).to_string());
        }
    }
    for failure in list(job, "failures") {
        let what = format!("{}/{}: {}", field(failure, "bucket"), field(failure, "name"), field(failure, "error"));
        text += &row("", &printable(&what));
    }
    if job["withheld"] == Value::Bool(true) {
        text += &row("withheld", "what is not yours to be told of it");
    }
    let evidence = &job["evidence"];
    for sentence in list(evidence, "says") {
        text += &row("evidence", &printable(sentence.as_str().unwrap_or_default()));
    }
    if evidence["complete"] == Value::Bool(false) {
        let left = &evidence["left"];
        let what = format!(
            "{} objects, {} uploads and {} bucket keys of the job",
            number(left, "objects"),
            number(left, "uploads"),
            number(left, "bucket_keys")
        );
        text += &row("left", &what);
    }
    text
}

fn listed(jobs: &Value) -> String {
    let cells = |job: &Value| {
        let key = if field(job, "key").is_empty() { "SSE-OBS" } else { field(job, "key") };
        let to = if field(job, "to").is_empty() { "newest version" } else { field(job, "to") };
        let short = |arn: &str| arn.rsplit_once("key/").map_or(arn.to_owned(), |(_, id)| id.to_owned());
        let counts = &job["counts"];
        let done = number(counts, "objects") + number(counts, "uploads") + number(counts, "bucket_keys");
        let (id, state) = (field(job, "id").to_owned(), field(job, "state").to_owned());
        vec![id, state, short(key), short(to), done.to_string(), field(job, "started").to_owned()]
    };
    let rows: Vec<Vec<String>> = list(jobs, "jobs").iter().map(cells).collect();
    table(&["job", "state", "from", "to", "done", "started"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_job_ends_with_its_evidence_and_names_what_failed() {
        let job = json!({
            "id": "ab", "state": "done", "reason": null, "key": "arn:x:key/1", "to": null, "bucket": null, "prefix": null,
            "totals": { "objects": 5, "uploads": 0, "bucket_keys": 2 },
            "counts": { "objects": 4, "bytes": 40, "uploads": 0, "bucket_keys": 2, "failed": 1 },
            "failures": [{ "bucket": "pics", "name": "a\u{1b}b", "error": "the record is damaged" }],
            "evidence": {
                "says": ["1 objects and 0 bucket keys still need version 3 of key 1"],
                "complete": false,
                "left": { "objects": 1, "uploads": 0, "bucket_keys": 0 },
            },
        });
        let text = shown(&job);
        assert!(text.contains("objects        4 of 5 (40 bytes)\n"), "{text}");
        assert!(text.contains("               pics/a\u{fffd}b: the record is damaged\n"), "{text}");
        assert!(text.contains("evidence       1 objects and 0 bucket keys still need version 3 of key 1\n"), "{text}");
        assert!(text.ends_with("left           1 objects, 0 uploads and 0 bucket keys of the job\n"), "{text}");
    }

    #[test]
    fn only_complete_evidence_ends_a_waiting_well() {
        let job = |state: &str, complete: Option<bool>| {
            let evidence = complete.map(|complete| json!({ "complete": complete }));
            json!({ "state": state, "evidence": evidence })
        };
        for (state, complete, looked, awaited) in [
            ("done", Some(true), 0, 0),
            ("done", Some(false), 1, 1),
            ("done", None, 1, 1),
            ("running", None, 0, 1),
            ("stopped", None, 0, 1),
            ("paused", None, 1, 1),
            ("refused", None, 1, 1),
            ("of a later release", Some(true), 1, 1),
        ] {
            let job = job(state, complete);
            assert_eq!((exit_code(&job, false), exit_code(&job, true)), (looked, awaited), "{job}");
        }
    }

    #[test]
    fn jobs_are_listed_by_what_they_are_about() {
        let jobs = json!({ "jobs": [
            { "id": "ab", "state": "paused", "key": "arn:x:key/1", "to": null, "counts": { "objects": 2 }, "started": "t" },
            { "id": "cd", "state": "done", "key": null, "to": "arn:x:key/2", "counts": {}, "started": "u" },
        ] });
        let text = listed(&jobs);
        assert!(text.contains("ab   paused  1        newest version  2     t\n"), "{text}");
        assert!(text.contains("cd   done    SSE-OBS  2               0     u\n"), "{text}");
    }
}
