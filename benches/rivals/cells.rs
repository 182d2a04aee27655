//! Cells that many read and few replace: ours, and what else is used for that.

use arc_swap::ArcSwap;
use left_right::{Absorb, ReadHandleFactory, WriteHandle};
use stackholm::Shared;
use std::cell::Cell as Own;
use std::hint::black_box;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

/// What is read.
pub const NUMBER: u64 = 7;

pub static CELL: Shared<u64> = Shared::new(|| NUMBER);
static UNCACHED: Shared<u64> = Shared::uncached(|| NUMBER);
static LOCK: LazyLock<RwLock<Arc<u64>>> = LazyLock::new(|| RwLock::new(Arc::new(NUMBER)));
pub static SWAP: LazyLock<Arc<ArcSwap<u64>>> =
    LazyLock::new(|| Arc::new(ArcSwap::from_pointee(NUMBER)));
static PAIR: LazyLock<Pair> = LazyLock::new(Pair::new);

thread_local! { static OWN: Own<u64> = const { Own::new(NUMBER) }; }

/// left-right's: its two halves.
struct Pair {
    writer: Mutex<WriteHandle<u64, Put>>,
    readers: ReadHandleFactory<u64>,
}

struct Put(u64);

impl Absorb<Put> for u64 {
    fn absorb_first(&mut self, put: &mut Put, _: &Self) {
        *self = put.0;
    }

    fn sync_with(&mut self, first: &Self) {
        *self = *first;
    }
}

impl Pair {
    fn new() -> Pair {
        let (mut writer, reader) = left_right::new();
        writer.append(Put(NUMBER)).publish();
        Pair { readers: reader.factory(), writer: Mutex::new(writer) }
    }

    fn put(&self) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.append(Put(black_box(NUMBER))).publish();
    }
}

/// One way to read, for any number of threads, and what replaces the value.
pub struct Way {
    pub name: &'static str,
    pub leaves_out: &'static str,
    /// So many turns; the sum of what was read.
    pub read: fn(u32) -> u64,
    pub store: fn(),
    pub refused: Option<&'static str>,
}

#[inline(always)]
fn times(turns: u32, mut turn: impl FnMut() -> u64) -> u64 {
    (0..turns).fold(0, |sum, _| sum + black_box(turn()))
}

macro_rules! way {
    ($name:literal, $leaves_out:expr, $turn:expr, $store:expr) => {
        way!(within $name, $leaves_out, |turns| times(turns, $turn), $store)
    };
    (within $name:literal, $leaves_out:expr, $read:expr, $store:expr) => {
        Way { name: $name, leaves_out: $leaves_out, read: $read, store: $store, refused: None }
    };
}

pub fn store_cell() {
    CELL.store(black_box(NUMBER));
}

pub fn store_swap() {
    SWAP.store(Arc::new(black_box(NUMBER)));
}

pub fn store_lock() {
    *LOCK.write().expect("nobody panics") = Arc::new(black_box(NUMBER));
}

pub fn store_pair() {
    PAIR.put();
}

/// To look at the value.
pub fn borrowed() -> Vec<Way> {
    vec![
        way!("stackholm Shared::with", "", || CELL.with(|number| *number), store_cell),
        way!("stackholm Shared, uncached", "", || UNCACHED.with(|number| *number), || UNCACHED
            .store(black_box(NUMBER))),
        way!("arc-swap load", "", || **SWAP.load(), store_swap),
        way!(
            within "arc-swap Cache",
            "needs a place that is `&mut` wherever it is read; no thread lets go before it reads",
            |turns| {
                let mut cache = arc_swap::Cache::new(Arc::clone(&SWAP));
                times(turns, || **black_box(&mut cache).load())
            },
            store_swap
        ),
        way!(
            "RwLock<Arc>, read within",
            "a writer waits for it, and it for a writer",
            || **LOCK.read().expect("nobody panics"),
            store_lock
        ),
        way!(
            within "left-right",
            "a writer waits for all readers",
            |turns| {
                let reader = PAIR.readers.handle();
                times(turns, || *black_box(&reader).enter().expect("the writer is there"))
            },
            store_pair
        ),
        way!("a thread-local", "shared by nobody", || OWN.get(), || OWN.set(NUMBER)),
    ]
}

/// To take the value and drop it.
pub fn owned() -> Vec<Way> {
    let refused =
        |name, why| Way { name, leaves_out: "", read: |_| 0, store: || (), refused: Some(why) };
    vec![
        way!("stackholm Shared::load", "", || *black_box(CELL.load()), store_cell),
        way!("stackholm Shared, uncached", "", || *black_box(UNCACHED.load()), || UNCACHED
            .store(black_box(NUMBER))),
        way!("arc-swap load_full", "", || *black_box(SWAP.load_full()), store_swap),
        way!(
            within "arc-swap Cache, cloned",
            "needs a place that is `&mut` wherever it is read; no thread lets go before it reads",
            |turns| {
                let mut cache = arc_swap::Cache::new(Arc::clone(&SWAP));
                times(turns, || *black_box(Arc::clone(black_box(&mut cache).load())))
            },
            store_swap
        ),
        way!(
            "RwLock<Arc>, cloned",
            "",
            || *black_box(Arc::clone(&LOCK.read().expect("nobody panics"))),
            store_lock
        ),
        refused("arc-swap load", "a guard is for a short time: the next ones get slower"),
        refused("left-right", "a writer would wait for it"),
        way!(
            within "an Arc of the thread's own",
            "shared by nobody",
            |turns| {
                let own = Arc::new(NUMBER);
                times(turns, || *black_box(Arc::clone(black_box(&own))))
            },
            || ()
        ),
    ]
}
