//! `Shared` with a persistent map, and many threads that add to it.

use stackholm::Shared;
use std::thread;

const THREADS: u32 = 64;
const EACH: u32 = 1_000;

#[test]
fn of_64_threads_that_add_1000_keys_each_no_key_is_lost() {
    static MAP: Shared<imbl::HashMap<u32, u32>> = Shared::new(imbl::HashMap::new);
    let add = |thread: u32| {
        for key in thread * EACH..(thread + 1) * EACH {
            MAP.update(|map| map.update(key, thread));
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|thread| drop(scope.spawn(move || add(thread)))));
    let map = MAP.load();
    assert_eq!((map.len(), MAP.version()), (64_000, 64_000));
    assert!((0..THREADS * EACH).all(|key| map.get(&key) == Some(&(key / EACH))));
}
