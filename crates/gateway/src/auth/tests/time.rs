//! Skew and expiry, to the second.

use super::*;

const MINUTE: u64 = 60_000;

fn at(now: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().checked_add_signed(millis).unwrap())
}

#[test]
fn header_signatures_are_good_for_fifteen_minutes_either_way() {
    let get = Request::new("GET", "/bkt/k", &[("host", "127.0.0.1:9000")]);
    let limit = i64::try_from(SKEW_MILLIS_MAX).unwrap();
    for request in [
        get.clone().signed_v4(SignedPayload::Unsigned),
        get.clone().signed_legacy(Dialect::Obs),
        get.clone().signed_legacy(Dialect::S3),
        get.clone().set("x-obs-date", "Fri, 20 Nov 2026 20:22:54 GMT").signed_legacy(Dialect::Obs),
        get.set("x-amz-date", "20261120T202254Z").signed_legacy(Dialect::S3),
    ] {
        for inside in [-limit, 0, limit] {
            request.check_at(at(NOW, inside)).unwrap();
        }
        for outside in [-limit - 1, limit + 1] {
            let now = at(NOW, outside);
            let error = request.check_at(now).unwrap_err();
            assert_eq!(error, AuthError::TimeSkewed { requested: NOW, now });
        }
    }
}

#[test]
fn the_own_date_header_counts_and_not_the_date_beside_it() {
    let request =
        Request::new("GET", "/bkt/k", &[("host", "127.0.0.1:9000"), ("date", "Thu, 01 Jan 2026 00:00:00 GMT")]);
    request.clone().set("x-obs-date", "Fri, 20 Nov 2026 20:22:54 GMT").signed_legacy(Dialect::Obs).check().unwrap();
    request.clone().signed_v4(SignedPayload::Unsigned).check().unwrap();
    let stale = request.signed_legacy(Dialect::Obs);
    assert!(matches!(stale.refusal(), AuthError::TimeSkewed { .. }));
}

#[test]
fn a_v4_presigned_request_is_valid_from_its_date_to_its_expiry() {
    let request = Request::new("GET", "/bkt/k", &[("host", "127.0.0.1:9000")]).presigned_v4();
    let end = NOW.plus_millis(60 * MINUTE);
    for now in [at(NOW, -900_000), NOW, end] {
        request.check_at(now).unwrap();
    }
    assert_eq!(request.check_at(at(NOW, -900_001)).unwrap_err(), AuthError::NotYetValid);
    assert_eq!(request.check_at(at(end, 1)).unwrap_err(), AuthError::Expired { at: end });
}

#[test]
fn a_signed_url_of_obs_or_v2_is_valid_to_its_expiry() {
    for dialect in [Dialect::Obs, Dialect::S3] {
        let request = Request::new("GET", "/bkt/k", &[("host", "127.0.0.1:9000")]).presigned_legacy(dialect);
        let end = NOW.plus_millis(300_000);
        for now in [Timestamp::from_secs(0), NOW, end] {
            request.check_at(now).unwrap();
        }
        assert_eq!(request.check_at(at(end, 1)).unwrap_err(), AuthError::Expired { at: end });
    }
}

#[test]
fn a_request_without_a_usable_date_is_refused() {
    let signed = Request::new("GET", "/bkt/k", &[("host", "127.0.0.1:9000")]).signed_v4(SignedPayload::Unsigned);
    for date in ["", "yesterday", "20261320T202254Z"] {
        assert_eq!(signed.clone().set("x-amz-date", date).refusal(), AuthError::MissingDate, "{date}");
    }
    let repeated = signed.append("x-amz-date", "20261120T202254Z");
    assert_eq!(repeated.refusal(), AuthError::RepeatedHeader("x-amz-date"));
}
