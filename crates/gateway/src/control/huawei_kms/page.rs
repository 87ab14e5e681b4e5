//! Pages of lists: `limit` and `marker`, a numeric offset, both mostly sent as texts (kms-iam-api §1.5).

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use serde_json::{Value, json};

/// Most entries of a page, and what a page has unless it is asked for fewer: who does not page gets what there is.
const LIMIT_MAX: usize = 1000;

/// Where a page begins, and how long it is at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) start: usize,
    pub(super) limit: usize,
}

impl Page {
    /// What `limit` and `marker` of the body ask for.
    pub(super) fn of_body(call: &Call<'_>) -> Result<Self, Fault> {
        Self::new(call.number("limit", Code::Limit)?, call.number("marker", Code::Marker)?)
    }

    /// What `limit` and `marker` of the query ask for.
    pub(super) fn of_query(call: &Call<'_>) -> Result<Self, Fault> {
        let number = |name, code: Code| match call.asked(name) {
            Some(text) => text.parse::<u32>().map(Some).map_err(|_| Fault::from(code)),
            None => Ok(None),
        };
        Self::new(number("limit", Code::Limit)?, number("marker", Code::Marker)?)
    }

    fn new(limit: Option<u32>, marker: Option<u32>) -> Result<Self, Fault> {
        let limit = limit.map_or(LIMIT_MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Fault::said(Code::Limit, format!("it is between 1 and {LIMIT_MAX}")));
        }
        Ok(Self { start: marker.map_or(0, |marker| usize::try_from(marker).unwrap_or(usize::MAX)), limit })
    }

    /// The entries of the page, and where the next one begins if there is one.
    pub(super) fn cut<T>(self, items: Vec<T>) -> (Vec<T>, Option<usize>) {
        let next = self.start.saturating_add(self.limit);
        let more = next < items.len();
        (items.into_iter().skip(self.start).take(self.limit).collect(), more.then_some(next))
    }
}

/// The members that say whether there is more: texts, and a number.
pub(super) fn add_to(document: &mut Value, next: Option<usize>, total: usize) {
    document["next_marker"] = next.map(|next| next.to_string()).unwrap_or_default().into();
    document["truncated"] = if next.is_some() { "true" } else { "false" }.into();
    document["total"] = json!(total);
}
