//! Encrypt, Decrypt, ReEncrypt: bytes that callers outside bring.
//!
//! They have a role of their own in the key tree, so Decrypt never opens a DEK or a bucket key of the store, whatever
//! bytes a caller brings.

use super::fault::{Fault, Kind};
use super::input::{self, BLOB_BYTES_MAX, required};
use super::lifecycle::about;
use super::subject::Subject;
use super::{Call, Output, members};
use data_encoding::BASE64;
use kms::{Ciphertext, CmkId, EncryptionContext, KeyState, KmsError, PLAINTEXT_BYTES_MAX, Source};
use policy::Action;
use serde_json::json;
use std::collections::BTreeMap;

/// The only algorithm of symmetric CMKs.
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

impl Call<'_> {
    pub(super) async fn encrypt(&self, input: members::Encrypt) -> Output {
        let given = required(&input.key_id, "keyId")?;
        check_algorithm(input.encryption_algorithm.as_deref())?;
        self.check_grant_tokens(&input.grant_tokens)?;
        let plaintext = input::blob(input.plaintext, "plaintext", PLAINTEXT_BYTES_MAX)?;
        let context = encryption_context(input.encryption_context)?;
        let cmk = self.named_key(given, Action::KmsEncrypt, Some(&context)).await?;
        if input.dry_run == Some(true) {
            return Err(self.dry_run(&cmk, Action::KmsEncrypt, &context).await);
        }
        let made =
            self.service.encrypt(self.user, &cmk, &plaintext, &context).await.map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({
            "CiphertextBlob": BASE64.encode(made.ciphertext.as_bytes()),
            "KeyId": made.cmk.to_arn(),
            "EncryptionAlgorithm": ALGORITHM,
        })))
    }

    pub(super) async fn decrypt(&self, input: members::Decrypt) -> Output {
        check_algorithm(input.encryption_algorithm.as_deref())?;
        refuse_recipient(input.recipient.is_some())?;
        self.check_grant_tokens(&input.grant_tokens)?;
        let ciphertext = ciphertext(input.ciphertext_blob)?;
        let context = encryption_context(input.encryption_context)?;
        let cmk = self.source(&input.key_id, "keyId", Action::KmsDecrypt, &context).await?;
        let source = Source { ciphertext: &ciphertext, cmk: cmk.as_ref(), context: &context };
        if input.dry_run == Some(true) {
            let dry = self.service.dry_run_decrypt(self.user, source).await;
            let opener = self.opener(&ciphertext, cmk.as_ref());
            return Err(dry.map_or_else(|error| Fault::of(error, &opener), |()| Fault::dry_run()));
        }
        let opened = self
            .service
            .decrypt(self.user, source)
            .await
            .map_err(|error| Fault::of(error, &self.opener(&ciphertext, cmk.as_ref())))?;
        Ok(Some(json!({
            "Plaintext": BASE64.encode(&opened.plaintext),
            "KeyId": opened.cmk.to_arn(),
            "KeyMaterialId": opened.material_id,
            "EncryptionAlgorithm": ALGORITHM,
        })))
    }

    pub(super) async fn re_encrypt(&self, input: members::ReEncrypt) -> Output {
        let destination = required(&input.destination_key_id, "destinationKeyId")?;
        check_algorithm(input.source_encryption_algorithm.as_deref())?;
        check_algorithm(input.destination_encryption_algorithm.as_deref())?;
        self.check_grant_tokens(&input.grant_tokens)?;
        let ciphertext = ciphertext(input.ciphertext_blob)?;
        let context = encryption_context(input.source_encryption_context)?;
        let new_context = encryption_context(input.destination_encryption_context)?;
        let cmk = self.source(&input.source_key_id, "sourceKeyId", Action::KmsReEncryptFrom, &context).await?;
        let destination = self.named_key(destination, Action::KmsReEncryptTo, Some(&new_context)).await?;
        let source = Source { ciphertext: &ciphertext, cmk: cmk.as_ref(), context: &context };
        if input.dry_run == Some(true) {
            let dry = self.service.dry_run_re_encrypt(self.user, source, &destination, &new_context).await;
            return Err(dry.map_or_else(
                |error| {
                    let subject = self.unfit(&error, &ciphertext, cmk.as_ref(), &destination);
                    Fault::of(error, &subject)
                },
                |()| Fault::dry_run(),
            ));
        }
        let (made, from, from_material) =
            self.service.re_encrypt(self.user, source, &destination, &new_context).await.map_err(|error| {
                let subject = self.unfit(&error, &ciphertext, cmk.as_ref(), &destination);
                Fault::of(error, &subject)
            })?;
        Ok(Some(json!({
            "CiphertextBlob": BASE64.encode(made.ciphertext.as_bytes()),
            "SourceKeyId": from.to_arn(),
            "SourceKeyMaterialId": from_material,
            "SourceEncryptionAlgorithm": ALGORITHM,
            "KeyId": made.cmk.to_arn(),
            "DestinationKeyMaterialId": made.material_id,
            "DestinationEncryptionAlgorithm": ALGORITHM,
        })))
    }

    /// The CMK that is to have made a ciphertext, if the caller named one.
    async fn source(
        &self,
        given: &Option<String>,
        member: &str,
        action: Action,
        context: &EncryptionContext,
    ) -> Result<Option<CmkId>, Fault> {
        match given {
            Some(_) => Ok(Some(self.named_key(required(given, member)?, action, Some(context)).await?)),
            None => Ok(None),
        }
    }

    /// What an error about a ciphertext names: the CMK the caller named, else the one its bytes name, as the caller's own.
    fn opener(&self, ciphertext: &Ciphertext, cmk: Option<&CmkId>) -> Subject {
        match cmk {
            Some(cmk) => Subject::found(cmk),
            None => Subject::named(self.service, self.user, &ciphertext.cmk_uid().to_uuid()),
        }
    }

    /// Which of the two CMKs of a rewrap an error is about. The rights to both were there if it is about a state.
    fn unfit(&self, error: &KmsError, ciphertext: &Ciphertext, cmk: Option<&CmkId>, destination: &CmkId) -> Subject {
        let of_state = matches!(error, KmsError::Disabled | KmsError::PendingDeletion | KmsError::PendingImport);
        let usable = |cmk: &CmkId| self.service.glimpse(cmk).is_some_and(|found| found.state == KeyState::Enabled);
        if of_state && !usable(destination) && (cmk.is_none_or(usable)) {
            return Subject::found(destination);
        }
        self.opener(ciphertext, cmk)
    }

    /// The end of a request that asks for nothing to be done: an error in any case, as on AWS.
    pub(super) async fn dry_run(&self, cmk: &CmkId, action: Action, context: &EncryptionContext) -> Fault {
        match self.service.dry_run(self.user, cmk, action, context).await {
            Ok(()) => Fault::dry_run(),
            Err(error) => about(cmk, error),
        }
    }
}

fn check_algorithm(given: Option<&str>) -> Result<(), Fault> {
    match given {
        None | Some(ALGORITHM) => Ok(()),
        Some(_) => Err(Fault::new(
            Kind::UnsupportedOperation,
            "This server offers EncryptionAlgorithm SYMMETRIC_DEFAULT only.",
        )),
    }
}

/// An attested recipient asks that the plaintext be left out; ignoring that would hand it out.
pub(super) fn refuse_recipient(given: bool) -> Result<(), Fault> {
    if given {
        return Err(Fault::new(Kind::UnsupportedOperation, "Recipient is not offered by this server."));
    }
    Ok(())
}

fn ciphertext(given: Option<String>) -> Result<Ciphertext, Fault> {
    let bytes = input::blob(given, "ciphertextBlob", BLOB_BYTES_MAX)?;
    Ciphertext::from_bytes(&bytes).map_err(|error| Fault::unasked(error, &Subject::account()))
}

pub(super) fn encryption_context(pairs: Option<BTreeMap<String, String>>) -> Result<EncryptionContext, Fault> {
    EncryptionContext::from_pairs(pairs.unwrap_or_default()).map_err(|error| Fault::unasked(error, &Subject::account()))
}
