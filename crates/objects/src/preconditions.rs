//! Conditional requests (RFC 9110 §13.2.2, S3 behaviour §16). Pure.

use crate::Fail;
use crate::api::{Preconditions, WriteExpectation};
use model::{ETag, Timestamp};

/// The object's present state, as conditions see it.
#[derive(Clone, Copy)]
pub(crate) struct State {
    pub(crate) etag: ETag,
    pub(crate) last_modified: Timestamp,
}

/// Whether a read goes on. `If-Match` beats `If-Unmodified-Since`, `If-None-Match` beats `If-Modified-Since`; dates
/// compare in whole seconds, and a date in the future is ignored (obs-api §3.4).
pub(crate) fn check_read(conditions: &Preconditions, state: State, now: Timestamp) -> Result<(), Fail> {
    let modified = state.last_modified.as_secs();
    let past = |t: &Timestamp| *t <= now;
    if let Some(tags) = &conditions.if_match {
        if !names(tags, state.etag) {
            return Err(Fail::PreconditionFailed);
        }
    } else if let Some(since) = conditions.if_unmodified_since.filter(past)
        && modified > since.as_secs()
    {
        return Err(Fail::PreconditionFailed);
    }
    let not_modified = || Fail::NotModified { etag: state.etag, last_modified: state.last_modified };
    if let Some(tags) = &conditions.if_none_match {
        if names(tags, state.etag) {
            return Err(not_modified());
        }
    } else if let Some(since) = conditions.if_modified_since.filter(past)
        && modified <= since.as_secs()
    {
        return Err(not_modified());
    }
    Ok(())
}

/// Conditions on the source of a copy: whatever fails is 412.
pub(crate) fn check_copy_source(conditions: &Preconditions, state: State, now: Timestamp) -> Result<(), Fail> {
    check_read(conditions, state, now).map_err(|_| Fail::PreconditionFailed)
}

/// Whether a write may replace what is there; `None`: nothing, or a delete marker.
pub(crate) fn check_write(expectation: &WriteExpectation, present: Option<ETag>) -> Result<(), Fail> {
    if expectation.absent && present.is_some() {
        return Err(Fail::PreconditionFailed);
    }
    match (&expectation.etag, present) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Fail::NoSuchKey { delete_marker: false }),
        (Some(wanted), Some(etag)) if names(std::slice::from_ref(wanted), etag) => Ok(()),
        _ => Err(Fail::PreconditionFailed),
    }
}

fn names(tags: &[String], etag: ETag) -> bool {
    let etag = etag.to_string();
    tags.iter().any(|tag| tag == "*" || *tag == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_and_outcomes() {
        let state = State { etag: ETag::single([0xab; 16]), last_modified: Timestamp::from_millis(100_500) };
        let now = Timestamp::from_secs(1000);
        let tag = || Some(vec![state.etag.to_string()]);
        let other = || Some(vec!["other".to_owned()]);
        let at = |s| Some(Timestamp::from_secs(s));
        let check = |p: Preconditions| check_read(&p, state, now);
        let p = Preconditions::default;
        assert!(check(p()).is_ok());
        assert!(check(Preconditions { if_match: tag(), if_unmodified_since: at(1), ..p() }).is_ok(), "If-Match wins");
        assert!(matches!(check(Preconditions { if_match: other(), ..p() }), Err(Fail::PreconditionFailed)));
        assert!(matches!(check(Preconditions { if_unmodified_since: at(99), ..p() }), Err(Fail::PreconditionFailed)));
        assert!(check(Preconditions { if_unmodified_since: at(100), ..p() }).is_ok(), "whole seconds");
        assert!(matches!(check(Preconditions { if_none_match: tag(), ..p() }), Err(Fail::NotModified { .. })));
        assert!(check(Preconditions { if_none_match: other(), if_modified_since: at(500), ..p() }).is_ok());
        assert!(matches!(check(Preconditions { if_modified_since: at(100), ..p() }), Err(Fail::NotModified { .. })));
        assert!(check(Preconditions { if_modified_since: at(2000), ..p() }).is_ok(), "the future is ignored");
    }

    #[test]
    fn writes() {
        let etag = ETag::single([1; 16]);
        let absent = WriteExpectation { absent: true, etag: None };
        assert!(check_write(&absent, None).is_ok());
        assert!(matches!(check_write(&absent, Some(etag)), Err(Fail::PreconditionFailed)));
        let matching = WriteExpectation { absent: false, etag: Some(etag.to_string()) };
        assert!(check_write(&matching, Some(etag)).is_ok());
        assert!(matches!(check_write(&matching, None), Err(Fail::NoSuchKey { .. })));
        assert!(matches!(check_write(&matching, Some(ETag::single([2; 16]))), Err(Fail::PreconditionFailed)));
    }
}
