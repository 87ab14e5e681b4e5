//! JSON in, JSON out, against a real key service over a store in memory.

mod families;
mod refusals;

use super::*;
use model::{AccountId, AccountNumber, Entropy, RegionName};
use policy::{Evaluator, Principal};
use serde_json::json;
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use testkit::{SeededEntropy, TestClock};

const DAY_MILLIS: u64 = 86_400_000;

struct Setup {
    service: Arc<KeyService>,
    user: KeyUser,
    clock: Arc<TestClock>,
    log: Arc<refusals::Log>,
}

impl Setup {
    async fn new() -> Self {
        let clock = Arc::new(TestClock::default());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let parts = kms::Parts::new(
            MemoryStore::shared(),
            crypto::RootKey::generate(&*entropy),
            Arc::new(Evaluator),
            RegionName::parse("local-1").unwrap(),
            Arc::<TestClock>::clone(&clock),
            entropy,
        );
        let log = Arc::<refusals::Log>::default();
        let service = KeyService::open(kms::Parts { audit: Arc::<refusals::Log>::clone(&log), ..parts }).await.unwrap();
        Self { service, user: user("aa", "000000000042"), clock, log }
    }

    async fn call(&self, operation: &str, input: Value) -> (u16, Value) {
        self.call_as(&self.user, operation, input).await
    }

    async fn call_as(&self, user: &KeyUser, operation: &str, input: Value) -> (u16, Value) {
        let reply =
            handle(&self.service, user, &format!("TrentService.{operation}"), input.to_string().as_bytes()).await;
        let body = if reply.body.is_empty() { Value::Null } else { serde_json::from_str(&reply.body).unwrap() };
        (reply.status, body)
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        let (status, body) = self.call(operation, input).await;
        assert_eq!(status, 200, "{operation}: {body}");
        body
    }

    async fn fails(&self, operation: &str, input: Value, exception: &str, message: &str) {
        let (status, body) = self.call(operation, input).await;
        assert_eq!((status, &body["__type"], &body["message"]), (400, &json!(exception), &json!(message)));
    }

    /// Creates a key; returns id and ARN.
    async fn key(&self) -> (String, String) {
        let made = self.ok("CreateKey", json!({})).await;
        let text = |member: &str| made["KeyMetadata"][member].as_str().unwrap().to_owned();
        (text("KeyId"), text("Arn"))
    }
}

fn user(account: &str, number: &str) -> KeyUser {
    let principal = Principal::root(AccountId::parse(account).unwrap(), AccountNumber::parse(number).unwrap(), account);
    KeyUser { principal, access_key: None, via: "kms", request_id: "test".to_owned(), conditions: Default::default() }
}

#[tokio::test]
async fn a_key_is_created_and_described() {
    let s = Setup::new().await;
    let made = s.ok("CreateKey", json!({ "Description": "für Objekte", "NobodyKnowsThis": [1] })).await;
    let key = &made["KeyMetadata"];
    let id = key["KeyId"].as_str().unwrap();
    assert_eq!(
        *key,
        json!({
            "AWSAccountId": "000000000042",
            "KeyId": id,
            "Arn": format!("arn:aws:kms:local-1:000000000042:key/{id}"),
            "CreationDate": 1_767_225_600.0,
            "Enabled": true,
            "Description": "für Objekte",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": "Enabled",
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": false,
            "CurrentKeyMaterialId": key["CurrentKeyMaterialId"],
        })
    );
    assert_eq!(key["CurrentKeyMaterialId"].as_str().unwrap().len(), 64);
    s.ok("CreateAlias", json!({ "AliasName": "alias/mine", "TargetKeyId": id })).await;
    let arn = key["Arn"].as_str().unwrap();
    for name in [id, arn, "alias/mine", "arn:aws:kms:local-1:000000000042:alias/mine"] {
        assert_eq!(s.ok("DescribeKey", json!({ "KeyId": name })).await, made, "{name}");
    }
}

#[tokio::test]
async fn what_create_key_cannot_do_is_refused() {
    let s = Setup::new().await;
    for (input, message) in [
        (json!({ "KeySpec": "RSA_2048" }), "This server offers KeySpec SYMMETRIC_DEFAULT (AES-256) and SM4 only."),
        (
            json!({ "CustomerMasterKeySpec": "SM2" }),
            "This server offers KeySpec SYMMETRIC_DEFAULT (AES-256) and SM4 only.",
        ),
        (json!({ "KeyUsage": "SIGN_VERIFY" }), "This server offers KeyUsage ENCRYPT_DECRYPT only."),
        (
            json!({ "Origin": "MARS" }),
            "This server offers Origin AWS_KMS, EXTERNAL, AWS_CLOUDHSM and EXTERNAL_KEY_STORE only.",
        ),
        (json!({ "MultiRegion": true }), "MultiRegion is not offered by this server."),
    ] {
        s.fails("CreateKey", input, "UnsupportedOperationException", message).await;
    }
    for input in [
        json!({ "KeySpec": "SM4", "CustomerMasterKeySpec": "SM4" }),
        json!({ "Origin": "EXTERNAL_KEY_STORE" }),
        json!({ "XksKeyId": "a" }),
        json!({ "CustomKeyStoreId": "No Name" }),
        json!({ "Tags": [{ "TagKey": "a" }] }),
    ] {
        let (status, body) = s.call("CreateKey", input.clone()).await;
        assert_eq!((status, &body["__type"]), (400, &json!("ValidationException")), "{input}");
    }
    assert_eq!(s.ok("ListKeys", json!({})).await, json!({ "Keys": [], "Truncated": false }));
    s.ok("CreateKey", json!({ "KeySpec": "SYMMETRIC_DEFAULT", "Tags": [], "MultiRegion": false })).await;
}

#[tokio::test]
async fn names_that_lead_nowhere() {
    let s = Setup::new().await;
    let (id, arn) = s.key().await;
    let unknown = "30313233-3435-3637-3839-616263646566";
    let of_key = format!("Key 'arn:aws:kms:local-1:000000000042:key/{unknown}' does not exist");
    for operation in ["DescribeKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"] {
        s.fails(operation, json!({ "KeyId": unknown }), "NotFoundException", &of_key).await;
        s.fails(operation, json!({ "KeyId": "nonsense" }), "NotFoundException", "Invalid keyId 'nonsense'").await;
        let broken = json!({ "KeyId": "arn:aws:s3:::bucket" });
        s.fails(operation, broken, "InvalidArnException", "Invalid arn arn:aws:s3:::bucket").await;
        let null = "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be \
                    null";
        s.fails(operation, json!({}), "ValidationException", null).await;
        let elsewhere = arn.replace("local-1", "far-2");
        let of_elsewhere = format!("Key '{elsewhere}' does not exist");
        s.fails(operation, json!({ "KeyId": elsewhere }), "NotFoundException", &of_elsewhere).await;
    }
    let of_alias = "Alias arn:aws:kms:local-1:000000000042:alias/none is not found.";
    s.fails("DescribeKey", json!({ "KeyId": "alias/none" }), "NotFoundException", of_alias).await;
    s.fails("DeleteAlias", json!({ "AliasName": "alias/none" }), "NotFoundException", of_alias).await;

    s.ok("CreateAlias", json!({ "AliasName": "alias/mine", "TargetKeyId": id })).await;
    for operation in ["EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"] {
        let by_alias = json!({ "KeyId": "alias/mine" });
        s.fails(operation, by_alias, "NotFoundException", "Invalid keyId 'alias/mine'").await;
    }
}

#[tokio::test]
async fn another_account_finds_nothing() {
    let s = Setup::new().await;
    let (id, arn) = s.key().await;
    let other = user("bb", "000000000043");
    for operation in ["DescribeKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"] {
        for name in [&id, &arn] {
            let (status, body) = s.call_as(&other, operation, json!({ "KeyId": name })).await;
            assert_eq!((status, &body["__type"]), (400, &json!("NotFoundException")), "{operation} {name}");
        }
    }
    let (_, keys) = s.call_as(&other, "ListKeys", json!({})).await;
    assert_eq!(keys["Keys"], json!([]));
    let nobody = KeyUser {
        principal: Principal::Anonymous,
        access_key: None,
        via: "kms",
        request_id: String::new(),
        conditions: Default::default(),
    };
    let (status, body) = s.call_as(&nobody, "DescribeKey", json!({ "KeyId": id })).await;
    assert_eq!((status, &body["__type"]), (400, &json!("AccessDeniedException")));
}

#[tokio::test]
async fn a_key_s_life() {
    let s = Setup::new().await;
    let (id, arn) = s.key().await;
    let key = || json!({ "KeyId": id });
    assert_eq!(s.ok("DisableKey", key()).await, Value::Null, "no output, empty body");
    assert_eq!(s.ok("DescribeKey", key()).await["KeyMetadata"]["KeyState"], "Disabled");
    assert_eq!(s.ok("DescribeKey", key()).await["KeyMetadata"]["Enabled"], false);
    let disabled = format!("{arn} is disabled.");
    let generate = || json!({ "KeyId": id, "KeySpec": "AES_256" });
    s.fails("GenerateDataKey", generate(), "DisabledException", &disabled).await;
    let not_pending = format!("{arn} is not pending deletion.");
    s.fails("CancelKeyDeletion", key(), "KMSInvalidStateException", &not_pending).await;
    s.ok("EnableKey", key()).await;

    let scheduled = s.ok("ScheduleKeyDeletion", json!({ "KeyId": arn, "PendingWindowInDays": 7 })).await;
    let date = json!(1_767_225_600.0 + 7.0 * 86_400.0);
    assert_eq!(
        scheduled,
        json!({ "KeyId": arn, "DeletionDate": date, "KeyState": "PendingDeletion", "PendingWindowInDays": 7 })
    );
    assert_eq!(s.ok("DescribeKey", key()).await["KeyMetadata"]["DeletionDate"], date);
    let pending = format!("{arn} is pending deletion.");
    for operation in ["EnableKey", "DisableKey", "ScheduleKeyDeletion"] {
        s.fails(operation, key(), "KMSInvalidStateException", &pending).await;
    }
    s.fails("GenerateDataKey", generate(), "KMSInvalidStateException", &pending).await;
    let alias = json!({ "AliasName": "alias/late", "TargetKeyId": id });
    s.fails("CreateAlias", alias, "KMSInvalidStateException", &pending).await;

    assert_eq!(s.ok("CancelKeyDeletion", key()).await, json!({ "KeyId": arn }));
    assert_eq!(s.ok("DescribeKey", key()).await["KeyMetadata"]["KeyState"], "Disabled");

    assert_eq!(s.ok("ScheduleKeyDeletion", key()).await["PendingWindowInDays"], 30);
    s.clock.advance_millis(30 * DAY_MILLIS);
    s.fails("DescribeKey", key(), "NotFoundException", &format!("Key '{arn}' does not exist")).await;
}

#[tokio::test]
async fn the_waiting_time_is_7_to_30_days() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    for days in [-1, 0, 6, 31, 1_000_000_000_000_i64] {
        let (status, body) = s.call("ScheduleKeyDeletion", json!({ "KeyId": id, "PendingWindowInDays": days })).await;
        assert_eq!((status, &body["__type"]), (400, &json!("ValidationException")), "{days}");
    }
    assert_eq!(s.ok("DescribeKey", json!({ "KeyId": id })).await["KeyMetadata"]["KeyState"], "Enabled");
}

#[tokio::test]
async fn aliases() {
    let s = Setup::new().await;
    let (id, arn) = s.key().await;
    let create = |name: &str| json!({ "AliasName": name, "TargetKeyId": arn });
    assert_eq!(s.ok("CreateAlias", create("alias/b")).await, Value::Null);
    s.ok("CreateAlias", create("alias/a")).await;
    let exists = "An alias with the name arn:aws:kms:local-1:000000000042:alias/a already exists";
    s.fails("CreateAlias", create("alias/a"), "AlreadyExistsException", exists).await;
    for name in ["a", "alias/", "alias/aws/mine", "alias/my/default", "alias/a b"] {
        let (status, body) = s.call("CreateAlias", create(name)).await;
        assert_eq!((status, &body["__type"]), (400, &json!("InvalidAliasNameException")), "{name}");
    }
    let listed = s.ok("ListAliases", json!({})).await;
    assert_eq!(
        listed["Aliases"][0],
        json!({
            "AliasName": "alias/a",
            "AliasArn": "arn:aws:kms:local-1:000000000042:alias/a",
            "TargetKeyId": id,
            "CreationDate": 1_767_225_600.0,
            "LastUpdatedDate": 1_767_225_600.0,
        })
    );
    assert_eq!(listed["Aliases"].as_array().unwrap().len(), 2);
    let (other, _) = s.key().await;
    assert_eq!(s.ok("ListAliases", json!({ "KeyId": other })).await["Aliases"], json!([]));
    assert_eq!(s.ok("DeleteAlias", json!({ "AliasName": "alias/a" })).await, Value::Null);
    assert_eq!(s.ok("ListAliases", json!({ "KeyId": id })).await["Aliases"][0]["AliasName"], "alias/b");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    for n in 0..4 {
        s.key().await;
        s.ok("CreateAlias", json!({ "AliasName": format!("alias/n{n}"), "TargetKeyId": id })).await;
    }
    for (operation, list, name, want) in [("ListKeys", "Keys", "KeyId", 5), ("ListAliases", "Aliases", "AliasName", 4)]
    {
        let whole = s.ok(operation, json!({})).await;
        let (mut pages, mut marker) = (Vec::new(), Value::Null);
        loop {
            let page = s.ok(operation, json!({ "Limit": 2, "Marker": marker })).await;
            let entries = page[list].as_array().unwrap();
            assert!(entries.len() <= 2);
            pages.extend(entries.clone());
            if page["Truncated"] == false {
                assert!(page.get("NextMarker").is_none());
                break;
            }
            marker = page["NextMarker"].clone();
        }
        assert_eq!((json!(pages), pages.len()), (whole[list].clone(), want), "{operation}");
        assert!(whole[list][0][name].is_string());
        let (status, body) = s.call(operation, json!({ "Marker": "made up" })).await;
        assert_eq!((status, &body["__type"]), (400, &json!("InvalidMarkerException")));
        for limit in [0, 1001] {
            let (status, body) = s.call(operation, json!({ "Limit": limit })).await;
            assert_eq!((status, &body["__type"]), (400, &json!("ValidationException")));
        }
    }
}

#[tokio::test]
async fn the_default_key_is_made_when_described_and_cannot_be_changed() {
    let s = Setup::new().await;
    let made = s.ok("DescribeKey", json!({ "KeyId": "alias/aws/s3" })).await;
    assert_eq!(made["KeyMetadata"]["KeyManager"], "AWS");
    assert_eq!(s.ok("DescribeKey", json!({ "KeyId": "alias/obs/default" })).await, made);
    let (id, arn) = (&made["KeyMetadata"]["KeyId"], made["KeyMetadata"]["Arn"].as_str().unwrap());
    let refusal = format!("{arn} is managed by the service; it cannot be changed, deleted, granted or given an alias.");
    for operation in ["EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"] {
        s.fails(operation, json!({ "KeyId": id }), "UnsupportedOperationException", &refusal).await;
    }
    let alias = json!({ "AliasName": "alias/mine", "TargetKeyId": id });
    s.fails("CreateAlias", alias, "UnsupportedOperationException", &refusal).await;
    let (_, body) = s.call("DeleteAlias", json!({ "AliasName": "alias/aws/s3" })).await;
    assert_eq!(body["__type"], "InvalidAliasNameException");
}

#[tokio::test]
async fn data_keys_go_round() {
    let s = Setup::new().await;
    let (id, arn) = s.key().await;
    let context = json!({ "purpose": "backup" });
    let made =
        s.ok("GenerateDataKey", json!({ "KeyId": id, "KeySpec": "AES_256", "EncryptionContext": context })).await;
    assert_eq!(made["KeyId"], arn);
    let blob = &made["CiphertextBlob"];
    let opened = s.ok("Decrypt", json!({ "CiphertextBlob": blob, "EncryptionContext": context })).await;
    assert_eq!(
        opened,
        json!({
            "Plaintext": made["Plaintext"],
            "KeyId": arn,
            "KeyMaterialId": made["KeyMaterialId"],
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        })
    );
    assert_eq!(made["KeyMaterialId"].as_str().unwrap().len(), 64);
    let with_key = json!({ "CiphertextBlob": blob, "EncryptionContext": context, "KeyId": arn });
    assert_eq!(s.ok("Decrypt", with_key).await, opened);

    let silent = s.ok("GenerateDataKeyWithoutPlaintext", json!({ "KeyId": id, "NumberOfBytes": 32 })).await;
    assert!(silent.get("Plaintext").is_none());
    let opened = s.ok("Decrypt", json!({ "CiphertextBlob": silent["CiphertextBlob"] })).await;
    assert_ne!(opened["Plaintext"], made["Plaintext"]);
}

#[tokio::test]
async fn ciphertexts_that_do_not_open() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    let (other, other_arn) = s.key().await;
    let context = json!({ "a": "b" });
    let made =
        s.ok("GenerateDataKey", json!({ "KeyId": id, "KeySpec": "AES_256", "EncryptionContext": context })).await;
    let blob = made["CiphertextBlob"].as_str().unwrap();
    let silent = |body: &Value| {
        assert_eq!(*body, json!({ "__type": "InvalidCiphertextException" }), "no text tells the causes apart");
    };
    let mut changed = data_encoding::BASE64.decode(blob.as_bytes()).unwrap();
    changed[100] ^= 1;
    let changed = data_encoding::BASE64.encode(&changed);
    for input in [
        json!({ "CiphertextBlob": blob }),
        json!({ "CiphertextBlob": blob, "EncryptionContext": { "A": "b" } }),
        json!({ "CiphertextBlob": changed, "EncryptionContext": context }),
        json!({ "CiphertextBlob": "AAAA", "EncryptionContext": context }),
    ] {
        let (status, body) = s.call("Decrypt", input).await;
        assert_eq!(status, 400);
        silent(&body);
    }
    // A DEK of the store under the same CMK is no data key: the API does not open it.
    let cmk = s.service.resolve(&s.user, &id, policy::Action::KmsDecrypt).unwrap();
    let proof = s
        .service
        .authorize_use(&s.user, &cmk, policy::Action::KmsGenerateDataKey, &kms::EncryptionContext::new())
        .await
        .unwrap();
    let (_, dek) = s.service.generate::<crypto::Dek>(&proof, &kms::EncryptionContext::new()).await.unwrap();
    let blob_of_dek = data_encoding::BASE64.encode(dek.as_bytes());
    silent(&s.call("Decrypt", json!({ "CiphertextBlob": blob_of_dek })).await.1);

    let wrong_key = json!({ "CiphertextBlob": blob, "EncryptionContext": context, "KeyId": other });
    let message = "The key ID in the request does not identify a CMK that can perform this operation.";
    s.fails("Decrypt", wrong_key, "IncorrectKeyException", message).await;
    s.ok("DisableKey", json!({ "KeyId": other })).await;
    let other_disabled = json!({ "CiphertextBlob": blob, "KeyId": other });
    s.fails("Decrypt", other_disabled, "DisabledException", &format!("{other_arn} is disabled.")).await;

    let stranger = user("bb", "000000000043");
    let (status, body) = s.call_as(&stranger, "Decrypt", json!({ "CiphertextBlob": blob })).await;
    assert_eq!((status, &body["__type"]), (400, &json!("AccessDeniedException")));
}

#[tokio::test]
async fn data_keys_that_are_not_offered() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    for (input, exception) in [
        (json!({ "KeyId": id }), "ValidationException"),
        (json!({ "KeyId": id, "KeySpec": "AES_256", "NumberOfBytes": 32 }), "ValidationException"),
        (json!({ "KeyId": id, "KeySpec": "AES_512" }), "ValidationException"),
        (json!({ "KeyId": id, "NumberOfBytes": 0 }), "ValidationException"),
        (json!({ "KeyId": id, "NumberOfBytes": 1025 }), "ValidationException"),
        (json!({ "KeyId": id, "NumberOfBytes": 32, "GrantTokens": ["x"] }), "InvalidGrantTokenException"),
        (json!({ "KeyId": id, "KeySpec": "AES_256", "Recipient": {} }), "UnsupportedOperationException"),
        (json!({ "KeyId": id, "KeySpec": "AES_256", "DryRun": true }), "DryRunOperationException"),
        (json!({ "KeyId": id, "KeySpec": "AES_256", "EncryptionContext": { "": "x" } }), "ValidationException"),
        (json!({ "KeyId": id, "KeySpec": "AES_256", "EncryptionContext": { "a": 1 } }), "SerializationException"),
    ] {
        let (status, body) = s.call("GenerateDataKey", input.clone()).await;
        assert_eq!((status, &body["__type"]), (400, &json!(exception)), "{input}");
        assert!(body.get("Plaintext").is_none());
    }
    let made = s.service.counters().requests(kms::Operation::GenerateDataKey, kms::Outcome::Ok);
    assert_eq!(made, 1, "the dry run counts as a request, and nothing else was served");
}

#[tokio::test]
async fn targets_and_bodies_that_are_not_understood() {
    let s = Setup::new().await;
    s.fails("Sign", json!({}), "UnsupportedOperationException", "Sign is not offered by this server.").await;
    let (_, body) = s.call("MakeCoffee", json!({})).await;
    assert_eq!(body, json!({ "__type": "UnknownOperationException" }));
    let raw = |target: &'static str, body: Vec<u8>| {
        let (service, user) = (&s.service, &s.user);
        async move {
            let reply = handle(service, user, target, &body).await;
            (reply.status, serde_json::from_str::<Value>(&reply.body).unwrap()["__type"].clone())
        }
    };
    assert_eq!(raw("CreateKey", b"{}".to_vec()).await, (400, json!("UnknownOperationException")));
    for body in ["[]", "null", "{", "{\"Limit\":\"x\"}", "\u{feff}{}", "{}{}"] {
        let got = raw("TrentService.ListKeys", body.into()).await;
        assert_eq!(got, (400, json!("SerializationException")), "{body}");
    }
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    // Nobody knows the member, so it is skipped; skipping does not recurse.
    assert_eq!(raw("TrentService.ListKeys", deep.into()).await, (200, Value::Null));
    let deep = format!("{{\"Limit\":{}", "[".repeat(5000));
    assert_eq!(raw("TrentService.ListKeys", deep.into()).await, (400, json!("SerializationException")));
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(BODY_BYTES_MAX));
    assert_eq!(raw("TrentService.ListKeys", long.into()).await, (400, json!("ValidationException")));
    assert_eq!(handle(&s.service, &s.user, "TrentService.ListKeys", b" ").await.status, 200, "no body is no input");
}

#[tokio::test]
async fn a_reply_does_not_show_in_debug_texts() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    let input = json!({ "KeyId": id, "KeySpec": "AES_256" }).to_string();
    let reply = handle(&s.service, &s.user, "TrentService.GenerateDataKey", input.as_bytes()).await;
    let said: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(said["Plaintext"].as_str().unwrap().len(), 44, "32 bytes in base64");
    assert_eq!(format!("{reply:?}"), format!("JsonReply(200, {} bytes)", reply.body.len()));
}
