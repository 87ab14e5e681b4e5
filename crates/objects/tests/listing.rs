//! Listings against a plain model: pages of any size, joined, are what a filter over all names gives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use proptest::prelude::*;
use std::collections::BTreeSet;
use strongroom_objects::api::*;
use support::*;

fn model(names: &BTreeSet<String>, prefix: &str, delimiter: Option<&str>) -> (Vec<String>, Vec<String>) {
    let mut objects = Vec::new();
    let mut groups = BTreeSet::new();
    for name in names.iter().filter(|n| n.starts_with(prefix)) {
        match delimiter.and_then(|d| name[prefix.len()..].find(d).map(|at| prefix.len() + at + d.len())) {
            Some(end) => drop(groups.insert(name[..end].to_owned())),
            None => objects.push(name.clone()),
        }
    }
    (objects, groups.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pages_joined_are_the_whole(
        names in proptest::collection::btree_set("[ab/\u{0}é]{1,5}", 0..25),
        prefix in "[ab/]{0,2}",
        delimiter in proptest::option::of("(/|ab|é)"),
        page in 1usize..6,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let h = Harness::new().await;
            let bucket = h.bucket("bucket").await;
            for name in &names {
                h.put(&bucket, name, Method::Plain, b"x").await;
            }
            let (mut objects, mut groups, mut after) = (Vec::new(), Vec::new(), None);
            for round in 0.. {
                prop_assert!(round < 100, "pages come to an end");
                let request = ListObjects {
                    bucket: bucket.clone(),
                    prefix: prefix.clone(),
                    delimiter: delimiter.clone(),
                    after: after.clone(),
                    max: page,
                };
                let got = h.objects.list_objects(&cx(), request).await.unwrap();
                prop_assert!(got.objects.len() + got.common_prefixes.len() <= page);
                objects.extend(got.objects.into_iter().map(|o| o.name));
                groups.extend(got.common_prefixes);
                match got.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            prop_assert_eq!((objects, groups), model(&names, &prefix, delimiter.as_deref()));
            Ok(())
        })?;
    }
}
