//! Lists in pages: `Marker`, `MaxItems`, `IsTruncated`. A marker names the last entry told, so that entries which come
//! and go meanwhile neither repeat others nor hide them. Clients take it as it is.

use super::fault::{Code, Fault};
use super::form::Form;
use crate::xml::XmlWriter;
use data_encoding::BASE64URL_NOPAD;

const ITEMS_DEFAULT: usize = 100;
const ITEMS_MAX: usize = 1000;

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// Its entries.
    pub(super) items: Vec<T>,
    /// Where the next page begins, if there is one.
    marker: Option<String>,
}

impl<T> Page<T> {
    /// The page that the form asks for. `key` orders the entries; no two may have the same.
    pub(super) fn cut(form: &Form, items: Vec<T>, key: impl Fn(&T) -> String) -> Result<Self, Fault> {
        let max = items_max(form)?;
        let after = form.get("Marker").map(decode).transpose()?;
        let mut keyed: Vec<(String, T)> = items.into_iter().map(|item| (key(&item), item)).collect();
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        keyed.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
        let marker = if keyed.len() > max {
            keyed.truncate(max);
            keyed.last().map(|(key, _)| BASE64URL_NOPAD.encode(key.as_bytes()))
        } else {
            None
        };
        Ok(Self { items: keyed.into_iter().map(|(_, item)| item).collect(), marker })
    }

    /// Writes what says whether there is more.
    pub(super) fn write_end(&self, out: &mut XmlWriter) {
        out.value("IsTruncated", self.marker.is_some());
        out.optional("Marker", self.marker.as_deref());
    }
}

fn items_max(form: &Form) -> Result<usize, Fault> {
    let Some(text) = form.get("MaxItems") else { return Ok(ITEMS_DEFAULT) };
    match text.parse::<usize>() {
        Ok(max @ 1..=ITEMS_MAX) => Ok(max),
        Ok(0) => Err(Fault::constraint(text, "MaxItems", "Member must have value greater than or equal to 1")),
        Ok(_) => Err(Fault::constraint(text, "MaxItems", "Member must have value less than or equal to 1000")),
        Err(_) => Err(Fault::constraint("", "MaxItems", "Member must be an integer")),
    }
}

fn decode(marker: &str) -> Result<String, Fault> {
    BASE64URL_NOPAD
        .decode(marker.as_bytes())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Fault::new(Code::ValidationError, "Invalid Marker."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(form: &str, items: &[&'static str]) -> Result<(Vec<&'static str>, Option<String>), Code> {
        let form = Form::parse(form.as_bytes()).unwrap();
        let page = Page::cut(&form, items.to_vec(), |item| item.to_string()).map_err(|fault| fault.code())?;
        Ok((page.items, page.marker))
    }

    #[test]
    fn pages_follow_one_another_without_gap_or_repetition() {
        let (first, marker) = page("MaxItems=2", &["d", "a", "c", "b"]).unwrap();
        assert_eq!(first, ["a", "b"]);
        let next = format!("MaxItems=2&Marker={}", marker.unwrap());
        assert_eq!(page(&next, &["a", "b", "c", "d"]).unwrap(), (vec!["c", "d"], None));
        assert_eq!(page(&next, &["a", "c", "d", "e"]).unwrap().0, ["c", "d"], "what the marker names is gone");
        assert_eq!(page(&next, &["a"]).unwrap(), (vec![], None));
    }

    #[test]
    fn bounds_of_a_page() {
        assert_eq!(page("MaxItems=1000", &["a"]).unwrap().0, ["a"]);
        for bad in ["MaxItems=0", "MaxItems=1001", "MaxItems=-1", "MaxItems=x", "Marker=%2F", "Marker=_w"] {
            assert_eq!(page(bad, &["a"]).unwrap_err(), Code::ValidationError, "{bad}");
        }
    }
}
