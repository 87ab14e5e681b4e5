//! Holds the pages of the dialects to their promise: each example there is a test with the same words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;

/// `SSE-KMS may be closed.` is the test `sse_kms_may_be_closed`; an apostrophe leaves no trace.
fn test_name(example: &str) -> String {
    let words = example.trim_end_matches('.').to_lowercase().replace('\'', "");
    words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

#[test]
fn each_example_of_the_dialects_is_a_test_with_the_same_words() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = ["data_plane.rs", "doors.rs", "access.rs"]
        .map(|file| std::fs::read_to_string(here.join("tests").join(file)).unwrap());
    for page in ["s3.md", "obs.md"] {
        let text = std::fs::read_to_string(here.join("../../docs/dialects").join(page)).unwrap();
        let examples = text.split("\n## Examples\n").nth(1).expect("the page has examples");
        let mut seen = 0;
        for example in examples.lines().filter_map(|line| line.strip_prefix("- ")) {
            seen += 1;
            let declaration = format!("async fn {}()", test_name(example));
            assert!(tests.iter().any(|source| source.contains(&declaration)), "{page}: no test for `{example}`");
        }
        assert!(seen > 3, "{page}");
    }
}
