//! Conditional headers (obs-api §3.3 and §3.4, s3-sse-behaviour §16).

use crate::Compat;
use crate::auth::date;
use crate::dialect::{Dialect, HeaderView};
use crate::errors::{Refusal, WireFault};
use crate::query::percent_decode;
use objects::api::{IfRange, Preconditions, WriteExpectation};

/// Conditions of a read.
pub(super) fn of_read(view: &HeaderView<'_>) -> Result<Preconditions, Refusal> {
    read(view, ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"])
}

/// Conditions on the source of a copy.
pub(super) fn of_copy_source(view: &HeaderView<'_>) -> Result<Preconditions, Refusal> {
    let names = view.names();
    read(
        view,
        [
            names.copy_source_if_match,
            names.copy_source_if_none_match,
            names.copy_source_if_modified_since,
            names.copy_source_if_unmodified_since,
        ],
    )
}

fn read(view: &HeaderView<'_>, [matches, none, modified, unmodified]: [&str; 4]) -> Result<Preconditions, Refusal> {
    // A date that cannot be read is no condition (RFC 9110 §13.1.3).
    let at = |name| Ok::<_, Refusal>(view.one(name)?.and_then(date::parse));
    Ok(Preconditions {
        if_match: view.one(matches)?.map(etags),
        if_none_match: view.one(none)?.map(etags),
        if_modified_since: at(modified)?,
        if_unmodified_since: at(unmodified)?,
    })
}

/// `If-Range`, as RFC 9110 §13.1.5 has it: an ETag counts only if it is strong and in quotes, and what cannot be read
/// matches nothing, so that the whole object is sent. OBS does not know it (obs-api §3.4).
pub(super) fn if_range(dialect: &'static Dialect, view: &HeaderView<'_>) -> Option<IfRange> {
    const NAME: &str = "if-range";
    if dialect.is_obs() || !view.has(NAME) {
        return None;
    }
    let text = view.one(NAME).ok().flatten().unwrap_or_default();
    let etag = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|tag| !tag.contains('"'));
    Some(match (etag, date::parse(text)) {
        (Some(etag), _) => IfRange::ETag(etag.to_owned()),
        (None, Some(at)) => IfRange::Date(at),
        (None, None) => IfRange::Never,
    })
}

/// What a write requires of the present state. Only two forms are defined: nothing must be there, or this ETag.
pub(super) fn of_write(view: &HeaderView<'_>, compat: Compat) -> Result<WriteExpectation, Refusal> {
    let not_offered = |what: &str| Err(WireFault::NotOffered(what.to_owned()).into());
    match (view.one("if-match")?.map(etags), view.one("if-none-match")?.map(etags)) {
        (None, None) => Ok(WriteExpectation::default()),
        (Some(_), Some(_)) => not_offered("If-Match together with If-None-Match"),
        (None, Some(tags)) if tags == ["*"] => Ok(WriteExpectation { absent: true, etag: None }),
        (None, Some(_)) => not_offered("If-None-Match with another value than * on a write"),
        (Some(tags), None) => match &tags[..] {
            [any] if any == "*" && compat == Compat::Aws => not_offered("If-Match with * on a write"),
            [tag] => Ok(WriteExpectation { absent: false, etag: Some(tag.clone()) }),
            _ => not_offered("If-Match with several values on a write"),
        },
    }
}

/// The ETags of a list, without quotes and without the mark of weak ones. Some clients send quotes as `%22`.
fn etags(list: &str) -> Vec<String> {
    list.split(',').map(unquote).filter(|tag| !tag.is_empty()).collect()
}

/// One ETag without quotes: bare, quoted or with `%22`.
pub(super) fn unquote(tag: &str) -> String {
    let tag = tag.trim_matches([' ', '\t']);
    let decoded = match tag.contains('%') {
        true => percent_decode(tag, false).ok().and_then(|bytes| String::from_utf8(bytes.into_owned()).ok()),
        false => None,
    };
    let tag = decoded.as_deref().unwrap_or(tag);
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use model::Timestamp;

    fn with<T>(lines: &[(&'static str, &'static str)], f: impl Fn(&HeaderView<'_>) -> T) -> T {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        f(&HeaderView::new(Dialect::S3, &map, &Query::default(), false).unwrap())
    }

    #[test]
    fn etags_in_every_spelling() {
        for spelling in ["abc", "\"abc\"", "%22abc%22", " W/\"abc\" "] {
            assert_eq!(etags(spelling), ["abc"], "{spelling}");
        }
        assert_eq!(etags("\"a\", \"b-2\",*"), ["a", "b-2", "*"]);
    }

    #[test]
    fn reads() {
        let lines = [("if-match", "\"a\""), ("if-modified-since", "Wed, 27 Jun 2018 13:39:15 GMT")];
        let read = with(&lines, |view| of_read(view).unwrap());
        assert_eq!(read.if_match.unwrap(), ["a"]);
        assert_eq!(read.if_modified_since, Some(Timestamp::from_secs(1_530_106_755)));
        let unreadable = with(&[("if-modified-since", "yesterday")], |view| of_read(view).unwrap());
        assert_eq!(unreadable, Preconditions::default());
        let source = with(&[("x-amz-copy-source-if-none-match", "b")], |view| of_copy_source(view).unwrap());
        assert_eq!(source.if_none_match.unwrap(), ["b"]);
    }

    #[test]
    fn ranges_of_one_state_of_the_object() {
        let read = |text: &'static str| with(&[("if-range", text)], |view| if_range(Dialect::S3, view));
        assert_eq!(read("\"abc-2\""), Some(IfRange::ETag("abc-2".to_owned())));
        assert_eq!(read("Wed, 27 Jun 2018 13:39:15 GMT"), Some(IfRange::Date(Timestamp::from_secs(1_530_106_755))));
        for odd in ["W/\"abc\"", "abc", "\"a\", \"b\"", "yesterday", "", "\""] {
            assert_eq!(read(odd), Some(IfRange::Never), "{odd}");
        }
        let twice = [("if-range", "\"a\""), ("if-range", "\"b\"")];
        assert_eq!(with(&twice, |view| if_range(Dialect::S3, view)), Some(IfRange::Never));
        assert_eq!(with(&[], |view| if_range(Dialect::S3, view)), None);
        assert_eq!(with(&[("if-range", "\"abc\"")], |view| if_range(Dialect::OBS, view)), None);
    }

    #[test]
    fn writes() {
        let of = |lines: &[(&'static str, &'static str)], compat| with(lines, |view| of_write(view, compat));
        assert!(of(&[("if-none-match", "*")], Compat::Aws).unwrap().absent);
        assert_eq!(of(&[("if-match", "\"a\"")], Compat::Aws).unwrap().etag.as_deref(), Some("a"));
        assert_eq!(of(&[("if-match", "*")], Compat::Ceph).unwrap().etag.as_deref(), Some("*"));
        for refused in [
            &[("if-none-match", "\"a\"")][..],
            &[("if-match", "*")],
            &[("if-match", "a"), ("if-none-match", "*")],
            &[("if-match", "a,b")],
        ] {
            assert!(matches!(of(refused, Compat::Aws), Err(Refusal::Wire(WireFault::NotOffered(_)))));
        }
    }
}
