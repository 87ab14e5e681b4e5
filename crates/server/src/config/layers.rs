//! Where a setting's value comes from: flags, then the environment, then `DIR/strongroom.toml`, then the default. The
//! first that says anything decides; a list is not merged across layers.

use super::table::{SETTINGS, Setting, by_key};
use crate::failure::Failure;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The configuration file's name in the data directory.
pub(crate) const FILE_NAME: &str = "strongroom.toml";

/// Which layer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag.
    Flag,
    /// An environment variable.
    Environment,
    /// The configuration file.
    File,
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => FILE_NAME,
            Self::Default => "default",
        })
    }
}

/// The settings as flags of a subcommand, generated from the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingFlags(BTreeMap<&'static str, Vec<String>>);

impl SettingFlags {
    /// The flags of somebody who names the data directory and nothing else.
    pub(crate) fn of_data(path: &Path) -> Self {
        Self(BTreeMap::from([("data", vec![path.display().to_string()])]))
    }
}

impl Args for SettingFlags {
    fn augment_args(mut command: Command) -> Command {
        for setting in SETTINGS {
            let mut help = setting.doc.to_owned();
            help.push_str(&format!("\n[env: {}]", setting.env));
            if let Some(default) = setting.default {
                help.push_str(&format!(" [default: {default}]"));
            }
            let action = if setting.repeats { ArgAction::Append } else { ArgAction::Set };
            let arg = Arg::new(setting.flag).long(setting.flag).value_name(setting.placeholder);
            command = command.arg(arg.action(action).help(help));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            if let Some(values) = matches.get_many::<String>(setting.flag) {
                self.0.insert(setting.key, values.cloned().collect());
            }
        }
        Ok(())
    }
}

/// Every setting's text and where it comes from.
#[derive(Debug)]
pub(crate) struct Layers {
    values: BTreeMap<&'static str, (Vec<String>, Origin)>,
    /// The data directory, which decides where the file layer is read.
    pub(crate) data_dir: PathBuf,
    /// The `[provider.NAME]` tables of the file, as they stand there.
    pub(crate) providers: toml::Table,
}

impl Layers {
    /// Gathers all layers. `env` looks up an environment variable (passed in, so that tests need not change the
    /// process's own).
    pub(crate) fn gather(flags: &SettingFlags, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let said = |setting: &'static Setting| -> Option<(Vec<String>, Origin)> {
            if let Some(values) = flags.0.get(setting.key) {
                return Some((values.clone(), Origin::Flag));
            }
            let text = env(setting.env).filter(|text| !text.is_empty())?;
            Some((split(setting, &text), Origin::Environment))
        };
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            if let Some(value) = said(setting) {
                values.insert(setting.key, value);
            }
        }
        // RUST_LOG is what Rust programs are asked by; our own variable goes before it.
        if !values.contains_key("log")
            && let Some(filter) = env("RUST_LOG").filter(|text| !text.is_empty())
        {
            values.insert("log", (vec![filter], Origin::Environment));
        }
        let data_dir = match values.get("data") {
            Some((dirs, _)) => PathBuf::from(dirs.first().map(String::as_str).unwrap_or_default()),
            None => return Err(Failure::usage("no data directory: say `--data DIR` or set STRONGROOM_DATA")),
        };
        if data_dir.as_os_str().is_empty() {
            return Err(Failure::usage("the data directory's name is empty"));
        }
        let (from_file, providers) = read_file(&data_dir.join(FILE_NAME))?;
        for (key, from_file) in from_file {
            values.entry(key).or_insert((from_file, Origin::File));
        }
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                values.entry(setting.key).or_insert_with(|| (vec![default.to_owned()], Origin::Default));
            }
        }
        Ok(Self { values, data_dir, providers })
    }

    /// The value of a setting that is given once, if any layer or default says one.
    pub(crate) fn one(&self, key: &str) -> Option<(&str, Origin)> {
        let (values, origin) = self.values.get(key)?;
        values.last().map(|value| (value.as_str(), *origin))
    }

    /// The values of a setting that may be repeated.
    pub(crate) fn many(&self, key: &str) -> &[String] {
        self.values.get(key).map(|(values, _)| values.as_slice()).unwrap_or_default()
    }

    /// Which layer decided a setting.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.values.get(key).map_or(Origin::Default, |(_, origin)| *origin)
    }
}

fn split(setting: &Setting, text: &str) -> Vec<String> {
    if setting.repeats {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    } else {
        vec![text.to_owned()]
    }
}

/// Settings of the table, and providers.
type FileContent = (Vec<(&'static str, Vec<String>)>, toml::Table);

fn read_file(path: &Path) -> Result<FileContent, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(FileContent::default()),
        Err(error) => return Err(Failure::io("read", path, &error)),
    };
    parse_file(&text).map_err(|why| Failure::usage(format!("`{}`: {why}", path.display())))
}

/// Parses the file's text into settings. An unknown name is an error that names it: a misspelt setting must not be
/// silently without effect.
fn parse_file(text: &str) -> Result<FileContent, String> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let providers = match table.remove("provider") {
        None => toml::Table::new(),
        Some(toml::Value::Table(providers)) => providers,
        Some(_) => return Err("`provider` is written as a table: `[provider.NAME]`".to_owned()),
    };
    let mut found = Vec::new();
    flatten("", &table, &mut found)?;
    Ok((found, providers))
}

fn flatten(prefix: &str, table: &toml::Table, found: &mut Vec<(&'static str, Vec<String>)>) -> Result<(), String> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if let toml::Value::Table(inner) = value {
            if !SETTINGS.iter().any(|setting| setting.key.starts_with(&format!("{key}."))) {
                return Err(format!("there is no setting `{key}`"));
            }
            flatten(&key, inner, found)?;
            continue;
        }
        let setting = by_key(&key).ok_or_else(|| format!("there is no setting `{key}`"))?;
        if !setting.in_file {
            return Err(format!("`{key}` cannot be set here: it says where this file is"));
        }
        let values = match value {
            toml::Value::Array(items) if setting.repeats => {
                items.iter().map(|item| scalar(&key, item)).collect::<Result<_, _>>()?
            }
            other => vec![scalar(&key, other)?],
        };
        found.push((setting.key, values));
    }
    Ok(())
}

fn scalar(key: &str, value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        _ => Err(format!("`{key}` must be a text or a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn flags(of: &[&str]) -> SettingFlags {
        let command = SettingFlags::augment_args(Command::new("server"));
        let matches = command.try_get_matches_from(std::iter::once(&"server").chain(of)).unwrap();
        SettingFlags::from_arg_matches(&matches).unwrap()
    }

    fn no_env(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn flags_beat_environment_beats_file_beats_default() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().to_str().unwrap();
        let region = |flag: bool, env: bool, file: bool| {
            let text = if file { "region = \"from-file\"" } else { "" };
            fs::write(dir.path().join(FILE_NAME), text).unwrap();
            let of = if flag { vec!["--data", data, "--region", "from-flag"] } else { vec!["--data", data] };
            let env = move |name: &str| (env && name == "STRONGROOM_REGION").then(|| "from-env".to_owned());
            let layers = Layers::gather(&flags(&of), &env).unwrap();
            let (value, origin) = layers.one("region").unwrap();
            (value.to_owned(), origin)
        };
        assert_eq!(region(true, true, true), ("from-flag".into(), Origin::Flag));
        assert_eq!(region(false, true, true), ("from-env".into(), Origin::Environment));
        assert_eq!(region(false, false, true), ("from-file".into(), Origin::File));
        assert_eq!(region(false, false, false), ("local-1".into(), Origin::Default));
    }

    #[test]
    fn lists_come_from_one_layer() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().to_str().unwrap();
        fs::write(dir.path().join(FILE_NAME), "domain = [\"a.test\", \"b.test\"]").unwrap();
        let domains = |of: &[&str], env: &dyn Fn(&str) -> Option<String>| {
            Layers::gather(&flags(of), env).unwrap().many("domain").to_vec()
        };
        assert_eq!(domains(&["--data", data], &no_env), ["a.test", "b.test"]);
        let env = |name: &str| (name == "STRONGROOM_DOMAIN").then(|| "c.test, d.test".to_owned());
        assert_eq!(domains(&["--data", data], &env), ["c.test", "d.test"]);
        assert_eq!(domains(&["--data", data, "--domain", "e.test", "--domain", "f.test"], &env), ["e.test", "f.test"]);
    }

    #[test]
    fn an_unknown_name_in_the_file_is_named() {
        let complaint = |text: &str| parse_file(text).unwrap_err();
        assert_eq!(complaint("adress = \"x\""), "there is no setting `adress`");
        assert_eq!(complaint("[sse]\nrequire_http = \"off\""), "there is no setting `sse.require_http`");
        assert_eq!(complaint("[tls]\ncert = \"x\""), "there is no setting `tls`");
        assert_eq!(complaint("data = \"/elsewhere\""), "`data` cannot be set here: it says where this file is");
        assert_eq!(complaint("region = true"), "`region` must be a text or a number");
    }

    #[test]
    fn tables_and_numbers_are_read() {
        let (found, _) = parse_file("bucket_key_ttl_seconds = 60\n[sse]\nrequire_https = \"ssec\"").unwrap();
        assert!(found.contains(&("bucket_key_ttl_seconds", vec!["60".to_owned()])));
        assert!(found.contains(&("sse.require_https", vec!["ssec".to_owned()])));
    }

    #[test]
    fn the_log_variable_goes_before_rust_log() {
        let both = |name: &str| match name {
            "STRONGROOM_DATA" => Some("/x".to_owned()),
            "STRONGROOM_LOG" => Some("debug".to_owned()),
            "RUST_LOG" => Some("trace".to_owned()),
            _ => None,
        };
        let rust_log = |name: &str| if name == "STRONGROOM_LOG" { None } else { both(name) };
        let log = |env: &dyn Fn(&str) -> Option<String>| {
            Layers::gather(&flags(&[]), env).unwrap().one("log").unwrap().0.to_owned()
        };
        assert_eq!(log(&both), "debug");
        assert_eq!(log(&rust_log), "trace");
    }

    #[test]
    fn a_data_directory_is_required() {
        assert!(Layers::gather(&flags(&[]), &no_env).is_err());
    }
}
