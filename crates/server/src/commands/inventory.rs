//! `strongroom inventory`: how each object of a bucket is sealed, as a file.

use super::shown::{field, list};
use super::{Common, Env, Outcome};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::Args;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

pub(crate) const INVENTORY_EXAMPLE: &str = "\
Columns: bucket, name (percent-encoded), version, size, last_modified, etag, method, cipher, cmk, cmk_version, bucket_key,
bucket_key_id, storage_class, checksum, parts. Needs the rights s3:ListBucket and s3:GetEncryptionConfiguration.

Examples:
  strongroom inventory --bucket invoices > invoices.csv
  strongroom inventory --bucket invoices --output invoices.csv";

/// What `inventory` takes.
#[derive(Args, Debug)]
pub(crate) struct Inventory {
    /// The bucket.
    #[arg(long, value_name = "BUCKET")]
    bucket: String,
    /// The file to be written, mode 0600. It must not exist. Without it, the inventory is printed.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Inventory {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        let mut client = self.common.connect(env).await?;
        // What is refused leaves neither a file nor a line.
        let first = self.page(&mut client, "").await?;
        let Some(path) = &self.output else {
            self.write(&mut client, first, &mut std::io::stdout().lock()).await?;
            return Ok(String::new().into());
        };
        let made: Result<File, _> = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = BufWriter::new(made.map_err(|error| Failure::io("make", path, &error))?);
        match self.write(&mut client, first, &mut file).await {
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
    async fn write(&self, client: &mut ControlClient, first: Value, out: &mut dyn Write) -> Result<u64, Failure> {
        let unwritten = |error: std::io::Error| Failure::new(format!("cannot write the inventory: {error}"));
        if !self.common.json {
            out.write_all(jobs::inventory::head().as_bytes()).map_err(unwritten)?;
        }
        let (mut page, mut count) = (first, 0);
        loop {
            for object in list(&page, "objects") {
                let line = match self.common.json {
                    true => Some(format!("{object}\n")),
                    false => jobs::inventory::line(object),
                };
                out.write_all(line.ok_or_else(Failure::not_understood)?.as_bytes()).map_err(unwritten)?;
                count += 1;
            }
            page = match field(&page, "next") {
                "" => break,
                next => self.page(client, next).await?,
            };
        }
        out.flush().map_err(unwritten)?;
        Ok(count)
    }
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
