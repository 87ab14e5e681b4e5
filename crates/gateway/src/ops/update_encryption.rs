//! UpdateObjectEncryption (s3-sse-behaviour §19): an object's keys are wrapped anew in place, under a CMK that the document
//! names. OBS has no such operation.

use super::{Call, arguments};
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::Element;
use sse::RewrapTo;

const ROOT: &str = "ObjectEncryption";

pub(super) async fn object(mut call: Call<'_>) -> Result<Reply, Refusal> {
    if call.dialect.is_obs() {
        return Err(WireFault::NotOffered("encryption".to_owned()).into());
    }
    let version = match arguments::version(&call.query) {
        Ok(version) => version,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (bucket, name) = call.object()?;
    let (bucket, name) = (bucket.clone(), name.clone());
    call.gateway.objects.authorize_update_encryption(&call.cx, &bucket, &name, version).await?;
    // Unlike writes, which OBS's clients sign so: none of them knows this operation.
    if call.identity.is_aws_v2() {
        return Err(
            WireFault::InvalidRequest("Changing the encryption of an object needs AWS Signature Version 4.").into()
        );
    }
    let document = call.document(call.gateway.config.limits.document_bytes_max, true).await?;
    if !document.digested {
        return Err(WireFault::MissingDigest.into());
    }
    let to = read(&document.parse(&[ROOT])?)?;
    let applied = call.gateway.objects.update_object_encryption(&call.cx, &bucket, &name, version, &to).await?;
    let mut reply = Reply::ok();
    // For the audit log. The reply itself has no word for it.
    reply.encryption = Some(applied);
    Ok(reply)
}

/// Reads a document: one new method, which can be SSE-KMS alone.
fn read(root: &Element) -> Result<RewrapTo, Refusal> {
    let invalid = |why| Err(WireFault::InvalidRequest(why).into());
    let method = match root.children() {
        [] => return invalid("The new encryption is missing: it must be SSE-KMS."),
        [method] => method,
        _ => return Err(WireFault::MalformedXml.into()),
    };
    if method.name() != "SSE-KMS" {
        return invalid("The encryption of an object can be changed to SSE-KMS only.");
    }
    if method.children().iter().any(|element| !matches!(element.name(), "KMSKeyArn" | "BucketKeyEnabled")) {
        return Err(WireFault::MalformedXml.into());
    }
    let Some(key) = method.one("KMSKeyArn")?.map(Element::word).filter(|text| !text.is_empty()) else {
        return invalid("SSE-KMS needs the ARN of a KMS key.");
    };
    if !is_key_arn(key) {
        return invalid("The KMS key must be named by its full ARN: no bare id and no alias.");
    }
    let bucket_key = match method.one("BucketKeyEnabled")?.map(Element::word) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return invalid("BucketKeyEnabled must be true or false."),
    };
    Ok(RewrapTo { key_ref: Some(key.to_owned()), bucket_key: Some(bucket_key) })
}

/// Whether it has the form of a key's ARN. Whether there is such a key is told to who may use it.
fn is_key_arn(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("arn:aws:kms:") else { return false };
    let mut parts = rest.splitn(3, ':');
    let (Some(region), Some(account), Some(resource)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let id = resource.strip_prefix("key/").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !region.is_empty() && !account.is_empty() && !id.is_empty() && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compat;
    use crate::dialect::Dialect;
    use crate::xml::XmlLimits;

    const ARN: &str = "arn:aws:kms:local-1:000000000001:key/522d6070-5ad3-4765-9737-9312ddc72cdb";

    fn parse(inner: &str) -> Result<RewrapTo, &'static str> {
        let xml = format!("<{ROOT} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inner}</{ROOT}>");
        read(&Element::parse(xml.as_bytes(), &XmlLimits::default()).unwrap())
            .map_err(|refusal| refusal.wording(Dialect::S3, Compat::Aws).code)
    }

    fn kms(inner: &str) -> Result<RewrapTo, &'static str> {
        parse(&format!("<SSE-KMS>{inner}</SSE-KMS>"))
    }

    #[test]
    fn sse_kms_is_read_and_goes_without_a_bucket_key_unless_said() {
        let key = format!("<KMSKeyArn>{ARN}</KMSKeyArn>");
        for (more, bucket_key) in [
            ("", false),
            ("<BucketKeyEnabled>false</BucketKeyEnabled>", false),
            ("<BucketKeyEnabled>true</BucketKeyEnabled>", true),
        ] {
            let expected = RewrapTo { key_ref: Some(ARN.to_owned()), bucket_key: Some(bucket_key) };
            assert_eq!(kms(&format!("{more}{key}")), Ok(expected));
        }
    }

    #[test]
    fn every_other_target_is_refused() {
        for other in ["", "<SSE-S3/>", "<SSES3/>", "<DSSE-KMS/>", "<SSE-C/>", "<SSE-KMS/>", "<sse-kms/>"] {
            assert_eq!(parse(other), Err("InvalidRequest"), "{other}");
        }
        let both = format!("<SSE-KMS><KMSKeyArn>{ARN}</KMSKeyArn></SSE-KMS><SSE-S3/>");
        assert_eq!(parse(&both), Err("MalformedXML"));
    }

    #[test]
    fn a_key_is_named_by_its_full_arn() {
        let uuid = "522d6070-5ad3-4765-9737-9312ddc72cdb";
        for bad in [
            "",
            uuid,
            "alias/x",
            "arn:aws:kms:local-1:000000000001:alias/x",
            "arn:aws:s3:::bucket",
            "arn:aws:kms:local-1:key/x",
            "arn:aws:kms::000000000001:key/x",
            "arn:aws:kms:local-1:000000000001:key/",
            "arn:aws:kms:local-1:000000000001:key/a/b",
            "local-1:0123456789abcdef0123456789abcdef:key/522d6070-5ad3-4765-9737-9312ddc72cdb",
        ] {
            assert_eq!(kms(&format!("<KMSKeyArn>{bad}</KMSKeyArn>")), Err("InvalidRequest"), "{bad}");
        }
    }

    #[test]
    fn documents_that_say_something_else() {
        let key = format!("<KMSKeyArn>{ARN}</KMSKeyArn>");
        assert_eq!(kms(&format!("{key}{key}")), Err("MalformedXML"));
        assert_eq!(kms(&format!("{key}<Cipher>SM4</Cipher>")), Err("MalformedXML"));
        for flag in ["yes", "TRUE", ""] {
            let text = format!("{key}<BucketKeyEnabled>{flag}</BucketKeyEnabled>");
            assert_eq!(kms(&text), Err("InvalidRequest"), "{flag}");
        }
    }
}
