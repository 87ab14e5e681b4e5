//! A bucket's default encryption: as a document (obs-api §4.3, s3-sse-behaviour §7) and as CreateBucket's headers
//! (obs-api §4.2).

use super::Call;
use super::encryption::is_kms_word;
use crate::Compat;
use crate::dialect::{Dialect, HeaderView};
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use bytes::Bytes;
use http::StatusCode;
use objects::Fail;
use objects::api::EncryptionRule;
use sse::{BucketEncryption, DefaultMethod};

const ROOT: &str = "ServerSideEncryptionConfiguration";
const BY_DEFAULT: &str = "ApplyServerSideEncryptionByDefault";
const BLOCKED: &str = "BlockedEncryptionTypes";
const BLOCKED_TYPE: &str = "EncryptionType";

/// Longest rotation period of a bucket key in days. The protocol names no range; 365 is its default.
const ROTATION_DAYS_MAX: u32 = 3650;

pub(super) async fn get(call: Call<'_>) -> Result<Reply, Refusal> {
    let set = call.gateway.objects.get_bucket_encryption(&call.cx, call.bucket()?).await?;
    // AWS shows its own default where none was set. So is the server's default shown here, if it has one; without one
    // objects are stored plain, and to answer AES256 would be untrue.
    let default = set.default.or_else(|| match call.gateway.config.compat {
        Compat::Aws => call.gateway.config.default_encryption.map(of_the_server),
        Compat::Ceph => None,
    });
    // OBS's clients look for a default in every rule and know nothing of blocks.
    let tells = default.is_some() || (set.blocks_customer_keys.is_some() && !call.dialect.speaks_to_obs_clients());
    if !tells {
        return Err(Fail::NoEncryptionConfiguration.into());
    }
    Ok(Reply::xml(StatusCode::OK, write(call.dialect, &EncryptionRule { default, ..set })))
}

/// Existence and rights come before the document: a bad document about a missing bucket is 404 (s3-sse-behaviour §2).
pub(super) async fn put(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let bucket = call.bucket()?.clone();
    call.gateway.objects.authorize_put_bucket_encryption(&call.cx, &bucket).await?;
    let document = call.document(call.gateway.config.limits.document_bytes_max, true).await?;
    let rule = read(call.dialect, &document.parse(&[ROOT])?)?;
    call.gateway.objects.put_bucket_encryption(&call.cx, &bucket, rule).await?;
    Ok(Reply::ok())
}

pub(super) async fn delete(call: Call<'_>) -> Result<Reply, Refusal> {
    call.gateway.objects.delete_bucket_encryption(&call.cx, call.bucket()?).await?;
    Ok(Reply::no_content())
}

/// The server's own default, as a bucket's would be shown.
fn of_the_server(method: DefaultMethod) -> BucketEncryption {
    BucketEncryption {
        method,
        key_ref: None,
        project_id: None,
        data_encryption: None,
        bucket_key: None,
        rotation_days: None,
    }
}

/// Reads a document. A rule may hold a default, a block or both; what it leaves out stays as it is.
fn read(dialect: &'static Dialect, root: &Element) -> Result<EncryptionRule, Refusal> {
    let mut rules = root.all("Rule");
    let (Some(rule), None) = (rules.next(), rules.next()) else { return Err(WireFault::MalformedXml.into()) };
    let blocks_customer_keys = read_blocked(rule)?;
    let Some(default) = rule.one(BY_DEFAULT)? else {
        // What is said of a default's bucket key needs the default.
        let alone = blocks_customer_keys.is_some() && rule.children().len() == 1;
        let block = EncryptionRule { default: None, blocks_customer_keys };
        return if alone { Ok(block) } else { Err(WireFault::MalformedXml.into()) };
    };
    let filled = |parent: &Element, name| -> Result<Option<String>, Refusal> {
        Ok(parent.one(name)?.map(|element| element.word().to_owned()).filter(|text| !text.is_empty()))
    };
    let method = match filled(default, "SSEAlgorithm")?.as_deref() {
        Some("AES256" | "aws:AES256") => DefaultMethod::Obs,
        Some(word) if is_kms_word(word) => DefaultMethod::Kms,
        Some("aws:kms:dsse") => return Err(WireFault::NotOffered("DSSE-KMS".to_owned()).into()),
        _ => return Err(WireFault::MalformedXml.into()),
    };
    let encryption = BucketEncryption {
        method,
        key_ref: filled(default, "KMSMasterKeyID")?,
        project_id: filled(default, "ProjectID")?,
        data_encryption: filled(default, "KMSDataEncryption")?,
        bucket_key: filled(rule, "BucketKeyEnabled")?.as_deref().map(flag).transpose()?,
        rotation_days: filled(rule, "BucketKeyRotationPeriod")?.as_deref().map(rotation_days).transpose()?,
    };
    Ok(EncryptionRule { default: Some(check(dialect, encryption)?), blocks_customer_keys })
}

/// `BlockedEncryptionTypes`: whether customer keys are to be blocked, if it says.
fn read_blocked(rule: &Element) -> Result<Option<bool>, Refusal> {
    let Some(blocked) = rule.one(BLOCKED)? else { return Ok(None) };
    let mut blocks = None;
    for kind in blocked.children() {
        let this = match (kind.name(), kind.word()) {
            (BLOCKED_TYPE, "NONE") => false,
            (BLOCKED_TYPE, "SSE-C") => true,
            _ => return Err(WireFault::MalformedXml.into()),
        };
        // Blocked and not blocked at once.
        if blocks.replace(this).is_some_and(|other| other != this) {
            return Err(WireFault::MalformedXml.into());
        }
    }
    Ok(blocks)
}

/// What may not stand together.
fn check(dialect: &'static Dialect, encryption: BucketEncryption) -> Result<BucketEncryption, Refusal> {
    let BucketEncryption { method, key_ref, project_id, data_encryption, bucket_key, rotation_days } = &encryption;
    if project_id.is_some() && key_ref.is_none() {
        return Err(WireFault::argument("ProjectID", "A project needs a KMSMasterKeyID.").into());
    }
    if !matches!(data_encryption.as_deref(), None | Some("AES256" | "SM4")) {
        return Err(WireFault::MalformedXml.into());
    }
    if *method == DefaultMethod::Kms {
        return Ok(encryption);
    }
    let stray_key = key_ref.is_some() || project_id.is_some();
    let stray_bucket_key = bucket_key.is_some() || rotation_days.is_some() || data_encryption.is_some();
    if dialect.is_obs() && (stray_key || stray_bucket_key) {
        return Err(WireFault::MalformedXml.into());
    }
    if stray_key {
        return Err(WireFault::argument(
            "KMSMasterKeyID",
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms",
        )
        .into());
    }
    Ok(encryption)
}

fn flag(text: &str) -> Result<bool, WireFault> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(WireFault::MalformedXml),
    }
}

fn rotation_days(text: &str) -> Result<u32, WireFault> {
    text.parse().ok().filter(|days| (1..=ROTATION_DAYS_MAX).contains(days)).ok_or_else(|| {
        WireFault::argument("BucketKeyRotationPeriod", "The rotation period must be between 1 and 3650 days.")
    })
}

/// The document, in the dialect's words. The CMK comes back as it was given.
fn write(dialect: &'static Dialect, rule: &EncryptionRule) -> Bytes {
    let mut out = XmlWriter::new(ROOT, Some(dialect.namespace));
    out.open("Rule");
    if let Some(default) = &rule.default {
        write_default(&mut out, dialect, default);
    }
    let bucket_key = rule.default.as_ref().and_then(|default| default.bucket_key);
    match bucket_key {
        Some(enabled) => out.value("BucketKeyEnabled", enabled),
        None if !dialect.is_obs() => out.value("BucketKeyEnabled", false),
        None => {}
    }
    if let Some(days) = rule.default.as_ref().and_then(|default| default.rotation_days) {
        out.value("BucketKeyRotationPeriod", days);
    }
    if let Some(blocks) = rule.blocks_customer_keys {
        out.open(BLOCKED);
        out.leaf(BLOCKED_TYPE, if blocks { "SSE-C" } else { "NONE" });
    }
    out.finish()
}

fn write_default(out: &mut XmlWriter, dialect: &'static Dialect, encryption: &BucketEncryption) {
    let kms = encryption.method == DefaultMethod::Kms;
    out.open(BY_DEFAULT);
    out.leaf("SSEAlgorithm", if kms { dialect.kms_word } else { "AES256" });
    out.optional("KMSMasterKeyID", encryption.key_ref.as_deref());
    out.optional("ProjectID", encryption.project_id.as_deref());
    out.optional("KMSDataEncryption", encryption.data_encryption.as_deref());
    out.close();
}

/// CreateBucket's encryption headers. The value for SSE-OBS is `obs` here and `AES256` on objects.
pub(super) fn of_headers(view: &HeaderView<'_>) -> Result<Option<BucketEncryption>, Refusal> {
    let names = view.names();
    fn bad<T>(name: &str, message: &'static str) -> Result<T, Refusal> {
        Err(WireFault::argument(name, message).into())
    }
    let method = match view.one(names.sse)? {
        None => None,
        Some("obs" | "AES256" | "aws:AES256") => Some(DefaultMethod::Obs),
        Some(word) if is_kms_word(word) => Some(DefaultMethod::Kms),
        Some("aws:kms:dsse") => return Err(WireFault::NotOffered("DSSE-KMS".to_owned()).into()),
        Some(_) => return bad(names.sse, "The encryption method must be kms or obs."),
    };
    let key_ref = view.owned(names.sse_key_id)?;
    let project_id = view.owned(names.sse_project_id)?;
    let data_encryption = view.owned(names.sse_data_encryption)?;
    let bucket_key = match view.one(names.sse_bucket_key)?.map(flag).transpose() {
        Ok(flag) => flag,
        Err(_) => return bad(names.sse_bucket_key, "The value must be true or false."),
    };
    let rotation_days = view.one(names.sse_bucket_key_rotation)?.map(rotation_days).transpose()?;
    let Some(method) = method else {
        let stray = [
            (names.sse_key_id, key_ref.is_some()),
            (names.sse_project_id, project_id.is_some()),
            (names.sse_data_encryption, data_encryption.is_some()),
            (names.sse_bucket_key, bucket_key.is_some()),
            (names.sse_bucket_key_rotation, rotation_days.is_some()),
        ];
        return match stray.into_iter().find(|(_, sent)| *sent) {
            Some((name, _)) => bad(name, "The header needs an encryption method beside it."),
            None => Ok(None),
        };
    };
    if method == DefaultMethod::Obs
        && (key_ref.is_some() || project_id.is_some() || bucket_key.is_some() || rotation_days.is_some())
    {
        return bad(names.sse_key_id, "Keys and bucket keys are of SSE-KMS alone.");
    }
    if project_id.is_some() && key_ref.is_none() {
        return bad(names.sse_project_id, "A project needs a key id.");
    }
    match (data_encryption.as_deref(), method) {
        (None | Some("AES256"), _) | (Some("SM4"), DefaultMethod::Kms) => {}
        _ => return bad(names.sse_data_encryption, "The cipher must be AES256, or SM4 with kms."),
    }
    Ok(Some(BucketEncryption { method, key_ref, project_id, data_encryption, bucket_key, rotation_days }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use crate::xml::XmlLimits;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn parse(dialect: &'static Dialect, rule: &str) -> Result<EncryptionRule, &'static str> {
        let xml = format!("<{ROOT}>{rule}</{ROOT}>");
        let root = Element::parse(xml.as_bytes(), &XmlLimits::default()).unwrap();
        read(dialect, &root).map_err(|refusal| refusal.wording(dialect, Compat::Aws).code)
    }

    fn rule(default: &str, rest: &str) -> String {
        format!("<Rule><{BY_DEFAULT}>{default}</{BY_DEFAULT}>{rest}</Rule>")
    }

    const KMS: &str = "<SSEAlgorithm>aws:kms</SSEAlgorithm>";
    const AES: &str = "<SSEAlgorithm>AES256</SSEAlgorithm>";

    #[test]
    fn every_element_is_read_where_it_stands() {
        let xml = rule(
            "<SSEAlgorithm>kms</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID><ProjectID>p</ProjectID>\
             <KMSDataEncryption>AES256</KMSDataEncryption>",
            "<BucketKeyEnabled>true</BucketKeyEnabled><BucketKeyRotationPeriod>30</BucketKeyRotationPeriod>",
        );
        let expected = BucketEncryption {
            method: DefaultMethod::Kms,
            key_ref: Some("k".into()),
            project_id: Some("p".into()),
            data_encryption: Some("AES256".into()),
            bucket_key: Some(true),
            rotation_days: Some(30),
        };
        for dialect in [Dialect::OBS, Dialect::S3] {
            assert_eq!(parse(dialect, &xml), Ok(expected.clone().into()));
        }
    }

    #[test]
    fn malformed_documents() {
        for bad in [
            String::new(),
            format!("{0}{0}", rule(KMS, "")),
            "<Rule/>".to_owned(),
            rule("", ""),
            rule("<SSEAlgorithm>AES512</SSEAlgorithm>", ""),
            rule(&format!("{KMS}{KMS}"), ""),
            rule(KMS, "<BucketKeyEnabled>yes</BucketKeyEnabled>"),
            rule(&format!("{KMS}<KMSDataEncryption>DES</KMSDataEncryption>"), ""),
            rule(KMS, "<BlockedEncryptionTypes><EncryptionType>X</EncryptionType></BlockedEncryptionTypes>"),
        ] {
            assert_eq!(parse(Dialect::S3, &bad), Err("MalformedXML"), "{bad}");
        }
    }

    #[test]
    fn what_may_not_stand_together() {
        let key_beside_aes = rule(&format!("{AES}<KMSMasterKeyID>k</KMSMasterKeyID>"), "");
        assert_eq!(parse(Dialect::S3, &key_beside_aes), Err("InvalidArgument"));
        assert_eq!(parse(Dialect::OBS, &key_beside_aes), Err("MalformedXML"));
        let bucket_key_beside_aes = rule(AES, "<BucketKeyEnabled>true</BucketKeyEnabled>");
        assert!(parse(Dialect::S3, &bucket_key_beside_aes).is_ok(), "accepted and without effect");
        assert_eq!(parse(Dialect::OBS, &bucket_key_beside_aes), Err("MalformedXML"));
        let project_alone = rule(&format!("{KMS}<ProjectID>p</ProjectID>"), "");
        assert_eq!(parse(Dialect::OBS, &project_alone), Err("InvalidArgument"));
        let long = rule(KMS, "<BucketKeyRotationPeriod>3651</BucketKeyRotationPeriod>");
        assert_eq!(parse(Dialect::OBS, &long), Err("InvalidArgument"));
    }

    #[test]
    fn what_is_not_offered_is_not_accepted_in_silence() {
        let dsse = rule("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>", "");
        assert_eq!(parse(Dialect::S3, &dsse), Err("NotImplemented"));
    }

    fn block(kinds: &[&str]) -> String {
        let kinds: String = kinds.iter().map(|kind| format!("<EncryptionType>{kind}</EncryptionType>")).collect();
        format!("<BlockedEncryptionTypes>{kinds}</BlockedEncryptionTypes>")
    }

    #[test]
    fn a_rule_may_hold_a_block_alone() {
        for (kinds, blocks) in [(&["SSE-C"][..], true), (&["NONE"], false), (&["SSE-C", "SSE-C"], true)] {
            let expected = EncryptionRule { default: None, blocks_customer_keys: Some(blocks) };
            assert_eq!(parse(Dialect::S3, &format!("<Rule>{}</Rule>", block(kinds))), Ok(expected.clone()));
            let both = parse(Dialect::OBS, &rule(AES, &block(kinds))).unwrap();
            assert_eq!(both.blocks_customer_keys, Some(blocks));
            assert_eq!(both.default.map(|default| default.method), Some(DefaultMethod::Obs));
            let text = String::from_utf8(write(Dialect::S3, &expected).to_vec()).unwrap();
            let written = block(&kinds[..1]);
            assert!(
                text.contains(&format!("<Rule><BucketKeyEnabled>false</BucketKeyEnabled>{written}</Rule>")),
                "{text}"
            );
        }
        assert_eq!(parse(Dialect::S3, &rule(AES, "")).unwrap().blocks_customer_keys, None, "left out it says nothing");
        for bad in [
            format!("<Rule>{}</Rule>", block(&[])),
            format!("<Rule>{}</Rule>", block(&["SSE-C", "NONE"])),
            format!("<Rule>{}</Rule>", block(&["SSE-KMS"])),
            format!("<Rule>{0}{0}</Rule>", block(&["SSE-C"])),
            format!("<Rule>{}<BucketKeyEnabled>true</BucketKeyEnabled></Rule>", block(&["SSE-C"])),
            "<Rule><BlockedEncryptionTypes><Kind>SSE-C</Kind></BlockedEncryptionTypes></Rule>".to_owned(),
        ] {
            assert_eq!(parse(Dialect::S3, &bad), Err("MalformedXML"), "{bad}");
        }
    }

    #[test]
    fn documents_are_written_in_the_dialects_words() {
        let encryption = BucketEncryption {
            method: DefaultMethod::Kms,
            key_ref: Some("as-given".into()),
            project_id: None,
            data_encryption: None,
            bucket_key: None,
            rotation_days: None,
        };
        let set = EncryptionRule::from(encryption);
        let text = |dialect| String::from_utf8(write(dialect, &set).to_vec()).unwrap();
        assert!(text(Dialect::S3).ends_with(
            "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
             <KMSMasterKeyID>as-given</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>\
             <BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
        ));
        assert!(text(Dialect::OBS).contains("<SSEAlgorithm>kms</SSEAlgorithm>"));
        assert!(!text(Dialect::OBS).contains("BucketKeyEnabled"));
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> Result<Option<BucketEncryption>, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        of_headers(&HeaderView::new(Dialect::OBS, &map, &Query::default(), false).unwrap())
    }

    #[test]
    fn creation_by_headers() {
        const SSE: &str = "x-obs-server-side-encryption";
        const KEY: &str = "x-obs-server-side-encryption-kms-key-id";
        assert_eq!(headers(&[]).unwrap(), None);
        assert_eq!(headers(&[(SSE, "obs")]).unwrap().unwrap().method, DefaultMethod::Obs);
        let kms = headers(&[(SSE, "kms"), (KEY, "k")]).unwrap().unwrap();
        assert_eq!((kms.method, kms.key_ref.as_deref()), (DefaultMethod::Kms, Some("k")));
        for bad in [
            &[(SSE, "des")][..],
            &[(KEY, "k")],
            &[(SSE, "obs"), (KEY, "k")],
            &[(SSE, "obs"), ("x-obs-server-side-data-encryption", "SM4")],
            &[(SSE, "kms"), ("x-obs-server-side-encryption-bucket-key-enabled", "yes")],
            &[(SSE, "kms"), ("x-obs-sse-kms-key-project-id", "p")],
            &[(SSE, "kms"), (SSE, "obs")],
        ] {
            assert!(headers(bad).is_err(), "{bad:?}");
        }
    }
}
