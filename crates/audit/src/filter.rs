//! Which events somebody wants to see.

use serde_json::Value;

/// What an event must be. Whatever is not said does not matter; an empty filter takes every line, checkpoints too.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The key's ARN, or its end: the key's id.
    pub key: Option<String>,
    /// The principal, its ARN or the end of its ARN, or the access key.
    pub principal: Option<String>,
    /// The operation, by our name or by its trace name; in any case.
    pub operation: Option<String>,
    /// `begun`, `ok`, `denied` or `failed`.
    pub outcome: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// Not before this time, in the log's own form.
    pub from: Option<String>,
    /// Before this time, in the log's own form.
    pub to: Option<String>,
}

impl Filter {
    /// Whether a line is wanted.
    pub fn takes(&self, line: &Value) -> bool {
        let text = |path: &str| line.pointer(path).and_then(Value::as_str);
        let is = |wanted: &Option<String>, test: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(test);
        let ends = |path: &str, wanted: &str| {
            text(path).is_some_and(|found| {
                found == wanted || found.strip_suffix(wanted).is_some_and(|rest| rest.ends_with([':', '/']))
            })
        };
        is(&self.key, &|wanted| ends("/key/arn", wanted))
            && is(&self.principal, &|wanted| {
                ends("/who/arn", wanted)
                    || text("/who/principal") == Some(wanted)
                    || text("/who/access_key") == Some(wanted)
            })
            && is(&self.operation, &|wanted| {
                ["/operation", "/trace"].iter().any(|path| text(path).is_some_and(|t| t.eq_ignore_ascii_case(wanted)))
            })
            && is(&self.outcome, &|wanted| text("/outcome") == Some(wanted))
            && is(&self.request_id, &|wanted| text("/request_id") == Some(wanted))
            && is(&self.from, &|wanted| text("/time").is_some_and(|time| time >= wanted))
            && is(&self.to, &|wanted| text("/time").is_some_and(|time| time < wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::members;
    use crate::testing::event;

    #[test]
    fn each_part_of_a_filter_decides() {
        let line = format!("{{{}}}", String::from_utf8(members(&event(1))).unwrap());
        let line: Value = serde_json::from_str(&line).unwrap();
        let takes = |set: fn(&mut Filter, String), value: &str| {
            let mut filter = Filter::default();
            set(&mut filter, value.to_owned());
            filter.takes(&line)
        };
        assert!(Filter::default().takes(&line));
        for (set, yes, no) in [
            (
                (|f, v| f.key = Some(v)) as fn(&mut Filter, String),
                &["1", "key/1", "arn:aws:kms:local-1:111111111111:key/1"][..],
                &["", "ey/1", "2"][..],
            ),
            (|f, v| f.principal = Some(v), &["alice", "user/alice", "AKIAEXAMPLE", "user:a:1"], &["lice", "user:a"]),
            (|f, v| f.operation = Some(v), &["generatedatakey", "createDataKey"], &["Generate"]),
            (|f, v| f.outcome = Some(v), &["ok"], &["denied", "OK"]),
            (|f, v| f.request_id = Some(v), &["request-1"], &["request-"]),
            (|f, v| f.from = Some(v), &["2026-01-01T00:00:00.001Z"], &["2026-01-01T00:00:00.002Z"]),
            (|f, v| f.to = Some(v), &["2026-01-01T00:00:00.002Z"], &["2026-01-01T00:00:00.001Z"]),
        ] {
            for value in yes {
                assert!(takes(set, value), "{value}");
            }
            for value in no {
                assert!(!takes(set, value), "{value}");
            }
        }
    }
}
