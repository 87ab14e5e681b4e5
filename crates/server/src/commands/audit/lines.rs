//! Showing lines of the log: the last ones, those that a filter takes, all of them for another program.

use super::Place;
use crate::commands::printable;
use crate::failure::Failure;
use audit::{Entries, Entry, Filter, rfc3339};
use clap::{Args, ValueEnum};
use model::Timestamp;
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How often `tail -f` looks for new lines.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const SEARCH_HELP: &str = "\
Every filter that is given must hold. Times are RFC 3339, a date, or so long ago: 90m, 24h, 7d.

Examples:
  strongroom audit search --data /srv/strongroom --key 0d9f6c2e-3a53-4bb0-9d5c-6a8b7c1f2e34 --from 24h
  strongroom audit search --data /srv/strongroom --principal user/alice --outcome denied
  strongroom audit search --data /srv/strongroom --request-id 0000019A2B3C4D5E --json";

const EXPORT_HELP: &str = "\
Examples:
  strongroom audit export --data /srv/strongroom --format csv --from 2026-01-01 --to 2026-02-01 > january.csv
  strongroom audit export --data /srv/strongroom --operation Decrypt | jq -r .who.arn | sort | uniq -c

The JSON lines are those of the log, to the byte; with all of them, and no filter, they verify elsewhere as well.";

/// Which events.
#[derive(Args, Debug)]
struct Wanted {
    /// The key: its ARN or its id.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Who: an ARN or its end (`user/alice`), or an access key.
    #[arg(long, value_name = "WHO")]
    principal: Option<String>,
    /// The operation, as `Decrypt`, `CreateKey` or `PutObject`; Huawei's trace names work too.
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// How it ended.
    #[arg(long, value_name = "OUTCOME", value_parser = ["begun", "ok", "denied", "failed"])]
    outcome: Option<String>,
    /// Not before this time.
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    from: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    to: Option<String>,
    /// The request.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl Wanted {
    fn filter(&self) -> Filter {
        Filter {
            key: self.key.clone(),
            principal: self.principal.clone(),
            operation: self.operation.clone(),
            outcome: self.outcome.clone(),
            request_id: self.request_id.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
        }
    }
}

/// What `audit tail` takes.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  strongroom audit tail -f --data /srv/strongroom")]
pub(crate) struct Tail {
    #[command(flatten)]
    place: Place,
    /// How many lines.
    #[arg(short = 'n', long, default_value_t = 10, value_name = "LINES")]
    lines: usize,
    /// Go on with new lines as they come.
    #[arg(short, long)]
    follow: bool,
    /// Print the log's own lines instead of text for people.
    #[arg(long)]
    json: bool,
}

/// What `audit search` takes.
#[derive(Args, Debug)]
#[command(after_help = SEARCH_HELP)]
pub(crate) struct Search {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    wanted: Wanted,
    /// Print the log's own lines instead of text for people.
    #[arg(long)]
    json: bool,
}

/// What `audit export` takes.
#[derive(Args, Debug)]
#[command(after_help = EXPORT_HELP)]
pub(crate) struct Export {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    wanted: Wanted,
    /// JSON lines as they stand on the log, or CSV with a row for each event.
    #[arg(long, default_value = "jsonl")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

impl Tail {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let dir = self.place.dir();
        let unread = |error: io::Error| Failure::io("read the audit log in", &dir, &error);
        let mut entries = Entries::open_newest(&dir).map_err(unread)?;
        let mut last = VecDeque::new();
        while let Some(entry) = entries.next_line().map_err(unread)? {
            if last.len() == self.lines {
                last.pop_front();
            }
            last.push_back(entry);
        }
        let mut out = io::stdout().lock();
        let mut show = |entry: &Entry| shown(&mut out, entry, self.json);
        for entry in last.iter().take(self.lines) {
            if !show(entry)? {
                return Ok(());
            }
        }
        if !self.follow {
            return Ok(());
        }
        loop {
            match entries.next_line().map_err(unread)? {
                Some(entry) if !show(&entry)? => return Ok(()),
                Some(_) => {}
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
    }
}

impl Search {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        each(&self.place, &self.wanted.filter(), |entry, _| shown(&mut out, entry, self.json))?;
        flushed(&mut out)
    }
}

impl Export {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let filter = self.wanted.filter();
        match self.format {
            Format::Jsonl => each(&self.place, &filter, |entry, _| shown(&mut out, entry, true))?,
            Format::Csv => {
                let header: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
                if written(writeln!(out, "{}", header.join(",")))? {
                    each(&self.place, &filter, |_, line| {
                        // Checkpoints and gaps are no events.
                        if line.get("operation").is_none() { Ok(true) } else { written(writeln!(out, "{}", csv(line))) }
                    })?;
                }
            }
        }
        flushed(&mut out)
    }
}

/// Hands every line that the filter takes to `show`, until it returns `false`.
fn each(
    place: &Place,
    filter: &Filter,
    mut show: impl FnMut(&Entry, &Value) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let dir = place.dir();
    let unread = |error: io::Error| Failure::io("read the audit log in", &dir, &error);
    let mut entries = Entries::open(&dir).map_err(unread)?;
    while let Some(entry) = entries.next_line().map_err(unread)? {
        let line: Value = serde_json::from_slice(&entry.raw).map_err(|_| {
            let at = format!("{}:{}", entry.file, entry.line);
            Failure::new(format!("{at} is no line of an audit log; look at it with `strongroom audit verify`"))
        })?;
        if filter.takes(&line) && !show(&entry, &line)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Prints a line. `false` when nobody reads any more.
fn shown(out: &mut impl Write, entry: &Entry, json: bool) -> Result<bool, Failure> {
    if json {
        return written(out.write_all(&entry.raw).and_then(|()| out.write_all(b"\n")));
    }
    let line: Value = serde_json::from_slice(&entry.raw).unwrap_or(Value::Null);
    written(writeln!(out, "{}", for_people(&line)))
}

/// A reader that went away (`| head`) is no failure.
fn written(result: io::Result<()>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(format!("cannot write the output: {error}"))),
    }
}

fn flushed(out: &mut impl Write) -> Result<(), Failure> {
    written(out.flush()).map(|_| ())
}

fn text<'a>(line: &'a Value, path: &str) -> &'a str {
    line.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// One event on one line, without control characters: names come from clients.
fn for_people(line: &Value) -> String {
    let number = line.get("seq").and_then(Value::as_u64).unwrap_or_default();
    let what = match text(line, "/type") {
        "checkpoint" => format!("checkpoint ({})", text(line, "/reason")),
        "gap" => {
            let events = line.get("events").and_then(Value::as_u64).unwrap_or_default();
            format!("GAP: {events} events are not on the log since {}: {}", text(line, "/since"), text(line, "/error"))
        }
        _ => {
            let who = [text(line, "/who/arn"), text(line, "/who/principal")].into_iter().find(|who| !who.is_empty());
            let mut parts = vec![
                format!("{:<6}", text(line, "/outcome")),
                format!("{:<16}", text(line, "/operation")),
                format!("via {}", text(line, "/via")),
                format!("by {}", who.unwrap_or("nobody")),
            ];
            for (label, path) in [("from", "/who/source_ip"), ("key", "/key/arn"), ("error", "/error")] {
                if !text(line, path).is_empty() {
                    parts.push(format!("{label} {}", text(line, path)));
                }
            }
            if line.get("object").is_some() {
                parts.push(format!("on {}/{}", text(line, "/object/bucket"), text(line, "/object/object")));
            }
            parts.join("  ")
        }
    };
    printable(format!("{} {number:>8}  {what}", text(line, "/time")).trim_end())
}

/// The columns of CSV, and where each is in a line.
const COLUMNS: &[(&str, &str)] = &[
    ("seq", "/seq"),
    ("time", "/time"),
    ("type", "/type"),
    ("request_id", "/request_id"),
    ("operation", "/operation"),
    ("trace", "/trace"),
    ("via", "/via"),
    ("outcome", "/outcome"),
    ("error", "/error"),
    ("account", "/who/account"),
    ("principal", "/who/principal"),
    ("arn", "/who/arn"),
    ("access_key", "/who/access_key"),
    ("source_ip", "/who/source_ip"),
    ("user_agent", "/who/user_agent"),
    ("secure", "/who/secure"),
    ("key", "/key/arn"),
    ("key_version", "/key/version"),
    ("provider", "/key/provider"),
    ("bucket", "/object/bucket"),
    ("object", "/object/object"),
    ("object_version", "/object/version"),
    ("method", "/object/method"),
    ("bucket_key", "/object/bucket_key"),
    ("context", "/context"),
    ("details", "/details"),
];

/// A row (RFC 4180). A field that a spreadsheet would take for a formula is written as text.
fn csv(line: &Value) -> String {
    let field = |path: &str| match line.pointer(path) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let quoted = |text: String| {
        let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text };
        if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    COLUMNS.iter().map(|(_, path)| quoted(field(path))).collect::<Vec<_>>().join(",")
}

/// A time as the log writes it: RFC 3339, a date, or so long ago.
fn time_of(said: &str) -> Result<String, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    parse_time(said, Timestamp::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)))
        .map(rfc3339)
        .ok_or_else(|| {
            "a time is RFC 3339 (2026-01-31T12:00:00Z), a date (2026-01-31), or so long ago (90m, 24h, 7d)".to_owned()
        })
}

fn parse_time(said: &str, now: Timestamp) -> Option<Timestamp> {
    let date = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    if let Some(at) = date(said).or_else(|| date(&format!("{said}T00:00:00Z"))) {
        return Some(Timestamp::from_millis(u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()?));
    }
    let unit_millis: u64 = match said.chars().last()? {
        's' => 1000,
        'm' => 60 * 1000,
        'h' => 60 * 60 * 1000,
        'd' => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    let ago = said[..said.len() - 1].parse::<u64>().ok()?.checked_mul(unit_millis)?;
    Some(Timestamp::from_millis(now.as_millis().saturating_sub(ago)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_in_three_forms() {
        let now = Timestamp::from_secs(1_767_225_600);
        let at = |said: &str| parse_time(said, now).map(rfc3339);
        assert_eq!(at("2025-12-31T23:59:59+01:00").as_deref(), Some("2025-12-31T22:59:59.000Z"));
        assert_eq!(at("2025-12-31").as_deref(), Some("2025-12-31T00:00:00.000Z"));
        assert_eq!(at("90m").as_deref(), Some("2025-12-31T22:30:00.000Z"));
        assert_eq!(at("7d").as_deref(), Some("2025-12-25T00:00:00.000Z"));
        for wrong in ["", "d", "7", "-7d", "7w", "yesterday", "2025-13-01", "9999999999999999999d", "7ü"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn csv_is_quoted_and_holds_no_formula() {
        let line = json!({
            "seq": 7, "operation": "Decrypt", "outcome": "ok", "context": { "a": "b" },
            "who": { "user_agent": "=cmd|' /C calc'!A0", "arn": "a\"b,c\nd" },
        });
        let row = csv(&line);
        assert!(row.starts_with("7,,,,Decrypt,,,ok,"), "{row}");
        assert!(row.contains(",\"a\"\"b,c\nd\",") && row.contains(",'=cmd|' /C calc'!A0,"), "{row}");
        assert!(row.contains("\"{\"\"a\"\":\"\"b\"\"}\""), "{row}");
        assert_eq!(COLUMNS.len(), 26);
    }

    #[test]
    fn a_line_for_people_has_no_control_characters() {
        let line = json!({
            "seq": 7, "time": "2026-01-01T00:00:00.000Z", "type": "object-access", "operation": "GetObject", "via": "s3",
            "outcome": "denied", "error": "AccessDenied", "who": { "principal": "anonymous" },
            "object": { "bucket": "b", "object": "red\u{1b}[31m\nalert" },
        });
        let shown = for_people(&line);
        assert!(!shown.chars().any(char::is_control), "{shown}");
        assert!(
            shown.contains("denied  GetObject         via s3  by anonymous  error AccessDenied  on b/red"),
            "{shown}"
        );
    }
}
