//! The encryption context as part of an envelope: only the caller's own pairs are stored; the server's pair is rebuilt
//! from the names at use.

use crate::plan::CONTEXT_ARN;
use crate::{EncryptionField, SseError};
use kms::EncryptionContext;
use model::codec::{DecodeError, Reader, Writer};
use model::{BucketName, ObjectName};
use std::collections::BTreeMap;

pub(crate) fn encode(context: &EncryptionContext, w: &mut Writer) {
    // The header that carries the context is bounded well below 65,536 pairs.
    let pairs: Vec<_> = context.iter().take(usize::from(u16::MAX)).collect();
    w.u16(pairs.len() as u16);
    for (name, value) in pairs {
        w.str(name).str(value);
    }
}

pub(crate) fn decode(r: &mut Reader<'_>) -> Result<EncryptionContext, DecodeError> {
    let count = r.u16()?;
    let mut pairs = BTreeMap::new();
    for _ in 0..count {
        let name = r.str()?.to_owned();
        pairs.insert(name, r.str()?.to_owned());
    }
    if pairs.len() != usize::from(count) {
        return Err(DecodeError("encryption context names a pair twice"));
    }
    EncryptionContext::from_pairs(pairs).map_err(|_| DecodeError("encryption context"))
}

/// The context under which a CMK wraps an object's DEK.
pub(crate) fn of_object(
    user: &EncryptionContext,
    bucket: &BucketName,
    object: &ObjectName,
) -> Result<EncryptionContext, SseError> {
    let mut context = user.clone();
    insert(&mut context, format!("arn:aws:s3:::{bucket}/{object}"))?;
    Ok(context)
}

/// The context under which a CMK wraps a bucket key.
pub(crate) fn of_bucket(bucket: &BucketName) -> Result<EncryptionContext, SseError> {
    let mut context = EncryptionContext::new();
    insert(&mut context, format!("arn:aws:s3:::{bucket}"))?;
    Ok(context)
}

fn insert(context: &mut EncryptionContext, arn: String) -> Result<(), SseError> {
    context
        .insert(CONTEXT_ARN, arn)
        .map_err(|_| SseError::InvalidArgument { field: EncryptionField::Context, message: "the context is too large" })
}
