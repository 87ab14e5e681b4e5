//! Directories with which nothing is wrong, and what cannot be verified without anything being wrong.

use crate::setup::*;
use objects::inspect::FindingKind;
use store::Table;
use strongroom_jobs::verify::*;

#[tokio::test]
async fn everything_that_there_can_be_is_opened_and_nothing_is_wrong() {
    let dir = Dir::full().await;
    let before: Vec<_> = Table::ALL.iter().map(|table| dir.rows(*table)).collect();
    let files = dir.blobs();
    dir.trail.0.lock().unwrap().clear();
    let tally = dir.verify().await;
    assert_eq!(tally.findings, []);
    let all = tally.all();
    assert_eq!((all.objects, all.verified, all.structure_only), (36, 28, 8), "all but those under a customer key");
    assert_eq!((tally.uploads, tally.uploads_opened, tally.parts), (1, 1, 3));
    let per_class = (2 * LARGE + 12 + LARGE + 1 + 100) as u64;
    assert_eq!(all.bytes, 9 * per_class);
    assert_eq!(tally.opened_bytes, 7 * per_class + (2 * LARGE + 101) as u64, "and the unfinished upload");
    assert_eq!((tally.bucket_keys, tally.bucket_keys_opened), (1, 1));
    assert_eq!(tally.index_rows, 4 * 4 + 1 + 1, "objects, the upload, the bucket key");
    let counts = tally.references.unwrap();
    assert_eq!((counts.files, counts.inline_rows), (9 * 3 + 2, 9 * 3 + 1));
    assert_eq!(report_of(tally, true).verdict(), Verdict::Sound);
    // Nothing was written, and what was used is on record.
    assert_eq!(Table::ALL.iter().map(|table| dir.rows(*table)).collect::<Vec<_>>(), before);
    assert_eq!(dir.blobs(), files);
    let events = dir.trail.0.lock().unwrap();
    let told: Vec<_> = events.iter().map(|e| (e.operation, e.key.as_ref().map(|k| k.version))).collect();
    assert_eq!(told, [("VerifyAtRest", None), ("VerifyAtRest", Some(Some(1)))], "the run, then the CMK's version once");
}

#[tokio::test]
async fn without_keys_the_structure_is_looked_at_and_nothing_is_unwrapped() {
    let dir = Dir::full().await;
    dir.trail.0.lock().unwrap().clear();
    let tally = dir.verify_with(false, Options::default()).await;
    assert_eq!(tally.findings, []);
    assert_eq!((tally.all().structure_only, tally.segments, tally.uploads_opened), (36, 0, 0));
    assert!(dir.trail.0.lock().unwrap().is_empty());
    assert_eq!(report_of(tally, false).verdict(), Verdict::Sound);
}

#[tokio::test]
async fn a_sample_is_opened_and_the_structure_of_the_others_is_checked() {
    let dir = Dir::full().await;
    let sample = |objects| Options { sample: Some(Sample { objects, seed: [3; 16] }), ..Options::default() };
    let tally = dir.verify_with(true, sample(9)).await;
    assert_eq!(tally.findings, []);
    let all = tally.all();
    assert!(all.verified <= 9 && all.verified + 8 >= 9, "of nine, at most eight are under a customer key");
    assert_eq!(all.verified + all.structure_only, 36);
    assert_eq!(dir.verify_with(true, sample(9)).await.opened_bytes, tally.opened_bytes, "the seed repeats the choice");
    assert_eq!(dir.verify_with(true, sample(1000)).await.all().verified, 28);
}

#[tokio::test]
async fn one_bucket_is_looked_at_alone_and_one_that_is_not_there_is_said_so() {
    let dir = Dir::full().await;
    let of = |name: &str| Options { bucket: Some(model::BucketName::parse(name).unwrap()), ..Options::default() };
    let tally = dir.verify_with(true, of("bucket")).await;
    assert_eq!((tally.findings_total(), tally.all().objects, tally.references), (0, 36, None));
    let meta = store::ReadOnly::over(dir.meta.clone());
    let blobs = std::sync::Arc::new(store::engine::files::BlobFiles::at(&dir.dir.path().join("blobs")));
    let inspector = objects::inspect::Inspector::new(meta, blobs);
    let gone = verify(inspector, None, of("another"), std::sync::Arc::new(Silent)).await;
    assert!(gone.unwrap_err().contains("another"));
}

/// Nothing is wrong with what a disabled CMK seals; it cannot be verified, and says so. Other objects are.
#[tokio::test]
async fn what_is_under_a_disabled_key_is_counted_apart() {
    let dir = Dir::full().await;
    dir.kms.disable(&user(), &dir.cmk).await.unwrap();
    let tally = dir.verify().await;
    assert_eq!(tally.findings, []);
    let all = tally.all();
    assert_eq!((all.verified, all.unverified, all.structure_only), (12, 16, 8));
    assert_eq!(tally.unverified, [("its CMK is disabled".to_owned(), 16 + 1 + 1)].into(), "and upload and bucket key");
    assert_eq!(report_of(tally, true).verdict(), Verdict::Incomplete);
}

/// Without its event on the log no key is handed out: here the run's own is the last that is taken.
#[tokio::test]
async fn what_cannot_be_put_on_record_is_not_opened() {
    let dir = Dir::full().await;
    dir.trail.0.lock().unwrap().clear();
    *dir.trail.1.lock().unwrap() = Some(1);
    let tally = dir.verify().await;
    assert_eq!(tally.findings, []);
    let all = tally.all();
    assert_eq!((all.verified, all.unverified), (12, 16), "SSE-OBS and plain objects need no CMK");
    assert!(tally.unverified.keys().all(|why| why.contains("audit")), "{:?}", tally.unverified);
    *dir.trail.1.lock().unwrap() = Some(0);
    dir.trail.0.lock().unwrap().clear();
    assert!(dir.kms.for_verification(Vec::new()).await.is_err());
}

#[tokio::test]
async fn a_report_names_what_was_found_and_no_name_writes_into_the_page() {
    let dir = Dir::new().await;
    let hostile = "<script>alert(1)</script>\u{202e}";
    dir.put(hostile, Method::Kms, true, b"0123456789abcdef0123456789abcdef").await;
    let (key, value) = dir.row_of(hostile);
    let mut wrong = value.to_vec();
    let last = wrong.len() - 10;
    wrong[last] ^= 1;
    dir.set(Table::Current, &key, Some(wrong.into())).await;
    let report = report_of(dir.verify().await, true);
    assert_eq!(report.verdict(), Verdict::Findings);
    let json = report.to_json();
    assert_eq!(json["format"], FORMAT);
    assert_eq!(json["findings"][0]["kind"], FindingKind::RecordForged.name());
    assert_eq!(json["findings"][0]["object"], hostile);
    assert_eq!(json["classes"][0]["cipher"], "SM4");
    let page = report.to_page("00ff");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}"));
    assert!(page.contains("00ff") && page.contains(FindingKind::RecordForged.meaning()));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

/// docs/formats/verification-report.md names every kind, with the words of the code.
#[test]
fn the_format_is_described() {
    let page = include_str!("../../../../docs/formats/verification-report.md");
    assert!(page.contains(FORMAT));
    for kind in FindingKind::ALL {
        assert!(page.contains(&format!("| `{}` | {} |", kind.name(), kind.meaning())), "{}", kind.name());
    }
}
