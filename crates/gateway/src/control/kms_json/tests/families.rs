//! Each family of operations in a few strokes: what goes in, what comes out, what is refused and how it is said.

use super::*;
use data_encoding::BASE64;

const FOREVER: &str = "KEY_MATERIAL_DOES_NOT_EXPIRE";

impl Setup {
    async fn refuses(&self, operation: &str, input: Value, exception: &str) {
        let (status, body) = self.call(operation, input.clone()).await;
        assert_eq!((status, &body["__type"]), (400, &json!(exception)), "{operation} {input}: {body}");
    }
}

#[tokio::test]
async fn bytes_are_wrapped_rewrapped_and_opened() {
    let s = Setup::new().await;
    let ((from, from_arn), (to, to_arn)) = (s.key().await, s.key().await);
    let plain = BASE64.encode(b"hello");
    let sealed = s.ok("Encrypt", json!({ "KeyId": from, "Plaintext": plain, "EncryptionContext": { "a": "1" } })).await;
    assert_eq!((&sealed["KeyId"], &sealed["EncryptionAlgorithm"]), (&json!(from_arn), &json!("SYMMETRIC_DEFAULT")));
    let moved = s
        .ok(
            "ReEncrypt",
            json!({
                "CiphertextBlob": sealed["CiphertextBlob"],
                "SourceEncryptionContext": { "a": "1" },
                "DestinationKeyId": to,
                "DestinationEncryptionContext": { "b": "2" },
            }),
        )
        .await;
    assert_eq!((&moved["SourceKeyId"], &moved["KeyId"]), (&json!(from_arn), &json!(to_arn)));
    assert!(moved.get("Plaintext").is_none());
    let opened =
        s.ok("Decrypt", json!({ "CiphertextBlob": moved["CiphertextBlob"], "EncryptionContext": { "b": "2" } })).await;
    assert_eq!((&opened["Plaintext"], &opened["KeyMaterialId"]), (&json!(plain), &moved["DestinationKeyMaterialId"]));
}

#[tokio::test]
async fn bytes_have_bounds_and_are_never_shown() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    for (bytes, exception) in [(0, "ValidationException"), (4097, "ValidationException")] {
        s.refuses("Encrypt", json!({ "KeyId": id, "Plaintext": BASE64.encode(&vec![7; bytes]) }), exception).await;
    }
    let long = "A".repeat(60_000);
    let (_, body) = s.call("Encrypt", json!({ "KeyId": id, "Plaintext": long })).await;
    assert!(!body.to_string().contains("AAAA"), "a plaintext is not repeated: {body}");
    s.refuses("Encrypt", json!({ "KeyId": id, "Plaintext": "not base64" }), "SerializationException").await;
    s.refuses("Encrypt", json!({ "KeyId": id }), "ValidationException").await;
    s.refuses("Decrypt", json!({ "CiphertextBlob": BASE64.encode(&[0; 6145]) }), "ValidationException").await;
    for bytes in [0, -1, 1025] {
        s.refuses("GenerateRandom", json!({ "NumberOfBytes": bytes }), "ValidationException").await;
    }
    let drawn = s.ok("GenerateRandom", json!({ "NumberOfBytes": 1024 })).await;
    assert_eq!(BASE64.decode(drawn["Plaintext"].as_str().unwrap().as_bytes()).unwrap().len(), 1024);
}

#[tokio::test]
async fn grants_are_made_listed_and_ended() {
    let s = Setup::new().await;
    let (id, arn) = s.key().await;
    let root = "arn:aws:iam::000000000042:root";
    let grant = |operations: Value, constraints: Value| {
        json!({
            "KeyId": id, "GranteePrincipal": root, "RetiringPrincipal": root, "Operations": operations,
            "Constraints": constraints, "Name": "backup",
        })
    };
    let has = json!({ "EncryptionContextSubset": { "purpose": "backup" } });
    let made = s.ok("CreateGrant", grant(json!(["Encrypt", "Decrypt", "Decrypt"]), has.clone())).await;
    assert_eq!(
        s.ok("CreateGrant", grant(json!(["Decrypt", "Encrypt"]), has.clone())).await["GrantId"],
        made["GrantId"]
    );
    let listed = s.ok("ListGrants", json!({ "KeyId": id })).await;
    let shown = &listed["Grants"][0];
    assert_eq!(listed["Grants"].as_array().unwrap().len(), 1);
    assert_eq!((&shown["KeyId"], &shown["Operations"]), (&json!(arn), &json!(["Decrypt", "Encrypt"])));
    assert_eq!((&shown["Constraints"], &shown["Name"]), (&has, &json!("backup")));
    assert_eq!((&shown["GranteePrincipal"], &shown["IssuingAccount"]), (&json!(root), &json!(root)));
    let mine = s.ok("ListRetirableGrants", json!({ "RetiringPrincipal": root })).await;
    assert_eq!(mine["Grants"][0]["GrantId"], made["GrantId"]);
    s.ok("Encrypt", json!({ "KeyId": id, "Plaintext": "AAAA", "GrantTokens": [made["GrantToken"]] })).await;
    s.ok("RetireGrant", json!({ "GrantToken": made["GrantToken"] })).await;
    s.refuses("RetireGrant", json!({ "GrantToken": made["GrantToken"] }), "InvalidGrantTokenException").await;
    s.refuses("RevokeGrant", json!({ "KeyId": id, "GrantId": made["GrantId"] }), "InvalidGrantIdException").await;
    assert_eq!(s.ok("ListGrants", json!({ "KeyId": id })).await["Grants"], json!([]));
}

#[tokio::test]
async fn grants_that_are_not_taken() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    let root = "arn:aws:iam::000000000042:root";
    let both = json!({ "EncryptionContextSubset": {}, "EncryptionContextEquals": {} });
    for (members, exception) in [
        (json!({ "Operations": [] }), "ValidationException"),
        (json!({ "Operations": ["Sign"] }), "ValidationException"),
        (json!({ "Operations": ["kms:Decrypt"] }), "ValidationException"),
        (json!({ "Operations": "Decrypt" }), "SerializationException"),
        (json!({ "Operations": ["Decrypt"], "Constraints": both }), "ValidationException"),
        // A constraint that nobody knows would not constrain.
        (json!({ "Operations": ["Decrypt"], "Constraints": { "SourceArn": "x" } }), "SerializationException"),
        (json!({ "Operations": ["Decrypt"], "Name": "a b" }), "ValidationException"),
        (json!({ "Operations": ["Decrypt"], "DryRun": true }), "DryRunOperationException"),
    ] {
        let mut input = json!({ "KeyId": id, "GranteePrincipal": root });
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        s.refuses("CreateGrant", input, exception).await;
    }
    s.refuses("CreateGrant", json!({ "KeyId": id, "Operations": ["Decrypt"] }), "ValidationException").await;
    s.refuses("RetireGrant", json!({ "KeyId": id }), "ValidationException").await;
    s.refuses("RetireGrant", json!({ "GrantToken": "x", "KeyId": id, "GrantId": "y" }), "ValidationException").await;
    let dry = json!({ "KeyId": id, "GrantId": "0", "DryRun": true });
    s.refuses("RevokeGrant", dry, "UnsupportedOperationException").await;
    assert_eq!(s.ok("ListGrants", json!({ "KeyId": id })).await["Grants"], json!([]));
}

#[tokio::test]
async fn key_policies_are_read_and_put() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    let standing = s.ok("GetKeyPolicy", json!({ "KeyId": id, "PolicyName": "default" })).await;
    assert_eq!(standing["PolicyName"], "default");
    let text = standing["Policy"].as_str().unwrap();
    assert!(text.contains("arn:aws:iam::000000000042:root"));
    s.ok("PutKeyPolicy", json!({ "KeyId": id, "Policy": text })).await;
    s.refuses("GetKeyPolicy", json!({ "KeyId": id, "PolicyName": "other" }), "NotFoundException").await;
    s.refuses("PutKeyPolicy", json!({ "KeyId": id, "Policy": "{" }), "MalformedPolicyDocumentException").await;
    s.refuses("PutKeyPolicy", json!({ "KeyId": id }), "ValidationException").await;
    let names = s.ok("ListKeyPolicies", json!({ "KeyId": id })).await;
    assert_eq!(names, json!({ "PolicyNames": ["default"], "Truncated": false }));
}

#[tokio::test]
async fn tags_and_descriptions() {
    let s = Setup::new().await;
    let (id, _) = s.key().await;
    let tags = |pairs: &[(&str, &str)]| -> Value {
        pairs.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect()
    };
    s.ok("TagResource", json!({ "KeyId": id, "Tags": tags(&[("b", "2"), ("a", "1"), ("c", "3")]) })).await;
    s.ok("UntagResource", json!({ "KeyId": id, "TagKeys": ["b"] })).await;
    let page = s.ok("ListResourceTags", json!({ "KeyId": id, "Limit": 1 })).await;
    assert_eq!((&page["Tags"], &page["Truncated"]), (&tags(&[("a", "1")]), &json!(true)));
    let rest = s.ok("ListResourceTags", json!({ "KeyId": id, "Marker": page["NextMarker"] })).await;
    assert_eq!((&rest["Tags"], &rest["Truncated"]), (&tags(&[("c", "3")]), &json!(false)));
    s.refuses("ListResourceTags", json!({ "KeyId": id, "Marker": "!" }), "InvalidMarkerException").await;
    s.ok("UpdateKeyDescription", json!({ "KeyId": id, "Description": "new" })).await;
    assert_eq!(s.ok("DescribeKey", json!({ "KeyId": id })).await["KeyMetadata"]["Description"], "new");
    s.refuses("UpdateKeyDescription", json!({ "KeyId": id }), "ValidationException").await;
}

#[tokio::test]
async fn rotation_has_a_period_and_a_history() {
    let s = Setup::new().await;
    let (id, arn) = s.key().await;
    let key = || json!({ "KeyId": id });
    assert_eq!(s.ok("GetKeyRotationStatus", key()).await, json!({ "KeyId": arn, "KeyRotationEnabled": false }));
    for days in [89, 2561, -1] {
        s.refuses("EnableKeyRotation", json!({ "KeyId": id, "RotationPeriodInDays": days }), "ValidationException")
            .await;
    }
    s.ok("EnableKeyRotation", json!({ "KeyId": id, "RotationPeriodInDays": 90 })).await;
    let status = s.ok("GetKeyRotationStatus", key()).await;
    assert_eq!(status["NextRotationDate"], 1_767_225_600.0 + 90.0 * 86_400.0);
    s.ok("DisableKeyRotation", key()).await;
    let sealed = s.ok("Encrypt", json!({ "KeyId": id, "Plaintext": "AAAA" })).await;
    s.ok("RotateKeyOnDemand", key()).await;
    assert_eq!(s.ok("Decrypt", json!({ "CiphertextBlob": sealed["CiphertextBlob"] })).await["Plaintext"], "AAAA");
    let rotations = s.ok("ListKeyRotations", key()).await;
    assert_eq!(rotations["Rotations"].as_array().unwrap().len(), 1);
    assert_eq!(rotations["Rotations"][0]["RotationType"], "ON_DEMAND");
    let all = json!({ "KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL" });
    let all = s.ok("ListKeyRotations", all).await;
    assert_eq!(all["Rotations"][0]["KeyMaterialState"], "NON_CURRENT");
    assert!(all["Rotations"][0].get("RotationType").is_none(), "the first version is no rotation");
    let wrong = json!({ "KeyId": id, "IncludeKeyMaterial": "SOME" });
    s.refuses("ListKeyRotations", wrong, "ValidationException").await;
}

#[tokio::test]
async fn material_is_brought() {
    let s = Setup::new().await;
    let made = s.ok("CreateKey", json!({ "Origin": "EXTERNAL" })).await;
    let (id, arn) = (&made["KeyMetadata"]["KeyId"], made["KeyMetadata"]["Arn"].as_str().unwrap());
    assert_eq!(made["KeyMetadata"]["KeyState"], "PendingImport");
    assert!(made["KeyMetadata"].get("ExpirationModel").is_none());
    let pending = format!("{arn} is pending import.");
    s.fails("Encrypt", json!({ "KeyId": id, "Plaintext": "AAAA" }), "KMSInvalidStateException", &pending).await;
    let ask =
        |algorithm: &str, spec: &str| json!({ "KeyId": id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": spec });
    s.refuses("GetParametersForImport", ask("RSAES_PKCS1_V1_5", "RSA_2048"), "UnsupportedOperationException").await;
    s.refuses("GetParametersForImport", ask("RSAES_OAEP_SHA_256", "SM2"), "UnsupportedOperationException").await;
    let given = s.ok("GetParametersForImport", ask("RSAES_OAEP_SHA_256", "RSA_2048")).await;
    assert_eq!(given["ParametersValidTo"], 1_767_225_600.0 + 86_400.0);
    let public = BASE64.decode(given["PublicKey"].as_str().unwrap().as_bytes()).unwrap();
    let wrapped = crypto::wrap_for_import(&public, crypto::OaepHash::Sha256, &[7; 32]).unwrap();
    let import = |more: Value| {
        let mut input = json!({
            "KeyId": id, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": BASE64.encode(&wrapped),
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (more, exception) in [
        (json!({}), "ValidationException"),
        (json!({ "ExpirationModel": FOREVER, "ValidTo": 1_800_000_000 }), "ValidationException"),
        (json!({ "ExpirationModel": "NEVER" }), "ValidationException"),
        (json!({ "ValidTo": 1e300 }), "ValidationException"),
        (json!({ "ExpirationModel": FOREVER, "ImportType": "OTHER" }), "ValidationException"),
        (json!({ "ExpirationModel": FOREVER, "KeyMaterialId": "x" }), "UnsupportedOperationException"),
        (json!({ "ExpirationModel": FOREVER, "ImportToken": "AAAA" }), "InvalidImportTokenException"),
        (json!({ "ExpirationModel": FOREVER, "EncryptedKeyMaterial": "AAAA" }), "InvalidCiphertextException"),
    ] {
        s.refuses("ImportKeyMaterial", import(more), exception).await;
    }
    s.ok("ImportKeyMaterial", import(json!({ "ValidTo": 1_800_000_000 }))).await;
    let key = s.ok("DescribeKey", json!({ "KeyId": id })).await;
    assert_eq!(key["KeyMetadata"]["ValidTo"], 1_800_000_000.0);
    assert_eq!(key["KeyMetadata"]["ExpirationModel"], "KEY_MATERIAL_EXPIRES");
    s.ok("Encrypt", json!({ "KeyId": id, "Plaintext": "AAAA" })).await;
    s.ok("DeleteImportedKeyMaterial", json!({ "KeyId": id })).await;
    assert_eq!(s.ok("DescribeKey", json!({ "KeyId": id })).await["KeyMetadata"]["KeyState"], "PendingImport");
}

#[tokio::test]
async fn an_alias_is_pointed_elsewhere() {
    let s = Setup::new().await;
    let ((first, _), (second, arn)) = (s.key().await, s.key().await);
    s.ok("CreateAlias", json!({ "AliasName": "alias/a", "TargetKeyId": first })).await;
    assert_eq!(s.ok("UpdateAlias", json!({ "AliasName": "alias/a", "TargetKeyId": second })).await, Value::Null);
    assert_eq!(s.ok("Encrypt", json!({ "KeyId": "alias/a", "Plaintext": "AAAA" })).await["KeyId"], json!(arn));
    let of_alias = "Alias arn:aws:kms:local-1:000000000042:alias/none is not found.";
    let none = json!({ "AliasName": "alias/none", "TargetKeyId": first });
    s.fails("UpdateAlias", none, "NotFoundException", of_alias).await;
}
