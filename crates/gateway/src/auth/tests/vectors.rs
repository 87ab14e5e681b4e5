//! Published examples and requests made by real clients, from vectors/signatures.

use super::super::{AcceptedRegions, AuthError, Payload, SignedRequest, VerifyConfig, detect, detect_form};
use crate::body::{ByteSource, ChunkVerification, ChunkedBody};
use async_trait::async_trait;
use bytes::Bytes;
use crypto::{ChecksumAlgorithm, ChecksumValue};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue};
use model::Timestamp;
use objects::BodyError;
use objects::api::BodySource;
use serde_json::Value;

const FILES: [(&str, &str); 4] = [
    ("obs.json", include_str!("../../../../../vectors/signatures/obs.json")),
    ("aws-v2.json", include_str!("../../../../../vectors/signatures/aws-v2.json")),
    ("aws-v4.json", include_str!("../../../../../vectors/signatures/aws-v4.json")),
    ("clients.json", include_str!("../../../../../vectors/signatures/clients.json")),
];

struct Case {
    label: String,
    json: Value,
    headers: HeaderMap,
    access_key: String,
    secret: Vec<u8>,
    region: String,
}

impl Case {
    fn text(&self, name: &str) -> Option<&str> {
        self.json[name].as_str()
    }

    fn request(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: self.text("method").unwrap(),
            raw_target: self.text("target").unwrap(),
            headers: &self.headers,
            host_bucket: self.text("host_bucket"),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.json["now"].as_u64().unwrap())
    }

    fn config(&self) -> VerifyConfig<'_> {
        VerifyConfig {
            regions: AcceptedRegions::Configured(&self.region),
            service: "s3",
            obs_unsigned_subresources: self.json["leaves_out"] == true,
            body_sha256: None,
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (file, text) in FILES {
        let file_json: Value = serde_json::from_str(text).unwrap();
        for json in file_json["cases"].as_array().unwrap() {
            let of_case_or_file = |name: &str| json[name].as_str().or(file_json[name].as_str()).unwrap().to_owned();
            let mut headers = HeaderMap::new();
            for header in json["headers"].as_array().unwrap() {
                let name = HeaderName::try_from(header[0].as_str().unwrap()).unwrap();
                headers.append(name, HeaderValue::from_str(header[1].as_str().unwrap()).unwrap());
            }
            cases.push(Case {
                label: format!("{file}: {}", json["name"].as_str().unwrap()),
                headers,
                access_key: of_case_or_file("access_key"),
                secret: of_case_or_file("secret").into_bytes(),
                region: of_case_or_file("region"),
                json: json.clone(),
            });
        }
    }
    assert!(cases.len() > 35);
    cases
}

#[test]
fn every_vector_verifies_as_what_it_is() {
    for case in cases() {
        let request = case.request();
        let credential = detect(&request).unwrap().unwrap();
        assert_eq!(credential.access_key().as_str(), case.access_key, "{}", case.label);
        assert_eq!(credential.session_token(), case.text("token"), "{}", case.label);
        let verified = credential
            .verify(&request, &case.secret, case.now(), &case.config())
            .unwrap_or_else(|error| panic!("{}: {error:?}", case.label));
        assert_eq!(verified.scheme().name(), case.text("scheme").unwrap(), "{}", case.label);
        assert_eq!(verified.leaves_out_subresources(), case.json["leaves_out"] == true, "{}", case.label);
        let payload = match verified.payload() {
            Payload::None => "none",
            Payload::Unsigned => "unsigned",
            Payload::Sha256(_) => "sha256",
            Payload::StreamingSigned { trailer: false, .. } => "streaming-signed",
            Payload::StreamingSigned { trailer: true, .. } => "streaming-signed-trailer",
            Payload::StreamingUnsignedTrailer => "streaming-unsigned-trailer",
        };
        assert_eq!(payload, case.text("payload").unwrap(), "{}", case.label);
    }
}

#[test]
fn with_another_secret_no_vector_verifies_and_the_text_signed_is_the_published_one() {
    for case in cases() {
        let request = case.request();
        let credential = detect(&request).unwrap().unwrap();
        let mut secret = case.secret.clone();
        secret[0] ^= 1;
        let error = credential.verify(&request, &secret, case.now(), &case.config()).unwrap_err();
        let AuthError::SignatureMismatch { string_to_sign, .. } = error else {
            panic!("{}: {error:?}", case.label);
        };
        // An empty value is written without its `=` first, as most clients do.
        if let Some(expected) = case.text("string_to_sign").filter(|_| !case.label.contains("empty sub-resource")) {
            assert_eq!(string_to_sign, expected, "{}", case.label);
        }
    }
}

#[test]
fn leaving_out_a_subresource_is_refused_unless_allowed() {
    let case = cases().into_iter().find(|case| case.json["leaves_out"] == true).unwrap();
    let config = VerifyConfig { obs_unsigned_subresources: false, ..case.config() };
    let request = case.request();
    let credential = detect(&request).unwrap().unwrap();
    let outcome = credential.verify(&request, &case.secret, case.now(), &config);
    assert!(matches!(outcome, Err(AuthError::SignatureMismatch { .. })));
}

#[test]
fn every_form_vector_verifies_and_no_altered_one_does() {
    for (file, text) in FILES {
        let json: Value = serde_json::from_str(text).unwrap();
        for form in json["forms"].as_array().unwrap() {
            let fields: Vec<(String, String)> = form["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|field| (field[0].as_str().unwrap().to_owned(), field[1].as_str().unwrap().to_owned()))
                .collect();
            let region = json["region"].as_str().unwrap();
            let config = VerifyConfig {
                regions: AcceptedRegions::Configured(region),
                service: "s3",
                obs_unsigned_subresources: false,
                body_sha256: None,
            };
            let secret = json["secret"].as_str().unwrap().as_bytes();
            let credential = detect_form(&fields).unwrap().unwrap();
            assert_eq!(credential.access_key().as_str(), json["access_key"].as_str().unwrap(), "{file}");
            let verified = credential.verify(secret, &config).unwrap();
            assert_eq!(verified.scheme().name(), form["scheme"].as_str().unwrap(), "{file}");

            for (index, (name, value)) in fields.iter().enumerate() {
                if !["policy", "signature", "token", "x-amz-signature"].contains(&name.as_str()) {
                    continue;
                }
                // The policy is the end of the token; its last characters may be padding.
                let mut altered = fields.clone();
                let at = value.len() - 8;
                let other = if value.as_bytes()[at] == b'a' { "b" } else { "a" };
                altered[index].1.replace_range(at..=at, other);
                let outcome = detect_form(&altered).unwrap().unwrap().verify(secret, &config);
                assert!(matches!(outcome, Err(AuthError::SignatureMismatch { .. })), "{file}: {name}");
            }
        }
    }
}

#[test]
fn an_altered_v4_form_is_refused() {
    let json: Value = serde_json::from_str(FILES[2].1).unwrap();
    let fields: Vec<(String, String)> = json["forms"][0]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field[0].as_str().unwrap().to_owned(), field[1].as_str().unwrap().to_owned()))
        .collect();
    let config = VerifyConfig {
        regions: AcceptedRegions::Any,
        service: "s3",
        obs_unsigned_subresources: false,
        body_sha256: None,
    };
    let check = |name: &str, value: Option<&str>| {
        let mut fields = fields.clone();
        let at = fields.iter().position(|(field, _)| field == name).unwrap();
        match value {
            Some(value) => fields[at].1 = value.to_owned(),
            None => drop(fields.remove(at)),
        }
        detect_form(&fields)?.unwrap().verify(json["secret"].as_str().unwrap().as_bytes(), &config)
    };
    let id = "AKIAIOSFODNN7EXAMPLE";
    for (name, value) in [
        ("x-amz-credential", Some(format!("{id}/20151230/us-east-1/s3/aws4_request"))),
        ("x-amz-credential", Some(format!("{id}/20151229/us-east-2/s3/aws4_request"))),
        ("x-amz-credential", Some(format!("{id}/20151229/us-east-1/kms/aws4_request"))),
        ("x-amz-credential", Some(format!("{id}////aws4_request"))),
        ("x-amz-algorithm", Some("AWS4-ECDSA-P256-SHA256".to_owned())),
        ("x-amz-algorithm", None),
        ("x-amz-date", Some("20151230T000000Z".to_owned())),
        ("x-amz-date", None),
        ("policy", None),
        ("x-amz-signature", None),
    ] {
        assert!(check(name, value.as_deref()).is_err(), "{name} {value:?}");
    }
}

/// Pieces that never wait.
struct Whole(Option<Bytes>);

#[async_trait]
impl ByteSource for Whole {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.take())
    }
}

#[test]
fn the_published_chunks_follow_from_the_published_seeds() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.json["chunks"].is_array()) {
        let request = case.request();
        let credential = detect(&request).unwrap().unwrap();
        let verified = credential.verify(&request, &case.secret, case.now(), &case.config()).unwrap();
        let Payload::StreamingSigned { trailer, chunks } = verified.into_payload() else { panic!("{}", case.label) };

        let mut encoded = Vec::new();
        for chunk in case.json["chunks"].as_array().unwrap() {
            let size = usize::try_from(chunk[0].as_u64().unwrap()).unwrap();
            let head = format!("{size:x};chunk-signature={}\r\n", chunk[1].as_str().unwrap());
            encoded.extend_from_slice(head.as_bytes());
            if size > 0 {
                encoded.resize(encoded.len() + size, b'a');
                encoded.extend_from_slice(b"\r\n");
            }
        }
        let verification = if trailer {
            let (line, signature) = (&case.json["trailer"][0], &case.json["trailer"][1]);
            // The blank line before the signature stands so in the published example.
            let (line, signature) = (line.as_str().unwrap(), signature.as_str().unwrap());
            let trailer = format!("{line}\n\r\nx-amz-trailer-signature:{signature}\r\n\r\n");
            encoded.extend_from_slice(trailer.as_bytes());
            ChunkVerification::SignedWithTrailer(chunks, ChecksumAlgorithm::Crc32c)
        } else {
            encoded.extend_from_slice(b"\r\n");
            assert_eq!(encoded.len().to_string(), case.headers["content-length"].to_str().unwrap());
            ChunkVerification::Signed(chunks)
        };
        let mut body = ChunkedBody::new(Whole(Some(encoded.into())), verification, 66560);
        let mut decoded = Vec::new();
        while let Some(piece) = body.next().now_or_never().unwrap().unwrap() {
            decoded.extend_from_slice(&piece);
        }
        assert_eq!(decoded, vec![b'a'; 66560]);
        let checksum = ChecksumValue::new(ChecksumAlgorithm::Crc32c, vec![0xb0, 0xe3, 0xbc, 0xfd]);
        assert_eq!(body.trailing_checksums(), if trailer { vec![checksum.unwrap()] } else { vec![] });
        seen += 1;
    }
    assert_eq!(seen, 2);
}
