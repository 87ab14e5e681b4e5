//! The file of a form as the body of a write. Its length is held to what the policy allows while it flows, and what
//! follows it is read to the end before the write may commit: a form that is cut short, or holds a second file, is none.

use super::framing::{Broken, Framing, Next};
use super::part::PartHead;
use crate::body::ByteSource;
use crate::errors::{FormFault, Refusal};
use async_trait::async_trait;
use bytes::Bytes;
use crypto::ChecksumValue;
use objects::api::BodySource;
use objects::{BodyError, Fail};
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

/// Bytes after the file: fields that are ignored, such as a form's button.
const AFTER_BYTES_MAX: usize = 64 * 1024;

/// What is wrong with the file, where that is more than a body can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFault {
    /// Longer than the policy allows.
    TooLarge,
    /// Shorter than the policy demands.
    TooSmall,
    /// A second file.
    Second,
    /// The framing is broken; says how.
    Malformed(&'static str),
}

/// Where the fault is told, beside the body that fails with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict(Arc<OnceLock<FileFault>>);

impl Verdict {
    /// What a failed write is to be answered with: the file's fault if the write failed for it.
    pub(super) fn explain(&self, fail: Fail) -> Refusal {
        match (&fail, self.0.get()) {
            (Fail::Body(_), Some(FileFault::TooLarge)) => Fail::EntityTooLarge.into(),
            (Fail::Body(_), Some(FileFault::TooSmall)) => Fail::EntityTooSmall.into(),
            (Fail::Body(_), Some(FileFault::Second)) => FormFault::FileCount.into(),
            (Fail::Body(_), Some(FileFault::Malformed(why))) => FormFault::Malformed(why).into(),
            _ => fail.into(),
        }
    }
}

enum Stage {
    File,
    Done,
    Failed(BodyError),
}

/// The file's bytes.
pub(super) struct FileBody<S> {
    form: Framing<S>,
    /// Bytes the file may have.
    range: RangeInclusive<u64>,
    received: u64,
    stage: Stage,
    verdict: Verdict,
}

impl<S: ByteSource> FileBody<S> {
    /// The file whose head was just read, and where its fault will stand.
    pub(super) fn new(form: Framing<S>, range: RangeInclusive<u64>) -> (Self, Verdict) {
        let verdict = Verdict::default();
        (Self { form, range, received: 0, stage: Stage::File, verdict: verdict.clone() }, verdict)
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self.form.content().await {
            Ok(Some(piece)) => {
                self.received = self.received.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                if self.received > *self.range.end() {
                    return Err(self.fault(FileFault::TooLarge));
                }
                Ok(Some(piece))
            }
            Ok(None) if self.received < *self.range.start() => Err(self.fault(FileFault::TooSmall)),
            Ok(None) => {
                self.form.refill(AFTER_BYTES_MAX);
                let rest = self.rest().await;
                match rest {
                    Ok(false) => Ok(None),
                    Ok(true) => Err(self.fault(FileFault::Second)),
                    Err(broken) => Err(self.broken(broken)),
                }
            }
            Err(broken) => Err(self.broken(broken)),
        }
    }

    /// Reads what follows the file. Whether there is a second one.
    async fn rest(&mut self) -> Result<bool, Broken> {
        while self.form.next().await? == Next::Part {
            let head = PartHead::parse(&self.form.head().await?);
            if head.is_some_and(|head| head.is_file()) {
                return Ok(true);
            }
            self.form.skip().await?;
        }
        self.form.end().await?;
        Ok(false)
    }

    fn broken(&self, broken: Broken) -> BodyError {
        match broken {
            Broken::Body(error) => error,
            Broken::Malformed(why) => self.fault(FileFault::Malformed(why)),
            Broken::TooMuch => self.fault(FileFault::Malformed("too much follows the file")),
        }
    }

    fn fault(&self, fault: FileFault) -> BodyError {
        // The first fault is the one that counts.
        let _ = self.verdict.0.set(fault);
        BodyError::Incomplete
    }
}

#[async_trait]
impl<S: ByteSource> BodySource for FileBody<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self.stage {
            Stage::Failed(error) => return Err(error),
            Stage::Done => return Ok(None),
            Stage::File => {}
        }
        let outcome = self.advance().await;
        match &outcome {
            Ok(Some(_)) => {}
            Ok(None) => self.stage = Stage::Done,
            Err(error) => self.stage = Stage::Failed(*error),
        }
        outcome
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        Vec::new()
    }
}
