//! What a part may say of its upload's encryption where the dialect reads it (obs-api §4.4, §4.10): what repeats the
//! beginning is ignored, what contradicts it is refused. A part decides nothing about how it is sealed.

use crate::envelope::{Envelope, Through};
use crate::error::EncryptionField as Field;
use crate::keys::BodyKeys;
use crate::plan::{bucket_key_flag, data_cipher, parse_context};
use crate::service::SseService;
use crate::{EncryptionHeaders, SseError};
use kms::{CmkId, KeyUser};

impl SseService {
    /// Holds what a part says against the upload's envelope. The customer key is not looked at: it has opened the keys.
    ///
    /// To be asked when the upload's keys are open: who cannot open them learns of the upload's CMK nothing, and who can is
    /// told of a key that they name only whether it is that one. A rotation period has no effect and is not compared.
    ///
    /// # Errors
    /// [`SseError::InvalidArgument`] with the header that contradicts the upload.
    pub fn check_repeated(
        &self,
        opened: &BodyKeys,
        headers: &EncryptionHeaders,
        user: &KeyUser,
    ) -> Result<(), SseError> {
        let envelope = opened.envelope();
        if let Some(word) = headers.method.as_deref() {
            let same = match word {
                "AES256" | "aws:AES256" => matches!(envelope, Envelope::Obs { .. }),
                "kms" | "aws:kms" => envelope.is_kms(),
                _ => false,
            };
            agree(same, Field::Method)?;
        }
        if let Some(cipher) = data_cipher(headers.data_encryption.as_deref())? {
            agree(envelope.cipher() == Some(cipher), Field::DataEncryption)?;
        }
        match envelope {
            Envelope::Kms { cmk, context, through, .. } => {
                self.check_repeated_cmk(cmk, headers, user)?;
                if headers.context.is_some() {
                    agree(parse_context(headers.context.as_deref())? == *context, Field::Context)?;
                }
                let through_bucket_key = matches!(through, Through::BucketKey { .. });
                agree(
                    bucket_key_flag(headers)?.is_none_or(|asked| asked == through_bucket_key),
                    Field::BucketKeyEnabled,
                )
            }
            Envelope::Plain | Envelope::Obs { .. } | Envelope::Customer { .. } => {
                agree(headers.key_id.is_none(), Field::KeyId)?;
                agree(headers.key_project_id.is_none(), Field::KeyProjectId)?;
                agree(headers.context.is_none(), Field::Context)?;
                agree(bucket_key_flag(headers)? != Some(true), Field::BucketKeyEnabled)
            }
        }
    }

    /// A key that does not exist, one that others may use and one that is merely another are all the same here.
    fn check_repeated_cmk(&self, cmk: &CmkId, headers: &EncryptionHeaders, user: &KeyUser) -> Result<(), SseError> {
        if let Some(key_ref) = headers.key_id.as_deref() {
            let account = user.principal.account().ok_or(SseError::NeedsSignature)?;
            agree(self.kms.leads_to(key_ref, account, cmk), Field::KeyId)?;
        }
        match headers.key_project_id.as_deref() {
            Some(project) => self.check_project(cmk, project),
            None => Ok(()),
        }
    }
}

fn agree(same: bool, field: Field) -> Result<(), SseError> {
    let message = "a part does not contradict the encryption that its upload began with";
    if same { Ok(()) } else { Err(SseError::InvalidArgument { field, message }) }
}
