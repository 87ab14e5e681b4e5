//! What a run counted and found. Bounded: classes are as many as there are buckets, methods, ciphers and CMK versions
//! together in use, and of findings only so many are kept; the rest is counted.

use objects::inspect::{Finding, FindingKind, ReferenceCounts, SealedHow};
use std::collections::BTreeMap;

/// Findings that a report names. More are counted by kind.
pub const FINDINGS_KEPT_MAX: usize = 10_000;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    /// The bucket's name.
    pub bucket: String,
    /// How the body is sealed; without the bucket key's id.
    pub how: SealedHow,
    /// Whether a bucket key stands between the CMK and the DEK.
    pub bucket_key: bool,
}

/// What became of the objects of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Objects whose records were understood.
    pub objects: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// Opened whole, and nothing is wrong.
    pub verified: u64,
    /// Nothing is wrong as far as no key tells: not chosen, under a customer key, or a run without keys.
    pub structure_only: u64,
    /// A key above it cannot be used or reached.
    pub unverified: u64,
    /// Something is wrong.
    pub wrong: u64,
}

/// How an object ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Verified,
    StructureOnly,
    Unverified(String),
}

/// What a run counted and found.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By class.
    pub totals: BTreeMap<Class, Total>,
    /// Why objects, uploads, bucket keys or the index of CMKs could not be verified, and how many.
    pub unverified: BTreeMap<String, u64>,
    /// Findings by kind, all of them.
    pub kinds: BTreeMap<FindingKind, u64>,
    /// Findings, sorted at the end; at most [`FINDINGS_KEPT_MAX`].
    pub findings: Vec<Finding>,
    /// Segments that authenticated.
    pub segments: u64,
    /// Plaintext bytes of them.
    pub opened_bytes: u64,
    /// Uploads in progress, and those of them that were opened.
    pub uploads: u64,
    /// Uploads whose parts were opened.
    pub uploads_opened: u64,
    /// Parts of uploads.
    pub parts: u64,
    /// Rows of bucket keys.
    pub bucket_keys: u64,
    /// Bucket keys that were unwrapped.
    pub bucket_keys_opened: u64,
    /// Bucket keys of buckets that were deleted: they open nothing.
    pub bucket_keys_left: u64,
    /// Rows of the index of CMKs.
    pub index_rows: u64,
    /// Whether the index says of itself that it is complete. If not, what it lacks is not known, and the run is not
    /// complete either.
    pub index_complete: bool,
    /// Rows of tables that were read for their checksums alone; `None` of a run over one bucket.
    pub other_rows: Option<u64>,
    /// Buckets.
    pub buckets: u64,
    /// Rows and files; `None` of a run over one bucket, which cannot tell what belongs to others.
    pub references: Option<ReferenceCounts>,
}

impl Tally {
    /// How many findings there were.
    pub fn findings_total(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// How many objects and other things could not be verified.
    pub fn unverified_total(&self) -> u64 {
        self.unverified.values().sum()
    }

    /// The sum of all classes.
    pub fn all(&self) -> Total {
        self.totals.values().fold(Total::default(), |sum, t| Total {
            objects: sum.objects + t.objects,
            bytes: sum.bytes.saturating_add(t.bytes),
            verified: sum.verified + t.verified,
            structure_only: sum.structure_only + t.structure_only,
            unverified: sum.unverified + t.unverified,
            wrong: sum.wrong + t.wrong,
        })
    }

    /// Adds a finding.
    pub fn find(&mut self, finding: Finding) {
        *self.kinds.entry(finding.kind).or_default() += 1;
        if self.findings.len() < FINDINGS_KEPT_MAX {
            self.findings.push(finding);
        }
    }

    pub(super) fn find_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.find(finding));
    }

    pub(super) fn judge(&mut self, bucket: &str, how: SealedHow, bytes: u64, wrong: bool, judgement: &Judgement) {
        let bucket_key = how.bucket_key.is_some();
        let class = Class { bucket: bucket.to_owned(), how: SealedHow { bucket_key: None, ..how }, bucket_key };
        let total = self.totals.entry(class).or_default();
        total.objects += 1;
        total.bytes = total.bytes.saturating_add(bytes);
        if let Judgement::Unverified(why) = judgement {
            *self.unverified.entry(why.clone()).or_default() += 1;
        }
        match judgement {
            _ if wrong => total.wrong += 1,
            Judgement::Verified => total.verified += 1,
            Judgement::StructureOnly => total.structure_only += 1,
            Judgement::Unverified(_) => total.unverified += 1,
        }
    }
}
