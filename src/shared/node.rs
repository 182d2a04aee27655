//! Nodes: where a cell has its values, and the counts that keep a node from being used again.
//!
//! A cell has a few nodes, on a list that only grows: one for the newest value, and one for each
//! thread that is in the middle of a miss or a store. They are used again and again, and freed with
//! the cell; so a thread may look at the counts of a node that it found a while ago. What a node
//! *has* is another matter: that is the user's, and ends as soon as the last count is given.

use crate::sys::{
    Arc, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    Site, StaticPointer, Watch, ordering,
};
use alloc::boxed::Box;
use core::cell::{Cell, UnsafeCell};
use core::ptr;

/// What the owner of a node counts for: the slot that leads there, or one thread that fills it or
/// empties it. Each reader counts for one.
const OWNER: u32 = 1 << 31;

/// One place for a value.
///
/// Invariants: C1, C2, C3, C4.
pub(super) struct Node<T> {
    /// How many readers count the node, and [`OWNER`] if it has one. 0: it is free.
    word: AtomicU32,
    /// The next one on the list. Not changed once it is there.
    next: Cell<*mut Node<T>>,
    watch: Watch,
    version: Cell<usize>,
    value: UnsafeCell<Option<Arc<T>>>,
}

impl<T> Node<T> {
    fn owned() -> Self {
        Node {
            word: AtomicU32::new(OWNER),
            next: Cell::new(ptr::null_mut()),
            watch: Watch::new(),
            version: Cell::new(0),
            value: UnsafeCell::new(None),
        }
    }

    /// Takes a count, whatever the node is up to: while we have it, nobody claims the node. Whether
    /// it has a value for us is for the slot to say.
    pub(super) fn take(&self) {
        // Acquire: pairs with the Release in `give`, through all that was done to the word since:
        // whoever counts a node sees that the slot was led away from what it had before.
        self.word.fetch_add(1, ordering(Site::NodeTake, Acquire));
    }

    /// Gives counts. With the last one the value ends.
    fn give(&self, counts: u32) {
        // Release: pairs with the Acquire in `claim`: our reads of the node happen before whoever
        // claims it next writes it. And with that in `take`: so does what we did to the slot.
        if self.word.fetch_sub(counts, ordering(Site::NodeGive, Release)) == counts {
            self.empty();
        }
    }

    /// Ends the value, unless somebody was faster: a writer that claimed the node ends it, and who
    /// took a count meanwhile comes here when that is given.
    fn empty(&self) {
        if self.claim() {
            self.watch.writes();
            // SAFETY: C3: we own the node, and the slot does not lead there.
            let value = unsafe { (*self.value.get()).take() };
            self.free();
            // Foreign code, now that nothing is held.
            drop(value);
        }
    }

    /// Makes this thread the owner, if the node is free.
    fn claim(&self) -> bool {
        // Acquire: pairs with the Release in `give` and `free`.
        self.word.compare_exchange(0, OWNER, ordering(Site::NodeClaim, Acquire), Relaxed).is_ok()
    }

    /// Gives up a node that has nothing.
    fn free(&self) {
        // Release: pairs with the Acquire in `claim`.
        self.word.fetch_sub(OWNER, ordering(Site::NodeFree, Release));
    }

    pub(super) fn at(&self) -> *mut Node<T> {
        ptr::from_ref(self).cast_mut()
    }
}

/// A count of a node that the slot led to while we had it: the node has a value, and keeps it.
pub(super) struct Held<'a, T>(&'a Node<T>);

impl<'a, T> Held<'a, T> {
    /// # Safety
    /// 1. One count of the node is the caller's, and passes to this.
    /// 2. The slot led to the node, by a load that acquires, after that count was taken.
    pub(super) unsafe fn new(node: &'a Node<T>) -> Self {
        Held(node)
    }

    /// The slot was led from here to another node: what is given in the end is its count too.
    pub(super) fn replaced(self) -> Replaced<'a, T> {
        let node = self.0;
        core::mem::forget(self);
        Replaced(node)
    }

    pub(super) fn node(&self) -> &'a Node<T> {
        self.0
    }

    pub(super) fn version(&self) -> usize {
        self.0.watch.reads();
        // C3: nobody writes it while we have a count that was confirmed.
        self.0.version.get()
    }

    pub(super) fn value(&self) -> &Arc<T> {
        self.0.watch.reads();
        // SAFETY: C3: nobody writes it while we have a count that was confirmed.
        let value = unsafe { &*self.0.value.get() };
        value.as_ref().expect("a node that was published has a value: it was used after its end")
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.0.give(1);
    }
}

/// A count, and that of the slot.
pub(super) struct Replaced<'a, T>(&'a Node<T>);

impl<T> Drop for Replaced<'_, T> {
    fn drop(&mut self) {
        self.0.give(OWNER + 1);
    }
}

/// A node that a writer owns and fills with a value, until the slot leads there.
///
/// Nobody but the writer reads what the node has before that: a count that a late reader takes of it
/// is not confirmed. So a value that was not taken is the writer's again, the only owner, as if it
/// had never been offered.
pub(super) struct Offer<'a, T>(&'a Node<T>);

impl<'a, T> Offer<'a, T> {
    pub(super) fn fill(&self, version: usize, value: Arc<T>) {
        self.0.watch.writes();
        self.0.version.set(version);
        // SAFETY: C3: we own the node, and the slot does not lead there.
        let before = unsafe { (*self.0.value.get()).replace(value) };
        // Of one who gave the last count, and we were faster.
        drop(before);
    }

    /// What [`fill`](Self::fill) put there, when the slot was not led to it.
    pub(super) fn take_back(&self) -> Arc<T> {
        self.0.watch.writes();
        // SAFETY: C3: as in `fill`.
        let value = unsafe { (*self.0.value.get()).take() };
        value.expect("it was filled just now, and is read by nobody")
    }

    /// Gives the node up to the slot, which was led to it.
    pub(super) fn publish(self) {
        core::mem::forget(self);
    }

    pub(super) fn node(&self) -> &'a Node<T> {
        self.0
    }
}

/// Nothing was put there, or it was taken back: but perhaps one who gave the last count of what was
/// there before has not come to it.
impl<T> Drop for Offer<'_, T> {
    fn drop(&mut self) {
        self.0.give(OWNER);
    }
}

/// All nodes of a cell.
pub(super) struct Nodes<T>(StaticPointer<Node<T>>);

impl<T> Nodes<T> {
    pub(super) const fn new() -> Self {
        Nodes(StaticPointer::new(ptr::null_mut()))
    }

    /// A node for a new value: one that is free, else one more. Not that one, which is not free.
    pub(super) fn offer(&self, but: Option<&Held<'_, T>>) -> Offer<'_, T> {
        let but = but.map_or(ptr::null_mut(), |held| held.node().at());
        let free = |node: &&Node<T>| node.at() != but && node.claim();
        Offer(self.all().find(free).unwrap_or_else(|| self.add()))
    }

    fn all(&self) -> impl Iterator<Item = &Node<T>> {
        // Acquire: pairs with the Release in `add`.
        let mut next = self.0.load(ordering(Site::NodesLoad, Acquire));
        core::iter::from_fn(move || {
            // SAFETY: C1: null, or a node that is there as long as the cell is.
            let node = unsafe { next.as_ref() }?;
            next = node.next.get();
            Some(node)
        })
    }

    #[cold]
    fn add(&self) -> &Node<T> {
        let new = Box::into_raw(Box::new(Node::owned()));
        let mut first = self.0.load(ordering(Site::NodesLoad, Acquire));
        loop {
            // SAFETY: it is ours until it is on the list.
            unsafe { (*new).next.set(first) };
            // Release: pairs with the Acquire in `all`; a push that comes after is a part of its
            // release sequence.
            let pushed = self.0.compare_exchange(
                first,
                new,
                ordering(Site::NodesPush, Release),
                ordering(Site::NodesPush, Acquire),
            );
            match pushed {
                // SAFETY: C1.
                Ok(_) => return unsafe { &*new },
                Err(now) => first = now,
            }
        }
    }
}

/// The values end when the nodes are gone.
impl<T> Drop for Nodes<T> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the cell.
        unsafe { self.end() }
    }
}

impl<T> Nodes<T> {
    /// # Safety
    /// 1. Nobody uses a node any more.
    pub(super) unsafe fn end(&self) {
        let mut next = self.0.load(ordering(Site::NodesLoad, Acquire));
        let mut last = None;
        while !next.is_null() {
            // SAFETY: C1: made of a box, and only we free it (#1).
            let node = unsafe { Box::from_raw(next) };
            next = node.next.get();
            // The slot's, if any: all others gave their counts.
            last = node.value.into_inner().or(last);
        }
        drop(last);
    }
}
