//! `Shared`: a value that is read without a lock, from the thread's cache or from the cell's node.

use crate::support::{Alive, Value, models};
use loom::sync::atomic::{AtomicBool, Ordering::*};
use loom::thread::spawn;
use stackholm::{Shared, Snapshot};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

models! {
    shared_version_seen_while_stored {
        control_version_read_without_acquire: VersionLoad => "assertion",
        control_version_raised_without_release: VersionRaise => "assertion",
        control_node_found_without_acquire: SharedSlot => "race",
        control_node_published_without_release: SharedPublish => "race",
        control_stamp_is_of_the_node: StampOfNode => "assertion",
    }
    shared_node_used_again_while_missed {
        control_count_is_confirmed: ConfirmLooks => "race",
        control_node_confirmed_without_acquire: SharedConfirm => "race",
        control_node_taken_without_acquire: NodeAcquire => "race",
        control_node_freed_without_release: NodeFree => "race",
        control_node_claimed_without_acquire: NodeClaim => "race",
    }
    shared_updated_by_two {
        control_exchange_looks: ExchangeLooks => "assertion",
    }
    shared_stored_by_two {
        control_node_listed_without_release: NodesPush => "race",
        control_list_read_without_acquire: NodesLoad => "race",
    }
    shared_counted_last_by_a_reader {
        control_node_given_without_edge: NodeRelease => "race",
    }
    shared_thread_ends {
        control_thread_end_lets_go: CacheEnds => "wrong number alive",
    }
    shared_told_by_a_reader {
        control_reader_raises: ReaderRaises => "assertion",
    }
    shared_waited_for {
        control_raiser_wakes: RaiserWakes => "assertion",
        control_mark_is_one_step: VersionMark => "assertion",
    }
    shared_put_back {
        control_put_back_looks: PutBackLooks => "wrong number alive",
        control_miss_lets_go: MissLetsGo => "wrong number alive",
    }
    shared_first_used_by_two {
        control_cell_number_is_one_step: CellNext => "assertion",
        control_cell_number_is_read_in_one_step: CellPeek => "race",
    }
}

#[test]
#[ignore = "takes half a minute or so"]
fn shared_node_used_again_in_every_order() {
    crate::table::model("shared_node_used_again_while_missed").check_all();
}

/// A cell that has its number, of which nobody keeps anything.
fn cell(alive: &Alive) -> Arc<Shared<Value>> {
    let cell = Shared::from(alive.value(0));
    cell.with(|_| ());
    Shared::flush_thread();
    Arc::new(cell)
}

/// The version of a snapshot, which must be that of its value.
#[track_caller]
fn version(snapshot: &Snapshot<Value>) -> u64 {
    assert_eq!(u64::from(snapshot.number()), snapshot.version(), "the stamp of another value");
    snapshot.version()
}

/// The cell ends, and what this thread keeps.
#[track_caller]
fn ends(cell: Arc<Shared<Value>>, alive: &Alive) {
    alive.are(1);
    assert!(Arc::into_inner(cell).is_some(), "the other threads have ended");
    alive.all_ended();
}

/// Who sees a version finds that value; values have their own stamps.
pub(crate) fn shared_version_seen_while_stored() {
    let alive = Alive::default();
    let cell = cell(&alive);
    let theirs = cell.clone();
    let reader = spawn(move || {
        let seen = theirs.version();
        assert!(version(&theirs.load()) >= seen, "older than the version that was seen");
    });
    cell.store(alive.value(1));
    reader.join().unwrap();
    assert_eq!(version(&cell.load()), 1);
    ends(cell, &alive);
}

/// A reader finds a node, and before it has a count the node was given up and is filled anew.
pub(crate) fn shared_node_used_again_while_missed() {
    let alive = Alive::default();
    let cell = cell(&alive);
    let theirs = cell.clone();
    let reader = spawn(move || {
        // An update that gives up is a read that looks at nothing but the node.
        let read = theirs.try_update(|value| Err::<Value, _>(value.number()));
        assert!(matches!(read, Err(0..=2)));
    });
    cell.store(alive.value(1));
    cell.store(alive.value(2));
    reader.join().unwrap();
    ends(cell, &alive);
}

/// Two threads add one each: both are in.
pub(crate) fn shared_updated_by_two() {
    let alive = Alive::default();
    let cell = cell(&alive);
    let (theirs, make) = (cell.clone(), alive.clone());
    let other = spawn(move || {
        theirs.update(|value| make.value(value.number() + 1));
    });
    cell.update(|value| alive.value(value.number() + 1));
    other.join().unwrap();
    assert_eq!(version(&cell.load()), 2);
    ends(cell, &alive);
}

/// Two threads store, and each puts a node on the list; the next store finds one of them.
pub(crate) fn shared_stored_by_two() {
    let alive = Alive::default();
    let cell = cell(&alive);
    let (theirs, make) = (cell.clone(), alive.clone());
    let other = spawn(move || theirs.store(make.value(7)));
    cell.store(alive.value(8));
    other.join().unwrap();
    assert!((7..=8).contains(&cell.with(Value::number)) && cell.version() == 2);
    Shared::flush_thread();
    ends(cell, &alive);
}

/// A reader that keeps nothing is in a value while it is replaced: who lets go last ends it.
pub(crate) fn shared_counted_last_by_a_reader() {
    let alive = Alive::default();
    let cell: Arc<Shared<Option<Value>>> = Arc::new(Shared::uncached(|| None));
    cell.store(Some(alive.value(1)));
    let theirs = cell.clone();
    let reader = spawn(move || {
        let read = |value: &Option<Value>| value.as_ref().map(Value::number);
        assert!(matches!(theirs.with(read), Some(1 | 2)));
    });
    cell.store(Some(alive.value(2)));
    reader.join().unwrap();
    alive.are(1);
    drop(cell);
    alive.all_ended();
}

/// A thread ends while it keeps what it read.
pub(crate) fn shared_thread_ends() {
    let alive = Alive::default();
    let cell = cell(&alive);
    let theirs = cell.clone();
    let reader = spawn(move || assert!(theirs.with(Value::number) <= 1));
    cell.store(alive.value(1));
    reader.join().unwrap();
    ends(cell, &alive);
}

/// A reader finds a new value before its writer is done, and tells another one, who kept the old
/// value: that one must not read it any more.
pub(crate) fn shared_told_by_a_reader() {
    let alive = Alive::default();
    let cell = cell(&alive);
    let told = Arc::new(AtomicBool::new(false));
    assert_eq!(version(&cell.load()), 0);
    let (theirs, make) = (cell.clone(), alive.clone());
    let writer = spawn(move || theirs.store(make.value(1)));
    let (theirs, tells) = (cell.clone(), told.clone());
    let reader = spawn(move || {
        if version(&theirs.load()) == 1 {
            tells.store(true, Release);
        }
    });
    if told.load(Acquire) {
        assert_eq!(version(&cell.load()), 1, "the old one, though the new one was told of");
    }
    writer.join().unwrap();
    reader.join().unwrap();
    assert_eq!(version(&cell.load()), 1);
    ends(cell, &alive);
}

/// What it is handed over by, the list of those who wait, stands behind a lock that is taken on
/// trust.
struct Woken(std::sync::atomic::AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// A future waits for a version while it comes: it is ready, or it is woken.
pub(crate) fn shared_waited_for() {
    let alive = Alive::default();
    let cell = cell(&alive);
    let (theirs, make) = (cell.clone(), alive.clone());
    let writer = spawn(move || theirs.store(make.value(1)));
    let woken = Arc::new(Woken(Default::default()));
    let waker = Waker::from(woken.clone());
    {
        let mut changed = pin!(cell.changed(0));
        let is_ready = changed.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        writer.join().unwrap();
        assert!(is_ready || woken.0.load(Relaxed), "nobody woke it");
        // Whoever was ready is not asked again.
        let mut again = pin!(cell.changed(0));
        assert!(again.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    }
    ends(cell, &alive);
}

/// What was read outside is put back after reads and a store inside, or is not; and what is kept
/// more than once is let go as one.
pub(crate) fn shared_put_back() {
    let alive = Alive::default();
    let cell = cell(&alive);
    cell.with(|outer| {
        cell.with(|inner| assert_eq!(inner.number(), 0));
        cell.store(alive.value(1));
        assert_eq!((outer.number(), cell.with(Value::number)), (0, 1));
        cell.store(alive.value(2));
    });
    alive.are(1);
    assert_eq!(cell.with(|_| cell.with(Value::number)), 2);
    alive.are(1);
    let (theirs, make) = (cell.clone(), alive.clone());
    spawn(move || theirs.store(make.value(3))).join().unwrap();
    alive.are(2);
    assert_eq!(cell.with(Value::number), 3);
    ends(cell, &alive);
}

/// Two threads are the first to read two cells: each finds its own.
pub(crate) fn shared_first_used_by_two() {
    let cells: [Arc<Shared<u32>>; 2] = [Arc::new(Shared::from(1)), Arc::new(Shared::from(2))];
    let [ours, theirs] = cells.clone();
    let other = spawn(move || assert_eq!(theirs.with(|value| *value), 2));
    assert_eq!(ours.with(|value| *value), 1);
    assert_eq!(cells[1].with(|value| *value), 2);
    assert_eq!((*cells[0].load(), *cells[1].load()), (1, 2));
    other.join().unwrap();
}
