//! The head of a part: what the field is called and, for a file, what the file was called.

use bytes::Bytes;

/// A part's `Content-Disposition`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    /// The field's name.
    pub(super) name: String,
    /// The file's name without the folders before it; some clients send one with every field.
    pub(super) file_name: Option<String>,
}

impl PartHead {
    /// Reads the head's lines. `None` when there is no one `Content-Disposition: form-data` with a name.
    pub(super) fn parse(lines: &[Bytes]) -> Option<Self> {
        let mut disposition = None;
        for line in lines {
            let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            if name.trim().eq_ignore_ascii_case("content-disposition") && disposition.replace(value).is_some() {
                return None;
            }
        }
        let (kind, rest) = disposition?.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return None;
        }
        let (mut field, mut plain, mut extended) = (None, None, None);
        for (name, value) in parameters(rest)? {
            let slot = match name {
                name if name.eq_ignore_ascii_case("name") => &mut field,
                name if name.eq_ignore_ascii_case("filename") => &mut plain,
                name if name.eq_ignore_ascii_case("filename*") => &mut extended,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        let file_name = match extended {
            Some(value) => Some(decode_extended(&value)?),
            None => plain,
        };
        let name = field.filter(|name| !name.is_empty())?;
        Some(Self { name, file_name: file_name.map(|name| base_name(&name).to_owned()) })
    }

    /// Whether this part is the file.
    pub(super) fn is_file(&self) -> bool {
        self.name.eq_ignore_ascii_case("file")
    }
}

/// Some browsers send the whole path.
fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// `UTF-8''percent%20encoded` (RFC 5987), as older clients write names beyond ASCII.
fn decode_extended(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    let (charset, _language, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    String::from_utf8(crate::query::percent_decode(text, false).ok()?.into_owned()).ok()
}

/// Parameters of a header: `; name=value; name="value"`. Between quotes only `\"` is an escape, since browsers write
/// backslashes of paths as they are.
pub(super) fn parameters(text: &str) -> Option<Vec<(&str, String)>> {
    let (mut found, mut rest) = (Vec::new(), text);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return Some(found);
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, left) = quoted_text(quoted)?;
                let left = left.trim_start();
                if !left.is_empty() && !left.starts_with(';') {
                    return None;
                }
                (value, left)
            }
            None => {
                let (value, left) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), left)
            }
        };
        found.push((name.trim(), value));
        rest = left;
    }
}

/// The text up to the closing quote, and what follows it.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let (mut out, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &text[at + 1..])),
            '\\' if text[at + 1..].starts_with('"') => {
                out.push('"');
                chars.next();
            }
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[&str]) -> Option<(String, Option<String>)> {
        let lines: Vec<_> = lines.iter().map(|line| Bytes::copy_from_slice(line.as_bytes())).collect();
        PartHead::parse(&lines).map(|head| (head.name, head.file_name))
    }

    fn named(name: &str, file_name: Option<&str>) -> Option<(String, Option<String>)> {
        Some((name.to_owned(), file_name.map(str::to_owned)))
    }

    #[test]
    fn fields_and_files() {
        assert_eq!(head(&["Content-Disposition: form-data; name=\"key\""]), named("key", None));
        assert_eq!(head(&["content-disposition:form-data;name=key"]), named("key", None));
        assert_eq!(
            head(&[
                "Content-Type: a/b; c=\"d\"",
                "Content-Disposition: form-data; name=\"file\"; filename=\"a b.txt\""
            ]),
            named("file", Some("a b.txt"))
        );
        assert_eq!(head(&["Content-Disposition: form-data; name=\"a;b=\\\"c\\\"\"; x=y"]), named("a;b=\"c\"", None));
        for (sent, kept) in [("C:\\dir\\a.txt", "a.txt"), ("/etc/pass", "pass"), ("../..", ".."), ("ü☃.txt", "ü☃.txt")]
        {
            let line = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{sent}\"");
            assert_eq!(head(&[&line]), named("file", Some(kept)), "{sent}");
        }
        let both = "Content-Disposition: form-data; name=\"file\"; filename=\"x\"; filename*=utf-8''%C3%BC%20a";
        assert_eq!(head(&[both]), named("file", Some("ü a")));
    }

    #[test]
    fn heads_that_cannot_be_read() {
        for lines in [
            &[][..],
            &["Content-Type: text/plain"],
            &["Content-Disposition: form-data"],
            &["Content-Disposition: form-data; filename=\"a\""],
            &["Content-Disposition: form-data; name=\"\""],
            &["Content-Disposition: attachment; name=\"a\""],
            &["Content-Disposition: form-data; name=\"a"],
            &["Content-Disposition: form-data; name=\"a\"b"],
            &["Content-Disposition: form-data; name=\"a\"; name=\"b\""],
            &["Content-Disposition: form-data; name=\"a\"", "Content-Disposition: form-data; name=\"b\""],
            &["Content-Disposition: form-data; name=\"a\"; filename*=latin1''x"],
            &["Content-Disposition: form-data; name=\"a\"", " folded"],
            &["no colon"],
        ] {
            assert_eq!(head(lines), None, "{lines:?}");
        }
    }
}
