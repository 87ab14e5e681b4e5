//! Huawei's `SDK-HMAC-SHA256` (kms-iam-api §1.2.1): the secret key itself is the HMAC key, and the path is signed with a
//! slash at its end that does not stand on the wire.

use super::{Unsigned, canonical_path, hex};
use crypto::{hmac_sha256, sha256};

/// The value of the `Authorization` header. `date` is that of the `x-sdk-date` header, which is signed.
pub(crate) fn sdk_hmac_sha256(access_key: &str, secret: &str, date: &str, request: &Unsigned<'_>) -> String {
    let mut path = canonical_path(request.path);
    if !path.ends_with('/') {
        path.push('/');
    }
    let (canonical, names) = request.canonical(&path);
    let to_sign = format!("SDK-HMAC-SHA256\n{date}\n{}", hex(&sha256(canonical.as_bytes())));
    let signature = hex(&hmac_sha256(secret.as_bytes(), &[to_sign.as_bytes()]));
    format!("SDK-HMAC-SHA256 Access={access_key}, SignedHeaders={names}, Signature={signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by the Python SDK's signer (kms-iam-api §1.2.5).
    #[test]
    fn the_sdks_vectors() {
        let headers = [
            ("content-type", "application/json;charset=utf-8"),
            ("host", "kms.test.example"),
            ("x-project-id", "p123"),
            ("x-sdk-date", "20260101T000000Z"),
        ];
        let post = Unsigned {
            method: "POST",
            path: "/v1.0/p123/kms/describe-key",
            query: "",
            headers: &headers,
            body: b"{\"key_id\": \"0d0466b0-e727-4d9c-b35d-f84bb474a37f\"}",
        };
        let get = Unsigned {
            method: "GET",
            path: "/v1.0/p123/kms/aliases",
            query: "key_id=a%20b&limit=10",
            headers: &headers,
            body: b"",
        };
        for (request, signature) in [
            (post, "56b1875313ad97515e14dde8692ef55423b0751e86e3f05013acb7888cf788f7"),
            (get, "75d7f45641dd084f4e3aaf80e3d817ecd80c5829ecd63b734a45ac01bfcb3561"),
        ] {
            assert_eq!(
                sdk_hmac_sha256(
                    "AKEXAMPLE0000001",
                    "SKEXAMPLE/0000000000000000000000000000001",
                    "20260101T000000Z",
                    &request
                ),
                format!(
                    "SDK-HMAC-SHA256 Access=AKEXAMPLE0000001, SignedHeaders=content-type;host;x-project-id;x-sdk-date, \
                     Signature={signature}"
                )
            );
        }
    }
}
