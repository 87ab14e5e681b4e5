//! `strongroom audit verify|head|tail|search|export`: reads the audit log's files. No server, no root key and no credentials
//! are needed; the log may be a copy on another machine.

mod lines;

use super::{Outcome, Output};
use crate::failure::Failure;
use audit::{Finding, Mark, PublicKey, Report, VerifyOptions};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use lines::{Export, Search, Tail};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const VERIFY_HELP: &str = "\
Ends with 0 when the log is sound, with 1 when something is wrong with it: the first bad line is named with its file, its
line and its number on the log. Kinds: changed, removed, inserted, reordered, missing-segment, truncated, unsigned-tail,
bad-signature, bad-head, lost, unexpected-head; docs/formats/audit.md says what each means.

A log that verifies may still be an old copy, or have been exchanged together with its public key. Keep the key, and now
and then the head, elsewhere:
  strongroom audit head --data /srv/strongroom
  strongroom audit verify --data /srv/strongroom --public-key ~/audit-key.pem --expect-head 4711:0f3a...

Examples:
  strongroom audit verify --data /srv/strongroom
  strongroom audit verify --dir ./copy-of-the-log --public-key audit-key.pem --json";

const HEAD_HELP: &str = "\
Prints SEQ:HASH, the number and hash of the newest line, and the fingerprint of the public key. Kept elsewhere, SEQ:HASH
shows later with `audit verify --expect-head` that this line, and so everything before it, is still there.

Example:
  strongroom audit head --data /srv/strongroom >> /mnt/elsewhere/heads";

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Verify the log: chain, signatures, head. Names the first line that is not as it was written.
    #[command(after_help = VERIFY_HELP)]
    Verify(Verify),
    /// Print the newest line's number and hash, to be kept elsewhere.
    #[command(after_help = HEAD_HELP)]
    Head(Head),
    /// Show the last events, and new ones as they come.
    Tail(Tail),
    /// Find events: by key, principal, operation, outcome, time or request.
    Search(Search),
    /// Write events as JSON lines or CSV.
    Export(Export),
}

/// Which log.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// The server's data directory; the log is in `audit` below it.
    #[arg(long, env = "STRONGROOM_DATA", value_name = "DIR", required_unless_present = "dir")]
    data: Option<PathBuf>,
    /// The log's own directory, where it is elsewhere (--audit-dir of the server) or a copy.
    #[arg(long, env = "STRONGROOM_AUDIT_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Place {
    fn dir(&self) -> PathBuf {
        match (&self.dir, &self.data) {
            (Some(dir), _) => dir.clone(),
            (None, Some(data)) => data.join("audit"),
            (None, None) => PathBuf::from("audit"),
        }
    }
}

/// What `audit verify` takes.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    place: Place,
    /// The public key (PEM), kept elsewhere. Without it the one beside the log is taken.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// A head noted earlier, as `audit head` prints it: this line must be on the log.
    #[arg(long, value_name = "SEQ:HASH")]
    expect_head: Option<Mark>,
    /// Print JSON for programs instead of text for people.
    #[arg(long)]
    json: bool,
}

/// What `audit head` takes.
#[derive(Args, Debug)]
pub(crate) struct Head {
    #[command(flatten)]
    place: Place,
    /// The public key (PEM), kept elsewhere. Without it the one beside the log is taken.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Print JSON for programs instead of text for people.
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Does what was asked. Lines of the log go straight to standard output: there may be many.
    pub(crate) fn run(&self) -> Outcome {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Head(head) => head.run(),
            Self::Tail(tail) => tail.run().map(|()| String::new().into()),
            Self::Search(search) => search.run().map(|()| String::new().into()),
            Self::Export(export) => export.run().map(|()| String::new().into()),
        }
    }
}

impl Verify {
    fn run(&self) -> Outcome {
        let dir = self.place.dir();
        let unread = |error: std::io::Error| Failure::io("read the audit log in", &dir, &error);
        let options = VerifyOptions {
            public_key: self.public_key.as_deref().map(read_key).transpose()?,
            expect_head: self.expect_head,
        };
        let bar = ProgressBar::new(audit::size_bytes(&dir).map_err(unread)?);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
            bar.set_style(style);
        }
        let report = audit::verify(&dir, options, &mut |bytes| bar.set_position(bytes)).map_err(unread);
        bar.finish_and_clear();
        let report = report?;
        let text = if self.json {
            super::shown::pretty(&as_json(&report))
        } else {
            as_text(&report, options.public_key.is_some())
        };
        Ok(Output { exit_code: u8::from(!report.is_sound()), ..text.into() })
    }
}

impl Head {
    fn run(&self) -> Outcome {
        let dir = self.place.dir();
        let key = self.public_key.as_deref().map(read_key).transpose()?;
        let (mark, key) = audit::head(&dir, key).map_err(|error| Failure::io("read the head in", &dir, &error))?;
        let text = if self.json {
            let hash = data_encoding::HEXLOWER.encode(&mark.hash);
            super::shown::pretty(&json!({
                "head": mark.to_string(), "seq": mark.seq, "hash": hash, "public_key": key.fingerprint(),
            }))
        } else {
            format!("{mark}\n")
        };
        let note = if self.json { String::new() } else { format!("public key  {}\n", key.fingerprint()) };
        Ok(Output { note: note.into(), ..text.into() })
    }
}

fn read_key(path: &Path) -> Result<PublicKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))?;
    PublicKey::from_pem(&text)
        .ok_or_else(|| Failure::usage(format!("`{}` holds no Ed25519 public key in PEM", path.display())))
}

fn finding_json(finding: &Finding) -> Value {
    let Finding { kind, file, line, seq, why } = finding;
    json!({ "kind": kind.name(), "file": file, "line": line, "seq": seq, "why": why })
}

fn as_json(report: &Report) -> Value {
    json!({
        "sound": report.is_sound(),
        "findings": report.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "head": report.last.to_string(),
        "first_seq": report.first.map(|first| first.seq),
        "last_seq": report.last.seq,
        "signed_seq": report.signed_seq,
        "segments": report.segments,
        "events": report.events,
        "checkpoints": report.checkpoints,
        "missing_events": report.missing_events,
        "unsigned": report.unsigned.iter().map(|(first, last)| json!([first, last])).collect::<Vec<_>>(),
        "tail_lines": report.tail_lines,
        "torn_bytes": report.torn_bytes,
        "closed": report.closed,
        "public_key": report.public_key.fingerprint(),
    })
}

fn as_text(report: &Report, pinned: bool) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let mut row = |label: &str, value: &str| _ = writeln!(out, "{label:<14} {value}");
    let first = report.first.map_or(0, |first| first.seq);
    row("lines", &format!("{first} to {}, in {} segments", report.last.seq, report.segments));
    row("events", &report.events.to_string());
    row("checkpoints", &report.checkpoints.to_string());
    row("signed", &format!("to line {}", report.signed_seq));
    row("head", &report.last.to_string());
    let of = if pinned { "as given" } else { "from beside the log" };
    row("public key", &format!("{} ({of})", report.public_key.fingerprint()));
    if report.missing_events > 0 {
        row("missing", &format!("{} events: the log could not be written, as it says itself", report.missing_events));
    }
    for (first, last) in &report.unsigned {
        row("note", &format!("lines {first} to {last} were without a head when the server began after a crash"));
    }
    if report.tail_lines > 0 || report.torn_bytes > 0 {
        let torn = if report.torn_bytes > 0 { ", and one that is not finished" } else { "" };
        row("note", &format!("{} lines after the head{torn}: a server is writing, or was cut off", report.tail_lines));
    } else if !report.closed {
        row("note", "the log is open: a server is writing, or was cut off");
    }
    for Finding { kind, file, line, seq, why } in &report.findings {
        let seq = seq.map(|seq| format!(" (line {seq} of the log)")).unwrap_or_default();
        row("NOT SOUND", &format!("{kind}: {file}:{line}{seq}: {why}"));
    }
    if report.is_sound() {
        row("sound", "yes");
    }
    out
}
