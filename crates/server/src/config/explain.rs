//! `strongroom config`: every setting with its documentation, its value and where the value comes from, in the form of
//! a `strongroom.toml` that can be kept.

use super::layers::{FILE_NAME, Layers, Origin};
use super::providers::PROVIDER_SETTINGS;
use super::table::SETTINGS;
use std::fmt::Write;

const WIDTH: usize = 100;

/// The effective settings as a commented configuration file. Values that stand at their default are commented out.
pub(crate) fn explain(layers: &Layers) -> String {
    let mut out = format!(
        "# {FILE_NAME}, to be kept in the data directory. Flags go before environment variables, they before this \
         file.\n"
    );
    let mut table = "";
    // Names with a dot stand in a table, which must come after all plain names.
    let (plain, dotted): (Vec<_>, Vec<_>) = SETTINGS.iter().partition(|setting| !setting.key.contains('.'));
    for setting in plain.into_iter().chain(dotted) {
        let (prefix, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if prefix != table {
            table = prefix;
            let _ = write!(out, "\n[{prefix}]\n");
        }
        out.push('\n');
        wrap(&mut out, setting.doc);
        let origin = layers.origin(setting.key);
        let _ = writeln!(out, "# flag --{}, variable {}; value from: {origin}", setting.flag, setting.env);
        let value = if setting.repeats {
            let quoted: Vec<_> = layers.many(setting.key).iter().map(|value| quote(value)).collect();
            format!("[{}]", quoted.join(", "))
        } else {
            layers.one(setting.key).map_or_else(|| "\"\"".to_owned(), |(value, _)| quote(value))
        };
        let comment = if origin == Origin::Default || !setting.in_file { "# " } else { "" };
        let _ = writeln!(out, "{comment}{name} = {value}");
    }
    explain_providers(&mut out, &layers.providers);
    out
}

/// The key providers of the file, and what may stand in such a table.
fn explain_providers(out: &mut String, providers: &toml::Table) {
    out.push('\n');
    wrap(
        out,
        "Key providers outside this server stand in tables [provider.NAME], in this file only; docs/providers.md tells \
         more. NAME is what CMKs call it: 1 to 64 lower-case letters, digits and hyphens.",
    );
    let none = toml::Table::new();
    let example = ("NAME".to_owned(), toml::Value::Table(none.clone()));
    let shown = if providers.is_empty() { vec![(&example.0, &example.1)] } else { providers.iter().collect() };
    for (name, table) in shown {
        let table = table.as_table().unwrap_or(&none);
        let kind = table.get("kind").and_then(toml::Value::as_str);
        let comment = if providers.is_empty() { "# " } else { "" };
        let _ = write!(out, "\n{comment}[provider.{name}]\n");
        for setting in PROVIDER_SETTINGS.iter().filter(|setting| kind.is_none_or(|kind| setting.is_of(kind))) {
            out.push('\n');
            wrap(out, setting.doc);
            if kind.is_none() && !setting.kinds.is_empty() {
                let _ = writeln!(out, "# of kinds: {}", setting.kinds.join(", "));
            }
            match (table.get(setting.key), setting.default) {
                (Some(toml::Value::String(text)), _) => _ = writeln!(out, "{} = {}", setting.key, quote(text)),
                (Some(toml::Value::Integer(number)), _) => _ = writeln!(out, "{} = {number}", setting.key),
                // Not a value that any of them takes; the server's start says so.
                (Some(_), _) => {}
                (None, default) => _ = writeln!(out, "# {} = {}", setting.key, quote(default.unwrap_or_default())),
            }
        }
    }
}

/// A TOML basic string. JSON's escapes are a subset of TOML's.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn wrap(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingFlags;

    #[test]
    fn what_is_printed_can_be_read_back_and_names_every_setting() {
        let env = |name: &str| match name {
            "STRONGROOM_DATA" => Some("/nowhere".to_owned()),
            "STRONGROOM_REGION" => Some("eu-1".to_owned()),
            "STRONGROOM_DOMAIN" => Some("a.test,b.test".to_owned()),
            "STRONGROOM_SSE_REQUIRE_HTTPS" => Some("off".to_owned()),
            _ => None,
        };
        let mut layers = Layers::gather(&SettingFlags::default(), &env).unwrap();
        let text = explain(&layers);
        for setting in PROVIDER_SETTINGS {
            assert!(text.contains(&format!("\n# {} = ", setting.key)), "{}", setting.key);
        }
        let vault = "[bao]\nkind = \"vault\"\ntimeout_ms = 500".parse().unwrap();
        layers.providers = vault;
        let with: toml::Table = explain(&layers).parse().unwrap();
        assert_eq!(with["provider"]["bao"]["kind"].as_str(), Some("vault"));
        assert_eq!(with["provider"]["bao"]["timeout_ms"].as_integer(), Some(500));
        for setting in SETTINGS {
            assert!(text.contains(&format!("--{}, variable {}", setting.flag, setting.env)), "{}", setting.key);
        }
        let read: toml::Table = text.parse().unwrap();
        assert_eq!(read["region"].as_str(), Some("eu-1"));
        assert_eq!(read["domain"].as_array().unwrap().len(), 2);
        assert_eq!(read["sse"]["require_https"].as_str(), Some("off"));
        assert!(!read.contains_key("compat"), "defaults stay comments");
    }
}
