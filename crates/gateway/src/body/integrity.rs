//! What a request promises about its body's digest: `Content-MD5`, one checksum as a header, or one announced for the
//! trailer. Promises that cannot be checked are refused, so that no client believes in a check that did not happen.

use crypto::{ChecksumAlgorithm, ChecksumValue};
use data_encoding::BASE64;
use http::HeaderMap;
use std::fmt;

/// Why a body is refused before a byte of it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyRefused {
    /// `Content-MD5` is not base64 of 16 bytes, or is repeated (400 `InvalidDigest`).
    InvalidDigest,
    /// Checksum headers that contradict each other, are malformed or name an unknown algorithm (400 `InvalidRequest`).
    InvalidRequest(String),
    /// Neither `Content-Length` nor chunked transfer, or chunks without `x-amz-decoded-content-length` (411
    /// `MissingContentLength`).
    MissingContentLength,
    /// Chunks with a trailer that `x-amz-trailer` does not announce (400 `MalformedTrailerError`).
    MalformedTrailer,
}

impl fmt::Display for BodyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidDigest => "The Content-MD5 you specified is not valid.",
            Self::InvalidRequest(message) => message,
            Self::MissingContentLength => "You must provide the Content-Length HTTP header.",
            Self::MalformedTrailer => "The request contained trailing data that was not well-formed.",
        })
    }
}

impl std::error::Error for BodyRefused {}

/// The promises of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integrity {
    /// `Content-MD5`.
    pub content_md5: Option<[u8; 16]>,
    /// A checksum sent as a header.
    pub checksum: Option<ChecksumValue>,
    /// The algorithm of the checksum that `x-amz-trailer` announces.
    pub trailing_algorithm: Option<ChecksumAlgorithm>,
}

/// Checksum names after the prefix `x-amz-checksum-` (`crc64ecma` also after `x-obs-checksum-`).
const NAMES: [(&str, ChecksumAlgorithm); 6] = [
    ("crc32", ChecksumAlgorithm::Crc32),
    ("crc32c", ChecksumAlgorithm::Crc32c),
    ("crc64nvme", ChecksumAlgorithm::Crc64Nvme),
    ("crc64ecma", ChecksumAlgorithm::Crc64Xz),
    ("sha1", ChecksumAlgorithm::Sha1),
    ("sha256", ChecksumAlgorithm::Sha256),
];

/// `x-amz-checksum-…` headers that carry no value of a checksum.
const NOT_VALUES: [&str; 3] = ["algorithm", "type", "mode"];

/// The algorithm called `name` in `x-amz-checksum-algorithm` and its like, in any case.
pub fn algorithm_named(name: &str) -> Option<ChecksumAlgorithm> {
    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, algorithm)| *algorithm)
}

/// The name of `algorithm` as it ends a header: `crc32`.
pub fn header_suffix(algorithm: ChecksumAlgorithm) -> &'static str {
    NAMES.iter().find(|(_, known)| *known == algorithm).map_or("", |(name, _)| name)
}

/// Reads a value as it stands in a header or trailer: base64, OBS's `crc64ecma` decimal.
pub fn parse_value(algorithm: ChecksumAlgorithm, text: &str) -> Option<ChecksumValue> {
    let bytes = if algorithm == ChecksumAlgorithm::Crc64Xz {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()?.to_be_bytes().to_vec()
    } else {
        BASE64.decode(text.as_bytes()).ok()?
    };
    ChecksumValue::new(algorithm, bytes)
}

/// Writes a value as it stands in a header.
pub fn format_value(value: &ChecksumValue) -> String {
    match (value.algorithm(), <[u8; 8]>::try_from(value.bytes())) {
        (ChecksumAlgorithm::Crc64Xz, Ok(bytes)) => u64::from_be_bytes(bytes).to_string(),
        _ => BASE64.encode(value.bytes()),
    }
}

/// Reads the promises of a request.
///
/// # Errors
/// [`BodyRefused::InvalidDigest`] and [`BodyRefused::InvalidRequest`].
pub fn parse(headers: &HeaderMap) -> Result<Integrity, BodyRefused> {
    let checksum = parse_checksum(headers)?;
    let trailing_algorithm = parse_announced(headers)?;
    if checksum.is_some() && trailing_algorithm.is_some() {
        return Err(refused("Expecting a single x-amz-checksum- header"));
    }
    if let Some(name) = headers.get("x-amz-sdk-checksum-algorithm") {
        let named = name.to_str().ok().and_then(algorithm_named);
        let named = named.ok_or_else(|| refused("Checksum algorithm provided is unsupported."))?;
        match checksum.as_ref().map(ChecksumValue::algorithm).or(trailing_algorithm) {
            Some(sent) if sent == named => {}
            Some(_) => return Err(refused("Value for x-amz-sdk-checksum-algorithm header is invalid.")),
            None => {
                return Err(refused(
                    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
                     headers were found.",
                ));
            }
        }
    }
    Ok(Integrity { content_md5: parse_content_md5(headers)?, checksum, trailing_algorithm })
}

fn parse_content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, BodyRefused> {
    let mut values = headers.get_all("content-md5").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BodyRefused::InvalidDigest);
    }
    let bytes = BASE64.decode(value.as_bytes().trim_ascii()).map_err(|_| BodyRefused::InvalidDigest)?;
    bytes.try_into().map(Some).map_err(|_| BodyRefused::InvalidDigest)
}

fn parse_checksum(headers: &HeaderMap) -> Result<Option<ChecksumValue>, BodyRefused> {
    let mut found: Option<ChecksumValue> = None;
    for (header, value) in headers {
        let Some(algorithm) = checksum_header(header.as_str())? else { continue };
        if found.is_some() {
            return Err(refused("Expecting a single x-amz-checksum- header"));
        }
        let value = value.to_str().ok().and_then(|text| parse_value(algorithm, text.trim()));
        found = Some(value.ok_or_else(|| refused(&format!("Value for {header} header is invalid.")))?);
    }
    Ok(found)
}

/// The algorithm if `header` carries a checksum's value.
fn checksum_header(header: &str) -> Result<Option<ChecksumAlgorithm>, BodyRefused> {
    let unknown = || refused(&format!("The checksum header {header} is not supported."));
    if let Some(name) = header.strip_prefix("x-amz-checksum-") {
        if NOT_VALUES.contains(&name) {
            return Ok(None);
        }
        return algorithm_named(name).map(Some).ok_or_else(unknown);
    }
    match header.strip_prefix("x-obs-checksum-") {
        Some("crc64ecma") => Ok(Some(ChecksumAlgorithm::Crc64Xz)),
        Some(_) => Err(unknown()),
        None => Ok(None),
    }
}

fn parse_announced(headers: &HeaderMap) -> Result<Option<ChecksumAlgorithm>, BodyRefused> {
    let mut found = None;
    for value in headers.get_all("x-amz-trailer") {
        let value = value.to_str().map_err(|_| unsupported_trailer())?;
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let algorithm = name
                .to_ascii_lowercase()
                .strip_prefix("x-amz-checksum-")
                .and_then(algorithm_named)
                .ok_or_else(unsupported_trailer)?;
            if found.replace(algorithm).is_some() {
                return Err(refused("Expecting a single x-amz-checksum- header"));
            }
        }
    }
    Ok(found)
}

fn unsupported_trailer() -> BodyRefused {
    refused("The value specified in the x-amz-trailer header is not supported")
}

fn refused(message: &str) -> BodyRefused {
    BodyRefused::InvalidRequest(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn outcome(lines: &[(&str, &str)]) -> Result<Integrity, &'static str> {
        parse(&headers(lines)).map_err(|refused| match refused {
            BodyRefused::InvalidDigest => "InvalidDigest",
            BodyRefused::InvalidRequest(_) => "InvalidRequest",
            _ => "other",
        })
    }

    #[test]
    fn each_algorithm_is_read_in_its_own_spelling() {
        for (name, text, bytes) in [
            ("x-amz-checksum-crc32", "AAAAAQ==", vec![0, 0, 0, 1]),
            ("x-amz-checksum-crc32c", "sOO8/Q==", vec![0xb0, 0xe3, 0xbc, 0xfd]),
            ("x-amz-checksum-crc64nvme", "AAAAAAAAAAI=", vec![0, 0, 0, 0, 0, 0, 0, 2]),
            ("x-amz-checksum-crc64ecma", "258", vec![0, 0, 0, 0, 0, 0, 1, 2]),
            ("x-obs-checksum-crc64ecma", "18446744073709551615", vec![255; 8]),
            ("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", vec![0; 20]),
            ("x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", vec![0; 32]),
        ] {
            let value = outcome(&[(name, text)]).unwrap().checksum.unwrap();
            assert_eq!(value.bytes(), bytes, "{name}");
            assert_eq!(format_value(&value), text);
            assert!(name.ends_with(header_suffix(value.algorithm())));
        }
    }

    #[test]
    fn content_md5_is_sixteen_bytes_in_base64() {
        let good = outcome(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")]).unwrap();
        assert_eq!(good.content_md5.unwrap()[..3], [0x5d, 0x41, 0x40]);
        for bad in ["", "AAAA", "XUFAKrxLKna5cZ2REBfFkg=", "5d41402abc4b2a76b9719d911017c592", "rubbish"] {
            assert_eq!(outcome(&[("content-md5", bad)]), Err("InvalidDigest"), "{bad}");
        }
        let twice = [("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="), ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")];
        assert_eq!(outcome(&twice), Err("InvalidDigest"));
    }

    #[test]
    fn contradictory_or_unknown_checksums_are_refused() {
        let crc32 = ("x-amz-checksum-crc32", "AAAAAQ==");
        for lines in [
            vec![crc32, ("x-amz-checksum-crc32c", "AAAAAQ==")],
            vec![crc32, crc32],
            vec![crc32, ("x-amz-trailer", "x-amz-checksum-crc32")],
            vec![("x-amz-checksum-crc32", "AAAA")],
            vec![("x-amz-checksum-crc32", "not base64")],
            vec![("x-amz-checksum-crc32", "")],
            vec![("x-amz-checksum-crc64ecma", "+1")],
            vec![("x-amz-checksum-crc64ecma", "18446744073709551616")],
            vec![("x-amz-checksum-sha512", "AAAA")],
            vec![("x-amz-checksum-xxhash3", "AAAA")],
            vec![("x-obs-checksum-crc32", "AAAAAQ==")],
            vec![("x-amz-trailer", "x-amz-checksum-sha512")],
            vec![("x-amz-trailer", "x-amz-meta-a")],
            vec![("x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1")],
            vec![("x-amz-sdk-checksum-algorithm", "CRC32")],
            vec![crc32, ("x-amz-sdk-checksum-algorithm", "SHA1")],
            vec![crc32, ("x-amz-sdk-checksum-algorithm", "SHA512")],
            vec![("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-sdk-checksum-algorithm", "CRC32C")],
        ] {
            assert_eq!(outcome(&lines), Err("InvalidRequest"), "{lines:?}");
        }
    }

    #[test]
    fn what_only_names_an_algorithm_is_no_value() {
        let lines = [("x-amz-checksum-algorithm", "nonsense"), ("x-amz-checksum-type", "FULL_OBJECT")];
        assert_eq!(outcome(&lines), Ok(Integrity::default()));
        let announced =
            outcome(&[("x-amz-trailer", "X-Amz-Checksum-CRC64NVME"), ("x-amz-sdk-checksum-algorithm", "crc64nvme")]);
        assert_eq!(announced.unwrap().trailing_algorithm, Some(ChecksumAlgorithm::Crc64Nvme));
    }
}
