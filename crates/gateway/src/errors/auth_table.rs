//! The words for refused credentials (obs-api §2.9, s3-sse-behaviour §15 and §18). The families differ only where the
//! signatures themselves do.

use super::wire::not_implemented;
use super::{Compat, Wording};
use crate::auth::AuthError;
use crate::dates::xml_date;
use crate::dialect::Dialect;
use http::StatusCode;

const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
const BAD: StatusCode = StatusCode::BAD_REQUEST;

pub(super) fn auth(dialect: &'static Dialect, error: &AuthError, compat: Compat) -> Wording {
    let words = |status, code| Wording::new(status, code, error.to_string());
    match error {
        AuthError::MultipleCredentials
        | AuthError::UnsupportedAuthorizationType
        | AuthError::MalformedLegacyHeader(_)
        | AuthError::MalformedForm(_)
        | AuthError::RepeatedHeader(_)
        | AuthError::InvalidPayloadHash
        | AuthError::ForeignHeader(_) => words(BAD, "InvalidArgument"),
        AuthError::UnsupportedAlgorithm => words(StatusCode::NOT_IMPLEMENTED, not_implemented(dialect)),
        AuthError::EmptyAuthorization
        | AuthError::MissingDate
        | AuthError::NotYetValid
        | AuthError::SignedHeaderMissing(_) => words(FORBIDDEN, "AccessDenied"),
        AuthError::MalformedHeader(_) | AuthError::WrongService { .. } | AuthError::WrongScopeDate => {
            words(BAD, "AuthorizationHeaderMalformed")
        }
        AuthError::MalformedQuery(_) if dialect.is_obs() => words(FORBIDDEN, "AccessDenied"),
        AuthError::MalformedQuery(_) => words(BAD, "AuthorizationQueryParametersError"),
        AuthError::ExpiresOutOfRange => match compat {
            Compat::Aws => words(BAD, "AuthorizationQueryParametersError"),
            Compat::Ceph => words(FORBIDDEN, "AccessDenied"),
        },
        AuthError::UnknownAccessKey => words(FORBIDDEN, "InvalidAccessKeyId"),
        AuthError::MissingPayloadHash => words(BAD, "InvalidRequest"),
        AuthError::PayloadHashMismatch => words(BAD, "XAmzContentSHA256Mismatch"),
        AuthError::TimeSkewed { requested, now } => words(FORBIDDEN, "RequestTimeTooSkewed")
            .detail("RequestTime", xml_date(*requested))
            .detail("ServerTime", xml_date(*now))
            .detail("MaxAllowedSkewMilliseconds", "900000"),
        AuthError::Expired { at } => words(FORBIDDEN, "AccessDenied").detail("Expires", xml_date(*at)),
        AuthError::WrongRegion { expected } => {
            words(BAD, "AuthorizationHeaderMalformed").detail("Region", expected.clone())
        }
        AuthError::UnsignedHeader(name) => words(FORBIDDEN, "AccessDenied").detail("HeadersNotSigned", name.clone()),
        AuthError::SignatureMismatch { string_to_sign, canonical_request } => {
            let mut wording = words(FORBIDDEN, "SignatureDoesNotMatch")
                .detail("StringToSign", string_to_sign.clone())
                .detail("StringToSignBytes", spaced_hex(string_to_sign));
            if let Some(canonical) = canonical_request {
                wording = wording
                    .detail("CanonicalRequest", canonical.clone())
                    .detail("CanonicalRequestBytes", spaced_hex(canonical));
            }
            wording
        }
    }
}

/// `41 42 43`, as S3 shows the bytes it signed.
fn spaced_hex(text: &str) -> String {
    let hex: Vec<String> = text.bytes().map(|b| format!("{b:02x}")).collect();
    hex.join(" ")
}
