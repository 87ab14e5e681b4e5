//! The audit log of a running server: opened with the KMS's key, told when the server begins and ends, shown on the metrics
//! page. What the log is: docs/audit.md.

use crate::config::AuditSettings;
use crate::data_dir::DataDir;
use crate::failure::Failure;
use audit::{
    AuditLog, AuditTrail, CheckpointSigner, Event, EventKind, LateTrail, LogConfig, OpenError, Outcome, PublicKey, Who,
};
use crypto::AuditKey;
use gateway::{Metrics, Sample};
use kms::KeyService;
use model::{Clock, Entropy};
use std::path::PathBuf;
use std::sync::Arc;
use store::{MetaStore, Table, Transaction};

/// Key of the row in [`Table::System`] that says that a log was begun. Stored when the log is open, and so when its head and
/// first line are on the disk: a first start that was cut off before that has lost nothing, and is begun again.
const BEGUN: &[u8] = b"audit_log_begun";

/// Signs with the key that the KMS keeps under the root key.
struct KmsSigner {
    key: Arc<AuditKey>,
    public: [u8; 32],
}

impl CheckpointSigner for KmsSigner {
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }

    fn public_key(&self) -> [u8; 32] {
        self.public
    }
}

/// Where the log is: as set, else in the data directory.
pub(super) fn dir(settings: &AuditSettings, data: &DataDir) -> PathBuf {
    settings.dir.clone().unwrap_or_else(|| data.path().join("audit"))
}

/// Opens the log and lets events flow into it.
///
/// # Errors
/// When it cannot be opened, with what to do about it.
pub(super) async fn open(
    settings: &AuditSettings,
    data: &DataDir,
    store: &Arc<dyn MetaStore>,
    kms: &KeyService,
    trail: &LateTrail,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Arc<AuditLog>, Failure> {
    let dir = dir(settings, data);
    let (key, _) =
        kms.audit_key().await.map_err(|error| Failure::new(format!("cannot open the audit log's key: {error}")))?;
    let begun = is_begun(store).await?;
    let signer = Arc::new(KmsSigner { public: key.public_key(), key });
    let fingerprint = PublicKey::from_bytes(signer.public).fingerprint();
    let config = LogConfig {
        sync: settings.sync,
        required: settings.required,
        segment_bytes_max: settings.segment_bytes_max,
        segment_age_millis_max: settings.segment_age_millis_max,
        retention_millis: settings.retention_millis,
        must_exist: begun,
        accept_loss: settings.accept_loss,
        ..LogConfig::new(dir.clone())
    };
    let opening = Arc::clone(&clock);
    let log = tokio::task::spawn_blocking(move || AuditLog::open(config, signer, opening, &*entropy))
        .await
        .map_err(|error| Failure::new(format!("cannot open the audit log: {error}")))?
        .map_err(|error| unopened(&error, &dir))?;
    let log = Arc::new(log);
    if !begun {
        mark_begun(store).await?;
    }
    tracing::info!(dir = %dir.display(), head = %log.head(), public_key = fingerprint, "the audit log is open");
    trail.bind(Arc::<AuditLog>::clone(&log));
    Ok(log)
}

/// Whether this store's server has begun a log: then there must be one.
pub(super) async fn is_begun(store: &Arc<dyn MetaStore>) -> Result<bool, Failure> {
    store::read(store, |snapshot| Ok(snapshot.get(Table::System, BEGUN)?.is_some()))
        .await
        .map_err(|error| Failure::new(format!("cannot tell whether there is an audit log: {error}")))
}

/// To be called before the first event: from then on a log that is gone is missed.
async fn mark_begun(store: &Arc<dyn MetaStore>) -> Result<(), Failure> {
    let mut tx = Transaction::new();
    tx.put(Table::System, BEGUN, &[1][..]);
    let stored = store.commit(tx).await;
    stored.map_err(|error| Failure::new(format!("cannot note that the audit log was begun: {error}")))
}

fn unopened(error: &OpenError, dir: &std::path::Path) -> Failure {
    let shown = dir.display();
    Failure::new(match error {
        OpenError::Missing | OpenError::Damaged { .. } => format!(
            "{error}. Look at it with `strongroom audit verify --dir {shown}`. If it is elsewhere, put it back or name its \
             place with --audit-dir. To go on without what is missing, start once with `--audit-accept-loss on`: the log \
             will say so for ever"
        ),
        OpenError::Io(_) | OpenError::InUse => format!("{error} (`{shown}`)"),
    })
}

/// Puts on record that the server begins or ends. A log that cannot be written keeps no server from either: it is told
/// where events are recorded.
pub(super) async fn server_event(log: &AuditLog, clock: &dyn Clock, operation: &'static str) {
    let event = Event {
        time: clock.now(),
        request_id: String::new(),
        kind: EventKind::System,
        operation,
        via: "server",
        who: Who { principal: "job:server".to_owned(), ..Who::default() },
        key: None,
        object: None,
        context: Vec::new(),
        outcome: Outcome::Ok,
        error: None,
        details: vec![("version", env!("CARGO_PKG_VERSION").to_owned())],
    };
    if let Err(error) = log.record(event).await {
        tracing::error!(%error, operation, "not on the audit log");
    }
}

/// Writes what waits and ends the log as it should end.
pub(super) async fn close(log: Arc<AuditLog>) {
    if tokio::task::spawn_blocking(move || log.close()).await.is_err() {
        tracing::error!("the audit log was not ended as it should");
    }
}

/// Shows what the log counts.
pub(super) fn register(metrics: &Metrics, log: &AuditLog) {
    let of = || Arc::clone(log.counters());
    let shown = of();
    metrics.register_gauge_source("strongroom_audit_seq", "Number of the audit log's newest line", &[], move || {
        vec![(Vec::new(), shown.head().seq)]
    });
    let shown = of();
    metrics.register_counter_source(
        "strongroom_audit_batches",
        "Batches of audit events, each one write",
        &[],
        move || vec![(Vec::new(), shown.batches_total())],
    );
    let shown = of();
    metrics.register_counter_source(
        "strongroom_audit_syncs",
        "Times the disk was synchronised for the audit log",
        &[],
        move || vec![(Vec::new(), shown.syncs_total())],
    );
    let shown = of();
    metrics.register_counter_source(
        "strongroom_audit_events",
        "Audit events: on the log, refused with what they tell of, or lost while it went on",
        &["result"],
        move || {
            let counts: [(&str, u64); 3] =
                [("recorded", shown.events_total()), ("refused", shown.refused_total()), ("lost", shown.lost_total())];
            counts.iter().map(|(result, count)| (vec![(*result).to_owned()], *count)).collect::<Vec<Sample>>()
        },
    );
}
