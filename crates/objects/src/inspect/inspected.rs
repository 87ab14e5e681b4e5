//! What whoever opens things at rest asks of them, be they object versions or uploads in progress.

use super::{Finding, FindingKind, Inspector, OpenedBody, SealedHow};
use model::BucketName;
use sse::{BodyKeys, Envelope, Target};

/// Something under an envelope of its own, looked at as far as no key tells.
pub trait Inspected: Send + Sync + 'static {
    /// Its bucket.
    fn bucket(&self) -> &BucketName;

    /// Its envelope.
    fn envelope(&self) -> &Envelope;

    /// What its keys are bound to.
    fn target(&self) -> Target<'_>;

    /// Plaintext bytes, as its record says; 0 of an upload, whose record says nothing.
    fn bytes(&self) -> u64;

    /// Parts that have come, of an upload; `None` of an object.
    fn parts(&self) -> Option<u64>;

    /// Hands out what is wrong with it as far as no key tells.
    fn take_findings(&mut self) -> Vec<Finding>;

    /// A finding about it.
    fn finding(&self, kind: FindingKind, detail: &str) -> Finding;

    /// Opens it whole. Blocks. Memory: some segments. `progress` is told of plaintext bytes as they are opened.
    fn open(&self, inspector: &Inspector, keys: &BodyKeys, progress: &dyn Fn(u64)) -> OpenedBody;

    /// How it is sealed.
    fn sealed_how(&self) -> SealedHow {
        SealedHow::of(self.envelope())
    }
}
