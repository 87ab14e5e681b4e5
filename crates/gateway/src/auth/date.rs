//! Dates as clients send them in requests they sign. The signature always covers the text as sent; what is parsed here
//! only decides about skew and expiry.
//!
//! Forms seen: RFC 1123 (`Wed, 27 Jun 2018 13:39:15 GMT`, also with `+0000`), RFC 850, asctime, the v3 Huawei SDK's
//! `Fri Nov 20 2026 20:22:54 GMT`, ISO 8601 basic (`20180627T133915Z`) and extended.

use model::Timestamp;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// Parses any of the forms above. Dates before 1970 are no dates.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    parse_iso_basic(text).or_else(|| parse_iso_extended(text)).or_else(|| parse_words(text))
}

/// Parses `YYYYMMDDTHHMMSSZ`.
pub fn parse_iso_basic(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    civil(
        number(text.get(0..4)?)?,
        number(text.get(4..6)?)?,
        number(text.get(6..8)?)?,
        number(text.get(9..11)?)?,
        number(text.get(11..13)?)?,
        number(text.get(13..15)?)?,
    )
}

/// Writes `YYYYMMDDTHHMMSSZ`, the time of V4 signatures. Years beyond 9999 are written as 9999.
pub fn format_iso_basic(at: Timestamp) -> String {
    let moment = to_civil(at);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

/// Writes RFC 1123, the `Date` of OBS and V2 signatures.
pub fn format_rfc1123(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let moment = to_civil(at);
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        DAYS[usize::from(moment.weekday().number_days_from_monday())],
        moment.day(),
        MONTHS[usize::from(u8::from(moment.month())) - 1],
        moment.year(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn to_civil(at: Timestamp) -> OffsetDateTime {
    const LAST_SECOND_OF_9999: u64 = 253_402_300_799;
    let seconds = at.as_secs().min(LAST_SECOND_OF_9999);
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction]Z`; the fraction is dropped.
fn parse_iso_extended(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let (date, clock) = text.split_once('T')?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    if date.next().is_some() || year.len() != 4 {
        return None;
    }
    let clock = match clock.split_once('.') {
        Some((clock, fraction)) if !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) => clock,
        Some(_) => return None,
        None => clock,
    };
    let (hour, minute, second) = parse_clock(clock)?;
    civil(number(year)?, number(month)?, number(day)?, hour, minute, second)
}

fn parse_words(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace().map(|word| word.trim_end_matches(','));
    let weekday = words.next()?;
    if !(3..=9).contains(&weekday.len()) || !weekday.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let rest: Vec<&str> = words.take(6).collect();
    let (year, month, day, clock, zone) = match *rest.as_slice() {
        // RFC 1123, with or without a zone.
        [day, month, year, clock, ref zone @ ..] if month_number(month).is_some() && zone.len() <= 1 => {
            (year, month, day, clock, zone.first().copied())
        }
        // RFC 850.
        [date, clock, zone] => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            if parts.next().is_some() {
                return None;
            }
            (year, month, day, clock, Some(zone))
        }
        // asctime.
        [month, day, clock, year] if clock.contains(':') => (year, month, day, clock, None),
        // The v3 Huawei SDK.
        [month, day, year, clock, zone] => (year, month, day, clock, Some(zone)),
        _ => return None,
    };
    let offset_seconds = zone.map_or(Some(0), zone_offset_seconds)?;
    let year = match (year.len(), number(year)?) {
        (2, short) if short < 70 => 2000 + short,
        (2, short) => 1900 + short,
        (4, year) => year,
        _ => return None,
    };
    let (hour, minute, second) = parse_clock(clock)?;
    let local = civil(year, month_number(month)?, number(day)?, hour, minute, second)?;
    let seconds = i64::try_from(local.as_secs()).ok()? - offset_seconds;
    u64::try_from(seconds).ok().map(Timestamp::from_secs)
}

/// Seconds east of Greenwich.
fn zone_offset_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "GMT" | "UTC" | "UT" | "Z") {
        return Some(0);
    }
    let zone = zone.strip_prefix("GMT").unwrap_or(zone);
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if digits.len() != 4 {
        return None;
    }
    let (hours, minutes) = (number(digits.get(..2)?)?, number(digits.get(2..)?)?);
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

fn month_number(name: &str) -> Option<u32> {
    MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name)).and_then(|at| u32::try_from(at + 1).ok())
}

fn parse_clock(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split(':');
    let clock = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    parts.next().is_none().then_some(clock)
}

/// Digits only, at most four: `u32::from_str` would take a sign.
fn number(text: &str) -> Option<u32> {
    ((1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn civil(year: u32, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> Option<Timestamp> {
    let small = |value: u32| u8::try_from(value).ok();
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, small(day)?).ok()?;
    let time = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    u64::try_from(seconds).ok().map(Timestamp::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 1_530_106_755;

    #[test]
    fn every_form_that_clients_send_is_understood() {
        for text in [
            "Wed, 27 Jun 2018 13:39:15 GMT",
            "Wed, 27 Jun 2018 13:39:15 +0000",
            "Wed, 27 Jun 2018 13:39:15 -0000",
            "Wed, 27 Jun 2018 21:39:15 +0800",
            "Wed, 27 Jun 2018 13:39:15",
            "Wednesday, 27-Jun-18 13:39:15 GMT",
            "Wed Jun 27 13:39:15 2018",
            "Wed Jun 27 2018 13:39:15 GMT",
            "Wed Jun 27 2018 13:39:15 GMT+0000",
            "20180627T133915Z",
            "2018-06-27T13:39:15Z",
            "2018-06-27T13:39:15.000Z",
            "  Wed, 27 Jun 2018 13:39:15 GMT ",
        ] {
            assert_eq!(parse(text), Some(Timestamp::from_secs(AT)), "{text}");
        }
        assert_eq!(parse("Sunday, 06-Nov-94 08:49:37 GMT"), Some(Timestamp::from_secs(784_111_777)));
        assert_eq!(parse("Sun Nov  6 08:49:37 1994"), Some(Timestamp::from_secs(784_111_777)));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "now",
            "Wed",
            "1530106755",
            "Wed, 31 Feb 2018 13:39:15 GMT",
            "Wed, 27 Jun 2018 25:39:15 GMT",
            "Wed, 27 Jun 2018 13:39:15 PST",
            "Wed, +7 Jun 2018 13:39:15 GMT",
            "Wed, 27 Jun 2018 13:39:15 GMT extra",
            "20180627T133915",
            "20180627t133915Z",
            "2018062 T133915Z",
            "1950-06-27T13:39:15Z",
            "2018-06-27T13:39:15.Z",
            "Wéd, 27 Jun 2018 13:39:15 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn formatting_is_the_inverse_of_parsing() {
        for seconds in [0, AT, 951_782_400, 4_102_444_799, 253_402_300_799] {
            let at = Timestamp::from_secs(seconds);
            assert_eq!(parse(&format_iso_basic(at)), Some(at));
            assert_eq!(parse(&format_rfc1123(at)), Some(at));
        }
        assert_eq!(format_rfc1123(Timestamp::from_secs(AT)), "Wed, 27 Jun 2018 13:39:15 GMT");
        assert_eq!(format_iso_basic(Timestamp::from_millis(u64::MAX)), "99991231T235959Z");
    }
}
