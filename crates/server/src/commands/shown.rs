//! How answers look on a terminal: tables, lines of label and value, JSON. Everything that came from elsewhere goes
//! through [`printable`].

use serde_json::Value;

/// What somebody wrote into a name or a description must not steer the terminal of whoever reads it, nor turn its text
/// around.
pub(crate) fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Columns under their headings; the last one is not padded.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    std::iter::once(&headings).chain(&rows).map(line).collect()
}

/// Lines of label and value; a value that is empty leaves its line out.
pub(super) fn lines(of: &[(&str, &str)]) -> String {
    of.iter().filter(|(_, value)| !value.is_empty()).map(|(label, value)| row(label, &printable(value))).collect()
}

/// One line of label and value, which is printable already.
pub(super) fn row(label: &str, value: &str) -> String {
    format!("{label:<14} {value}").trim_end().to_owned() + "\n"
}

/// JSON as a program wants it and a person can read it.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A member's text; empty where there is none.
pub(super) fn field<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A list's members; none where there is no list.
pub(super) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A table of a list's members: headings, and the members' names.
pub(super) fn listed(members: &[Value], columns: &[(&str, &str)]) -> String {
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let cells = |member: &Value| columns.iter().map(|(_, name)| field(member, name).to_owned()).collect();
    table(&headings, &members.iter().map(cells).collect::<Vec<_>>())
}

/// The texts of a list, or of one member of each of its elements, in one line.
pub(super) fn joined(members: &[Value], name: Option<&str>) -> String {
    let text = |member: &Value| match name {
        Some(name) => field(member, name).to_owned(),
        None => member.as_str().unwrap_or_default().to_owned(),
    };
    members.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_came_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(printable("red \u{1b}[31m\u{9b}x\r\n"), "red \u{fffd}[31m\u{fffd}x\u{fffd}\u{fffd}");
        assert_eq!(printable("abc\u{202e}txt.exe"), "abc\u{fffd}txt.exe");
        assert_eq!(printable("Ünïcode 鍵"), "Ünïcode 鍵");
        assert!(!table(&["a"], &[vec!["\u{1b}]0;x".to_owned()]]).contains('\u{1b}'));
        assert!(!lines(&[("a", "\u{1b}c")]).contains('\u{1b}'));
    }

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let users = [json!({ "n": "ä", "p": "/" }), json!({ "n": "longer", "p": "/team/" }), json!({})];
        assert_eq!(listed(&users, &[("name", "n"), ("path", "p")]), "name    path\nä       /\nlonger  /team/\n\n");
    }
}
