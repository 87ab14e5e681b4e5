//! Counting what a bucket holds: a walk over its records in rounds, each on a blocking thread with a snapshot of its own, so
//! that a large bucket neither fills the memory nor keeps the engine from cleaning up. What changes while the walk goes on
//! is counted as it was or as it is.

use crate::api::StoredHow;
use crate::records::{Content, Layout, ObjectVersion, Version, keys};
use model::BucketUid;
use model::codec::DecodeError;
use sse::Envelope;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{MetaStore, Snapshot, StoreFault, Table};

/// Records looked at in one round.
const ROUND_MAX: usize = 1000;
/// CMKs of one bucket that are told apart; what is under others is counted together.
const CMKS_MAX: usize = 1000;

/// Objects, bytes of plaintext, bytes at rest; by method and CMK.
pub(super) type Held = BTreeMap<StoredHow, [u64; 3]>;

/// What a bucket's current objects come to.
pub(super) async fn count(meta: &Arc<dyn MetaStore>, bucket: BucketUid) -> Result<Held, StoreFault> {
    let (mut held, mut after) = (Held::new(), None);
    loop {
        let round = store::read(meta, move |snapshot| round(snapshot, bucket, after, held)).await?;
        (held, after) = round;
        if after.is_none() {
            return Ok(held);
        }
    }
}

/// Adds one round to what was held; says where the next begins.
fn round(
    snapshot: &dyn Snapshot,
    bucket: BucketUid,
    after: Option<Vec<u8>>,
    mut held: Held,
) -> Result<(Held, Option<Vec<u8>>), StoreFault> {
    let (mut seen, mut last) = (0, None);
    let mut in_parts = Vec::new();
    snapshot.scan(Table::Current, &keys::bucket_uid(bucket), after.as_deref(), &mut |key, value| {
        seen += 1;
        match Version::decode(value) {
            Ok(Version::DeleteMarker { .. }) => {}
            Ok(Version::Object(object)) => match object.content {
                Content::Single(stored) => {
                    let sealed = object.envelope.sealed_bytes(stored.plain_bytes);
                    add(&mut held, how(&object.envelope), [1, object.size, sealed]);
                }
                Content::Parts => in_parts.push(object),
            },
            Err(error) => unreadable(&mut held, &error),
        }
        // The key that follows this one.
        last = (seen == ROUND_MAX).then(|| [key, &[0]].concat());
        seen < ROUND_MAX
    })?;
    for object in in_parts {
        match sealed_parts(snapshot, &object)? {
            Ok(sealed) => add(&mut held, how(&object.envelope), [1, object.size, sealed]),
            Err(error) => unreadable(&mut held, &error),
        }
    }
    Ok((held, last))
}

/// Bytes at rest of an object in parts, by the same snapshot as its record.
fn sealed_parts(snapshot: &dyn Snapshot, object: &ObjectVersion) -> Result<Result<u64, DecodeError>, StoreFault> {
    let Some(row) = snapshot.get(Table::Layouts, &keys::layout(object.uid))? else {
        return Ok(Err(DecodeError("layout of parts is missing")));
    };
    Ok(Layout::decode(&row).map(|layout| {
        let sealed = layout.parts.iter().map(|part| object.envelope.sealed_bytes(part.stored.plain_bytes));
        sealed.fold(0, u64::saturating_add)
    }))
}

fn how(envelope: &Envelope) -> StoredHow {
    match envelope {
        Envelope::Plain => StoredHow::Plain,
        Envelope::Obs { .. } => StoredHow::Obs,
        Envelope::Kms { cmk, .. } => StoredHow::Kms(Some(cmk.uid)),
        Envelope::Customer { .. } => StoredHow::Customer,
    }
}

/// It takes room and cannot be told what of: counted, so that the number of objects is right.
fn unreadable(held: &mut Held, error: &DecodeError) {
    tracing::error!(%error, "a damaged record is counted as unreadable");
    add(held, StoredHow::Unreadable, [1, 0, 0]);
}

fn add(held: &mut Held, how: StoredHow, amounts: [u64; 3]) {
    let crowded = matches!(how, StoredHow::Kms(_)) && held.len() >= CMKS_MAX && !held.contains_key(&how);
    let row = held.entry(if crowded { StoredHow::Kms(None) } else { how }).or_default();
    row.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum = sum.saturating_add(amount));
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CmkUid;

    #[test]
    fn cmks_beyond_the_limit_are_counted_together() {
        let mut held = Held::new();
        for number in 0..u128::try_from(CMKS_MAX + 5).unwrap() {
            add(&mut held, StoredHow::Kms(Some(CmkUid::from_bytes(number.to_be_bytes()))), [1, 2, 3]);
        }
        add(&mut held, StoredHow::Obs, [1, 2, 3]);
        assert_eq!(held.len(), CMKS_MAX + 2);
        assert_eq!(held[&StoredHow::Kms(None)], [5, 10, 15]);
        assert_eq!(held[&StoredHow::Obs], [1, 2, 3]);
    }
}
