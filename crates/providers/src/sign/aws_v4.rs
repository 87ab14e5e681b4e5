//! AWS Signature Version 4 in the `Authorization` header.

use super::{Unsigned, canonical_path, hex};
use crypto::{hmac_sha256, sha256};
use zeroize::Zeroizing;

/// Who signs, and for what.
pub(crate) struct AwsV4<'a> {
    pub(crate) access_key: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    /// `YYYYMMDDTHHMMSSZ`; also the value of the `x-amz-date` header, which is signed.
    pub(crate) date: &'a str,
}

impl AwsV4<'_> {
    /// The value of the `Authorization` header.
    pub(crate) fn authorization(&self, request: &Unsigned<'_>) -> String {
        let (canonical, names) = request.canonical(&canonical_path(request.path));
        let day = self.date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", self.date, hex(&sha256(canonical.as_bytes())));
        let mut key = Zeroizing::new([b"AWS4", self.secret.as_bytes()].concat());
        for part in [day, self.region, self.service, "aws4_request"] {
            key = Zeroizing::new(hmac_sha256(&key, &[part.as_bytes()]).to_vec());
        }
        let signature = hex(&hmac_sha256(&key, &[to_sign.as_bytes()]));
        let access_key = self.access_key;
        format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases of AWS's Signature Version 4 test suite, by their names there.
    #[test]
    fn published_vectors() {
        let host = ("host", "example.amazonaws.com");
        let date = ("x-amz-date", "20150830T123600Z");
        let form = ("content-type", "application/x-www-form-urlencoded");
        type Case<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);
        let cases: &[Case<'_>] = &[
            (
                "get-vanilla",
                "GET",
                "",
                &[host, date],
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "Param2=value2&Param1=value1",
                &[host, date],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-vanilla",
                "POST",
                "",
                &[host, date],
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                "POST",
                "",
                &[form, host, date],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "post-header-key-sort",
                "POST",
                "",
                &[("my-header1", "value1"), host, date],
                "",
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
        ];
        for (name, method, query, headers, body, signature) in cases {
            let signer = AwsV4 {
                access_key: "AKIDEXAMPLE",
                secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                region: "us-east-1",
                service: "service",
                date: "20150830T123600Z",
            };
            let request = Unsigned { method, path: "/", query, headers, body: body.as_bytes() };
            let authorization = signer.authorization(&request);
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{name}: {authorization}");
            assert!(authorization.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
            ));
        }
    }
}
