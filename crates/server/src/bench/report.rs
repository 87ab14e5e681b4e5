//! The figures: per row throughput and server CPU, and the ratio of sealed to plain.

use super::load::{Method, Operation};
use serde_json::{Value, json};
use std::fmt::Write;

const GIB: f64 = (1024_u64 * 1024 * 1024) as f64;
const MIB: f64 = (1024_u64 * 1024) as f64;

/// One operation, size and method, summed over the rounds.
#[derive(Debug)]
pub(super) struct Row {
    operation: Operation,
    method: Method,
    size_bytes: usize,
    /// The server's `audit_sync`.
    audit_sync: &'static str,
    requests: usize,
    seconds: f64,
    cpu_seconds: f64,
}

impl Row {
    pub(super) fn new(operation: Operation, method: Method, size_bytes: usize, audit_sync: &'static str) -> Self {
        Self { operation, method, size_bytes, audit_sync, requests: 0, seconds: 0.0, cpu_seconds: 0.0 }
    }

    /// Adds a round.
    pub(super) fn add(&mut self, requests: usize, seconds: f64, cpu_seconds: f64) {
        self.requests += requests;
        self.seconds += seconds;
        self.cpu_seconds += cpu_seconds;
    }

    fn bytes(&self) -> usize {
        self.requests * self.size_bytes
    }

    fn mib_per_second(&self) -> f64 {
        self.bytes() as f64 / MIB / self.seconds
    }

    fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    fn cpu_seconds_per_gib(&self) -> f64 {
        self.cpu_seconds / (self.bytes() as f64 / GIB)
    }

    fn cpu_micros_per_request(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.requests as f64
    }
}

/// All rows, and memory.
#[derive(Debug)]
pub(super) struct Report {
    connections: u16,
    rows: Vec<Row>,
    peak_rss_bytes: u64,
    /// Uploads of 64 MiB at once, and the peak before them.
    uploads: Option<(u16, u64)>,
}

impl Report {
    pub(super) fn new(connections: u16, rows: Vec<Row>) -> Self {
        Self { connections, rows, peak_rss_bytes: 0, uploads: None }
    }

    /// The peak without a measurement of its own.
    pub(super) fn set_peak(&mut self, peak_rss_bytes: u64) {
        self.peak_rss_bytes = peak_rss_bytes;
    }

    /// The peak after many uploads at once.
    pub(super) fn set_uploads(&mut self, uploads: u16, before: u64, after: u64) {
        (self.uploads, self.peak_rss_bytes) = (Some((uploads, before)), after);
    }

    /// Server CPU of a sealed request over that of the plain request of its operation and size.
    fn cpu_ratio(&self, sealed: &Row) -> Option<f64> {
        let is_plain = |row: &&Row| {
            (row.operation, row.size_bytes, row.method) == (sealed.operation, sealed.size_bytes, Method::Plain)
        };
        let plain = self.rows.iter().find(is_plain)?;
        Some(sealed.cpu_micros_per_request() / plain.cpu_micros_per_request()).filter(|ratio| ratio.is_finite())
    }

    /// For programs.
    pub(super) fn to_json(&self) -> String {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "operation": row.operation.name(),
                    "size_bytes": row.size_bytes,
                    "method": row.method.name(),
                    "audit_sync": row.audit_sync,
                    "requests": row.requests,
                    "bytes": row.bytes(),
                    "seconds": row.seconds,
                    "mib_per_second": row.mib_per_second(),
                    "requests_per_second": row.requests_per_second(),
                    "cpu_seconds": row.cpu_seconds,
                    "cpu_seconds_per_gib": row.cpu_seconds_per_gib(),
                    "cpu_micros_per_request": row.cpu_micros_per_request(),
                    "cpu_ratio_to_plain": match row.method {
                        Method::Plain => None,
                        Method::SseKms | Method::SseKmsNoBucketKey => self.cpu_ratio(row),
                    },
                })
            })
            .collect();
        let uploads =
            self.uploads.map(|(uploads, before)| json!({ "uploads": uploads, "peak_rss_bytes_before": before }));
        let report = json!({
            "connections": self.connections,
            "rows": rows,
            "peak_rss_bytes": self.peak_rss_bytes,
            "uploads_at_once": uploads,
        });
        format!("{report:#}\n")
    }

    /// For people.
    pub(super) fn to_text(&self) -> String {
        let mut out = format!(
            "{} connections over HTTP on loopback; CPU is the server's, user and system.\n\n\
             {:<4} {:>7}  {:<21} {:<10} {:>9} {:>9} {:>11} {:>9}  CPU to plain\n",
            self.connections, "", "size", "method", "audit sync", "MiB/s", "req/s", "CPU s/GiB", "µs/req"
        );
        for row in &self.rows {
            let ratio = match row.method {
                Method::Plain => String::new(),
                Method::SseKms | Method::SseKmsNoBucketKey => self
                    .cpu_ratio(row)
                    .map(|ratio| format!("{ratio:.2} x"))
                    .unwrap_or_else(|| "too little to tell".to_owned()),
            };
            let _ = writeln!(
                out,
                "{:<4} {:>7}  {:<21} {:<10} {:>9.1} {:>9.1} {:>11.3} {:>9.0}  {ratio}",
                row.operation.name(),
                bytes(row.size_bytes),
                row.method.name(),
                row.audit_sync,
                row.mib_per_second(),
                row.requests_per_second(),
                row.cpu_seconds_per_gib(),
                row.cpu_micros_per_request(),
            );
        }
        let _ = writeln!(out, "\nPeak memory of the server: {:.1} MiB", self.peak_rss_bytes as f64 / MIB);
        if let Some((uploads, before)) = self.uploads {
            let _ = writeln!(
                out,
                "after {uploads} sealed uploads of 64 MiB at once; {:.1} MiB before them.",
                before as f64 / MIB
            );
        }
        out
    }
}

/// A size in the largest whole unit.
pub(super) fn bytes(size: usize) -> String {
    const KIB: usize = 1024;
    match size {
        size if size >= KIB * KIB && size.is_multiple_of(KIB * KIB) => format!("{} MiB", size / (KIB * KIB)),
        size if size >= KIB && size.is_multiple_of(KIB) => format!("{} KiB", size / KIB),
        size => format!("{size} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_compare_cpu_per_request_of_equal_rows() {
        let mut plain = Row::new(Operation::Put, Method::Plain, 1024, "each");
        let mut sealed = Row::new(Operation::Put, Method::SseKms, 1024, "each");
        let mut each = Row::new(Operation::Put, Method::SseKmsNoBucketKey, 1024, "each");
        let mut written = Row::new(Operation::Put, Method::SseKmsNoBucketKey, 1024, "written");
        plain.add(100, 1.0, 0.5);
        plain.add(100, 1.0, 0.5);
        sealed.add(100, 1.0, 0.55);
        each.add(100, 1.0, 1.0);
        written.add(100, 0.5, 0.75);
        let report = Report::new(8, vec![plain, sealed, each, written]);
        for (row, expected) in report.rows.iter().zip([1.0, 1.1, 2.0, 1.5]) {
            let ratio = report.cpu_ratio(row).unwrap();
            assert!((ratio - expected).abs() < 1e-9, "{ratio}");
        }
        assert_eq!(
            report.cpu_ratio(&Row::new(Operation::Get, Method::SseKms, 1024, "each")),
            None,
            "nothing to compare"
        );
        assert!(report.to_text().contains("1.10 x"));
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["rows"][0]["bytes"], 200 * 1024);
        assert_eq!(
            (&json["rows"][2]["audit_sync"], &json["rows"][3]["audit_sync"]),
            (&json!("each"), &json!("written"))
        );
    }
}
