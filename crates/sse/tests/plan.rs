//! The one effective-encryption decision as a table: obs-api §4.2, §4.4, §4.7, §4.8; S3 behaviour §3-§8.

#![allow(clippy::unwrap_used, reason = "a test")]

use data_encoding::BASE64;
use strongroom_sse::{
    BucketEncryption, CustomerHeaders, DataCipher, DefaultMethod, EncryptionField as F, EncryptionHeaders,
    EncryptionPlan, EncryptionRules, PlanInput, RequireHttps, Sm4Offer, SseError, Transport, check_bucket_encryption,
    plan,
};

/// What came of it, in a form a table can hold.
#[derive(Debug, PartialEq)]
enum Out {
    Plain,
    Obs,
    KmsOfProject(Option<&'static str>, &'static str),
    Kms(Option<&'static str>, bool),
    Customer,
    Invalid(F),
    Refused(SseError),
}
use Out::*;

fn headers(pairs: &[(&str, &str)]) -> EncryptionHeaders {
    let mut h = EncryptionHeaders::default();
    for (name, value) in pairs {
        let value = (*value).to_owned();
        match *name {
            "method" => h.method = Some(value),
            "key" => h.key_id = Some(value),
            "project" => h.key_project_id = Some(value),
            "context" => h.context = Some(BASE64.encode(value.as_bytes())),
            "raw-context" => h.context = Some(value),
            "data" => h.data_encryption = Some(value),
            "bk" => h.bucket_key_enabled = Some(value),
            "days" => h.bucket_key_rotation_days = Some(value),
            "c-alg" => h.customer.algorithm = Some(value),
            "c-key" => h.customer.key = Some(value.into()),
            "c-md5" => h.customer.key_md5 = Some(value),
            other => unreachable!("{other}"),
        }
    }
    h
}

fn trio() -> [(&'static str, String); 3] {
    let key = b"0123456789abcdef0123456789abcdef";
    // obs-api §2.4, the SSE-C vector.
    assert_eq!(BASE64.encode(&md5(key)), "hRasmdxgYDKV3nvbahU1MA==");
    [("c-alg", "AES256".into()), ("c-key", BASE64.encode(key)), ("c-md5", BASE64.encode(&md5(key)))]
}

fn md5(data: &[u8]) -> [u8; 16] {
    strongroom_sse::md5(data)
}

fn kms_default(key: Option<&str>, bucket_key: Option<bool>) -> BucketEncryption {
    BucketEncryption {
        method: DefaultMethod::Kms,
        key_ref: key.map(str::to_owned),
        project_id: None,
        data_encryption: None,
        bucket_key,
        rotation_days: None,
    }
}

fn obs_default() -> BucketEncryption {
    BucketEncryption { method: DefaultMethod::Obs, ..kms_default(None, None) }
}

struct Case<'a> {
    bucket: Option<&'a BucketEncryption>,
    server: Option<DefaultMethod>,
    transport: Transport,
    require: RequireHttps,
    sm4: Sm4Offer,
    anonymous: bool,
    rules: EncryptionRules,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Case {
            bucket: None,
            server: None,
            transport: Transport::Tls,
            require: RequireHttps::Strict,
            sm4: Sm4Offer::KmsOnly,
            anonymous: false,
            rules: EncryptionRules::S3,
        }
    }
}

fn run(case: &Case<'_>, request: &EncryptionHeaders) -> Out {
    let result = plan(&PlanInput {
        request,
        bucket: case.bucket,
        server_default: case.server,
        transport: case.transport,
        require_https: case.require,
        sm4: case.sm4,
        anonymous: case.anonymous,
        rules: case.rules,
    });
    match result {
        Ok(EncryptionPlan::Plain) => Plain,
        Ok(EncryptionPlan::Obs { .. }) => Obs,
        Ok(EncryptionPlan::Kms { key_ref, project: Some(project), .. }) => {
            KmsOfProject(key_ref.map(|k| &*k.leak()), &*project.leak())
        }
        Ok(EncryptionPlan::Kms { key_ref, bucket_key, .. }) => Kms(key_ref.map(|k| &*k.leak()), bucket_key),
        Ok(EncryptionPlan::Customer { .. }) => Customer,
        Err(SseError::InvalidArgument { field, .. }) => Invalid(field),
        Err(error) => Refused(error),
    }
}

fn check(case: &Case<'_>, rows: &[(&[(&str, &str)], Out)]) {
    for (request, wanted) in rows {
        assert_eq!(run(case, &headers(request)), *wanted, "{request:?}");
    }
}

#[test]
fn headers_decide() {
    check(
        &Case::default(),
        &[
            (&[], Plain),
            (&[("method", "AES256")], Obs),
            (&[("method", "aws:AES256")], Obs),
            (&[("method", "kms")], Kms(None, false)),
            (&[("method", "aws:kms")], Kms(None, false)),
            (&[("method", "aws:kms"), ("key", "k")], Kms(Some("k"), false)),
            (&[("method", "aws:kms"), ("bk", "true")], Kms(None, true)),
            (&[("method", "aws:kms"), ("data", "AES256")], Kms(None, false)),
            (&[("method", "aws:kms"), ("context", r#"{"a":"b"}"#)], Kms(None, false)),
        ],
    );
}

#[test]
fn misuse_is_refused() {
    let not_offered = |what| Refused(SseError::NotOffered(what));
    check(
        &Case::default(),
        &[
            (&[("method", "")], Invalid(F::Method)),
            (&[("method", "aes256")], Invalid(F::Method)),
            (&[("method", "AES512")], Invalid(F::Method)),
            (&[("method", "aws:fsx")], Invalid(F::Method)),
            (&[("method", "AES256"), ("key", "k")], Invalid(F::KeyId)),
            (&[("method", "AES256"), ("context", "{}")], Invalid(F::Context)),
            (&[("method", "AES256"), ("bk", "true")], Invalid(F::BucketKeyEnabled)),
            (&[("method", "AES256"), ("data", "SM4")], Invalid(F::DataEncryption)),
            (&[("method", "AES256"), ("project", "p")], Invalid(F::KeyProjectId)),
            (&[("key", "k")], Invalid(F::KeyId)),
            (&[("project", "p")], Invalid(F::KeyProjectId)),
            (&[("context", "{}")], Invalid(F::Context)),
            (&[("data", "AES256")], Invalid(F::DataEncryption)),
            (&[("method", "kms"), ("key", "")], Invalid(F::KeyId)),
            (&[("method", "kms"), ("bk", "True")], Invalid(F::BucketKeyEnabled)),
            (&[("method", "kms"), ("bk", "")], Invalid(F::BucketKeyEnabled)),
            (&[("method", "kms"), ("data", "DES")], Invalid(F::DataEncryption)),
            (&[("method", "kms"), ("project", "p")], Invalid(F::KeyProjectId)),
            (&[("method", "kms"), ("raw-context", "###")], Invalid(F::Context)),
            (&[("method", "kms"), ("context", "[]")], Invalid(F::Context)),
            (&[("method", "kms"), ("context", r#"{"a":1}"#)], Invalid(F::Context)),
            (&[("method", "kms"), ("context", r#"{"aws:s3:arn":"x"}"#)], Invalid(F::Context)),
            (&[("method", "kms"), ("data", "SM5")], Invalid(F::DataEncryption)),
            (&[("method", "aws:kms:dsse")], not_offered("DSSE-KMS (aws:kms:dsse) is not offered by this server")),
        ],
    );
}

#[test]
fn the_customer_trio_goes_together() {
    let [alg, key, md5] = trio();
    let (alg, key, md5) = ((alg.0, &*alg.1), (key.0, &*key.1), (md5.0, &*md5.1));
    let wrong_md5 = ("c-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    let short = BASE64.encode(b"short");
    let short_md5 = BASE64.encode(&strongroom_sse::md5(b"short"));
    // A client that base64-encodes the encoded key sends 44 bytes (obs-api §4.2).
    let twice = BASE64.encode(key.1.as_bytes());
    let twice_md5 = BASE64.encode(&strongroom_sse::md5(key.1.as_bytes()));
    check(
        &Case::default(),
        &[
            (&[alg, key, md5], Customer),
            (&[alg], Invalid(F::CustomerKey)),
            (&[key], Invalid(F::CustomerAlgorithm)),
            (&[md5], Invalid(F::CustomerAlgorithm)),
            (&[key, md5], Invalid(F::CustomerAlgorithm)),
            (&[alg, key], Invalid(F::CustomerKeyMd5)),
            (&[alg, md5], Invalid(F::CustomerKey)),
            (&[("c-alg", "AES192"), key, md5], Refused(SseError::CustomerAlgorithm)),
            (&[("c-alg", "AES192")], Refused(SseError::CustomerAlgorithm)),
            (&[alg, key, wrong_md5], Invalid(F::CustomerKeyMd5)),
            (&[alg, ("c-key", &short), md5], Invalid(F::CustomerKeyMd5)),
            (&[alg, ("c-key", &short), ("c-md5", &short_md5)], Invalid(F::CustomerKey)),
            (&[alg, ("c-key", &twice), ("c-md5", &twice_md5)], Invalid(F::CustomerKey)),
            (&[alg, ("c-key", "not base64!"), md5], Invalid(F::CustomerKey)),
            (&[alg, key, md5, ("method", "AES256")], Invalid(F::Method)),
            (&[alg, key, md5, ("method", "aws:kms")], Invalid(F::Method)),
            (&[("c-alg", "AES192"), ("method", "AES256")], Invalid(F::Method)),
            (&[alg, key, md5, ("key", "k")], Invalid(F::CustomerAlgorithm)),
            (&[alg, key, md5, ("bk", "true")], Invalid(F::CustomerAlgorithm)),
        ],
    );
}

#[test]
fn the_bucket_default_is_inherited_and_overridden() {
    let named = kms_default(Some("named"), Some(true));
    let case = Case { bucket: Some(&named), ..Case::default() };
    let [alg, key, md5] = trio();
    check(
        &case,
        &[
            (&[], Kms(Some("named"), true)),
            (&[("bk", "false")], Kms(Some("named"), false)),
            (&[("method", "aws:kms")], Kms(Some("named"), true)),
            (&[("method", "aws:kms"), ("key", "other")], Kms(Some("other"), true)),
            (&[("method", "aws:kms"), ("bk", "false")], Kms(Some("named"), false)),
            (&[("method", "AES256")], Obs),
            (&[(alg.0, &*alg.1), (key.0, &*key.1), (md5.0, &*md5.1)], Customer),
            // A key id alone is refused even where it would fit.
            (&[("key", "named")], Invalid(F::KeyId)),
        ],
    );
    let unnamed = kms_default(None, None);
    check(
        &Case { bucket: Some(&unnamed), ..Case::default() },
        &[(&[], Kms(None, false)), (&[("bk", "true")], Kms(None, true))],
    );
    let obs = obs_default();
    check(
        &Case { bucket: Some(&obs), ..Case::default() },
        &[(&[], Obs), (&[("bk", "true")], Obs), (&[("method", "kms")], Kms(None, false))],
    );
    // The server's default serves buckets without one.
    check(&Case { server: Some(DefaultMethod::Kms), ..Case::default() }, &[(&[], Kms(None, false))]);
    check(&Case { server: Some(DefaultMethod::Kms), bucket: Some(&obs), ..Case::default() }, &[(&[], Obs)]);
}

#[test]
fn obs_differs_where_its_documents_do() {
    let named = kms_default(Some("named"), None);
    let obs = Case { rules: EncryptionRules::OBS, ..Case::default() };
    check(
        &obs,
        &[
            (&[("method", "kms"), ("bk", "true")], Invalid(F::BucketKeyEnabled)),
            (&[("method", "kms"), ("bk", "true"), ("key", "k")], Kms(Some("k"), true)),
            (&[("bk", "true")], Invalid(F::BucketKeyEnabled)),
        ],
    );
    // `kms` without a key id is the account's default key although the bucket's default names one.
    let case = Case { bucket: Some(&named), rules: EncryptionRules::OBS, ..Case::default() };
    check(&case, &[(&[("method", "kms")], Kms(None, false)), (&[], Kms(Some("named"), false))]);
}

#[test]
fn transport_and_anonymity() {
    let [alg, key, md5] = trio();
    let customer: &[(&str, &str)] = &[(alg.0, &*alg.1), (key.0, &*key.1), (md5.0, &*md5.1)];
    let kms: &[(&str, &str)] = &[("method", "kms")];
    let needs = || Refused(SseError::NeedsTls);
    for (require, kms_out, customer_out) in [
        (RequireHttps::Strict, needs(), needs()),
        (RequireHttps::SsecOnly, Kms(None, false), needs()),
        (RequireHttps::Off, Kms(None, false), Customer),
    ] {
        let case = Case { transport: Transport::Plain, require, ..Case::default() };
        assert_eq!(run(&case, &headers(kms)), kms_out, "{require:?}");
        assert_eq!(run(&case, &headers(customer)), customer_out, "{require:?}");
        assert_eq!(run(&case, &headers(&[("method", "AES256")])), Obs, "SSE-OBS takes either transport");
    }
    // Inherited SSE-KMS counts as SSE-KMS.
    let default = kms_default(None, None);
    let case = Case { transport: Transport::Plain, bucket: Some(&default), ..Case::default() };
    check(&case, &[(&[], needs())]);
    // A part of the trio over plain HTTP is refused for the transport, before its consistency is looked at.
    check(&Case { transport: Transport::Plain, ..Case::default() }, &[(&[("c-alg", "AES192")], needs())]);
    let anonymous = Case { anonymous: true, ..Case::default() };
    check(&anonymous, &[(&[("method", "kms")], Refused(SseError::NeedsSignature)), (&[], Plain)]);
}

/// obs-api §4.2 and §4.4; SM4 beside SSE-KMS alone unless it is offered for all methods.
#[test]
fn the_data_cipher_is_the_headers_over_the_defaults() {
    let of = |case: &Case<'_>, pairs: &[(&str, &str)]| {
        let result = plan(&PlanInput {
            request: &headers(pairs),
            bucket: case.bucket,
            server_default: case.server,
            transport: case.transport,
            require_https: case.require,
            sm4: case.sm4,
            anonymous: case.anonymous,
            rules: case.rules,
        });
        match result {
            Ok(EncryptionPlan::Plain) => Ok(None),
            Ok(EncryptionPlan::Obs { cipher } | EncryptionPlan::Customer { cipher, .. }) => Ok(Some(cipher)),
            Ok(EncryptionPlan::Kms { cipher, .. }) => Ok(Some(cipher)),
            Err(SseError::InvalidArgument { field, .. }) => Err(field),
            Err(other) => panic!("{other}"),
        }
    };
    const AES: Result<Option<DataCipher>, F> = Ok(Some(DataCipher::Aes256Gcm));
    const SM4: Result<Option<DataCipher>, F> = Ok(Some(DataCipher::Sm4Gcm));
    let trio = trio();
    let customer: Vec<(&str, &str)> = trio.iter().map(|(name, value)| (*name, &**value)).collect();
    let customer_sm4: Vec<(&str, &str)> = [&customer[..], &[("data", "SM4")]].concat();
    let sm4_default = BucketEncryption { data_encryption: Some("SM4".into()), ..kms_default(Some("k"), None) };
    for (offer, beside_kms) in [(Sm4Offer::All, SM4), (Sm4Offer::KmsOnly, Err(F::DataEncryption))] {
        let none = Case { sm4: offer, ..Case::default() };
        assert_eq!(of(&none, &[("method", "kms"), ("data", "SM4")]), SM4);
        assert_eq!(of(&none, &[("method", "kms"), ("data", "AES256")]), AES);
        assert_eq!(of(&none, &[("method", "kms")]), AES);
        assert_eq!(of(&none, &[("method", "AES256"), ("data", "SM4")]), beside_kms);
        assert_eq!(of(&none, &[("method", "AES256"), ("data", "AES256")]), AES);
        assert_eq!(of(&none, &customer), AES);
        assert_eq!(of(&none, &customer_sm4), beside_kms);
        assert_eq!(of(&none, &[("data", "SM4")]), Err(F::DataEncryption), "there is no method");
        let obs = obs_default();
        let inherits_obs = Case { sm4: offer, bucket: Some(&obs), ..Case::default() };
        assert_eq!(of(&inherits_obs, &[("data", "SM4")]), beside_kms);
        assert_eq!(of(&inherits_obs, &[]), AES);
        let inherits = Case { sm4: offer, bucket: Some(&sm4_default), ..Case::default() };
        assert_eq!(of(&inherits, &[]), SM4);
        assert_eq!(of(&inherits, &[("data", "AES256")]), AES);
        assert_eq!(of(&inherits, &[("data", "SM5")]), Err(F::DataEncryption));
        assert_eq!(of(&inherits, &[("method", "kms")]), AES, "who names the method names the cipher");
        assert_eq!(of(&inherits, &customer), AES);
    }
}

#[test]
fn bucket_defaults_are_checked() {
    let check =
        |config: &BucketEncryption, rules| check_bucket_encryption(config, Transport::Tls, RequireHttps::Strict, rules);
    let both = [EncryptionRules::S3, EncryptionRules::OBS];
    for rules in both {
        assert_eq!(check(&obs_default(), rules), Ok(()));
        assert_eq!(check(&kms_default(None, None), rules), Ok(()));
        assert_eq!(check(&kms_default(Some("k"), Some(true)), rules), Ok(()));
        let with_key = BucketEncryption { key_ref: Some("k".into()), ..obs_default() };
        assert!(matches!(check(&with_key, rules), Err(SseError::InvalidArgument { field: F::KeyId, .. })));
        let sm4 = BucketEncryption { data_encryption: Some("SM4".into()), ..kms_default(None, None) };
        assert_eq!(check(&sm4, rules), Ok(()));
        let unknown = BucketEncryption { data_encryption: Some("SM5".into()), ..kms_default(None, None) };
        assert!(matches!(check(&unknown, rules), Err(SseError::InvalidArgument { field: F::DataEncryption, .. })));
        let project = BucketEncryption { project_id: Some("p".into()), ..kms_default(None, None) };
        assert!(matches!(check(&project, rules), Err(SseError::InvalidArgument { field: F::KeyProjectId, .. })));
        let rotation = BucketEncryption { rotation_days: Some(0), ..kms_default(Some("k"), None) };
        assert!(check(&rotation, rules).is_err());
        let plain = check_bucket_encryption(&kms_default(None, None), Transport::Plain, RequireHttps::Strict, rules);
        assert_eq!(plain, Err(SseError::NeedsTls));
    }
    assert!(check(&kms_default(None, Some(true)), EncryptionRules::OBS).is_err());
    assert_eq!(check(&kms_default(None, Some(true)), EncryptionRules::S3), Ok(()));
}

#[test]
fn a_project_goes_with_the_cmk_it_stands_beside() {
    let with_project = BucketEncryption { project_id: Some("q".into()), ..kms_default(Some("d"), None) };
    for (bucket, sent, expected) in [
        (None, &[("method", "kms"), ("key", "k"), ("project", "p")][..], KmsOfProject(Some("k"), "p")),
        (Some(&with_project), &[], KmsOfProject(Some("d"), "q")),
        // Another CMK than the default's is not asked for the default's project.
        (Some(&with_project), &[("method", "kms"), ("key", "k")], Kms(Some("k"), false)),
        (Some(&with_project), &[("method", "kms"), ("project", "p")], Invalid(F::KeyProjectId)),
    ] {
        let case = Case { bucket, ..Case::default() };
        assert_eq!(run(&case, &headers(sent)), expected, "{sent:?}");
    }
}

/// obs-api §4.2: checked where it goes, refused where it does not in OBS, without effect everywhere.
#[test]
fn the_rotation_period_of_a_request() {
    let named = kms_default(Some("d"), None);
    for rules in [EncryptionRules::S3, EncryptionRules::OBS] {
        let case = Case { rules, ..Case::default() };
        for days in ["1", "365", "3650"] {
            check(&case, &[(&[("method", "kms"), ("key", "k"), ("days", days)], Kms(Some("k"), false))]);
            let inherits = Case { rules, bucket: Some(&named), ..Case::default() };
            check(&inherits, &[(&[("days", days)], Kms(Some("d"), false))]);
        }
        for days in ["", "0", "3651", "-1", "+1", "1.0", "year", "18446744073709551616"] {
            let refused = || Invalid(F::BucketKeyRotationDays);
            check(&case, &[(&[("method", "kms"), ("days", days)], refused()), (&[("days", days)], refused())]);
        }
        check(&case, &[(&[("method", "AES256"), ("days", "365")], Invalid(F::BucketKeyRotationDays))]);
    }
    check(&Case::default(), &[(&[("days", "365")], Plain)]);
    let obs = Case { rules: EncryptionRules::OBS, ..Case::default() };
    check(&obs, &[(&[("days", "365")], Invalid(F::BucketKeyRotationDays))]);
    let [algorithm, key, md5] = trio();
    let customer = [("c-alg", &*algorithm.1), ("c-key", &*key.1), ("c-md5", &*md5.1), ("days", "365")];
    check(&Case::default(), &[(&customer, Invalid(F::CustomerAlgorithm))]);
}

#[test]
fn debug_output_holds_no_customer_key() {
    let [_, key, _] = trio();
    let headers = EncryptionHeaders {
        customer: CustomerHeaders { key: Some(key.1.clone().into()), ..CustomerHeaders::default() },
        ..EncryptionHeaders::default()
    };
    assert!(!format!("{headers:?}").contains(&key.1));
}
