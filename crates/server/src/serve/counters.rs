//! Shows what the rooms count on the metrics page. The rooms keep their own counters and know nothing of metrics.

use super::rooms::Rooms;
use crypto::LockedMemory;
use gateway::{Metrics, Sample};
use std::sync::Arc;
use store::Counters;

/// Registers the counters of the KMS, of the bucket-key cache and of the stores.
pub(super) fn register(metrics: &Metrics, rooms: &Rooms) {
    let kms = Arc::clone(rooms.kms.counters());
    metrics.register_counter_source(
        "strongroom_kms_requests",
        "Uses of a CMK, by operation and outcome",
        &["operation", "outcome"],
        move || {
            kms.snapshot()
                .map(|(operation, outcome, count)| {
                    (vec![operation.name().to_owned(), outcome.name().to_owned()], count)
                })
                .collect()
        },
    );
    metrics.register_gauge_source(
        "strongroom_key_memory_bytes",
        "Memory for keys that live long: all of it, locked against swapping, left out of dumps",
        &["kind"],
        || {
            let LockedMemory { total_bytes, locked_bytes, undumpable_bytes, .. } = LockedMemory::now();
            let of = |kind: &str, bytes: usize| (vec![kind.to_owned()], bytes as u64);
            vec![of("total", total_bytes), of("locked", locked_bytes), of("undumpable", undumpable_bytes)]
        },
    );
    let bucket_keys = rooms.sse.bucket_key_counters();
    metrics.register_counter_source(
        "strongroom_bucket_key_lookups",
        "Bucket keys found in the cache or asked of the KMS",
        &["result"],
        move || labelled(&[("hit", bucket_keys.hits()), ("miss", bucket_keys.misses())]),
    );
    let bucket_keys = rooms.sse.bucket_key_counters();
    metrics.register_counter_source(
        "strongroom_bucket_key_kms_calls",
        "Calls to the KMS for bucket keys, and those that objects would have taken and bucket keys saved",
        &["operation", "result"],
        move || {
            let of = |operation: kms::Operation, result: &str, count| {
                (vec![operation.name().to_owned(), result.to_owned()], count)
            };
            bucket_keys
                .snapshot()
                .flat_map(|(operation, made, saved)| [of(operation, "made", made), of(operation, "saved", saved)])
                .collect()
        },
    );
    let sse = Arc::clone(&rooms.sse);
    metrics.register_gauge_source(
        "strongroom_bucket_keys_cached",
        "Bucket keys in memory, for new objects (sealing) and for reading (opening)",
        &["use"],
        move || {
            let (sealing, opening) = sse.bucket_keys_held();
            labelled(&[("sealing", sealing as u64), ("opening", opening as u64)])
        },
    );
    let stores = [("meta", rooms.meta.counters()), ("blobs", rooms.blobs.counters())];
    for (name, help, read) in STORE_COUNTERS {
        let stores = stores.clone();
        metrics.register_counter_source(name, help, &["store"], move || {
            labelled(&stores.each_ref().map(|(store, counters)| (*store, read(counters))))
        });
    }
}

type StoreCounter = (&'static str, &'static str, fn(&Counters) -> u64);

const STORE_COUNTERS: [StoreCounter; 4] = [
    ("strongroom_store_commits", "Transactions or blobs made durable", Counters::commits_total),
    ("strongroom_store_conflicts", "Transactions whose expectation did not hold", Counters::conflicts_total),
    ("strongroom_store_syncs", "Times the disk was synchronised", Counters::syncs_total),
    ("strongroom_store_faults", "Transactions or blobs that failed", Counters::faults_total),
];

fn labelled(counts: &[(&str, u64)]) -> Vec<Sample> {
    counts.iter().map(|(label, count)| (vec![(*label).to_owned()], *count)).collect()
}
