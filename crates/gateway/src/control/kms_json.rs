//! The AWS KMS JSON API (`TrentService`, 2014-11-01) over the key service: one JSON object in, one out. Pure but for the
//! service: signature, TLS and HTTP belong to the caller. What is offered and how it differs from AWS stands in
//! docs/kms-api.md.

mod aliases;
mod crypt;
mod data_keys;
mod fault;
mod grants;
mod import;
mod input;
mod keys;
mod lifecycle;
mod members;
mod policies;
mod rotation;
mod subject;
mod tags;
#[cfg(test)]
mod tests;

use fault::{Fault, Kind};
use kms::{KeyService, KeyUser};
use serde_json::Value;
use std::fmt;
use subject::Subject;
use zeroize::Zeroizing;

/// Longest request body in bytes. AWS's largest input, a key policy, has 32 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What `X-Amz-Target` begins with.
const TARGET_PREFIX: &str = "TrentService.";

/// A reply, to be sent with `Content-Type: application/x-amz-json-1.1`.
///
/// The body of `GenerateDataKey` and `Decrypt` holds a data key in clear: `Debug` does not show it, nobody logs it, and it
/// is wiped when dropped.
pub struct JsonReply {
    /// HTTP status: 200, 400, or 500 for failures worth trying again.
    pub status: u16,
    /// A JSON object, or nothing for operations without output.
    pub body: Zeroizing<String>,
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
    "Decapsulate",
    "DeleteCustomKeyStore",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DisconnectCustomKeyStore",
    "Encapsulate",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "GetKeyLastUsage",
    "GetPublicKey",
    "ReplicateKey",
    "Sign",
    "UpdateCustomKeyStore",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

/// Serves one request: `target` is the header `X-Amz-Target`, `body` the whole body, `user` whoever signed it.
pub async fn handle(service: &KeyService, user: &KeyUser, target: &str, body: &[u8]) -> JsonReply {
    let call = Call { service, user };
    match call.serve(target, body).await {
        Ok(Some(output)) => JsonReply { status: 200, body: written(output) },
        Ok(None) => JsonReply { status: 200, body: Zeroizing::default() },
        Err(fault) => call.put_on_record(target, fault).await.reply(user),
    }
}

/// The text of an output. What it holds in clear is in this one place only when this returns.
fn written(mut output: Value) -> Zeroizing<String> {
    let Some(Value::String(plaintext)) = output.get_mut("Plaintext") else { return output.to_string().into() };
    let plaintext = Zeroizing::new(std::mem::take(plaintext));
    // Base64 needs no escaping. Room for all, so that no copy is left behind by growing.
    let rest = output.to_string();
    let mut text = Zeroizing::new(String::with_capacity(rest.len() + plaintext.len()));
    let hole = "\"Plaintext\":\"";
    match rest.split_once(hole) {
        Some((before, after)) => [before, hole, &plaintext, after].iter().for_each(|part| text.push_str(part)),
        None => text.push_str(&rest),
    }
    text
}

/// One request under way; each operation is a method in the file of its family.
struct Call<'a> {
    service: &'a KeyService,
    user: &'a KeyUser,
}

/// The output of an operation; `None` where AWS sends an empty body.
type Output = Result<Option<Value>, Fault>;

impl Call<'_> {
    /// Puts on record what was refused before the key service was asked, and returns what is to be answered.
    async fn put_on_record(&self, target: &str, fault: Fault) -> Fault {
        let Some(error) = fault.to_record() else { return fault };
        let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or(target);
        match self.service.refused_unasked(self.user, operation, error).await {
            Ok(()) => fault,
            Err(error) => Fault::of(error, &Subject::account()),
        }
    }

    async fn serve(&self, target: &str, body: &[u8]) -> Output {
        let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or_default();
        match operation {
            "CancelKeyDeletion" => self.cancel_key_deletion(input::parse(body)?).await,
            "CreateAlias" => self.create_alias(input::parse(body)?).await,
            "CreateGrant" => self.create_grant(input::parse(body)?).await,
            "CreateKey" => self.create_key(input::parse(body)?).await,
            "Decrypt" => self.decrypt(input::parse(body)?).await,
            "DeleteAlias" => self.delete_alias(input::parse(body)?).await,
            "DeleteImportedKeyMaterial" => self.delete_imported_key_material(input::parse(body)?).await,
            "DescribeKey" => self.describe_key(input::parse(body)?).await,
            "DisableKey" => self.disable_key(input::parse(body)?).await,
            "DisableKeyRotation" => self.disable_key_rotation(input::parse(body)?).await,
            "EnableKey" => self.enable_key(input::parse(body)?).await,
            "EnableKeyRotation" => self.enable_key_rotation(input::parse(body)?).await,
            "Encrypt" => self.encrypt(input::parse(body)?).await,
            "GenerateDataKey" => self.generate_data_key(input::parse(body)?, true).await,
            "GenerateDataKeyWithoutPlaintext" => self.generate_data_key(input::parse(body)?, false).await,
            "GenerateRandom" => self.generate_random(input::parse(body)?).await,
            "GetKeyPolicy" => self.get_key_policy(input::parse(body)?).await,
            "GetKeyRotationStatus" => self.get_key_rotation_status(input::parse(body)?).await,
            "GetParametersForImport" => self.get_parameters_for_import(input::parse(body)?).await,
            "ImportKeyMaterial" => self.import_key_material(input::parse(body)?).await,
            "ListAliases" => self.list_aliases(input::parse(body)?).await,
            "ListGrants" => self.list_grants(input::parse(body)?).await,
            "ListKeyPolicies" => self.list_key_policies(input::parse(body)?).await,
            "ListKeyRotations" => self.list_key_rotations(input::parse(body)?).await,
            "ListKeys" => self.list_keys(input::parse(body)?).await,
            "ListResourceTags" => self.list_resource_tags(input::parse(body)?).await,
            "ListRetirableGrants" => self.list_retirable_grants(input::parse(body)?).await,
            "PutKeyPolicy" => self.put_key_policy(input::parse(body)?).await,
            "ReEncrypt" => self.re_encrypt(input::parse(body)?).await,
            "RetireGrant" => self.retire_grant(input::parse(body)?).await,
            "RevokeGrant" => self.revoke_grant(input::parse(body)?).await,
            "RotateKeyOnDemand" => self.rotate_key_on_demand(input::parse(body)?).await,
            "ScheduleKeyDeletion" => self.schedule_key_deletion(input::parse(body)?).await,
            "TagResource" => self.tag_resource(input::parse(body)?).await,
            "UntagResource" => self.untag_resource(input::parse(body)?).await,
            "UpdateAlias" => self.update_alias(input::parse(body)?).await,
            "UpdateKeyDescription" => self.update_key_description(input::parse(body)?).await,
            known if NOT_OFFERED.contains(&known) => {
                Err(Fault::new(Kind::UnsupportedOperation, format!("{known} is not offered by this server.")))
            }
            _ => Err(Fault::bare(Kind::UnknownOperation)),
        }
    }
}
