//! Dates in reply documents. Dates in headers are [`crate::auth::date`]'s.

use model::Timestamp;
use time::OffsetDateTime;

/// ISO 8601 with milliseconds, for XML: `2018-06-27T13:39:15.000Z` (obs-api §3.2: clients need the milliseconds).
/// Times beyond the year 9999 are written as its last millisecond.
pub fn xml_date(at: Timestamp) -> String {
    const LAST_MILLISECOND: u64 = 253_402_300_799_999;
    let millis = at.as_millis().min(LAST_MILLISECOND);
    let moment =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_kept() {
        assert_eq!(xml_date(Timestamp::from_millis(1_530_106_755_042)), "2018-06-27T13:39:15.042Z");
        assert_eq!(xml_date(Timestamp::from_millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
