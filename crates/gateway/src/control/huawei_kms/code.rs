//! The error codes of the Huawei KMS API that this server sends (kms-iam-api §1.7): HTTP status, code and text, one row
//! each.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $status:literal $code:literal $text:literal;)*) => {
        /// A code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The HTTP status.
            pub(super) const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// As clients compare it.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means.
            pub(super) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    Internal 500 "KMS.0101" "The key service failed. The operator's log says why.";
    Unavailable 503 "KMS.0104" "The key service did not answer. The request can be tried again.";
    NotOffered 400 "KMS.0201" "This operation is not offered by this server.";
    Body 400 "KMS.0202" "The request body is not a JSON object.";
    Missing 400 "KMS.0204" "A parameter is missing.";
    KeyId 400 "KMS.0205" "The key id is not valid.";
    Sequence 400 "KMS.0206" "The sequence is not valid: it has 36 characters, as a UUID.";
    NoSuchKey 404 "KMS.0207" "The key does not exist.";
    Context 400 "KMS.0208" "The additional authenticated data or the encryption context is not valid.";
    Disabled 400 "KMS.0209" "The key is disabled.";
    PendingDeletion 400 "KMS.0210" "The key is pending deletion.";
    DefaultKey 400 "KMS.0211" "Not possible for the default key, which the service manages.";
    Method 405 "KMS.0215" "The method is not supported here.";
    WrongProject 403 "KMS.0305" "The project is not one of the caller's.";
    NoRightToKey 403 "KMS.0306" "No permission for this operation on the key.";
    NoRight 403 "KMS.0307" "No permission for this operation.";
    Parameter 400 "KMS.0308" "A parameter is not valid.";
    NotExternal 400 "KMS.0309" "The key's material does not come from outside.";
    NotPendingImport 400 "KMS.0310" "The key is not pending import.";
    Unwrap 400 "KMS.0311" "The key material cannot be unwrapped with the private key of its import token.";
    ExternalRotation 400 "KMS.0312" "This key cannot be rotated.";
    RotationOff 400 "KMS.0313" "Rotation of the key is not enabled.";
    TokenProject 403 "KMS.0321" "The project of the path is not that of the token.";
    MatchValue 400 "KMS.0402" "The value of a match is not valid.";
    MatchKey 400 "KMS.0403" "The key of a match is not valid.";
    TagAction 400 "KMS.0404" "The action is not valid.";
    TagValue 400 "KMS.0405" "The value of a tag is not valid.";
    TagKey 400 "KMS.0406" "The key of a tag is not valid.";
    TagList 400 "KMS.0407" "The list of tags is not valid: it has 1 to 50 of them, each key once.";
    TagsFull 400 "KMS.0409" "The key has too many tags.";
    TagValueLength 400 "KMS.0410" "The value of a tag is too long.";
    TagKeyLength 400 "KMS.0411" "The key of a tag is empty or too long.";
    Alias 400 "KMS.1101" "The key alias is not valid.";
    Description 400 "KMS.1103" "The key description is not valid: it has at most 255 characters.";
    AliasTaken 400 "KMS.1104" "The alias is in use.";
    KeysFull 400 "KMS.1105" "The account has too many keys.";
    NotDisabled 400 "KMS.1201" "The key is not disabled.";
    NotEnabled 400 "KMS.1301" "The key is not enabled.";
    PendingDays 400 "KMS.1401" "The waiting time is between 7 and 1096 days.";
    AlreadyPending 400 "KMS.1402" "The key is pending deletion already.";
    NotPendingDeletion 400 "KMS.1501" "The key is not pending deletion.";
    Limit 400 "KMS.1601" "The limit is not valid.";
    Marker 400 "KMS.1602" "The marker is not valid.";
    Offset 400 "KMS.1603" "The offset is not valid.";
    RandomLength 400 "KMS.1801" "The length of random data is a multiple of 8 between 8 and 8192 bits.";
    DataKeyLength 400 "KMS.1901" "The length of a data key is a multiple of 8 between 8 and 8192 bits.";
    DataKeySpec 400 "KMS.1903" "The spec of the data key is not valid.";
    DataKeyText 400 "KMS.2101" "The data key in clear is not hexadecimal text.";
    DataKeyTextLength 400 "KMS.2102" "The data key has 1 to 1024 bytes, followed by a digest of 32.";
    Digest 400 "KMS.2103" "The digest is not that of the data key.";
    DataKeyTextMismatch 400 "KMS.2104" "The data key does not have the length that is said.";
    Ciphertext 400 "KMS.2201" "The ciphertext of the data key is not valid.";
    CiphertextMismatch 400 "KMS.2204" "The data key does not have the length that is said.";
    OnlyCreateGrant 400 "KMS.2401" "A grant cannot allow create-grant alone.";
    GrantPrincipal 400 "KMS.2402" "The principal of the grant is not valid.";
    GrantsFull 400 "KMS.2404" "The key has too many grants.";
    NoSuchGrant 400 "KMS.2501" "The grant does not exist.";
    ImportTokenExpired 400 "KMS.2601" "The import token has expired.";
    MaterialExpiry 400 "KMS.2602" "The expiration time is in the past.";
    MaterialLength 400 "KMS.2604" "The key material does not have the length of the key's spec.";
    ImportToken 400 "KMS.2605" "The import token is not one of this key.";
    OtherMaterial 400 "KMS.2606" "The key material is not that which the key had before.";
    MaterialStays 400 "KMS.2701" "The key has no material that could be deleted.";
    RotationOn 400 "KMS.2901" "Rotation of the key is enabled already.";
    RotationInterval 400 "KMS.3001" "The rotation interval is between 30 and 365 days.";
    NoRoute 404 "APIGW.0101" "There is no such API.";
    BadRequest 400 "APIGW.0201" "The request is not accepted.";
    TooLarge 413 "APIGW.0201" "The request body is too large.";
    Unauthenticated 401 "APIGW.0301" "The request is not signed, or not by a credential that is accepted.";
    Throttled 429 "APIGW.0308" "Too many requests.";
}
