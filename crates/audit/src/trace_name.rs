//! What Huawei's Cloud Trace Service calls an operation (kms-iam-api §6.1), so that rules written for its traces find
//! theirs here.

/// The trace's name of an operation, by our name of it. `None` for what that service does not trace, such as reading
/// about keys.
pub fn trace_name(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "CreateKey" => "createKey",
        "GenerateDataKey" => "createDataKey",
        "GenerateDataKeyWithoutPlaintext" => "createDataKeyWithoutPlaintext",
        "EncryptDataKey" => "encryptDatakey",
        "DecryptDataKey" => "decryptDatakey",
        "Encrypt" => "encryptData",
        "Decrypt" => "decryptData",
        "EnableKey" => "enableKey",
        "DisableKey" => "disableKey",
        "ScheduleKeyDeletion" => "scheduleKeyDeletion",
        "CancelKeyDeletion" => "cancelKeyDeletion",
        "CreateAlias" | "UpdateAlias" => "updateKeyAlias",
        "UpdateKeyDescription" => "updateKeyDescription",
        "TagResource" | "UntagResource" => "dealUnifiedTags",
        "ImportKeyMaterial" => "importKeyMaterial",
        "DeleteImportedKeyMaterial" => "deleteImportedKeyMaterial",
        "CreateGrant" => "createGrant",
        "RetireGrant" => "retireGrant",
        "RevokeGrant" => "revokeGrant",
        "EnableKeyRotation" => "enableKeyRotation",
        "DisableKeyRotation" => "disableKeyRotation",
        "UpdateKeyRotationInterval" => "updateKeyRotationInterval",
        "GenerateRandom" => "genRandom",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_keys_are_traced_and_reading_is_not() {
        assert_eq!(trace_name("GenerateDataKey"), Some("createDataKey"));
        assert_eq!(trace_name("UntagResource"), Some("dealUnifiedTags"));
        assert_eq!(trace_name("DescribeKey"), None);
        assert_eq!(trace_name("ListKeys"), None);
    }
}
