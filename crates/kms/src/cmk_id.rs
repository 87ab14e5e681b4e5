//! The full id of a CMK and its forms on the wire.

use model::{AccountId, AccountNumber, CmkUid, RegionName};

/// A CMK's full id: region, owner and unique part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CmkId {
    /// The region the CMK lives in.
    pub region: RegionName,
    /// The account that owns it.
    pub account: AccountId,
    /// That account's number in ARNs.
    pub number: AccountNumber,
    /// The unique part.
    pub uid: CmkUid,
}

impl CmkId {
    /// The form in OBS replies: `region:domain-id:key/uuid`.
    pub fn to_obs(&self) -> String {
        format!("{}:{}:key/{}", self.region, self.account, self.uid.to_uuid())
    }

    /// The form in AWS replies: `arn:aws:kms:region:number:key/uuid`.
    pub fn to_arn(&self) -> String {
        format!("arn:aws:kms:{}:{}:key/{}", self.region, self.number, self.uid.to_uuid())
    }
}
