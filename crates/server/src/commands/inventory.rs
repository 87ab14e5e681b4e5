//! `strongroom inventory`: how each object of a bucket is sealed, as a file.

use super::shown::{field, list};
use super::{Common, Env, Outcome};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use jobs::inventory::{Entry, csv, parquet};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

pub(crate) const INVENTORY_EXAMPLE: &str = "\
Columns: bucket, name, version, size, last_modified, etag, method, cipher, cmk, cmk_version, bucket_key, bucket_key_id,
storage_class, checksum, parts. Names are percent-encoded in CSV and as they are in Parquet.
Needs the rights s3:ListBucket and s3:GetEncryptionConfiguration.

Examples:
  strongroom inventory --bucket invoices > invoices.csv
  strongroom inventory --bucket invoices --format parquet --output invoices.parquet";

/// What `inventory` takes.
#[derive(Args, Debug)]
pub(crate) struct Inventory {
    /// The bucket.
    #[arg(long, value_name = "BUCKET")]
    bucket: String,
    /// What is written.
    #[arg(long, value_enum, default_value_t = Format::Csv, conflicts_with = "json")]
    format: Format,
    /// The file to be written, mode 0600. It must not exist. Without it, the inventory is printed.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values, RFC 4180.
    Csv,
    /// Apache Parquet, compressed with Snappy.
    Parquet,
}

type Out = Box<dyn Write + Send>;

/// Where entries go.
enum Writer {
    Json(Out),
    Csv(Out),
    Parquet(Box<parquet::Writer<Out>>),
}

impl Inventory {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        if self.format == Format::Parquet && self.output.is_none() && std::io::stdout().is_terminal() {
            return Err(Failure::usage("a Parquet file is not for a terminal: name a file with --output"));
        }
        let mut client = self.common.connect(env).await?;
        // What is refused leaves neither a file nor a line.
        let first = self.page(&mut client, "").await?;
        let Some(path) = &self.output else {
            self.write(&mut client, first, Box::new(std::io::stdout())).await?;
            return Ok(String::new().into());
        };
        let made: Result<File, _> = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|error| Failure::io("make", path, &error))?;
        match self.write(&mut client, first, Box::new(file)).await {
            Ok(count) => Ok(format!("{count} objects: {}\n", path.display()).into()),
            Err(failure) => {
                // An inventory that leaves objects out is none.
                let _ = std::fs::remove_file(path);
                Err(failure)
            }
        }
    }

    async fn page(&self, client: &mut ControlClient, after: &str) -> Result<Value, Failure> {
        let query = if after.is_empty() { String::new() } else { format!("after={}", encoded(after)) };
        let page = client.admin_text(&["buckets", &self.bucket, "inventory"], &query).await?;
        serde_json::from_str(&page).map_err(|_| Failure::not_understood())
    }

    /// Writes all pages; how many objects there were.
    async fn write(&self, client: &mut ControlClient, first: Value, out: Out) -> Result<u64, Failure> {
        let mut writer = Writer::new(self.format, self.common.json, out).map_err(unwritten)?;
        let (mut page, mut count) = (first, 0);
        loop {
            for object in list(&page, "objects") {
                writer.push(object)?;
                count += 1;
            }
            page = match field(&page, "next") {
                "" => break,
                next => self.page(client, next).await?,
            };
        }
        writer.finish().map_err(unwritten)?;
        Ok(count)
    }
}

impl Writer {
    fn new(format: Format, json: bool, out: Out) -> std::io::Result<Writer> {
        let buffered = |out| Box::new(std::io::BufWriter::new(out));
        Ok(match format {
            _ if json => Writer::Json(buffered(out)),
            Format::Csv => {
                let mut out = buffered(out);
                out.write_all(csv::head().as_bytes())?;
                Writer::Csv(out)
            }
            Format::Parquet => Writer::Parquet(Box::new(parquet::Writer::new(out)?)),
        })
    }

    /// Adds an object, as the admin API tells of it.
    fn push(&mut self, object: &Value) -> Result<(), Failure> {
        let entry = || Entry::read(object).ok_or_else(Failure::not_understood);
        match self {
            Writer::Json(out) => writeln!(out, "{object}"),
            Writer::Csv(out) => {
                let line = csv::line(&entry()?).ok_or_else(Failure::not_understood)?;
                out.write_all(line.as_bytes())
            }
            Writer::Parquet(out) => out.push(entry()?),
        }
        .map_err(unwritten)
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Writer::Json(mut out) | Writer::Csv(mut out) => out.flush(),
            Writer::Parquet(out) => out.finish(),
        }
    }
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::new(format!("cannot write the inventory: {error}"))
}

/// A name as the value of a parameter.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
