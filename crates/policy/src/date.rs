//! Points in time as policies write them: ISO 8601 in the W3C profile, or seconds since the Unix epoch.

/// Milliseconds since the Unix epoch; before it negative.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    // A year alone has four digits, so seconds since the epoch have another number of them.
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && text.len() != 4 {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut fields = date.split('-');
    let year = number(fields.next()?, 4, 0..=9999)?;
    let month = fields.next().map_or(Some(1), |text| number(text, 2, 1..=12))?;
    let day = fields.next().map_or(Some(1), |text| number(text, 2, 1..=31))?;
    if fields.next().is_some() || day > days_in(year, month) {
        return None;
    }
    let days = days_from_epoch(year, month, day);
    Some(days * 86_400_000 + clock.map_or(Some(0), clock_millis)?)
}

/// The form in which `aws:CurrentTime` reads.
pub(crate) fn format(secs: u64) -> String {
    let (days, rest) = ((secs / 86_400) as i64, secs % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// `HH:MM[:SS[.fff]]` and a zone; without zone it is UTC.
fn clock_millis(text: &str) -> Option<i64> {
    let (clock, zone) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let zone_millis = match zone {
        "" | "Z" | "z" => 0,
        _ => {
            let (sign, offset) = (if zone.starts_with('+') { 1 } else { -1 }, zone.get(1..)?);
            let (hours, minutes) = match offset.split_once(':') {
                Some(pair) => pair,
                None if offset.is_ascii() && offset.len() == 4 => offset.split_at(2),
                None => return None,
            };
            sign * (number(hours, 2, 0..=23)? * 60 + number(minutes, 2, 0..=59)?) * 60_000
        }
    };
    let mut fields = clock.split(':');
    let hours = number(fields.next()?, 2, 0..=23)?;
    let minutes = number(fields.next()?, 2, 0..=59)?;
    let (secs, fraction) = match fields.next() {
        None => ("00", ""),
        Some(text) => text.split_once('.').unwrap_or((text, "")),
    };
    if fields.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some((hours * 3600 + minutes * 60 + number(secs, 2, 0..=60)?) * 1000 + millis - zone_millis)
}

fn number(text: &str, digits: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    if text.len() != digits || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| range.contains(value))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Years begin in March here, so that the leap day is the last one.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let in_era = year.rem_euclid(400);
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let in_era = shifted.rem_euclid(146_097);
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970", 0),
            ("2024-02-29", 1_709_164_800_000),
            ("2024-02-29T12:30:15.250Z", 1_709_209_815_250),
            ("2024-02-29T12:30+02:00", 1_709_202_600_000),
            ("1709164800", 1_709_164_800_000),
            ("1969-12-31T23:59:59Z", -1000),
            (" 2024-02 ", 1_706_745_600_000),
        ] {
            assert_eq!(parse(text), Some(millis), "{text}");
        }
        for wrong in ["", "x", "2024-13-01", "2023-02-29", "2024-02-29T25:00Z", "2024-02-29T12:30+2", "T", "2024-", "é"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        for secs in [0, 951_782_400, 1_709_209_815, 4_102_444_799] {
            assert_eq!(parse(&format(secs)), Some(secs as i64 * 1000));
        }
    }
}
