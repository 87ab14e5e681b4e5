//! GenerateDataKey, GenerateDataKeyWithoutPlaintext, Decrypt: 256-bit data keys for callers outside.
//!
//! A data key has a role of its own in the key tree, so Decrypt never opens a DEK or a bucket key of the store, whatever
//! bytes a caller brings.

use super::fault::{Fault, Kind};
use super::input::{self, required};
use super::subject::Subject;
use super::{Call, Output};
use data_encoding::BASE64;
use kms::{CmkId, CmkWrapped, DataKey, EncryptionContext, KeyUse, KmsError};
use policy::Action;
use serde_json::json;
use std::collections::BTreeMap;

/// Longest ciphertext AWS takes, in bytes. Ours have one length; anything longer is refused before it is decoded.
const CIPHERTEXT_BYTES_MAX: usize = 6144;
const DATA_KEY_BYTES: i64 = 32;

impl Call<'_> {
    pub(super) async fn generate_data_key(&self, input: input::GenerateDataKey, plaintext: bool) -> Output {
        let given = required(&input.key_id, "keyId")?;
        check_size(input.key_spec.as_deref(), input.number_of_bytes)?;
        refuse_recipient(input.recipient.is_some())?;
        let context = encryption_context(input.encryption_context)?;
        let cmk = self.usable_key(given, Action::KmsGenerateDataKey)?;
        let proof = self.authorize(&cmk, Action::KmsGenerateDataKey, &context, input.dry_run).await?;
        let (key, wrapped) = self
            .service
            .generate::<DataKey>(&proof, &context)
            .await
            .map_err(|error| Fault::of(error, &Subject::found(&cmk)))?;
        let mut output = json!({
            "CiphertextBlob": BASE64.encode(wrapped.as_bytes()),
            "KeyId": cmk.to_arn(),
        });
        if plaintext {
            output["Plaintext"] = BASE64.encode(key.expose()).into();
        }
        Ok(Some(output))
    }

    pub(super) async fn decrypt(&self, input: input::Decrypt) -> Output {
        if input.encryption_algorithm.is_some_and(|given| given != "SYMMETRIC_DEFAULT") {
            return Err(Fault::new(
                Kind::UnsupportedOperation,
                "This server offers EncryptionAlgorithm SYMMETRIC_DEFAULT only.",
            ));
        }
        refuse_recipient(input.recipient.is_some())?;
        let wrapped = ciphertext(required(&input.ciphertext_blob, "ciphertextBlob")?)?;
        let context = encryption_context(input.encryption_context)?;
        let cmk = match &input.key_id {
            Some(_) => self.usable_key(required(&input.key_id, "keyId")?, Action::KmsDecrypt)?,
            // The ciphertext names its CMK. Whether that exists is not for everybody to know: AWS answers
            // AccessDeniedException for an unknown one.
            None => self
                .service
                .resolve(self.user, &wrapped.cmk_uid().to_uuid(), Action::KmsDecrypt)
                .map_err(|_| Fault::of(KmsError::Denied, &Subject::account()))?,
        };
        let proof = self.authorize(&cmk, Action::KmsDecrypt, &context, input.dry_run).await?;
        let key = self
            .service
            .unwrap(&proof, &wrapped, &context)
            .await
            .map_err(|error| Fault::of(error, &Subject::found(&cmk)))?;
        Ok(Some(json!({
            "Plaintext": BASE64.encode(key.expose()),
            "KeyId": cmk.to_arn(),
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        })))
    }

    /// Finds the CMK of a cryptographic operation, in any form of reference.
    fn usable_key(&self, given: &str, action: Action) -> Result<CmkId, Fault> {
        self.service.resolve(self.user, given, action).map_err(|error| Fault::of(error, &self.subject(given)))
    }

    async fn authorize(
        &self,
        cmk: &CmkId,
        action: Action,
        context: &EncryptionContext,
        dry_run: Option<bool>,
    ) -> Result<KeyUse, Fault> {
        let proof = self
            .service
            .authorize_use(self.user, cmk, action, context)
            .await
            .map_err(|error| Fault::of(error, &Subject::found(cmk)))?;
        if dry_run == Some(true) {
            return Err(Fault::new(
                Kind::DryRunOperation,
                "The request would have succeeded, but the DryRun option is set.",
            ));
        }
        Ok(proof)
    }
}

fn check_size(spec: Option<&str>, bytes: Option<i64>) -> Result<(), Fault> {
    match (spec, bytes) {
        (Some("AES_256"), None) | (None, Some(DATA_KEY_BYTES)) => Ok(()),
        (Some(_), Some(_)) | (None, None) => {
            Err(Fault::new(Kind::Validation, "Please specify either number of bytes or key spec."))
        }
        _ => Err(Fault::new(Kind::UnsupportedOperation, "This server offers data keys of 32 bytes (AES_256) only.")),
    }
}

/// An attested recipient asks that the plaintext be left out; ignoring that would hand it out.
fn refuse_recipient(given: bool) -> Result<(), Fault> {
    if given {
        return Err(Fault::new(Kind::UnsupportedOperation, "Recipient is not offered by this server."));
    }
    Ok(())
}

fn ciphertext(text: &str) -> Result<CmkWrapped<DataKey>, Fault> {
    if text.len() > BASE64.encode_len(CIPHERTEXT_BYTES_MAX) {
        let rule = format!("Member must have length less than or equal to {CIPHERTEXT_BYTES_MAX}");
        return Err(Fault::constraint("...", "ciphertextBlob", &rule));
    }
    let bytes = BASE64
        .decode(text.as_bytes())
        .map_err(|_| Fault::new(Kind::Serialization, "CiphertextBlob is not valid base64."))?;
    CmkWrapped::from_bytes(&bytes).map_err(|error| Fault::of(error, &Subject::account()))
}

fn encryption_context(pairs: Option<BTreeMap<String, String>>) -> Result<EncryptionContext, Fault> {
    EncryptionContext::from_pairs(pairs.unwrap_or_default()).map_err(|error| Fault::of(error, &Subject::account()))
}
