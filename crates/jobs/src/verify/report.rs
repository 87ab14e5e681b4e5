//! The report as JSON (docs/formats/verification-report.md). It holds names, counts and ids; no key and no byte of a body
//! ever comes near it.

use super::tally::{Tally, Total};
use super::{Options, Sample};
use model::Timestamp;
use objects::inspect::{Finding, FindingKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The format of the JSON.
pub const FORMAT: &str = "strongroom/verification-report/1";

/// What a run does not show, however it ends.
pub(super) const DOES_NOT_PROVE: &[&str] = &[
    "That no object is missing: a store that was put back whole to an earlier state is consistent in itself. Compare the \
     number of objects, and the head of the audit log, with what you noted elsewhere.",
    "Anything about the plaintext of objects under a customer key (SSE-C): their keys are not on the server. Their records \
     and the lengths of their sealed bytes were checked.",
    "Access rules: ACLs, tags and policies are not covered by an object's authentication code. They are under the checksum of \
     the store, which finds accidents, not intent.",
    "That records of plain objects are as they were written: they have no key. Their bytes are compared with checksums that \
     find accidents, not intent.",
    "That the software that made this report is what it says: run it from a binary that you trust.",
];

/// When, by what, over what a run was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The version of the program.
    pub program: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The data directory.
    pub directory: String,
    /// Fingerprint of the key that signs this directory's audit log: it names the directory wherever it is copied to.
    pub audit_key: Option<String>,
    /// Number and hash of the audit log's newest line when the run began.
    pub audit_head: Option<String>,
    /// Why the walk could not be made or ended early, if so.
    pub broken: Option<String>,
    /// Whether keys were at hand; without, the structure alone was looked at.
    pub with_keys: bool,
}

/// What a run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong, and all that was to be verified was.
    Sound,
    /// Nothing is known to be wrong, and something could not be verified.
    Incomplete,
    /// Something is wrong.
    Findings,
}

impl Verdict {
    /// Its name in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Incomplete => "incomplete",
            Self::Findings => "findings",
        }
    }
}

/// A report.
#[derive(Clone, Debug)]
pub struct Report {
    /// When, by what, over what.
    pub circumstances: Circumstances,
    pub(super) bucket: Option<String>,
    pub(super) sample: Option<Sample>,
    /// What was counted and found.
    pub tally: Tally,
}

impl Report {
    /// Puts a report together.
    pub fn new(circumstances: Circumstances, options: &Options, tally: Tally) -> Self {
        let bucket = options.bucket.as_ref().map(ToString::to_string);
        Self { circumstances, bucket, sample: options.sample, tally }
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        if self.tally.findings_total() > 0 {
            Verdict::Findings
        } else if self.tally.unverified_total() > 0 || !self.tally.index_complete || self.circumstances.broken.is_some()
        {
            // An index that is not complete cannot be said to lack nothing.
            Verdict::Incomplete
        } else {
            Verdict::Sound
        }
    }

    /// Findings that are counted and not named.
    pub fn left_out(&self) -> u64 {
        self.tally.findings_total().saturating_sub(self.tally.findings.len() as u64)
    }

    /// The report as JSON. The same report gives the same bytes.
    pub fn to_json(&self) -> Value {
        let Circumstances { program, started, ended, directory, audit_key, audit_head, broken, with_keys } =
            &self.circumstances;
        let tally = &self.tally;
        let kinds: BTreeMap<&str, u64> = tally.kinds.iter().map(|(kind, count)| (kind.name(), *count)).collect();
        let unverified: Vec<Value> =
            tally.unverified.iter().map(|(why, count)| json!({ "reason": why, "count": count })).collect();
        json!({
            "format": FORMAT,
            "program": program,
            "started": date(*started),
            "ended": date(*ended),
            "directory": directory,
            "audit_key": audit_key,
            "audit_head": audit_head,
            "scope": {
                "bucket": self.bucket,
                "keys": with_keys,
                "sample": self.sample.map(|s| json!({ "objects": s.objects, "seed": hex(&s.seed) })),
            },
            "verdict": self.verdict().name(),
            "broken_off": broken,
            "objects": total(&tally.all()),
            "opened": { "segments": tally.segments, "bytes": tally.opened_bytes },
            "classes": tally.totals.iter().map(|(class, counts)| {
                let mut shown = total(counts);
                shown["bucket"] = class.bucket.as_str().into();
                shown["method"] = class.how.method.into();
                shown["cipher"] = class.how.cipher.into();
                shown["cmk"] = class.how.cmk.as_ref().map(|cmk| cmk.to_arn()).into();
                shown["cmk_version"] = class.how.cmk_version.into();
                shown["bucket_key"] = class.bucket_key.into();
                shown
            }).collect::<Vec<_>>(),
            "buckets": tally.buckets,
            "uploads": { "count": tally.uploads, "parts": tally.parts, "opened": tally.uploads_opened },
            "bucket_keys": {
                "count": tally.bucket_keys,
                "opened": tally.bucket_keys_opened,
                "of_deleted_buckets": tally.bucket_keys_left,
            },
            "index": { "complete": tally.index_complete, "rows": tally.index_rows },
            "other_rows": tally.other_rows,
            "files": tally.references.map(|counts| json!({
                "blobs": counts.files,
                "bytes": counts.file_bytes,
                "unfinished": counts.files_unfinished,
                "inline_rows": counts.inline_rows,
                "awaiting_removal": counts.awaiting_removal,
            })),
            "unverified": unverified,
            "findings_total": tally.findings_total(),
            "findings_by_kind": kinds,
            "findings_left_out": self.left_out(),
            "findings": tally.findings.iter().map(finding).collect::<Vec<_>>(),
            "does_not_prove": DOES_NOT_PROVE,
        })
    }
}

fn total(total: &Total) -> Value {
    let Total { objects, bytes, verified, structure_only, unverified, wrong } = total;
    json!({
        "objects": objects,
        "bytes": bytes,
        "verified": verified,
        "structure_only": structure_only,
        "unverified": unverified,
        "with_findings": wrong,
    })
}

fn finding(of: &Finding) -> Value {
    let Finding { kind, bucket, object, version, at, detail } = of;
    json!({
        "kind": kind.name(), "bucket": bucket, "object": object, "version": version, "at": at, "detail": detail,
    })
}

/// What the kinds that were found mean, in their order.
pub(super) fn meanings(tally: &Tally) -> Vec<(&'static str, u64, &'static str)> {
    let found = |kind: &FindingKind| tally.kinds.get(kind).map(|count| (kind.name(), *count, kind.meaning()));
    FindingKind::ALL.iter().filter_map(found).collect()
}

pub(super) fn date(at: Timestamp) -> String {
    let nanos = i128::from(at.as_millis()) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
