//! The record of a bucket.

use super::access;
use super::version::decode_account;
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, BucketUid, Timestamp};
use policy::{Acl, Ownership, PublicAccessBlock};
use sse::{BucketEncryption, DefaultMethod};

/// What is written. Format 1 ended after the default encryption, format 2 after the ownership.
const FORMAT_VERSION: u8 = 3;

/// A bucket and its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketRecord {
    pub(crate) uid: BucketUid,
    pub(crate) owner: AccountId,
    pub(crate) created: Timestamp,
    /// Grows with every change of the record: of two that were read, the larger is the newer.
    pub(crate) revision: u64,
    pub(crate) encryption: Option<BucketEncryption>,
    /// The policy's document, to the byte.
    pub(crate) policy: Option<String>,
    /// See [`policy::BucketRules::policy_binds_root`].
    pub(crate) policy_binds_root: bool,
    /// `None`: the owner's grant alone.
    pub(crate) acl: Option<Acl>,
    pub(crate) block: Option<PublicAccessBlock>,
    /// `None`: the server's setting.
    pub(crate) ownership: Option<Ownership>,
    /// Whether writes under customer keys are blocked; `None`: it was never said.
    pub(crate) blocks_customer_keys: Option<bool>,
}

impl BucketRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_VERSION);
        w.raw(self.uid.as_bytes()).str(self.owner.as_str()).u64(self.created.as_millis()).u64(self.revision);
        w.option(self.encryption.as_ref(), |w, encryption| {
            let BucketEncryption { method, key_ref, project_id, data_encryption, bucket_key, rotation_days } =
                encryption;
            w.u8(match method {
                DefaultMethod::Obs => 1,
                DefaultMethod::Kms => 2,
            });
            for text in [key_ref, project_id, data_encryption] {
                w.option(text.as_deref(), |w, v| {
                    w.str(v);
                });
            }
            w.option(*bucket_key, |w, v| {
                w.bool(v);
            });
            w.option(*rotation_days, |w, v| {
                w.u32(v);
            });
        });
        w.option(self.policy.as_deref(), |w, policy| {
            w.str(policy);
        });
        w.bool(self.policy_binds_root);
        w.option(self.acl.as_ref(), |w, acl| access::encode_acl(acl, w));
        w.option(self.block, |w, block| access::encode_block(block, w));
        w.option(self.ownership, |w, ownership| access::encode_ownership(ownership, w));
        w.option(self.blocks_customer_keys, |w, blocks| {
            w.bool(blocks);
        });
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if !(1..=FORMAT_VERSION).contains(&format) {
            return Err(DecodeError("bucket record of unknown format version"));
        }
        let mut record = Self {
            uid: BucketUid::from_bytes(r.array()?),
            owner: decode_account(&mut r)?,
            created: Timestamp::from_millis(r.u64()?),
            revision: r.u64()?,
            encryption: r.option(decode_encryption)?,
            policy: None,
            policy_binds_root: false,
            acl: None,
            block: None,
            ownership: None,
            blocks_customer_keys: None,
        };
        if format > 1 {
            record.policy = r.option(|r| r.str().map(str::to_owned))?;
            record.policy_binds_root = r.bool()?;
            record.acl = r.option(access::decode_acl)?;
            record.block = r.option(access::decode_block)?;
            record.ownership = r.option(access::decode_ownership)?;
        }
        if format > 2 {
            record.blocks_customer_keys = r.option(|r| r.bool())?;
        }
        r.finish()?;
        Ok(record)
    }
}

fn decode_encryption(r: &mut Reader<'_>) -> Result<BucketEncryption, DecodeError> {
    let method = match r.u8()? {
        1 => DefaultMethod::Obs,
        2 => DefaultMethod::Kms,
        _ => return Err(DecodeError("default encryption of unknown method")),
    };
    let mut text = || r.option(|r| r.str().map(str::to_owned));
    let (key_ref, project_id, data_encryption) = (text()?, text()?, text()?);
    Ok(BucketEncryption {
        method,
        key_ref,
        project_id,
        data_encryption,
        bucket_key: r.option(|r| r.bool())?,
        rotation_days: r.option(|r| r.u32())?,
    })
}
