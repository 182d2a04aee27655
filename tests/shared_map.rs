//! `SharedMap`: a map that is read without a lock and loses no change.

use proptest::prelude::*;
use stackholm::Shared;
use stackholm::imbl::{Change, SharedMap, changes};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

#[test]
fn no_key_is_lost_where_many_threads_add_their_own() {
    static MAP: SharedMap<u32, u32> = SharedMap::new();
    let each = if cfg!(miri) { 10 } else { 500 };
    thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for number in 0..each {
                    assert_eq!(MAP.insert(thread * each + number, number), None);
                }
            });
        }
    });
    assert_eq!(MAP.with(|map| map.len()) as u32, 8 * each);
    assert_eq!(MAP.cell().version(), u64::from(8 * each), "one version for each change");
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let map = SharedMap::from_iter([("a", 1)]);
    let before = map.snapshot();
    assert_eq!(map.insert("a", 2), Some(1));
    assert_eq!(map.remove("a"), Some(2));
    assert_eq!((before.get("a"), map.get("a")), (Some(&1), None));
}

#[test]
fn what_is_not_there_is_removed_without_a_new_version() {
    let map = SharedMap::from_iter([("a", 1)]);
    assert_eq!((map.remove("b"), map.cell().version()), (None, 0));
}

#[test]
fn two_keys_that_are_changed_together_are_seen_together() {
    static MAP: SharedMap<&str, u32> = SharedMap::new();
    let rounds = if cfg!(miri) { 20 } else { 2_000 };
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=rounds {
                MAP.update(|map| {
                    map.insert("left", round);
                    map.insert("right", round);
                });
            }
        });
        while MAP.get("left") != Some(rounds) {
            MAP.with(|map| assert_eq!(map.get("left"), map.get("right")));
            thread::yield_now();
        }
    });
}

#[test]
fn a_panic_in_an_update_leaves_the_map_as_it_is() {
    let map = SharedMap::from_iter([("a", 1)]);
    let panics = AssertUnwindSafe(|| {
        map.update(|map| {
            map.insert("b", 2);
            panic!("in the middle");
        })
    });
    assert!(catch_unwind(panics).is_err());
    assert_eq!((map.get("a"), map.get("b"), map.cell().version()), (Some(1), None, 0));
}

#[test]
fn nothing_of_a_map_is_shown_but_how_large_it_is() {
    let map = SharedMap::from_iter([("secret-key", "secret-value")]);
    let shown = format!("{map:?}");
    assert!(shown.contains("len: 1") && !shown.contains("secret"), "{shown}");
}

#[test]
fn a_value_ends_with_the_last_version_that_has_it() {
    let value = std::sync::Arc::new(());
    let map = SharedMap::from_iter([(1, std::sync::Arc::clone(&value))]);
    let before = map.snapshot();
    drop(map.remove(&1));
    Shared::flush_thread();
    assert_eq!(std::sync::Arc::strong_count(&value), 2, "the snapshot keeps it");
    drop(before);
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
}

proptest! {
    #[test]
    fn the_changes_between_two_snapshots_lead_from_one_to_the_other(
        old: BTreeMap<u8, u8>,
        new: BTreeMap<u8, u8>,
    ) {
        let map = SharedMap::from_iter(old.clone());
        let before = map.snapshot();
        prop_assert!(changes(&before, &map.snapshot()).is_empty());
        map.update(|map| *map = new.iter().map(|(key, value)| (*key, *value)).collect());
        let mut here = old.clone();
        for change in changes(&before, &map.snapshot()) {
            let (key, was, is) = match change {
                Change::Inserted(key, value) => (key, None, Some(value)),
                Change::Replaced(key, was, is) => (key, Some(was), Some(is)),
                Change::Removed(key, value) => (key, Some(value), None),
            };
            prop_assert_ne!(was, is);
            prop_assert_eq!(here.remove(&key), was);
            here.extend(is.map(|value| (key, value)));
        }
        prop_assert_eq!(here, new);
    }
}
