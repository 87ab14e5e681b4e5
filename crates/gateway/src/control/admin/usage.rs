//! What was used, from metering: requests to the key service by CMK, requests about buckets and objects, what is stored, what
//! bucket keys saved. As JSON, or as comma-separated values for a spreadsheet (RFC 4180).

use super::{Answer, Call, Fault, json};
use crate::query::Query;
use crate::reply::{Reply, ReplyBody};
use bytes::Bytes;
use http::StatusCode;
use model::AccountId;
use objects::Fail;
use objects::api::{RequestUsage, StorageUsage, StoredHow};
use serde_json::{Map, Value, json as object};
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

/// Days that are told when no first one is named, and most days of one report.
const DAYS: i64 = 31;
const DAYS_MAX: i64 = 400;

impl Call<'_> {
    /// Use of CMKs.
    pub(super) async fn key_usage(&self) -> Answer {
        let of = self.accounts_told().await?;
        let asked = self.asked(&[])?;
        let rows = self.request.gateway.keys.usage(asked.days, of).await?;
        let rows = rows.into_iter().map(|row| {
            [
                date_of(row.day).into(),
                row.account.as_str().into(),
                row.cmk.map(|cmk| cmk.to_uuid()).into(),
                row.operation.into(),
                row.ok.into(),
                row.refused.into(),
            ]
        });
        Ok(report(&asked, ["day", "account", "key", "operation", "ok", "refused"], rows))
    }

    /// Requests about buckets and objects.
    pub(super) async fn request_usage(&self) -> Answer {
        let of = self.accounts_told().await?;
        let asked = self.asked(&[])?;
        let rows = self.request.gateway.objects.request_usage(asked.days, of).await.map_err(uncounted)?;
        let columns = ["day", "account", "dialect", "operation", "outcome", "requests", "bytes_received", "bytes_sent"];
        Ok(report(&asked, columns, rows.into_iter().map(request_cells)))
    }

    /// What is stored: as counted once a day, or with `now=true` as it is now.
    pub(super) async fn storage_usage(&self) -> Answer {
        let of = self.accounts_told().await?;
        let asked = self.asked(&["now"])?;
        let objects = &self.request.gateway.objects;
        let rows =
            if asked.now { objects.count_storage(of).await } else { objects.storage_usage(asked.days, of).await };
        let columns = ["day", "account", "bucket", "method", "key", "objects", "bytes", "sealed_bytes"];
        Ok(report(&asked, columns, rows.map_err(uncounted)?.into_iter().map(storage_cells)))
    }

    /// Calls to the key service for bucket keys, made and saved.
    pub(super) async fn bucket_key_usage(&self) -> Answer {
        let of = self.accounts_told().await?;
        let asked = self.asked(&[])?;
        let rows = self.request.gateway.objects.bucket_key_usage(asked.days, of).await.map_err(uncounted)?;
        let rows = rows.into_iter().map(|row| {
            [
                date_of(row.day).into(),
                row.account.as_str().into(),
                row.bucket.into(),
                row.cmk.map(|cmk| cmk.to_uuid()).into(),
                row.operation.into(),
                row.made.into(),
                row.saved.into(),
            ]
        });
        Ok(report(&asked, ["day", "account", "bucket", "key", "operation", "made", "saved"], rows))
    }

    /// Whose use may be told (`strongroom:ListAccounts`): everybody's to the operator (`None`), accounts that were deleted
    /// since included; else that of the requester's own account.
    async fn accounts_told(&self) -> Result<Option<AccountId>, Fault> {
        let accounts = self.request.gateway.directory.list_accounts(self.requester).await?;
        if accounts.iter().any(|account| account.operator) {
            return Ok(None);
        }
        match accounts.first() {
            Some(own) => Ok(Some(own.id.clone())),
            None => Err(Fault::internal("a requester without an account")),
        }
    }

    fn asked(&self, also: &[&str]) -> Result<Asked, Fault> {
        let query = self.request.head.uri.query().unwrap_or_default();
        Asked::parse(query, also, self.request.gateway.clock.now().as_millis())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// The first and the last day, since 1970-01-01.
    days: (u32, u32),
    csv: bool,
    now: bool,
}

impl Asked {
    /// Takes `from`, `to`, `format` and what is named in `also`.
    fn parse(query: &str, also: &[&str], now_millis: u64) -> Result<Self, Fault> {
        let bad = |_| Fault::input("the query cannot be read");
        let query = Query::parse(query).map_err(bad)?;
        let known = [&["from", "to", "format"], also].concat();
        if let Some(other) = query.names().find(|name| !known.contains(name)) {
            return Err(Fault::input(format!("`{other}` is no parameter of this report: it has {}", known.join(", "))));
        }
        let today = (now_millis / 86_400_000) as i64;
        let day = |name: &str| match query.get_filled(name).map_err(bad)? {
            None => Ok(None),
            Some(text) => day_of(text).map(Some).ok_or_else(|| Fault::input(format!("{name}: write it as 2027-01-31"))),
        };
        let (named_from, named_to) = (day("from")?, day("to")?);
        let to = named_to.unwrap_or(today);
        let from = named_from.unwrap_or(to - DAYS + 1);
        if from > to || to - from >= DAYS_MAX {
            return Err(Fault::input(format!("the report takes from 1 to {DAYS_MAX} days, the first one first")));
        }
        let csv = match query.get_filled("format").map_err(bad)? {
            None | Some("json") => false,
            Some("csv") => true,
            Some(_) => return Err(Fault::input("format: it is json or csv")),
        };
        let now = match query.get_filled("now").map_err(bad)? {
            None | Some("false") => false,
            Some("true") if named_from.is_none() && named_to.is_none() => true,
            Some("true") => return Err(Fault::input("now: what is stored now has no days")),
            Some(_) => return Err(Fault::input("now: it is true or false")),
        };
        let days = |day: i64| u32::try_from(day.max(0)).unwrap_or(u32::MAX);
        Ok(Self { days: (days(from), days(to)), csv, now })
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

fn request_cells(row: RequestUsage) -> [Value; 8] {
    [
        date_of(row.day).into(),
        row.account.as_ref().map_or("anonymous", |account| account.as_str()).into(),
        row.dialect.into(),
        row.operation.into(),
        format!("{}xx", row.outcome).into(),
        row.requests.into(),
        row.bytes_received.into(),
        row.bytes_sent.into(),
    ]
}

fn storage_cells(row: StorageUsage) -> [Value; 8] {
    let (method, cmk) = match row.how {
        StoredHow::Plain => ("none", None),
        StoredHow::Obs => ("sse-obs", None),
        StoredHow::Kms(cmk) => ("sse-kms", cmk),
        StoredHow::Customer => ("sse-c", None),
        StoredHow::Unreadable => ("unreadable", None),
    };
    [
        date_of(row.day).into(),
        row.account.as_str().into(),
        row.bucket.as_str().into(),
        method.into(),
        cmk.map(|cmk| cmk.to_uuid()).into(),
        row.objects.into(),
        row.bytes.into(),
        row.sealed_bytes.into(),
    ]
}

/// A report in the form that was asked for.
fn report<const N: usize>(asked: &Asked, columns: [&str; N], rows: impl Iterator<Item = [Value; N]>) -> Reply {
    if asked.csv {
        let mut reply = Reply::new(StatusCode::OK).with("content-type", "text/csv; charset=utf-8");
        reply.body = ReplyBody::Full(Bytes::from(csv(columns, rows)));
        return reply;
    }
    let named = |cells: [Value; N]| -> Value {
        columns.iter().map(|column| (*column).to_owned()).zip(cells).collect::<Map<_, _>>().into()
    };
    json(StatusCode::OK, &object!({ "usage": rows.map(named).collect::<Vec<_>>() }))
}

fn csv<const N: usize>(columns: [&str; N], rows: impl Iterator<Item = [Value; N]>) -> String {
    let mut text = columns.join(",") + "\r\n";
    for cells in rows {
        text.push_str(&cells.each_ref().map(cell).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell as RFC 4180 has it. Text that a spreadsheet would take for a formula is put behind an apostrophe, which says that
/// it is text.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text,
        other => return other.to_string(),
    };
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.clone() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Counting has one way of its own to be refused; all else is the store's failure.
fn uncounted(fail: Fail) -> Fault {
    match fail {
        Fail::InvalidRequest(why) => Fault::input(why),
        Fail::Store(fault) => {
            tracing::error!(%fault, "use could not be told");
            Fault::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "The counts cannot be read now.")
        }
        other => Fault::internal(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CmkUid;

    const NOW: u64 = 20_454 * 86_400_000 + 5;

    #[test]
    fn a_report_has_a_first_and_a_last_day() {
        let asked = |query| Asked::parse(query, &["now"], NOW).map_err(|fault| format!("{fault:?}"));
        let days = |from, to| Asked { days: (from, to), csv: false, now: false };
        assert_eq!(asked(""), Ok(days(20_424, 20_454)));
        assert_eq!(asked("from=1970-01-02&to=1970-01-03&format=csv"), Ok(Asked { csv: true, ..days(1, 2) }));
        assert_eq!(asked("now=true"), Ok(Asked { now: true, ..days(20_424, 20_454) }));
        for wrong in [
            "from=2026-01-02&to=2026-01-01",
            "from=2020-01-01",
            "from=yesterday",
            "from=2026-02-30",
            "format=xml",
            "since=2026-01-01",
            "now=1",
            "now=true&from=2026-01-01",
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
        assert!(Asked::parse("now=true", &[], NOW).is_err(), "of one report only");
    }

    #[test]
    fn rows_look_the_same_in_both_forms() {
        let row = |how| StorageUsage {
            day: 20_454,
            account: AccountId::parse("aa").unwrap(),
            bucket: "pics".to_owned(),
            how,
            objects: 3,
            bytes: 30,
            sealed_bytes: 78,
        };
        let cmk = StoredHow::Kms(Some(CmkUid::from_bytes(*b"0123456789abcdef")));
        let rows = [row(cmk), row(StoredHow::Obs)].map(storage_cells);
        let columns = ["day", "account", "bucket", "method", "key", "objects", "bytes", "sealed_bytes"];
        let text = csv(columns, rows.into_iter());
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "day,account,bucket,method,key,objects,bytes,sealed_bytes",
                "2026-01-01,aa,pics,sse-kms,30313233-3435-3637-3839-616263646566,3,30,78",
                "2026-01-01,aa,pics,sse-obs,,3,30,78",
                "",
            ]
        );
    }

    #[test]
    fn no_cell_is_a_formula_or_breaks_its_row() {
        for (given, shown) in [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
        ] {
            assert_eq!(cell(&given.into()), shown, "{given:?}");
        }
        assert_eq!((cell(&Value::Null), cell(&7.into())), (String::new(), "7".to_owned()));
    }
}
