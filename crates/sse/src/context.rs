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

/// What the KMS is asked about when a CMK is used for an object, and what the wrapped key is bound to.
pub(crate) struct Asked {
    /// What policies and grants decide on: the caller's pairs and where the wrapped key belongs.
    pub(crate) decided: EncryptionContext,
    /// What the CMK binds the wrapped key to.
    pub(crate) bound: EncryptionContext,
}

impl Asked {
    /// For an object's own DEK: bound to all that is decided on.
    pub(crate) fn of_object(
        user: &EncryptionContext,
        bucket: &BucketName,
        object: &ObjectName,
    ) -> Result<Self, SseError> {
        let bound = of_object(user, bucket, object)?;
        Ok(Self { decided: bound.clone(), bound })
    }

    /// For a bucket key, which is bound to its bucket alone, since objects with other pairs share it. What may be done is
    /// decided with the pairs of each object nevertheless: a bucket key is no way past a key policy (kms-iam-api §3.1).
    pub(crate) fn of_bucket_key(user: &EncryptionContext, bucket: &BucketName) -> Result<Self, SseError> {
        let bound = of_bucket(bucket)?;
        Ok(Self { decided: user.joined(&bound), bound })
    }
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
