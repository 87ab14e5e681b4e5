//! Holds the table of allowed arrows in docs/ARCHITECTURE.md against what the crates really depend on. A new dependency
//! between rooms is a change of architecture: it is made in the table first, where it is seen and argued.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests: what goes wrong here is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const PREFIX: &str = "strongroom-";

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Rows of the table: ``| `room` | `may`, `use`, `these` | why |``.
fn allowed() -> Arrows {
    let page = std::fs::read_to_string(repository().join("docs/ARCHITECTURE.md")).unwrap();
    let section = page.split("\n## Allowed arrows\n").nth(1).expect("the page has a section `Allowed arrows`");
    let section = section.split("\n## ").next().unwrap();
    let rooms = |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut arrows = Arrows::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').collect();
        let room = rooms(cells[1]).into_iter().next().unwrap();
        assert!(arrows.insert(room.clone(), rooms(cells[2])).is_none(), "`{room}` stands twice in the table");
    }
    arrows
}

/// Normal dependencies between the workspace's crates, by their short names. Dev-dependencies reach further and end in
/// no binary.
fn actual() -> Arrows {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let short = |name: &str| name.strip_prefix(PREFIX).map(str::to_owned);
    let mut arrows = Arrows::new();
    for package in metadata["packages"].as_array().unwrap() {
        let room = short(package["name"].as_str().unwrap()).expect("a crate of the workspace has the prefix");
        let normal = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
        arrows.insert(room, normal.filter_map(|d| short(d["name"].as_str().unwrap())).collect());
    }
    arrows
}

#[test]
fn crates_depend_on_each_other_as_the_table_says() {
    let (allowed, actual) = (allowed(), actual());
    assert!(actual.len() >= 10, "the workspace has its rooms");
    assert_eq!(actual, allowed, "left: cargo metadata; right: docs/ARCHITECTURE.md");
}

#[test]
fn the_walls_that_matter_most_stand() {
    let actual = actual();
    for (room, absent) in [
        ("store", "crypto"),
        ("iam", "crypto"),
        ("objects", "crypto"),
        ("objects", "kms"),
        ("crypto", "store"),
        ("policy", "store"),
    ] {
        assert!(!actual[room].contains(absent), "`{room}` must not know `{absent}`");
    }
    for (room, uses) in &actual {
        assert!(!uses.contains("testkit"), "`{room}` would ship the test kit");
        assert!(room == "server" || !uses.contains("server"), "nothing depends on the binary");
    }
}
