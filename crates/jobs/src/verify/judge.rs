//! What comes of one object or upload: looked at, opened where it is to be and can be, and judged.

use super::run::Run;
use super::tally::{Judgement, Tally};
use objects::inspect::{Finding, FindingKind, Inspected, OpenedBody, SealedHow};
use sse::NotOpened;
use std::sync::Arc;

/// What came of one object or upload.
pub(super) struct Judged {
    bucket: String,
    how: SealedHow,
    bytes: u64,
    /// Of an upload.
    parts: Option<u64>,
    judgement: Judgement,
    opened: OpenedBody,
}

impl Run {
    /// Opens what was looked at, if it is to be opened and its keys can be had.
    pub(super) async fn judge(self: &Arc<Self>, mut found: impl Inspected, open: bool) -> Result<Judged, String> {
        let mut findings = found.take_findings();
        let (bucket, how) = (found.bucket().to_string(), found.sealed_how());
        let (bytes, parts) = (found.bytes(), found.parts());
        let (judgement, opened) = match self.keys.as_ref().filter(|_| open) {
            None => (Judgement::StructureOnly, OpenedBody::default()),
            Some(keys) => match keys.open(found.envelope(), found.target()).await {
                Ok(with) => {
                    findings.extend(with.by_copy.map(|what| found.finding(FindingKind::BucketKeyRow, what)));
                    let opened = self
                        .blocking(move |run| {
                            found.open(&run.inspector, &with.keys, &|bytes| run.progress.opened(bytes))
                        })
                        .await?;
                    (Judgement::Verified, opened)
                }
                Err(error) => {
                    let (judgement, finding) = unopened(error, |kind, what| found.finding(kind, what));
                    findings.extend(finding);
                    (judgement, OpenedBody::default())
                }
            },
        };
        findings.extend(opened.findings);
        let opened = OpenedBody { findings, ..opened };
        Ok(Judged { bucket, how, bytes, parts, judgement, opened })
    }
}

impl Judged {
    /// Counts it.
    pub(super) fn enter(self, tally: &mut Tally) {
        let Self { bucket, how, bytes, parts, judgement, opened } = self;
        let wrong = !opened.findings.is_empty();
        match parts {
            None => tally.judge(&bucket, how, bytes, wrong, &judgement),
            Some(parts) => {
                tally.uploads += 1;
                tally.parts += parts;
                tally.uploads_opened += u64::from(judgement == Judgement::Verified);
                if let Judgement::Unverified(why) = judgement {
                    *tally.unverified.entry(why).or_default() += 1;
                }
            }
        }
        tally.segments += opened.segments;
        tally.opened_bytes = tally.opened_bytes.saturating_add(opened.bytes);
        tally.find_all(opened.findings);
    }
}

/// What a key that could not be had means for what is under it.
pub(super) fn unopened(
    error: NotOpened,
    finding: impl FnOnce(FindingKind, &str) -> Finding,
) -> (Judgement, Option<Finding>) {
    match error {
        NotOpened::CustomerKey => (Judgement::StructureOnly, None),
        NotOpened::KeyUnavailable(why) => (Judgement::Unverified(why), None),
        NotOpened::Damaged(what) => (Judgement::StructureOnly, Some(finding(FindingKind::KeyDamaged, what))),
    }
}
