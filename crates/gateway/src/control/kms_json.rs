//! The AWS KMS JSON API (`TrentService`, 2014-11-01) over the key service: one JSON object in, one out. Pure but for the
//! service: signature, TLS and HTTP belong to the caller. What is offered and how it differs from AWS stands in
//! docs/kms-api.md.

mod aliases;
mod data_keys;
mod fault;
mod input;
mod keys;
mod lifecycle;
mod subject;
#[cfg(test)]
mod tests;

use fault::{Fault, Kind};
use kms::{KeyService, KeyUser};
use serde_json::Value;
use std::fmt;

/// Longest request body in bytes. AWS's largest input, a key policy, has 32 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What `X-Amz-Target` begins with.
const TARGET_PREFIX: &str = "TrentService.";

/// A reply, to be sent with `Content-Type: application/x-amz-json-1.1`.
///
/// The body of `GenerateDataKey` and `Decrypt` holds a data key in clear: `Debug` does not show it, and nobody logs it.
pub struct JsonReply {
    /// HTTP status: 200, 400, or 500 for failures worth trying again.
    pub status: u16,
    /// A JSON object, or nothing for operations without output.
    pub body: String,
}

impl fmt::Debug for JsonReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonReply({}, {} bytes)", self.status, self.body.len())
    }
}

/// Operations of AWS KMS that are known and not offered, so that the reply can say so.
const NOT_OFFERED: &[&str] = &[
    "ConnectCustomKeyStore",
    "CreateCustomKeyStore",
    "CreateGrant",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKeyRotation",
    "Encrypt",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncrypt",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "Sign",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

/// Serves one request: `target` is the header `X-Amz-Target`, `body` the whole body, `user` whoever signed it.
pub async fn handle(service: &KeyService, user: &KeyUser, target: &str, body: &[u8]) -> JsonReply {
    let call = Call { service, user };
    match call.serve(target, body).await {
        Ok(Some(output)) => JsonReply { status: 200, body: output.to_string() },
        Ok(None) => JsonReply { status: 200, body: String::new() },
        Err(fault) => fault.reply(user),
    }
}

/// One request under way; each operation is a method in the file of its family.
struct Call<'a> {
    service: &'a KeyService,
    user: &'a KeyUser,
}

/// The output of an operation; `None` where AWS sends an empty body.
type Output = Result<Option<Value>, Fault>;

impl Call<'_> {
    async fn serve(&self, target: &str, body: &[u8]) -> Output {
        let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or_default();
        match operation {
            "CreateKey" => self.create_key(input::parse(body)?).await,
            "DescribeKey" => self.describe_key(input::parse(body)?).await,
            "ListKeys" => self.list_keys(input::parse(body)?),
            "CreateAlias" => self.create_alias(input::parse(body)?).await,
            "DeleteAlias" => self.delete_alias(input::parse(body)?).await,
            "ListAliases" => self.list_aliases(input::parse(body)?),
            "EnableKey" => self.enable_key(input::parse(body)?).await,
            "DisableKey" => self.disable_key(input::parse(body)?).await,
            "ScheduleKeyDeletion" => self.schedule_key_deletion(input::parse(body)?).await,
            "CancelKeyDeletion" => self.cancel_key_deletion(input::parse(body)?).await,
            "GenerateDataKey" => self.generate_data_key(input::parse(body)?, true).await,
            "GenerateDataKeyWithoutPlaintext" => self.generate_data_key(input::parse(body)?, false).await,
            "Decrypt" => self.decrypt(input::parse(body)?).await,
            known if NOT_OFFERED.contains(&known) => {
                Err(Fault::new(Kind::UnsupportedOperation, format!("{known} is not offered by this server.")))
            }
            _ => Err(Fault::bare(Kind::UnknownOperation)),
        }
    }
}
