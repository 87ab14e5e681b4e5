//! How often CMKs were used, from the key service's metering: as JSON, or as comma-separated values for a spreadsheet.

use super::{Answer, Call, Fault, json};
use crate::query::Query;
use crate::reply::{Reply, ReplyBody};
use bytes::Bytes;
use http::StatusCode;
use kms::UsageRow;
use serde_json::{Value, json as object};
use std::collections::BTreeSet;
use std::fmt::Write;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

/// Days that are told when no first one is named, and most days of one report.
const DAYS: i64 = 31;
const DAYS_MAX: i64 = 400;

impl Call<'_> {
    /// Tells about the accounts that the requester may list (`strongroom:ListAccounts`): all for the operator, else the
    /// requester's own.
    pub(super) async fn key_usage(&self) -> Answer {
        let gateway = self.request.gateway;
        let accounts = gateway.directory.list_accounts(self.requester).await?;
        let accounts: BTreeSet<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
        let asked = Asked::parse(self.request.head.uri.query().unwrap_or_default(), gateway.clock.now().as_millis())?;
        let mut rows = gateway.keys.usage((asked.from, asked.to), None).await?;
        rows.retain(|row| accounts.contains(row.account.as_str()));
        if asked.csv {
            let mut reply = Reply::new(StatusCode::OK).with("content-type", "text/csv; charset=utf-8");
            reply.body = ReplyBody::Full(Bytes::from(csv(&rows)));
            return Ok(reply);
        }
        let rows: Vec<Value> = rows.iter().map(shown).collect();
        Ok(json(StatusCode::OK, &object!({ "usage": rows })))
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// Days since 1970-01-01.
    from: u32,
    to: u32,
    csv: bool,
}

impl Asked {
    fn parse(query: &str, now_millis: u64) -> Result<Self, Fault> {
        let bad = |_| Fault::input("the query cannot be read");
        let query = Query::parse(query).map_err(bad)?;
        if let Some(other) = query.names().find(|name| !["from", "to", "format"].contains(name)) {
            return Err(Fault::input(format!("`{other}` is no parameter of this report: from, to and format are")));
        }
        let today = (now_millis / 86_400_000) as i64;
        let day = |name: &str| match query.get_filled(name).map_err(bad)? {
            None => Ok(None),
            Some(text) => day_of(text).map(Some).ok_or_else(|| Fault::input(format!("{name}: write it as 2027-01-31"))),
        };
        let to = day("to")?.unwrap_or(today);
        let from = day("from")?.unwrap_or(to - DAYS + 1);
        if from > to || to - from >= DAYS_MAX {
            return Err(Fault::input(format!("the report takes from 1 to {DAYS_MAX} days, the first one first")));
        }
        let csv = match query.get_filled("format").map_err(bad)? {
            None | Some("json") => false,
            Some("csv") => true,
            Some(_) => return Err(Fault::input("format: it is json or csv")),
        };
        let days = |day: i64| u32::try_from(day.max(0)).unwrap_or(u32::MAX);
        Ok(Self { from: days(from), to: days(to), csv })
    }
}

fn day_of(text: &str) -> Option<i64> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    Some((date - OffsetDateTime::UNIX_EPOCH.date()).whole_days())
}

fn date_of(day: u32) -> String {
    let date = OffsetDateTime::UNIX_EPOCH.date().checked_add(Duration::days(i64::from(day)));
    let text = date.and_then(|date| date.format(format_description!("[year]-[month]-[day]")).ok());
    text.unwrap_or_else(|| day.to_string())
}

fn shown(row: &UsageRow) -> Value {
    object!({
        "day": date_of(row.day),
        "account": row.account.as_str(),
        "key": row.cmk.map(|cmk| cmk.to_uuid()),
        "operation": row.operation,
        "ok": row.ok,
        "refused": row.refused,
    })
}

/// No cell can hold a comma, a quote or what a spreadsheet takes for a formula: ids, names of operations, numbers.
fn csv(rows: &[UsageRow]) -> String {
    let mut text = "day,account,key,operation,ok,refused\n".to_owned();
    for row in rows {
        let key = row.cmk.map(|cmk| cmk.to_uuid()).unwrap_or_default();
        let (day, account) = (date_of(row.day), row.account.as_str());
        let _ = writeln!(text, "{day},{account},{key},{},{},{}", row.operation, row.ok, row.refused);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AccountId, CmkUid};

    const NOW: u64 = 20_454 * 86_400_000 + 5;

    #[test]
    fn a_report_has_a_first_and_a_last_day() {
        let asked = |query| Asked::parse(query, NOW).map_err(|fault| format!("{fault:?}"));
        assert_eq!(asked(""), Ok(Asked { from: 20_424, to: 20_454, csv: false }));
        assert_eq!(asked("from=1970-01-02&to=1970-01-03&format=csv"), Ok(Asked { from: 1, to: 2, csv: true }));
        for wrong in [
            "from=2026-01-02&to=2026-01-01",
            "from=2020-01-01",
            "from=yesterday",
            "from=2026-02-30",
            "format=xml",
            "since=2026-01-01",
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rows_look_the_same_in_both_forms() {
        let row = UsageRow {
            day: 20_454,
            account: AccountId::parse("aa").unwrap(),
            cmk: Some(CmkUid::from_bytes(*b"0123456789abcdef")),
            operation: "Decrypt".to_owned(),
            ok: 3,
            refused: 1,
        };
        assert_eq!(date_of(20_454), "2026-01-01");
        let line = "2026-01-01,aa,30313233-3435-3637-3839-616263646566,Decrypt,3,1\n";
        assert_eq!(csv(std::slice::from_ref(&row)), format!("day,account,key,operation,ok,refused\n{line}"));
        assert_eq!(shown(&row)["key"], "30313233-3435-3637-3839-616263646566");
        assert_eq!(csv(&[UsageRow { cmk: None, ..row }]).lines().nth(1), Some("2026-01-01,aa,,Decrypt,3,1"));
    }
}
