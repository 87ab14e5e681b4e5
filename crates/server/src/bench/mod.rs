//! `strongroom bench`: PUT and GET of 4 KiB, 1 MiB and 64 MiB, plain against SSE-KMS with a warm bucket key, in one run.
//!
//! The server is a child process of its own, so that its CPU time and its memory can be told from the client's. Plain and
//! sealed rounds alternate: what drifts on the machine meanwhile drifts for both, and the ratio is what counts. Requests
//! go over plain HTTP, since TLS would cost the same on both sides and hide the difference.

mod child;
mod load;
mod report;

use crate::failure::Failure;
use child::Child;
use clap::Args;
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

/// Options of the benchmark.
#[derive(Args, Debug)]
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
    /// Few requests, one round: shows that it works, measures little.
    #[arg(long)]
    quick: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Measures and returns what to print.
pub(crate) async fn run(options: &BenchOptions) -> Result<String, Failure> {
    let child = Child::start()?;
    let mut load = Load::prepare(&child).await?;
    let rounds = if options.quick { 1 } else { options.rounds };
    let uploads = if options.quick { 4 } else { options.uploads };
    let progress = ProgressBar::new(SIZES.len() as u64 * 2 * 2 * u64::from(rounds) + u64::from(uploads > 0));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        progress.set_style(style);
    }

    let mut rows = Vec::new();
    for size in &SIZES {
        let requests = if options.quick { size.requests_quick } else { size.requests };
        for operation in Operation::ALL {
            let mut measured = Method::ALL.map(|method| Row::new(operation, method, size.bytes));
            for _ in 0..rounds {
                for (method, row) in Method::ALL.into_iter().zip(&mut measured) {
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
    drop(load);
    child.stop()?;
    Ok(if options.json { report.to_json() } else { report.to_text() })
}
