//! Tests of the chunk decoder: what is right in any cut of the stream, and each thing that is wrong on purpose.

use super::super::source::tests::{Pieces, read};
use super::{ChunkVerification, ChunkedBody};
use crate::auth::signer::{SignedPayload, SignerV4, SigningCredential};
use crate::auth::{ChunkSignatures, Payload};
use crate::body::{BodyRefused, Integrity, integrity, request_body};
use bytes::Bytes;
use crypto::{ChecksumAlgorithm, ChecksumValue, sha256};
use http::{HeaderMap, HeaderName, HeaderValue};
use model::Timestamp;
use objects::BodyError;
use proptest::prelude::*;

const CRC: &str = "x-amz-checksum-crc32c:sOO8/Q==";

/// Signatures that go on from one and the same request, as client and server have them.
fn signatures() -> ChunkSignatures {
    let credential = SigningCredential { access_key_id: "AK", secret: b"secret", session_token: None };
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("h"));
    SignerV4 { credential, region: "r", service: "s3" }
        .sign("PUT", "/b/k", &mut headers, SignedPayload::StreamingSigned { trailer: true }, Timestamp::from_secs(1))
        .unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Signed,
    SignedWithTrailer,
    Unsigned,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Signed, Self::SignedWithTrailer, Self::Unsigned];

    fn verification(self) -> ChunkVerification {
        match self {
            Self::Signed => ChunkVerification::Signed(signatures()),
            Self::SignedWithTrailer => ChunkVerification::SignedWithTrailer(signatures(), ChecksumAlgorithm::Crc32c),
            Self::Unsigned => ChunkVerification::UnsignedWithTrailer(ChecksumAlgorithm::Crc32c),
        }
    }

    fn checksums(self) -> Vec<ChecksumValue> {
        let value = ChecksumValue::new(ChecksumAlgorithm::Crc32c, vec![0xb0, 0xe3, 0xbc, 0xfd]).unwrap();
        if self == Self::Signed { vec![] } else { vec![value] }
    }

    /// The pieces of an encoded body: one for each chunk, the last chunk, and what ends the body.
    fn encode(self, chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut signatures = signatures();
        let mut pieces = Vec::new();
        for data in chunks.iter().copied().chain([&b""[..]]) {
            let head = match self {
                Self::Unsigned => format!("{:x}\r\n", data.len()),
                _ => format!("{:x};chunk-signature={}\r\n", data.len(), signatures.sign_chunk(&sha256(data))),
            };
            let mut piece = head.into_bytes();
            if !data.is_empty() {
                piece.extend_from_slice(data);
                piece.extend_from_slice(b"\r\n");
            }
            pieces.push(piece);
        }
        pieces.push(match self {
            Self::Signed => b"\r\n".to_vec(),
            Self::Unsigned => format!("{CRC}\r\n\r\n").into_bytes(),
            Self::SignedWithTrailer => {
                let signature = signatures.sign_trailer(&sha256(format!("{CRC}\n").as_bytes()));
                format!("{CRC}\r\nx-amz-trailer-signature:{signature}\r\n\r\n").into_bytes()
            }
        });
        pieces
    }

    fn decode(self, encoded: &[u8], length: usize) -> Result<(Vec<u8>, Vec<ChecksumValue>), BodyError> {
        self.decode_cut(encoded, length, &[])
    }

    fn decode_cut(
        self,
        encoded: &[u8],
        length: usize,
        places: &[usize],
    ) -> Result<(Vec<u8>, Vec<ChecksumValue>), BodyError> {
        read(ChunkedBody::new(Pieces::cut(encoded, places), self.verification(), length as u64))
    }
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("there to be replaced");
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

#[test]
fn bodies_of_any_number_of_chunks_are_decoded() {
    let data = vec![5; 3 << 20];
    for mode in Mode::ALL {
        for chunks in [&[][..], &[&b"hello"[..]], &[&data[..8192], &b"x"[..]], &[&data[..], &data[..70_000]]] {
            let plain = chunks.concat();
            let encoded = mode.encode(chunks).concat();
            assert_eq!(mode.decode(&encoded, plain.len()), Ok((plain, mode.checksums())), "{mode:?}");
        }
    }
}

#[test]
fn a_tampered_chunk_is_refused_before_its_end_is_given_out() {
    let (first, second) = ([1; 9000], [2; 9000]);
    for mode in [Mode::Signed, Mode::SignedWithTrailer] {
        let encoded = mode.encode(&[&first, &second]).concat();
        for at in [200, 9000, 9400] {
            let mut tampered = encoded.clone();
            tampered[at] ^= 4;
            assert_eq!(mode.decode(&tampered, 18_000), Err(BodyError::ChunkSignature), "{at}");
        }
        let mut body = ChunkedBody::new(
            Pieces([Ok(Bytes::from(replace(&encoded, "\r\n\u{1}", "\r\n\u{3}")))].into()),
            mode.verification(),
            18_000,
        );
        let first = futures_util::FutureExt::now_or_never(objects::api::BodySource::next(&mut body)).unwrap();
        assert_eq!(first, Err(BodyError::ChunkSignature));
    }
}

#[test]
fn reordered_repeated_and_dropped_chunks_are_refused() {
    let (first, second) = ([1; 9000], [2; 9000]);
    for mode in [Mode::Signed, Mode::SignedWithTrailer] {
        let pieces = mode.encode(&[&first, &second]);
        let arrange = |order: &[usize]| -> Vec<u8> { order.iter().flat_map(|at| pieces[*at].clone()).collect() };
        assert!(mode.decode(&arrange(&[0, 1, 2, 3]), 18_000).is_ok());
        assert_eq!(mode.decode(&arrange(&[1, 0, 2, 3]), 18_000), Err(BodyError::ChunkSignature));
        assert_eq!(mode.decode(&arrange(&[0, 0, 2, 3]), 18_000), Err(BodyError::ChunkSignature));
        assert_eq!(mode.decode(&arrange(&[1, 2, 3]), 9000), Err(BodyError::ChunkSignature));
        assert_eq!(mode.decode(&arrange(&[0, 2, 3]), 9000), Err(BodyError::ChunkSignature));
        assert_eq!(mode.decode(&arrange(&[0, 1, 3]), 18_000), Err(BodyError::MalformedChunk));
        assert_eq!(mode.decode(&arrange(&[0, 1]), 18_000), Err(BodyError::Incomplete));
        assert_eq!(mode.decode(&arrange(&[0]), 18_000), Err(BodyError::Incomplete));
        assert_eq!(mode.decode(&[], 0), Err(BodyError::Incomplete));
    }
}

#[test]
fn chunks_of_another_request_are_refused() {
    let encoded = Mode::Signed.encode(&[b"hello"]).concat();
    let mut other = signatures();
    other.sign_chunk(&sha256(b"something before"));
    let body = ChunkedBody::new(Pieces::cut(&encoded, &[]), ChunkVerification::Signed(other), 5);
    assert_eq!(read(body), Err(BodyError::ChunkSignature));
}

#[test]
fn every_cut_of_the_stream_short_of_its_end_is_incomplete() {
    for mode in Mode::ALL {
        let encoded = mode.encode(&[&[1; 8192], b"hello"]).concat();
        // The blank line after a trailer's signature is the one thing some clients leave out.
        let end = encoded.len() - if mode == Mode::SignedWithTrailer { 2 } else { 0 };
        for length in (0..end).step_by(7).chain(end - 40..end) {
            let outcome = mode.decode(&encoded[..length], 8197);
            assert_eq!(outcome, Err(BodyError::Incomplete), "{mode:?} {length}");
        }
    }
}

#[test]
fn a_decoded_length_that_does_not_fit_is_refused() {
    for mode in Mode::ALL {
        let encoded = mode.encode(&[b"hello"]).concat();
        for length in [0, 4, 6, usize::MAX] {
            assert_eq!(mode.decode(&encoded, length), Err(BodyError::Incomplete), "{mode:?} {length}");
        }
    }
}

#[test]
fn nothing_may_follow_the_end() {
    for mode in Mode::ALL {
        let encoded = mode.encode(&[b"hello"]).concat();
        for after in [&b"\r\n"[..], b"5\r\nhello\r\n0\r\n\r\n", b"\0"] {
            let longer = [&encoded[..], after].concat();
            assert_eq!(mode.decode(&longer, 5), Err(BodyError::MalformedChunk), "{mode:?}");
            assert_eq!(mode.decode_cut(&longer, 5, &[encoded.len()]), Err(BodyError::MalformedChunk), "{mode:?}");
        }
    }
}

#[test]
fn small_signed_chunks_are_refused_unless_last() {
    for mode in [Mode::Signed, Mode::SignedWithTrailer] {
        let encoded = mode.encode(&[&[1; 8191], &[2; 9000]]).concat();
        assert_eq!(mode.decode(&encoded, 17_191), Err(BodyError::ChunkTooSmall));
        let encoded = mode.encode(&[&[1; 8192], &[2; 1]]).concat();
        assert!(mode.decode(&encoded, 8193).is_ok());
    }
    let encoded = Mode::Unsigned.encode(&[b"a", b"b", b"c"]).concat();
    assert_eq!(Mode::Unsigned.decode(&encoded, 3).unwrap().0, b"abc");
}

#[test]
fn broken_framing_is_refused() {
    for (mode, from, to) in [
        (Mode::Unsigned, "5\r\n", "5\n"),
        (Mode::Unsigned, "5\r\n", " 5\r\n"),
        (Mode::Unsigned, "5\r\n", "-5\r\n"),
        (Mode::Unsigned, "5\r\n", "5;chunk-signature=00\r\n"),
        (Mode::Unsigned, "5\r\n", "fffffffffffffffff\r\n"),
        (Mode::Unsigned, "5\r\n", "\r\n"),
        (Mode::Unsigned, "hello\r\n", "hello!\n"),
        (Mode::Unsigned, "hello\r\n", "hello\n"),
        (Mode::Unsigned, "hello\r\n", "hello"),
        (Mode::Signed, ";chunk-signature=", ";signature="),
        (Mode::Signed, ";chunk-signature=", ""),
        (Mode::Signed, ";chunk-signature=", "; chunk-signature="),
    ] {
        let encoded = replace(&mode.encode(&[b"hello"]).concat(), from, to);
        assert_eq!(mode.decode(&encoded, 5), Err(BodyError::MalformedChunk), "{from:?} {to:?}");
    }
    for (mode, signature) in [(Mode::Signed, ""), (Mode::SignedWithTrailer, "00")] {
        let encoded = mode.encode(&[b"hello"]).concat();
        let at = encoded.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let head = format!("5;chunk-signature={signature}");
        let altered = [head.as_bytes(), &encoded[at..]].concat();
        assert_eq!(mode.decode(&altered, 5), Err(BodyError::ChunkSignature));
    }
}

#[test]
fn heads_and_trailers_are_bounded() {
    let endless = vec![b'0'; 1 << 20];
    assert_eq!(Mode::Unsigned.decode_cut(&endless, 5, &[100, 900, 1000]), Err(BodyError::MalformedChunk));
    let encoded = Mode::Unsigned.encode(&[b"hello"]).concat();
    let endless = [&encoded[..encoded.len() - 4], &vec![b'a'; 1 << 20]].concat();
    assert_eq!(Mode::Unsigned.decode(&endless, 5), Err(BodyError::MalformedTrailer));
    let long_lines = replace(&encoded, CRC, &format!("{}{CRC}", "x-amz-checksum-crc32:a\r\n".repeat(800)));
    assert_eq!(Mode::Unsigned.decode(&long_lines, 5), Err(BodyError::MalformedTrailer));
}

#[test]
fn trailers_are_what_was_announced() {
    for mode in [Mode::Unsigned, Mode::SignedWithTrailer] {
        let encoded = mode.encode(&[b"hello"]).concat();
        for (to, expected) in [
            (String::new(), BodyError::MalformedTrailer),
            ("x-amz-checksum-crc32:AAAAAA==".to_owned(), BodyError::MalformedTrailer),
            ("x-amz-meta-a:b".to_owned(), BodyError::MalformedTrailer),
            ("nonsense".to_owned(), BodyError::MalformedTrailer),
            (format!("{CRC}\r\n{CRC}"), BodyError::MalformedTrailer),
            (format!("x-amz-meta-a:b\r\n{CRC}"), BodyError::MalformedTrailer),
            ("x-amz-checksum-crc32c:sOO8".to_owned(), BodyError::MalformedChecksum),
            ("x-amz-checksum-crc32c:".to_owned(), BodyError::MalformedChecksum),
        ] {
            assert_eq!(mode.decode(&replace(&encoded, CRC, &to), 5), Err(expected), "{mode:?} {to:?}");
        }
    }
    // Blanks, case and line endings of real clients.
    let encoded = Mode::Unsigned.encode(&[b"hello"]).concat();
    let encoded = replace(&encoded, &format!("{CRC}\r\n"), "X-Amz-Checksum-CRC32C: sOO8/Q== \n");
    assert_eq!(Mode::Unsigned.decode(&encoded, 5), Ok((b"hello".to_vec(), Mode::Unsigned.checksums())));
}

#[test]
fn a_trailer_needs_its_own_right_signature() {
    let mode = Mode::SignedWithTrailer;
    let encoded = mode.encode(&[b"hello"]).concat();
    let wrong_value = replace(&encoded, "sOO8/Q==", "AAAAAA==");
    assert_eq!(mode.decode(&wrong_value, 5), Err(BodyError::ChunkSignature));
    let wrong_signature = replace(&encoded, "trailer-signature:", "trailer-signature:0");
    assert_eq!(mode.decode(&wrong_signature, 5), Err(BodyError::ChunkSignature));
    let at = encoded.windows(9).position(|window| window == b"x-amz-tra").unwrap();
    let unsigned = [&encoded[..at], b"\r\n"].concat();
    assert_eq!(mode.decode(&unsigned, 5), Err(BodyError::Incomplete));
    let twice_blank = [&encoded[..at], b"\r\n\r\n"].concat();
    assert_eq!(mode.decode(&twice_blank, 5), Err(BodyError::MalformedTrailer));
    let trailer_line = String::from_utf8(encoded[at..encoded.len() - 2].to_vec()).unwrap();
    let first = replace(&replace(&encoded, &trailer_line, ""), CRC, &format!("{trailer_line}{CRC}"));
    assert_eq!(mode.decode(&first, 5), Err(BodyError::MalformedTrailer));
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    map
}

#[test]
fn a_request_body_is_what_the_headers_declare() {
    let open = |payload: Payload, lines: &[(&str, &str)]| {
        let headers = headers(lines);
        let integrity = integrity::parse(&headers).unwrap();
        request_body(payload, integrity, &headers, Box::new(Pieces::cut(b"", &[])))
    };
    let outcome = |payload, lines: &[(&str, &str)]| open(payload, lines).map(|body| body.length);
    let signed = |trailer| Payload::StreamingSigned { trailer, chunks: signatures() };
    let decoded = ("x-amz-decoded-content-length", "5");
    let announced = ("x-amz-trailer", "x-amz-checksum-crc32");
    assert_eq!(outcome(Payload::Unsigned, &[("content-length", "7")]), Ok(Some(7)));
    assert_eq!(outcome(Payload::None, &[("transfer-encoding", "chunked")]), Ok(None));
    assert_eq!(outcome(Payload::None, &[]), Err(BodyRefused::MissingContentLength));
    assert_eq!(outcome(signed(false), &[("content-length", "300"), decoded]), Ok(Some(5)));
    assert_eq!(outcome(signed(true), &[decoded, announced]), Ok(Some(5)));
    assert_eq!(outcome(Payload::StreamingUnsignedTrailer, &[decoded, announced]), Ok(Some(5)));
    for lines in
        [&[announced][..], &[announced, ("x-amz-decoded-content-length", "-1")], &[announced, decoded, decoded]]
    {
        let outcome = outcome(Payload::StreamingUnsignedTrailer, lines);
        assert_eq!(outcome, Err(BodyRefused::MissingContentLength));
    }
    assert_eq!(outcome(Payload::StreamingUnsignedTrailer, &[decoded]), Err(BodyRefused::MalformedTrailer));
    assert_eq!(outcome(signed(true), &[decoded]), Err(BodyRefused::MalformedTrailer));
    let in_vain = outcome(signed(false), &[decoded, announced]);
    assert!(matches!(in_vain, Err(BodyRefused::InvalidRequest(_))));
    let body = open(Payload::Sha256([9; 32]), &[("content-length", "0")]).unwrap();
    assert_eq!(body.content_sha256, Some([9; 32]));
    assert_eq!(Integrity::default().checksum, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_outcome_does_not_depend_on_how_the_stream_is_cut(
        sizes in proptest::collection::vec(1_usize..40_000, 0..4),
        places in proptest::collection::vec(0_usize..170_000, 0..40),
        damage in proptest::option::of((0_usize..170_000, 1_u8..)),
        mode in prop_oneof![Just(Mode::Signed), Just(Mode::SignedWithTrailer), Just(Mode::Unsigned)],
    ) {
        let chunks: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(at, size)| vec![at as u8; *size]).collect();
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let length: usize = sizes.iter().sum();
        let mut encoded = mode.encode(&chunks).concat();
        if let Some((at, bits)) = damage {
            let at = at % encoded.len();
            encoded[at] ^= bits;
        }
        let whole = mode.decode(&encoded, length);
        let cut = mode.decode_cut(&encoded, length, &places);
        if damage.is_none() && (mode == Mode::Unsigned || sizes.iter().rev().skip(1).all(|size| *size >= 8192)) {
            prop_assert_eq!(&whole, &Ok((chunks.concat(), mode.checksums())));
        }
        if let (Ok((data, _)), true) = (&whole, mode != Mode::Unsigned) {
            prop_assert_eq!(data, &chunks.concat(), "no damage passes the signatures");
        }
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn the_outcome_is_the_same_byte_by_byte(damage in proptest::option::of((0_usize..700, 1_u8..))) {
        for mode in Mode::ALL {
            let mut encoded = mode.encode(&[b"hello"]).concat();
            if let Some((at, bits)) = damage {
                let at = at % encoded.len();
                encoded[at] ^= bits;
            }
            let places: Vec<usize> = (0..encoded.len()).collect();
            prop_assert_eq!(mode.decode(&encoded, 5), mode.decode_cut(&encoded, 5, &places));
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[0-9a-f;\r\n:x=-]{0,80}") {
        for mode in Mode::ALL {
            let _ = mode.decode(&bytes, 5);
            let _ = mode.decode(text.as_bytes(), 5);
        }
    }
}
