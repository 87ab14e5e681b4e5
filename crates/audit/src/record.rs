//! An event as members of a line, in their order.

use crate::chain::LINE_BYTES_MAX;
use crate::json::Members;
use crate::{Event, EventKind, Outcome, trace_name};
use model::Timestamp;

/// Longest user agent that is kept.
const USER_AGENT_BYTES_MAX: usize = 512;
/// Longest other text that is kept, and most members of an encryption context or of details. Beyond what any operation
/// takes.
const TEXT_BYTES_MAX: usize = 8192;
const PAIRS_MAX: usize = 64;
/// The same for an event that would exceed a line with them. Every byte may take six when written.
const TEXT_BYTES_MAX_OF_HUGE: usize = 256;
const PAIRS_MAX_OF_HUGE: usize = 16;

/// The line's own members come on top.
const MEMBERS_BYTES_MAX: usize = LINE_BYTES_MAX - 1024;

const _: () = assert!(
    (12 + 4 * PAIRS_MAX_OF_HUGE) * TEXT_BYTES_MAX_OF_HUGE * 6 + 4 * USER_AGENT_BYTES_MAX * 6 < MEMBERS_BYTES_MAX,
    "what is cut short fits"
);

/// The members of an event's line.
pub(crate) fn members(event: &Event) -> Vec<u8> {
    let members = cut(event, TEXT_BYTES_MAX, PAIRS_MAX);
    if members.len() <= MEMBERS_BYTES_MAX {
        return members;
    }
    cut(event, TEXT_BYTES_MAX_OF_HUGE, PAIRS_MAX_OF_HUGE)
}

fn cut(event: &Event, text_bytes_max: usize, pairs_max: usize) -> Vec<u8> {
    let Event { time, request_id, kind, operation, via, who, key, object, context, outcome, error, details } = event;
    let optional = |object: &mut Members, name: &str, value: Option<&str>| {
        if let Some(value) = value {
            object.short(name, value, text_bytes_max);
        }
    };
    let mut line = Members::default();
    line.time("time", *time).text("type", kind.name());
    if !request_id.is_empty() {
        line.short("request_id", request_id, USER_AGENT_BYTES_MAX);
    }
    line.text("operation", operation);
    if let Some(trace) = trace_name(operation).filter(|_| *kind != EventKind::ObjectAccess) {
        line.text("trace", trace);
    }
    line.text("via", via).text("outcome", outcome.name());
    if let Some(error) = error {
        line.text("error", error);
    }
    line.object("who", |o| {
        optional(o, "account", Some(who.account.as_str()).filter(|account| !account.is_empty()));
        o.short("principal", &who.principal, text_bytes_max);
        optional(o, "arn", Some(who.arn.as_str()).filter(|arn| !arn.is_empty()));
        optional(o, "access_key", who.access_key.as_deref());
        if let Some(permissions) = &who.permissions {
            o.hex("permissions", permissions);
        }
        if let Some(address) = who.source_ip {
            o.text("source_ip", &address.to_string());
        }
        if let Some(agent) = &who.user_agent {
            o.short("user_agent", agent, USER_AGENT_BYTES_MAX);
        }
        o.truth("secure", who.secure);
    });
    if let Some(key) = key {
        line.object("key", |o| {
            o.short("arn", &key.arn, text_bytes_max);
            if let Some(version) = key.version {
                o.number("version", version.into());
            }
            optional(o, "provider", key.provider.as_deref());
        });
    }
    if let Some(object) = object {
        line.object("object", |o| {
            o.short("bucket", &object.bucket, text_bytes_max);
            optional(o, "object", Some(object.object.as_str()).filter(|name| !name.is_empty()));
            optional(o, "version", object.version.as_deref());
            o.text("method", object.method);
            optional(o, "bucket_key", object.bucket_key.as_deref());
        });
    }
    let pairs = |o: &mut Members, name: &str, value: &str| {
        o.pair(name, value, text_bytes_max);
    };
    if !context.is_empty() {
        line.object("context", |o| context.iter().take(pairs_max).for_each(|(name, value)| pairs(o, name, value)));
    }
    if !details.is_empty() {
        line.object("details", |o| details.iter().take(pairs_max).for_each(|(name, value)| pairs(o, name, value)));
    }
    line.into_bytes()
}

/// The members of the line that says how many events are not on the log.
pub(crate) fn gap(time: Timestamp, since: Timestamp, events: u64, required: bool, error: &str) -> Vec<u8> {
    let mut line = Members::default();
    line.time("time", time)
        .text("type", "gap")
        .time("since", since)
        .number("events", events)
        .truth("required", required)
        .short("error", error, USER_AGENT_BYTES_MAX);
    line.into_bytes()
}

impl EventKind {
    /// Its name on the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyUse => "key-use",
            Self::KeyChange => "key-change",
            Self::ObjectAccess => "object-access",
            Self::System => "system",
        }
    }
}

impl Outcome {
    /// Its name on the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;
    use crate::{KeyNamed, ObjectNamed};

    #[test]
    fn members_stand_in_the_order_of_the_format_page() {
        let mut event = event(1);
        event.object = Some(ObjectNamed {
            bucket: "b".into(),
            object: "o\n".into(),
            version: Some("v".into()),
            method: "sse-kms",
            bucket_key: Some("k".into()),
        });
        event.who.permissions = Some([1; 32]);
        let line = format!("{{{}}}", String::from_utf8(members(&event)).unwrap());
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["trace"], "createDataKey");
        assert_eq!(parsed["object"]["object"], "o\n");
        let page = include_str!("../../../docs/formats/audit.md");
        let documented: Vec<&str> = page
            .split("### Events")
            .nth(1)
            .and_then(|rest| rest.split("### Gaps").next())
            .unwrap()
            .lines()
            .filter_map(|row| row.strip_prefix("| `")?.split('`').next())
            .collect();
        let mut at = 0;
        for name in documented.iter().filter(|name| **name != "error") {
            let found = line[at..].find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name} after {at}: {line}"));
            at += found;
        }
    }

    #[test]
    fn no_line_exceeds_its_bound() {
        let long = "\u{1}".repeat(1 << 16);
        let mut event = event(1);
        event.request_id = long.clone();
        event.who.user_agent = Some(long.clone());
        event.who.arn = long.clone();
        event.context = (0..100).map(|n| (format!("{n}{long}"), long.clone())).collect();
        event.key = Some(KeyNamed { arn: long.clone(), version: Some(u32::MAX), provider: Some(long.clone()) });
        let members = members(&event);
        assert!(members.len() < crate::chain::LINE_BYTES_MAX, "{}", members.len());
    }
}
