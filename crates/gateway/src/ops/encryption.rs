//! Encryption headers, in and out: the one place where they are read from a request and written to a reply
//! (s3-sse-behaviour §1, obs-api §4.2 and §4.10).

use super::Call;
use crate::Compat;
use crate::dialect::{Dialect, Family, HeaderFault, HeaderView, KeyIdForm};
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use model::{BucketName, ProjectUid};
use objects::api::{CopySource, Preconditions, ReadObject};
use sse::{
    AppliedEncryption, CustomerHeaders, DataCipher, DefaultMethod, EncryptionField, EncryptionHeaders, SseError,
};
use zeroize::Zeroizing;

/// The encryption headers of a write, raw.
pub(super) fn write_headers(view: &HeaderView<'_>) -> Result<EncryptionHeaders, HeaderFault> {
    let names = view.names();
    Ok(EncryptionHeaders {
        method: view.owned(names.sse)?,
        key_id: view.owned(names.sse_key_id)?,
        key_project_id: view.owned(names.sse_project_id)?,
        context: view.owned(names.sse_context)?,
        data_encryption: view.owned(names.sse_data_encryption)?,
        bucket_key_enabled: view.owned(names.sse_bucket_key)?,
        bucket_key_rotation_days: view.owned(names.sse_bucket_key_rotation)?,
        customer: customer_headers(view)?,
    })
}

/// The customer key of a write or a read, raw.
pub(super) fn customer_headers(view: &HeaderView<'_>) -> Result<CustomerHeaders, HeaderFault> {
    let names = view.names();
    Ok(CustomerHeaders {
        algorithm: view.owned(names.customer_algorithm)?,
        key: view.owned(names.customer_key)?.map(Zeroizing::new),
        key_md5: view.owned(names.customer_key_md5)?,
    })
}

/// The customer key of a copy's source, raw.
pub(super) fn source_customer_headers(view: &HeaderView<'_>) -> Result<CustomerHeaders, HeaderFault> {
    let names = view.names();
    Ok(CustomerHeaders {
        algorithm: view.owned(names.source_customer_algorithm)?,
        key: view.owned(names.source_customer_key)?.map(Zeroizing::new),
        key_md5: view.owned(names.source_customer_key_md5)?,
    })
}

/// Whether encryption headers were sent that a read does not take.
pub(super) fn has_managed(view: &HeaderView<'_>) -> bool {
    let names = view.names();
    [
        names.sse,
        names.sse_key_id,
        names.sse_project_id,
        names.sse_context,
        names.sse_data_encryption,
        names.sse_bucket_key,
        names.sse_bucket_key_rotation,
    ]
    .into_iter()
    .any(|name| view.has(name))
}

/// What replies to writes say beside the method in force; reads never do.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside<'a> {
    /// The encryption context: repeated by the operations that set the method.
    pub(super) context: Option<&'a str>,
    /// The project of the CMK, if its account made it (obs-api §4.10).
    pub(super) project: Option<ProjectUid>,
}

/// Writes the method in force, and nothing of any other. A bucket key is mentioned only where there is one; a customer
/// key is never sent back.
pub(super) fn show(reply: &mut Reply, dialect: &'static Dialect, applied: &AppliedEncryption, beside: Beside<'_>) {
    let names = &dialect.names;
    reply.encryption = Some(applied.clone());
    match applied {
        AppliedEncryption::None => {}
        AppliedEncryption::Obs { cipher } => {
            reply.set(names.sse, "AES256");
            show_cipher(reply, dialect, *cipher);
        }
        AppliedEncryption::Kms { cipher, cmk, bucket_key, .. } => {
            reply.set(names.sse, dialect.kms_word);
            let id = match dialect.key_id_form {
                KeyIdForm::Obs => cmk.to_obs(),
                KeyIdForm::Arn => cmk.to_arn(),
            };
            reply.set(names.sse_key_id, &id);
            if *bucket_key {
                reply.set(names.sse_bucket_key, "true");
            }
            show_cipher(reply, dialect, *cipher);
            reply.set_some(names.sse_context, beside.context);
            reply.set_some(names.sse_project_id, beside.project.map(|project| project.to_hex()).as_deref());
        }
        AppliedEncryption::Customer { key_md5, .. } if key_md5.is_empty() => {
            // Complete without the customer key: OBS names the algorithm alone, S3 nothing (obs-api §4.10).
            if dialect.is_obs() {
                reply.set(names.customer_algorithm, "AES256");
            }
        }
        AppliedEncryption::Customer { cipher, key_md5 } => {
            reply.set(names.customer_algorithm, "AES256");
            reply.set(names.customer_key_md5, key_md5);
            show_cipher(reply, dialect, *cipher);
        }
    }
}

/// AES-256 goes without saying (obs-api §4.10).
fn show_cipher(reply: &mut Reply, dialect: &'static Dialect, cipher: DataCipher) {
    if cipher == DataCipher::Sm4Gcm {
        reply.set(dialect.names.sse_data_encryption, "SM4");
    }
}

impl Call<'_> {
    /// What the reply to an operation that sets the method says beside it.
    pub(super) fn beside_new(&self, applied: &AppliedEncryption) -> Result<Beside<'_>, HeaderFault> {
        let context = self.view.one(self.view.names().sse_context)?;
        Ok(Beside { context, ..self.beside_part(applied) })
    }

    /// What the reply to a form or to an operation of an upload says beside the method. OBS's clients are told the project
    /// of a CMK; AWS's know no projects, unless they named one.
    pub(super) fn beside_part(&self, applied: &AppliedEncryption) -> Beside<'_> {
        let wanted = self.dialect.speaks_to_obs_clients() || self.view.has(self.view.names().sse_project_id);
        let project = match applied {
            AppliedEncryption::Kms { cmk, .. } if wanted => self.gateway.objects.project_of_key(cmk),
            _ => None,
        };
        Beside { context: None, project }
    }

    /// Holds a write against the two rules that stand beside the choice of encryption: SSE-KMS may need a V4 signature
    /// (`accept_v2_for_kms`), and the Ceph suite wants a CMK named (s3-sse-behaviour §17.2).
    pub(super) async fn check_kms_write(
        &self,
        bucket: &BucketName,
        headers: &EncryptionHeaders,
    ) -> Result<(), Refusal> {
        let asked = headers.method.as_deref().is_some_and(is_kms_word);
        if asked && headers.key_id.is_none() && self.gateway.config.compat == Compat::Ceph && self.family_is_s3() {
            let message = "the suite expects a key to be named";
            return Err(SseError::InvalidArgument { field: EncryptionField::KeyId, message }.into());
        }
        if self.gateway.config.accept_v2_for_kms || !self.identity.is_aws_v2() {
            return Ok(());
        }
        let inherited = headers.method.is_none()
            && headers.customer.is_empty()
            && self.gateway.objects.default_method(bucket).await.or(self.gateway.config.default_encryption)
                == Some(DefaultMethod::Kms);
        if asked || inherited { Err(WireFault::KmsNeedsV4.into()) } else { Ok(()) }
    }

    /// The same for a read, once it is known what is read.
    pub(super) fn check_kms_read(&self, applied: &AppliedEncryption) -> Result<(), Refusal> {
        let refused = !self.gateway.config.accept_v2_for_kms
            && self.identity.is_aws_v2()
            && matches!(applied, AppliedEncryption::Kms { .. });
        if refused { Err(WireFault::KmsNeedsV4.into()) } else { Ok(()) }
    }

    /// The same for the source of a copy: what a signature may not read it may not copy into the clear either.
    pub(super) async fn check_kms_source(&self, source: &CopySource) -> Result<(), Refusal> {
        if self.gateway.config.accept_v2_for_kms || !self.identity.is_aws_v2() {
            return Ok(());
        }
        let head = ReadObject {
            bucket: source.bucket.clone(),
            name: source.name.clone(),
            version: source.version,
            range: None,
            part: None,
            preconditions: Preconditions::default(),
            customer: CustomerHeaders::default(),
            other_encryption_headers: false,
            want_checksum: false,
            if_range: None,
        };
        match self.gateway.objects.head_object(&self.cx, head).await {
            Ok(info) => self.check_kms_read(&info.encryption),
            // What is wrong with the source the copy itself says.
            Err(_) => Ok(()),
        }
    }

    fn family_is_s3(&self) -> bool {
        self.dialect.family == Family::S3
    }
}

/// Both spellings of SSE-KMS are understood in either dialect (obs-api §4.2).
pub(super) fn is_kms_word(word: &str) -> bool {
    matches!(word, "kms" | "aws:kms")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use kms::CmkId;
    use model::{AccountId, AccountNumber, CmkUid, RegionName};

    fn cmk() -> CmkId {
        CmkId {
            region: RegionName::parse("local-1").unwrap(),
            account: AccountId::parse("aa").unwrap(),
            number: AccountNumber::parse("000000000001").unwrap(),
            uid: CmkUid::from_bytes([0x11; 16]),
        }
    }

    fn shown(dialect: &'static Dialect, applied: &AppliedEncryption, beside: Beside<'_>) -> Vec<(String, String)> {
        let mut reply = Reply::ok();
        show(&mut reply, dialect, applied, beside);
        let mut lines: Vec<_> =
            reply.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        lines.sort();
        lines
    }

    fn pairs(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        lines.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    const UUID: &str = "11111111-1111-1111-1111-111111111111";

    #[test]
    fn each_dialect_names_the_cmk_in_its_own_form() {
        let kms = AppliedEncryption::Kms {
            cipher: DataCipher::Aes256Gcm,
            cmk: cmk(),
            bucket_key: false,
            bucket_key_id: None,
        };
        assert_eq!(
            shown(Dialect::S3, &kms, Beside::default()),
            pairs(&[
                ("x-amz-server-side-encryption", "aws:kms"),
                (
                    "x-amz-server-side-encryption-aws-kms-key-id",
                    &format!("arn:aws:kms:local-1:000000000001:key/{UUID}")
                ),
            ])
        );
        assert_eq!(
            shown(Dialect::OBS, &kms, Beside::default()),
            pairs(&[
                ("x-obs-server-side-encryption", "kms"),
                ("x-obs-server-side-encryption-kms-key-id", &format!("local-1:aa:key/{UUID}")),
            ])
        );
        let of_obs_client = shown(Dialect::S3_OF_OBS_CLIENTS, &kms, Beside::default());
        assert_eq!(of_obs_client[0].1, "aws:kms");
        assert_eq!(of_obs_client[1].1, format!("local-1:aa:key/{UUID}"));
    }

    #[test]
    fn a_bucket_key_shows_only_when_there_is_one() {
        let show = |bucket_key| {
            shown(
                Dialect::OBS,
                &AppliedEncryption::Kms { cipher: DataCipher::Aes256Gcm, cmk: cmk(), bucket_key, bucket_key_id: None },
                Beside::default(),
            )
            .iter()
            .any(|(name, value)| name.ends_with("-bucket-key-enabled") && value == "true")
        };
        assert!(show(true));
        assert!(!show(false));
    }

    #[test]
    fn only_the_method_in_force_shows() {
        let beside = || Beside { context: Some("e30="), project: Some(ProjectUid::from_bytes([7; 16])) };
        assert!(shown(Dialect::S3, &AppliedEncryption::None, beside()).is_empty());
        assert_eq!(
            shown(Dialect::S3, &AppliedEncryption::Obs { cipher: DataCipher::Aes256Gcm }, beside()),
            pairs(&[("x-amz-server-side-encryption", "AES256")])
        );
        let customer = AppliedEncryption::Customer { cipher: DataCipher::Aes256Gcm, key_md5: "bWQ1".into() };
        assert_eq!(
            shown(Dialect::S3, &customer, beside()),
            pairs(&[
                ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
                ("x-amz-server-side-encryption-customer-key-md5", "bWQ1"),
            ])
        );
    }

    #[test]
    fn a_complete_without_the_customer_key() {
        let customer = AppliedEncryption::Customer { cipher: DataCipher::Aes256Gcm, key_md5: String::new() };
        assert!(shown(Dialect::S3, &customer, Beside::default()).is_empty());
        assert_eq!(
            shown(Dialect::OBS, &customer, Beside::default()),
            pairs(&[("x-obs-server-side-encryption-customer-algorithm", "AES256")])
        );
    }

    #[test]
    fn raw_values_are_lowered_as_sent() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-amz-server-side-encryption", "AES192"),
            ("x-amz-server-side-encryption-customer-key", "c2VjcmV0"),
            ("x-amz-copy-source-server-side-encryption-customer-algorithm", "AES256"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let view = HeaderView::new(Dialect::S3, &headers, &Query::default(), false).unwrap();
        let lowered = write_headers(&view).unwrap();
        assert_eq!(lowered.method.as_deref(), Some("AES192"), "judged after authorisation, not here");
        assert_eq!(lowered.customer.key.as_deref().map(String::as_str), Some("c2VjcmV0"));
        assert!(lowered.customer.algorithm.is_none());
        assert_eq!(source_customer_headers(&view).unwrap().algorithm.as_deref(), Some("AES256"));
        assert!(!format!("{lowered:?}").contains("c2VjcmV0"));
    }
}
