//! Random damage to what is sealed is always found. Outside of this, and told in the report: objects under a customer key,
//! records of plain objects, ACLs and tags, records of uploads.

use crate::setup::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::fs;
use store::Table;

const TABLES: [Table; 5] = [Table::Current, Table::Layouts, Table::Inline, Table::CmkDependents, Table::BlobRefs];

#[derive(Clone, Debug)]
enum Damage {
    Flip { table: usize, row: usize, at: usize, bit: u8 },
    Remove { table: usize, row: usize },
    Swap { table: usize, one: usize, two: usize },
    File { file: usize, at: usize, bit: u8 },
    CutFile { file: usize, by: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    let any = || any::<prop::sample::Index>().prop_map(|index| index.index(1 << 20));
    let table = || 0..TABLES.len();
    prop_oneof![
        (0..4usize, any(), any(), 0..8u8).prop_map(|(table, row, at, bit)| Damage::Flip { table, row, at, bit }),
        (table(), any()).prop_map(|(table, row)| Damage::Remove { table, row }),
        (0..4usize, any(), any()).prop_map(|(table, one, two)| Damage::Swap { table, one, two }),
        (any(), any(), 0..8u8).prop_map(|(file, at, bit)| Damage::File { file, at, bit }),
        (any(), 1..70_000usize).prop_map(|(file, by)| Damage::CutFile { file, by }),
    ]
}

#[test]
fn random_damage_is_always_found() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let dir = runtime.block_on(async {
        let dir = Dir::new().await;
        for method in [Method::Obs, Method::Kms, Method::BucketKey] {
            for sm4 in [false, true] {
                dir.put(&format!("{method:?}/{sm4}/small"), method, sm4, b"a small body").await;
                dir.put(&format!("{method:?}/{sm4}/large"), method, sm4, &pattern(LARGE)).await;
                dir.multipart(&format!("{method:?}/{sm4}/parts"), method, sm4).await;
            }
        }
        dir.settle().await;
        dir
    });
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(what in damage())| {
        runtime.block_on(async {
            let kinds = with_damage(&dir, &what).await;
            prop_assert!(kinds != Some(0), "{what:?}");
            Ok(())
        })?;
    });
    assert_eq!(runtime.block_on(dir.verify()).findings, [], "everything was put back");
}

/// Findings with the damage done; `None` if it changed nothing. Puts everything back.
async fn with_damage(dir: &Dir, what: &Damage) -> Option<u64> {
    let files = dir.blobs();
    match *what {
        Damage::Flip { table, row, at, bit } => {
            let rows = dir.rows(TABLES[table]);
            let (key, value) = &rows[row % rows.len()];
            let mut wrong = value.to_vec();
            let at = at % wrong.len();
            wrong[at] ^= 1 << bit;
            dir.set(TABLES[table], key, Some(wrong.into())).await;
            let total = dir.verify().await.findings_total();
            dir.set(TABLES[table], key, Some(value.clone())).await;
            Some(total)
        }
        Damage::Remove { table, row } => {
            let rows = dir.rows(TABLES[table]);
            let (key, value) = &rows[row % rows.len()];
            dir.set(TABLES[table], key, None).await;
            let total = dir.verify().await.findings_total();
            dir.set(TABLES[table], key, Some(value.clone())).await;
            Some(total)
        }
        Damage::Swap { table, one, two } => {
            let rows = dir.rows(TABLES[table]);
            let ((a, first), (b, second)): (&(Bytes, Bytes), &(Bytes, Bytes)) =
                (&rows[one % rows.len()], &rows[two % rows.len()]);
            if first == second {
                return None;
            }
            dir.set(TABLES[table], a, Some(second.clone())).await;
            dir.set(TABLES[table], b, Some(first.clone())).await;
            let total = dir.verify().await.findings_total();
            dir.set(TABLES[table], a, Some(first.clone())).await;
            dir.set(TABLES[table], b, Some(second.clone())).await;
            Some(total)
        }
        Damage::File { file, at, bit } => {
            let path = &files[file % files.len()];
            let bytes = fs::read(path).unwrap();
            let mut wrong = bytes.clone();
            let at = at % wrong.len();
            wrong[at] ^= 1 << bit;
            fs::write(path, wrong).unwrap();
            let total = dir.verify().await.findings_total();
            fs::write(path, bytes).unwrap();
            Some(total)
        }
        Damage::CutFile { file, by } => {
            let path = &files[file % files.len()];
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() - by]).unwrap();
            let total = dir.verify().await.findings_total();
            fs::write(path, bytes).unwrap();
            Some(total)
        }
    }
}
