//! `strongroom bench`: PUT and GET of 4 KiB, 1 MiB and 64 MiB, plain against SSE-KMS with a warm bucket key and without
//! bucket key, in one run. Without bucket key each request is an event of the audit log, so that what its
//! synchronisation costs shows there: with `--audit-sync both`, on a second server beside the first.
//!
//! The server is a child process of its own, so that its CPU time and its memory can be told from the client's. Plain and
//! sealed rounds alternate: what drifts on the machine meanwhile drifts for both, and the ratio is what counts. Requests
//! go over plain HTTP, since TLS would cost the same on both sides and hide the difference.

mod child;
mod load;
mod report;

use crate::failure::Failure;
use child::Child;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use load::{Load, Method, Operation};
use report::{Report, Row};
use std::time::Instant;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A body size and how many requests of it one round has.
struct Size {
    bytes: usize,
    requests: usize,
    requests_quick: usize,
}

const SIZES: [Size; 3] = [
    Size { bytes: 4 * KIB, requests: 8000, requests_quick: 200 },
    Size { bytes: MIB, requests: 512, requests_quick: 16 },
    Size { bytes: 64 * MIB, requests: 16, requests_quick: 2 },
];

/// When an event of the audit log counts as written: the servers to be measured, named as their setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AuditSync {
    /// When the disk is synchronised.
    Each,
    /// When the system has it.
    Written,
    /// Two servers, one of each, for what makes an event at each request.
    Both,
}

impl AuditSync {
    /// Values of the setting, one for each server.
    const fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Each => &["each"],
            Self::Written => &["written"],
            Self::Both => &["each", "written"],
        }
    }
}

/// Options of the benchmark.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  strongroom bench --quick\n  strongroom bench --audit-sync both --json")]
pub(crate) struct BenchOptions {
    /// Connections that send requests at the same time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Rounds of each measurement; plain and sealed rounds alternate.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Uploads of 64 MiB at once in the last measurement, which is for memory; 0 leaves it out.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(0..=1024))]
    uploads: u16,
    /// `audit_sync` of the server; `both` compares the two in one run, on SSE-KMS without bucket key.
    #[arg(long, value_enum, value_name = "MODE", default_value = "each")]
    audit_sync: AuditSync,
    /// Few requests, one round: shows that it works, measures little.
    #[arg(long)]
    quick: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Measures and returns what to print.
pub(crate) async fn run(options: &BenchOptions) -> Result<String, Failure> {
    let mut servers = Vec::new();
    for setting in options.audit_sync.settings() {
        let child = Child::start(setting)?;
        let load = Load::prepare(&child).await?;
        servers.push((*setting, child, load));
    }
    // What is measured in turn: everything on the first server; on a second one what the audit log bears upon.
    let lanes: Vec<(usize, Method)> = Method::ALL
        .into_iter()
        .map(|method| (0, method))
        .chain((1..servers.len()).map(|server| (server, Method::SseKmsNoBucketKey)))
        .collect();
    let rounds = if options.quick { 1 } else { options.rounds };
    let uploads = if options.quick { 4 } else { options.uploads };
    let progress = ProgressBar::new(
        (SIZES.len() * Operation::ALL.len() * lanes.len()) as u64 * u64::from(rounds) + u64::from(uploads > 0),
    );
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        progress.set_style(style);
    }

    let mut rows = Vec::new();
    for size in &SIZES {
        let requests = if options.quick { size.requests_quick } else { size.requests };
        for operation in Operation::ALL {
            let row = |(server, method): &(usize, Method)| Row::new(operation, *method, size.bytes, servers[*server].0);
            let mut measured: Vec<Row> = lanes.iter().map(row).collect();
            for _ in 0..rounds {
                for ((server, method), row) in lanes.iter().copied().zip(&mut measured) {
                    let (_, child, load) = &mut servers[server];
                    progress.set_message(format!(
                        "{} {} {}",
                        operation.name(),
                        report::bytes(size.bytes),
                        method.name()
                    ));
                    let (cpu, began) = (child.cpu_seconds()?, Instant::now());
                    load.run(operation, method, size.bytes, requests, usize::from(options.connections)).await?;
                    row.add(requests, began.elapsed().as_secs_f64(), child.cpu_seconds()? - cpu);
                    progress.inc(1);
                }
            }
            rows.extend(measured);
        }
    }
    let mut report = Report::new(options.connections, rows);
    let (_, child, load) = &mut servers[0];
    if uploads > 0 {
        progress.set_message(format!("{uploads} uploads at once"));
        let rss_before = child.peak_rss_bytes()?;
        load.run(Operation::Put, Method::SseKms, 64 * MIB, usize::from(uploads), usize::from(uploads)).await?;
        report.set_uploads(uploads, rss_before, child.peak_rss_bytes()?);
        progress.inc(1);
    } else {
        report.set_peak(child.peak_rss_bytes()?);
    }
    progress.finish_and_clear();
    for (_, child, load) in servers {
        drop(load);
        child.stop()?;
    }
    Ok(if options.json { report.to_json() } else { report.to_text() })
}
