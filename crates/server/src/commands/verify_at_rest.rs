//! `strongroom verify-at-rest`: what lies in a data directory is looked at and opened, and a report is written that one can
//! hand to an auditor. Needs no server: it works on the directory of one that is stopped, or on a copy.

use super::Output;
use super::report_files::ReportFiles;
use super::shown::{pretty, row};
use crate::clock::SystemClock;
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::root_key::SourceName;
use crate::serve::{KeyPlaces, Keys, NoKeys, Offline};
use clap::Args;
use crypto::SystemEntropy;
use indicatif::{ProgressBar, ProgressStyle};
use jobs::verify::{Circumstances, Options, Progress, Report, SAMPLE_MAX, Sample, Tally, Verdict, verify};
use model::{BucketName, Clock, Entropy};
use objects::inspect::{Finding, FindingKind, Inspector};
use sse::SseVerification;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use store::{MetaStore, StoreFault};

/// Exit code of a run in which nothing is wrong, and something could not be verified. 1 is for findings and for runs that
/// could not be made, 2 for a wrong command line, as everywhere.
const INCOMPLETE: u8 = 3;
/// The verdict on the audit log of a run that came to no report.
const NOT_MADE: &str = "not-made";
/// Findings that are shown on the terminal.
const SHOWN_MAX: usize = 20;

pub(crate) const VERIFY_HELP: &str = "\
Ends with 0 when nothing is wrong and everything that was to be verified was, with 1 when something is wrong or the run
could not be made, with 3 when nothing is known to be wrong and something could not be verified (a CMK is disabled or
gone, a key service does not answer). Objects under a customer key (SSE-C) are checked in their structure alone; that is no
failure.

No row and no file of the store is changed. With keys, the run is put on the audit log before the first key is used; with
--structure-only nothing is written there and no key is needed.

Examples:
  strongroom verify-at-rest --data /srv/strongroom --report proof.json
  strongroom verify-at-rest --data /srv/strongroom --bucket invoices --sample 1000
  strongroom verify-at-rest --data ./copy --structure-only --json";

/// What `verify-at-rest` takes.
#[derive(Args, Debug)]
pub(crate) struct VerifyAtRest {
    /// The data directory of a stopped server, or a copy of one.
    #[arg(long, env = "STRONGROOM_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Look at this bucket alone. Files and rows that nobody refers to are then not looked for.
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Open this many objects, chosen at random, and check the structure of the others.
    #[arg(long, value_name = "N", conflicts_with = "structure_only")]
    sample: Option<usize>,
    /// Repeat the choice of an earlier run: the seed of its report.
    #[arg(long, value_name = "HEX", requires = "sample")]
    seed: Option<String>,
    /// Write the report: FILE as JSON, and a page for people beside it, ending in .html.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Open nothing and need no key: records, references, lengths, orphans.
    #[arg(long)]
    structure_only: bool,
    /// Where the root key is, if not where the settings say.
    #[arg(long, value_name = "FILE", conflicts_with = "structure_only")]
    root_key_file: Option<PathBuf>,
    /// The passphrase of the root key, if it has one: a file, mode 0600.
    #[arg(long, value_name = "FILE", conflicts_with = "structure_only")]
    root_passphrase_file: Option<PathBuf>,
    /// Where the audit log is, if not where the settings say.
    #[arg(long, value_name = "DIR")]
    audit_dir: Option<PathBuf>,
    /// Print the report as JSON instead of a summary.
    #[arg(long)]
    json: bool,
}

type Env<'a> = super::Env<'a>;

impl VerifyAtRest {
    /// Runs on threads of its own: what keys need of the process is done before there is a second one.
    pub(crate) fn run(&self, env: Env<'_>) -> Result<Output, Failure> {
        let options = self.options()?;
        let places = KeyPlaces {
            root_key: self.root_key_file.clone(),
            root_passphrase: self.root_passphrase_file.clone(),
            audit: self.audit_dir.clone(),
        };
        let offline = Offline::open(&self.data, places, env)?;
        let files = self.report.as_deref().map(|path| ReportFiles::open(path, offline.dir.path())).transpose()?;
        let runtime = crate::runtime()?;
        let output = runtime.block_on(self.verify(&offline, options, files, env));
        drop(runtime);
        output
    }

    fn options(&self) -> Result<Options, Failure> {
        let bucket = self.bucket.as_deref().map(BucketName::parse).transpose();
        let bucket = bucket.map_err(|_| Failure::usage("--bucket is no bucket name"))?;
        let sample = match self.sample {
            None => None,
            Some(objects) if objects > SAMPLE_MAX => {
                return Err(Failure::usage(format!("--sample is at most {SAMPLE_MAX}")));
            }
            Some(objects) => Some(Sample { objects, seed: self.seed()? }),
        };
        Ok(Options { bucket, sample, ..Options::default() })
    }

    fn seed(&self) -> Result<[u8; 16], Failure> {
        let mut seed = [0; 16];
        match &self.seed {
            None => SystemEntropy.fill(&mut seed),
            Some(text) => {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
                let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
                seed = bytes.ok_or_else(|| Failure::usage("--seed is not 32 hexadecimal digits"))?;
            }
        }
        Ok(seed)
    }

    async fn verify(
        &self,
        offline: &Offline,
        options: Options,
        mut files: Option<ReportFiles>,
        env: Env<'_>,
    ) -> Result<Output, Failure> {
        let started = SystemClock.now();
        let head = offline.audit_head();
        let mut before = foreign_files(&offline.dir, offline)?;
        let meta = match offline.meta() {
            Ok(meta) => Some(meta),
            Err(StoreFault::Corrupt(what)) => {
                before.push(Finding::at(FindingKind::StoreDamaged, "meta", format!("cannot be opened: {what}")));
                None
            }
            Err(fault) => return Err(Failure::new(format!("cannot open the metadata store: {fault}"))),
        };
        let mut broken = meta.is_none().then(|| "the metadata store cannot be opened".to_owned());
        let keys = match &meta {
            Some(meta) if !self.structure_only => match self.keys(offline, meta, &options, env).await {
                Ok(keys) => Some(keys),
                Err(NoKeys::Failure(failure)) => {
                    return Err(failure.advising("without keys, --structure-only verifies what needs none"));
                }
                Err(NoKeys::Damaged(what)) => {
                    before.push(Finding::at(FindingKind::KeyDamaged, "key service", what));
                    broken = Some("no object was opened: the keys cannot be".to_owned());
                    None
                }
            },
            _ => None,
        };
        let verification = keys.as_ref().map(|(_, verification)| Arc::clone(verification));
        let walked = match meta {
            None => Ok(Tally::default()),
            Some(meta) => walk(Inspector::new(meta, offline.blobs()), verification, &options).await,
        };
        let mut tally = match walked {
            Ok(tally) => tally,
            Err(failure) => return not_made(failure, keys).await,
        };
        before.into_iter().for_each(|finding| tally.find(finding));
        tally.findings.sort();
        let circumstances = Circumstances {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            ended: SystemClock.now(),
            directory: offline.dir.path().display().to_string(),
            audit_key: head.as_ref().map(|(_, key)| key.fingerprint()),
            audit_head: head.map(|(mark, _)| mark.to_string()),
            broken,
            with_keys: keys.is_some(),
        };
        let report = Report::new(circumstances, &options, tally);
        let json = pretty(&report.to_json());
        let digest = data_encoding::HEXLOWER.encode(&crypto::sha256(json.as_bytes()));
        // The log names a report that is on the disk; the report stands under its name once the log names it.
        let on_disk = files.as_mut().map_or(Ok(()), |files| files.write(&json, &report.to_page(&digest)));
        if let Err(failure) = on_disk {
            return not_made(failure, keys).await;
        }
        if let Some((keys, verification)) = keys {
            put_on_record(keys, &verification, results(&report, digest.clone())).await?;
        }
        let written = files.map(ReportFiles::put).transpose()?;
        let text = if self.json { json } else { summary(&report, &digest, written.as_deref()) };
        let exit_code = match report.verdict() {
            Verdict::Sound => 0,
            Verdict::Findings => 1,
            Verdict::Incomplete => INCOMPLETE,
        };
        Ok(Output { exit_code, ..text.into() })
    }

    async fn keys(
        &self,
        offline: &Offline,
        meta: &Arc<dyn MetaStore>,
        options: &Options,
        env: Env<'_>,
    ) -> Result<(Keys, Arc<SseVerification>), NoKeys> {
        let keys = offline.keys(meta, env).await?;
        let scope = vec![
            ("bucket", options.bucket.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string)),
            ("sample", options.sample.map_or_else(|| "all".to_owned(), |sample| sample.objects.to_string())),
        ];
        let unopened = |error: kms::KmsError| match error {
            kms::KmsError::Damaged(what) => NoKeys::Damaged(what),
            other => NoKeys::Failure(Failure::new(format!("cannot begin: {other}"))),
        };
        let begun = match keys.kms.for_verification(scope).await {
            Ok(run) => SseVerification::begin(run, Arc::clone(meta)).await,
            Err(error) => Err(error),
        };
        match begun {
            Ok(verification) => Ok((keys, Arc::new(verification))),
            Err(error) => {
                keys.close().await;
                Err(unopened(error))
            }
        }
    }
}

async fn walk(
    inspector: Inspector,
    verification: Option<Arc<SseVerification>>,
    options: &Options,
) -> Result<Tally, Failure> {
    let bar = Arc::new(Bar::new());
    let done = verify(inspector, verification, options.clone(), Arc::<Bar>::clone(&bar) as Arc<dyn Progress>).await;
    bar.0.finish_and_clear();
    done.map_err(Failure::new)
}

/// What goes on the audit log, which is signed, with the report's digest: the report can be held against it.
fn results(report: &Report, digest: String) -> Vec<(&'static str, String)> {
    vec![
        ("verdict", report.verdict().name().to_owned()),
        ("objects", report.tally.all().objects.to_string()),
        ("findings", report.tally.findings_total().to_string()),
        ("report_sha256", digest),
    ]
}

/// A run that came to no report: if it had keys, its end is on the log all the same.
async fn not_made(failure: Failure, keys: Option<(Keys, Arc<SseVerification>)>) -> Result<Output, Failure> {
    if let Some((keys, verification)) = keys {
        let results = vec![("verdict", NOT_MADE.to_owned()), ("reason", failure.to_string())];
        if put_on_record(keys, &verification, results).await.is_err() {
            return Err(failure.advising("and the end of the run could not be put on record"));
        }
    }
    Err(failure)
}

/// Ends a run on the audit log, and the log.
async fn put_on_record(
    keys: Keys,
    verification: &SseVerification,
    results: Vec<(&'static str, String)>,
) -> Result<(), Failure> {
    let ended = verification.end(results).await;
    keys.close().await;
    ended.map_err(|error| Failure::new(format!("the end of the run could not be put on record: {error}")))
}

/// What lies in the data directory and is not the server's.
fn foreign_files(dir: &DataDir, offline: &Offline) -> Result<Vec<Finding>, Failure> {
    let unread = |error: &std::io::Error| Failure::io("read", dir.path(), error);
    let mut known: Vec<String> =
        ["strongroom.toml", "tls", "meta", "blobs", "audit", "lock"].map(str::to_owned).to_vec();
    for source in [SourceName::File, SourceName::Passphrase, SourceName::Token] {
        let name = source.default_file();
        known.extend([name.to_owned(), format!("{name}.next")]);
    }
    // Whatever the settings name may lie here too.
    let named = [Some(&offline.settings.root_key.path), offline.settings.root_passphrase_file.as_ref()];
    known.extend(named.into_iter().flatten().filter_map(|p| Some(p.file_name()?.to_str()?.to_owned())));
    known.extend(offline.settings.audit.dir.iter().filter_map(|p| Some(p.file_name()?.to_str()?.to_owned())));
    let mut findings = Vec::new();
    let of_meta = ["acknowledged", "reserve", "fjall"].map(str::to_owned);
    for (below, known) in [("", &known[..]), ("meta", &of_meta[..])] {
        for entry in fs::read_dir(dir.path().join(below)).map_err(|error| unread(&error))? {
            let name = entry.map_err(|error| unread(&error))?.file_name();
            let name = name.to_string_lossy();
            if !known.iter().any(|known| *known == name) {
                let at = if below.is_empty() { name.into_owned() } else { format!("{below}/{name}") };
                findings.push(Finding::at(FindingKind::ForeignFile, at, "not a file of the server"));
            }
        }
    }
    Ok(findings)
}

fn summary(report: &Report, digest: &str, written: Option<&str>) -> String {
    let tally = &report.tally;
    let all = tally.all();
    let verdict = match (report.verdict(), report.circumstances.with_keys) {
        (Verdict::Sound, true) => "nothing is wrong",
        (Verdict::Sound, false) => "nothing is wrong with the structure; nothing was opened",
        (Verdict::Incomplete, _) => "nothing is known to be wrong; not everything could be verified",
        (Verdict::Findings, _) => "something is wrong",
    };
    let mut text = [
        row("verdict", verdict),
        row("objects", &format!("{} ({} bytes)", all.objects, all.bytes)),
        row("sound", &format!("{}, opened whole", all.verified)),
        row("structure", &format!("{}, not opened", all.structure_only)),
    ]
    .concat();
    for (why, count) in &tally.unverified {
        text += &row("not verifiable", &super::printable(&format!("{count}: {why}")));
    }
    text += &row("findings", &tally.findings_total().to_string());
    for finding in tally.findings.iter().take(SHOWN_MAX) {
        let object = match (&finding.bucket, &finding.object) {
            (Some(bucket), Some(object)) => format!("{bucket}/{object}: "),
            (Some(bucket), None) => format!("{bucket}: "),
            _ => String::new(),
        };
        let line = format!("  {}  {object}{} ({})", finding.kind.name(), finding.detail, finding.at);
        text += &format!("{}\n", super::printable(&line));
    }
    if tally.findings_total() > SHOWN_MAX as u64 {
        text += &format!("  and {} more, in the report\n", tally.findings_total() - SHOWN_MAX as u64);
    }
    if let Some(written) = written {
        text += &row("report", written);
        text += &row("SHA-256", digest);
    }
    text
}

/// Progress on a terminal; nothing where there is none.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        Self(ProgressBar::new_spinner())
    }
}

impl Progress for Bar {
    fn phase(&self, name: &'static str, total: u64) {
        let template = if total > 0 { "{msg} {bar:32} {pos}/{len} {eta}" } else { "{msg} {spinner}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.set_message(name);
        self.0.set_position(0);
        self.0.set_length(total);
    }

    fn step(&self) {
        self.0.inc(1);
    }

    fn opened(&self, _: u64) {
        self.0.tick();
    }
}
