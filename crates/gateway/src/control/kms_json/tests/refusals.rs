//! What is refused is refused by right first, and is on record.

use super::*;
use async_trait::async_trait;
use audit::{AuditFault, AuditTrail, Event, Outcome};
use policy::{Attached, Caller, Grammar, Identity, Permissions, Policy};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A log in memory, and whether it is full.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<Event>>, AtomicBool);

impl Log {
    /// What is on it since the last time: operation, outcome, error.
    fn told(&self) -> Vec<(&'static str, Outcome, Option<&'static str>)> {
        self.0.lock().unwrap().drain(..).map(|event| (event.operation, event.outcome, event.error)).collect()
    }
}

#[async_trait]
impl AuditTrail for Log {
    async fn record(&self, event: Event) -> Result<(), AuditFault> {
        if self.1.load(Ordering::SeqCst) {
            return Err(AuditFault("full".to_owned()));
        }
        self.0.lock().unwrap().push(event);
        Ok(())
    }
}

/// A user of the account with one policy.
fn user_with(root: &KeyUser, policy: &Value) -> KeyUser {
    let caller = root.principal.caller().unwrap();
    let identity = Identity::User {
        uid: model::UserUid::from_bytes([1; 16]),
        name: model::EntityName::parse("low").unwrap(),
        path: model::EntityPath::default(),
    };
    let policy = Arc::new(Policy::parse(&policy.to_string(), Grammar::Identity).unwrap());
    let permissions =
        Permissions { identity: vec![Attached { source: "test".into(), policy }], boundary: None, session: None };
    let (account, number) = (caller.account.clone(), caller.number.clone());
    let low = Caller::new(account, number, "aa".to_owned(), identity, None, permissions);
    KeyUser { principal: Principal::Caller(Arc::new(low)), ..root.clone() }
}

fn allow(statement: Value) -> Value {
    let mut statement = statement;
    statement["Effect"] = json!("Allow");
    statement["Resource"] = json!("*");
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

#[tokio::test]
async fn a_dry_run_tells_whose_a_ciphertext_is_only_to_who_may_open_it() {
    let s = Setup::new().await;
    let ((id, _), (other, _)) = (s.key().await, s.key().await);
    let sealed = s.ok("Encrypt", json!({ "KeyId": id, "Plaintext": "AAAA" })).await;
    let blob = &sealed["CiphertextBlob"];
    let low = user_with(&s.user, &allow(json!({ "Action": "kms:ReEncryptTo" })));
    let decrypt = |key: &str| json!({ "CiphertextBlob": blob, "KeyId": key, "DryRun": true });
    let re_encrypt =
        |key: &str| json!({ "CiphertextBlob": blob, "SourceKeyId": key, "DestinationKeyId": other, "DryRun": true });
    s.log.told();
    for key in [&id, &other] {
        let (_, body) = s.call_as(&low, "Decrypt", decrypt(key)).await;
        assert_eq!(body["__type"], "AccessDeniedException");
        assert_eq!(s.log.told(), [("Decrypt", Outcome::Denied, Some("AccessDenied"))]);
        let (_, body) = s.call_as(&low, "ReEncrypt", re_encrypt(key)).await;
        assert_eq!(body["__type"], "AccessDeniedException");
        let told = s.log.told();
        assert_eq!(told.last(), Some(&("ReEncrypt", Outcome::Denied, Some("AccessDenied"))));
    }
    for (operation, input) in [("Decrypt", decrypt(&other)), ("ReEncrypt", re_encrypt(&other))] {
        assert_eq!(s.call(operation, input).await.1["__type"], "IncorrectKeyException");
        assert_eq!(s.log.told().last(), Some(&(operation, Outcome::Failed, Some("IncorrectKey"))));
    }
    for (operation, input) in [("Decrypt", decrypt(&id)), ("ReEncrypt", re_encrypt(&id))] {
        assert_eq!(s.call(operation, input).await.1["__type"], "DryRunOperationException");
    }
}

#[tokio::test]
async fn a_dry_run_without_a_key_finds_the_key_of_another_account_as_decrypt_does() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    let sealed = s.ok("Encrypt", json!({ "KeyId": id, "Plaintext": "AAAA" })).await;
    let stranger = user("bb", "000000000043");
    let input = json!({ "CiphertextBlob": sealed["CiphertextBlob"], "DryRun": true });
    let (_, body) = s.call_as(&stranger, "Decrypt", input.clone()).await;
    assert_eq!(body["__type"], "AccessDeniedException");
    let grant = json!({ "KeyId": id, "GranteePrincipal": "arn:aws:iam::000000000043:root", "Operations": ["Decrypt"] });
    s.ok("CreateGrant", grant).await;
    let (_, body) = s.call_as(&stranger, "Decrypt", input).await;
    assert_eq!(body["__type"], "DryRunOperationException");
}

#[tokio::test]
async fn a_dry_run_of_a_grant_asks_with_what_the_grant_says() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    let only = json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": ["Encrypt"] } });
    let low = user_with(&s.user, &allow(json!({ "Action": "kms:CreateGrant", "Condition": only })));
    let grant = |operation: &str| {
        json!({
            "KeyId": id, "GranteePrincipal": "arn:aws:iam::000000000042:root", "Operations": [operation], "DryRun": true,
        })
    };
    s.log.told();
    for (operation, answer, outcome) in
        [("Decrypt", "AccessDeniedException", Outcome::Denied), ("Encrypt", "DryRunOperationException", Outcome::Ok)]
    {
        let (_, body) = s.call_as(&low, "CreateGrant", grant(operation)).await;
        assert_eq!(body["__type"], answer, "{operation}");
        let told = s.log.told();
        assert!(matches!(told[..], [("CreateGrant", told, _)] if told == outcome), "{told:?}");
    }
    let mut nobody = grant("Encrypt");
    nobody["GranteePrincipal"] = json!("nobody at all");
    let (_, refused) = s.call("CreateGrant", nobody).await;
    assert_ne!(refused["__type"], "DryRunOperationException", "{refused}");
    assert_eq!(s.ok("ListGrants", json!({ "KeyId": id })).await["Grants"], json!([]));
}

#[tokio::test]
async fn what_is_refused_before_the_key_service_is_asked_is_on_record_once() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    s.log.told();
    for (operation, input, recorded, error) in [
        ("Decrypt", json!({ "CiphertextBlob": "AAAA" }), "Decrypt", "InvalidCiphertext"),
        ("ReEncrypt", json!({ "CiphertextBlob": "AAAA", "DestinationKeyId": id }), "ReEncrypt", "InvalidCiphertext"),
        ("Encrypt", json!({ "KeyId": id }), "Encrypt", "Validation"),
        (
            "Encrypt",
            json!({ "KeyId": id, "Plaintext": "AAAA", "EncryptionContext": { "": "x" } }),
            "Encrypt",
            "Validation",
        ),
        ("DescribeKey", json!({ "KeyId": id, "GrantTokens": ["x"] }), "DescribeKey", "InvalidGrantToken"),
        ("EnableKey", json!({ "KeyId": "alias/x" }), "EnableKey", "NotFound"),
        ("CreateKey", json!({ "MultiRegion": true }), "CreateKey", "UnsupportedOperation"),
        ("ListKeys", json!({ "Limit": "x" }), "ListKeys", "Serialization"),
        ("Sign", json!({}), "Unknown", "UnsupportedOperation"),
        ("MakeCoffee", json!({}), "Unknown", "UnknownOperation"),
        ("s3:GetObject", json!({}), "Unknown", "UnknownOperation"),
    ] {
        let (status, _) = s.call(operation, input).await;
        assert_eq!((status, s.log.told()), (400, vec![(recorded, Outcome::Failed, Some(error))]), "{operation}");
    }
    // What the service refused itself is not there twice.
    s.call("DescribeKey", json!({ "KeyId": "0d0466b0-e727-4d9c-b35d-f84bb474a37f" })).await;
    s.call("DisableKey", json!({ "KeyId": "no reference" })).await;
    s.call("RetireGrant", json!({ "GrantToken": "x" })).await;
    let told = s.log.told();
    assert_eq!(told.iter().map(|event| event.0).collect::<Vec<_>>(), ["DescribeKey", "DisableKey", "RetireGrant"]);
}

#[tokio::test]
async fn a_refusal_that_cannot_be_put_on_record_is_not_answered() {
    let s = Setup::new().await;
    s.log.1.store(true, Ordering::SeqCst);
    let (status, body) = s.call("Sign", json!({})).await;
    assert_eq!((status, &body["__type"]), (500, &json!("DependencyTimeoutException")));
}
