//! GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom: bytes drawn here for callers outside.

use super::crypt::{encryption_context, refuse_recipient};
use super::fault::{Fault, Kind};
use super::input::{self, required};
use super::lifecycle::about;
use super::subject::Subject;
use super::{Call, Output, members};
use data_encoding::BASE64;
use kms::DATA_KEY_BYTES_MAX;
use policy::Action;
use serde_json::json;

/// Most bytes of a data key and of GenerateRandom.
const BYTES_MAX: u32 = 1024;
const _: () = assert!(BYTES_MAX as usize == DATA_KEY_BYTES_MAX, "the service makes what this API asks for");

impl Call<'_> {
    pub(super) async fn generate_data_key(&self, input: members::GenerateDataKey, plaintext: bool) -> Output {
        let given = required(&input.key_id, "keyId")?;
        let bytes = size(input.key_spec.as_deref(), input.number_of_bytes)?;
        refuse_recipient(input.recipient.is_some())?;
        self.check_grant_tokens(&input.grant_tokens)?;
        let context = encryption_context(input.encryption_context)?;
        let action = if plaintext { Action::KmsGenerateDataKey } else { Action::KmsGenerateDataKeyWithoutPlaintext };
        let cmk = self.named_key(given, action, Some(&context)).await?;
        if input.dry_run == Some(true) {
            return Err(self.dry_run(&cmk, action, &context).await);
        }
        let (made, clear) = self
            .service
            .generate_data_key(self.user, &cmk, bytes as usize, &context, plaintext)
            .await
            .map_err(|error| about(&cmk, error))?;
        let mut output = json!({
            "CiphertextBlob": BASE64.encode(made.ciphertext.as_bytes()),
            "KeyId": made.cmk.to_arn(),
            "KeyMaterialId": made.material_id,
        });
        if let Some(clear) = clear {
            output["Plaintext"] = BASE64.encode(&clear).into();
        }
        Ok(Some(output))
    }

    pub(super) async fn generate_random(&self, input: members::GenerateRandom) -> Output {
        refuse_recipient(input.recipient.is_some())?;
        if input.custom_key_store_id.is_some() {
            return Err(Fault::new(Kind::UnsupportedOperation, "CustomKeyStoreId is not offered by this operation."));
        }
        let wanted = input.number_of_bytes.ok_or_else(|| Fault::missing("numberOfBytes"))?;
        let bytes = input::within(wanted, "numberOfBytes", 1, BYTES_MAX)?;
        let drawn = self
            .service
            .random(self.user, bytes as usize)
            .await
            .map_err(|error| Fault::of(error, &Subject::account()))?;
        Ok(Some(json!({ "Plaintext": BASE64.encode(&drawn) })))
    }
}

fn size(spec: Option<&str>, bytes: Option<i64>) -> Result<u32, Fault> {
    match (spec, bytes) {
        (Some("AES_256"), None) => Ok(32),
        (Some("AES_128"), None) => Ok(16),
        (None, Some(bytes)) => input::within(bytes, "numberOfBytes", 1, BYTES_MAX),
        (Some(other), None) => {
            Err(Fault::constraint(other, "keySpec", "Member must satisfy enum value set: [AES_256, AES_128]"))
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(Fault::new(Kind::Validation, "Please specify either number of bytes or key spec."))
        }
    }
}
