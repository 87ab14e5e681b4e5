//! Texts with wildcards and policy variables, and how they match. Matching never goes back further than to the last
//! `*`, and the number of wildcards is bounded: no pattern makes it slow.

use crate::ConditionKey;
use std::borrow::Cow;

/// Most `*` and `?` in one pattern. With `?` a failed try behind a `*` costs up to this many steps per character.
pub(crate) const WILDCARDS_MAX: usize = 64;

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// Stands for itself; never empty.
    Literal(Box<str>),
    /// `*`: any characters, none included.
    Many,
    /// `?`: exactly one character.
    One,
    /// `${key}`: what the request says.
    Variable { key: ConditionKey, default: Option<Box<str>> },
}

/// A text with wildcards and variables.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    parts: Box<[Part]>,
    variables: bool,
}

/// What a pattern may contain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    /// `*` and `?` are wildcards.
    pub(crate) wildcards: bool,
    /// `${key}` is a variable.
    pub(crate) variables: bool,
}

/// What a variable stands for in this request; `None` when it has no single value.
pub(crate) trait Lookup {
    fn lookup<'k>(&'k self, key: &'k ConditionKey) -> Option<Cow<'k, str>>;
}

/// A variable of the pattern has neither a value nor a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unresolved;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut wildcards = 0;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            let part = match c {
                '*' if syntax.wildcards => Part::Many,
                '?' if syntax.wildcards => Part::One,
                '$' if syntax.variables && rest.starts_with('{') => {
                    let end = rest.find('}').ok_or("policy variable without end")?;
                    let inside = &rest[1..end];
                    rest = &rest[end + 1..];
                    if let "*" | "?" | "$" = inside {
                        literal.push_str(inside);
                        continue;
                    }
                    variable(inside)?
                }
                _ => {
                    literal.push(c);
                    continue;
                }
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal).into()));
            }
            wildcards += usize::from(matches!(part, Part::Many | Part::One));
            // `**` is `*`.
            if !(part == Part::Many && parts.last() == Some(&Part::Many)) {
                parts.push(part);
            }
        }
        if wildcards > WILDCARDS_MAX {
            return Err(format!("more than {WILDCARDS_MAX} wildcards"));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        let variables = parts.iter().any(|part| matches!(part, Part::Variable { .. }));
        Ok(Self { parts: parts.into(), variables })
    }

    /// A pattern for a text that holds neither wildcards nor variables.
    pub(crate) fn literal(text: &str) -> Self {
        let parts: Vec<Part> = if text.is_empty() { vec![] } else { vec![Part::Literal(text.into())] };
        Self { parts: parts.into(), variables: false }
    }

    /// The keys its variables read.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ConditionKey> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable { key, .. } => Some(key),
            _ => None,
        })
    }

    /// Whether it stands for one text, whatever the request.
    pub(crate) fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str, lookup: &dyn Lookup) -> Result<bool, Unresolved> {
        self.compare(text, lookup, glob)
    }

    /// Compares with a way to compare other than [`glob`].
    pub(crate) fn compare(
        &self,
        text: &str,
        lookup: &dyn Lookup,
        with: impl Fn(&[Part], &str) -> bool,
    ) -> Result<bool, Unresolved> {
        if !self.variables {
            return Ok(with(&self.parts, text));
        }
        let mut parts: Vec<Part> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            parts.push(match part {
                Part::Variable { key, default } => {
                    // What the variable stands for is literal: a `*` in a user's name is no wildcard.
                    let value = lookup.lookup(key).or(default.as_deref().map(Cow::Borrowed)).ok_or(Unresolved)?;
                    if value.is_empty() {
                        continue;
                    }
                    Part::Literal(value.into())
                }
                other => other.clone(),
            });
        }
        Ok(with(&parts, text))
    }

    /// Whether some text that begins with `prefix` could match, whatever its variables stand for.
    pub(crate) fn could_begin_with(&self, prefix: &str) -> bool {
        let symbols: Vec<Symbol> = self.parts.iter().flat_map(Symbol::of).collect();
        let mut states = vec![false; symbols.len() + 1];
        states[0] = true;
        let spread = |states: &mut [bool]| {
            for (i, symbol) in symbols.iter().enumerate() {
                if states[i] && matches!(symbol, Symbol::Many) {
                    states[i + 1] = true;
                }
            }
        };
        spread(&mut states);
        for c in prefix.chars() {
            let mut next = vec![false; states.len()];
            for (i, symbol) in symbols.iter().enumerate().filter(|(i, _)| states[*i]) {
                match symbol {
                    Symbol::Many => next[i] = true,
                    Symbol::One => next[i + 1] = true,
                    Symbol::Char(wanted) => next[i + 1] |= *wanted == c,
                }
            }
            spread(&mut next);
            states = next;
        }
        states.contains(&true)
    }
}

enum Symbol {
    Char(char),
    One,
    Many,
}

impl Symbol {
    fn of(part: &Part) -> Vec<Symbol> {
        match part {
            Part::Literal(text) => text.chars().map(Symbol::Char).collect(),
            Part::One => vec![Symbol::One],
            Part::Many | Part::Variable { .. } => vec![Symbol::Many],
        }
    }
}

/// `key` or `key, 'default'`.
fn variable(inside: &str) -> Result<Part, String> {
    let (key, default) = match inside.split_once(',') {
        None => (inside.trim(), None),
        Some((key, default)) => {
            let quoted = default.trim().strip_prefix('\'').and_then(|d| d.strip_suffix('\''));
            (key.trim(), Some(quoted.ok_or("the default of a policy variable stands in single quotes")?))
        }
    };
    if key.is_empty() {
        return Err("policy variable without a name".to_owned());
    }
    Ok(Part::Variable { key: ConditionKey::parse(key), default: default.map(Into::into) })
}

/// Matches with wildcards. Behind the last `*` it tries one place after the other; what stands before is settled.
pub(crate) fn glob(parts: &[Part], text: &str) -> bool {
    let (mut part, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match parts.get(part) {
            None if at == text.len() => return true,
            None => None,
            Some(Part::Many) => {
                if part + 1 == parts.len() {
                    return true;
                }
                star = Some((part + 1, at));
                Some(0)
            }
            Some(Part::One) => text[at..].chars().next().map(char::len_utf8),
            Some(Part::Literal(literal)) => text[at..].starts_with(&**literal).then_some(literal.len()),
            // Variables are replaced before.
            Some(Part::Variable { .. }) => return false,
        };
        if let Some(length) = step {
            part += 1;
            at += length;
            continue;
        }
        let Some((behind, tried)) = star else { return false };
        let Some(c) = text[tried..].chars().next() else { return false };
        let mut next = tried + c.len_utf8();
        if let Some(Part::Literal(literal)) = parts.get(behind) {
            match text[next..].find(&**literal) {
                Some(offset) => next += offset,
                None => return false,
            }
        }
        star = Some((behind, next));
        (part, at) = (behind, next);
    }
}

/// Equality of the text the parts make up; wildcards count as themselves and do not occur.
pub(crate) fn equal(parts: &[Part], text: &str) -> bool {
    match parts {
        [] => text.is_empty(),
        [Part::Literal(literal)] => **literal == *text,
        _ => joined(parts) == text,
    }
}

/// Equality without regard to case.
pub(crate) fn equal_ignoring_case(parts: &[Part], text: &str) -> bool {
    joined(parts).chars().flat_map(char::to_lowercase).eq(text.chars().flat_map(char::to_lowercase))
}

/// Whether the text begins with the parts.
pub(crate) fn begins(parts: &[Part], text: &str) -> bool {
    text.starts_with(&*joined(parts))
}

/// Whether the text ends with the parts.
pub(crate) fn ends(parts: &[Part], text: &str) -> bool {
    text.ends_with(&*joined(parts))
}

fn joined(parts: &[Part]) -> Cow<'_, str> {
    let literal = |part: &Part| match part {
        Part::Literal(text) => text.to_string(),
        _ => String::new(),
    };
    match parts {
        [Part::Literal(text)] => Cow::Borrowed(text),
        _ => Cow::Owned(parts.iter().map(literal).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Lookup for Nothing {
        fn lookup<'k>(&'k self, _: &'k ConditionKey) -> Option<Cow<'k, str>> {
            None
        }
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text, Syntax { wildcards: true, variables: true }).unwrap()
    }

    #[test]
    fn wildcards() {
        for (text, subject, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "bca", true),
            ("*a", "bcab", false),
            ("a*b*c", "axxbxbxc", true),
            ("a*b*c", "axxbxbx", false),
            ("?", "", false),
            ("?", "é", true),
            ("??", "é", false),
            ("*?b", "aab", true),
            ("*ab", "aab", true),
            ("*a?b*", "xaabyaxb", true),
            ("b/*", "b/", true),
            ("b/*", "b", false),
            ("a${*}b", "a*b", true),
            ("a${*}b", "axb", false),
            ("${?}${$}", "?$", true),
            ("${nothing, 'x*'}", "x*", true),
            ("${nothing, 'x*'}", "xy", false),
        ] {
            assert_eq!(pattern(text).matches(subject, &Nothing), Ok(expected), "{text} on {subject}");
        }
        assert_eq!(pattern("${aws:username}").matches("", &Nothing), Err(Unresolved));
    }

    #[test]
    fn the_worst_patterns_stay_cheap() {
        // With backtracking into every star these would not end within the age of the universe.
        let text = "a".repeat(1024);
        let stars = format!("{}b", "*a".repeat(WILDCARDS_MAX - 1));
        assert_eq!(pattern(&stars).matches(&text, &Nothing), Ok(false));
        let marks = format!("*{}b", "a?".repeat(WILDCARDS_MAX - 1));
        assert_eq!(pattern(&marks).matches(&text, &Nothing), Ok(false));
        assert!(Pattern::parse(&"*a".repeat(65), Syntax { wildcards: true, variables: false }).is_err());
    }

    #[test]
    fn prefixes() {
        for (text, prefix, expected) in [
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/", true),
            ("arn:aws:s3:::b", "arn:aws:s3:::b/", false),
            ("arn:aws:s3:::other/*", "arn:aws:s3:::b/", false),
            ("*", "arn:aws:s3:::b/", true),
            ("arn:aws:s3:::${aws:username}/x", "arn:aws:s3:::b/", true),
            ("arn:aws:s3:::?/x", "arn:aws:s3:::b/", true),
            ("arn:aws:s3:::c?/x", "arn:aws:s3:::b/", false),
        ] {
            assert_eq!(pattern(text).could_begin_with(prefix), expected, "{text}");
        }
    }
}
