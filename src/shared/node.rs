//! The nodes that store the values of a cell, and their reference counts.
//!
//! A cell has a few nodes, on a list that only grows: one for the newest value, and one for each
//! thread that is in the middle of a miss or a store. Nodes are reused, and freed only with the
//! cell; so a thread may read the count of a node that it found a while ago. The *value* in a node
//! is the user's, and is dropped as soon as the last count is released.

use crate::sys::{
    Arc, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    Site, StaticPointer, Watch, ordering,
};
use alloc::boxed::Box;
use core::cell::{Cell, UnsafeCell};
use core::ptr;

/// The count of a node's owner: the slot that points to it, or one thread that fills or empties it.
/// Each reader counts for one.
const OWNER: u32 = 1 << 31;

/// Storage for one value.
///
/// Invariants: C1, C2, C3, C4.
pub(super) struct Node<T> {
    /// How many readers count the node, and [`OWNER`] if it has one. 0: it is free.
    word: AtomicU32,
    /// The next node on the list. It does not change once the node is on the list.
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

    /// Takes a count, in whatever state the node is: until it is released, nobody claims the node.
    /// The caller must check that the slot still points here before it reads the value.
    pub(super) fn acquire(&self) {
        // Acquire: pairs with the Release in `release`, by the release sequence of the word:
        // whoever counts a node sees that the slot no longer points to its earlier value.
        self.word.fetch_add(1, ordering(Site::NodeAcquire, Acquire));
    }

    /// Releases counts. The last one drops the value.
    fn release(&self, counts: u32) {
        // Release: pairs with the Acquire in `claim`: our reads of the node happen before whoever
        // claims it next writes it. And with that in `take`: so does what we did to the slot.
        if self.word.fetch_sub(counts, ordering(Site::NodeRelease, Release)) == counts {
            self.empty();
        }
    }

    /// Drops the value, unless another thread was faster: a writer that claimed the node drops it,
    /// and a reader that counted the node meanwhile comes here when it releases that count.
    fn empty(&self) {
        if self.claim() {
            self.watch.writes();
            // SAFETY: C3: we own the node, and the slot does not point to it.
            let value = unsafe { (*self.value.get()).take() };
            self.free();
            // Runs the user's code, after the node was freed.
            drop(value);
        }
    }

    /// Makes this thread the owner, if the node is free.
    fn claim(&self) -> bool {
        // Acquire: pairs with the Release in `release` and `free`.
        self.word.compare_exchange(0, OWNER, ordering(Site::NodeClaim, Acquire), Relaxed).is_ok()
    }

    /// Frees a node that has no value.
    fn free(&self) {
        // Release: pairs with the Acquire in `claim`.
        self.word.fetch_sub(OWNER, ordering(Site::NodeFree, Release));
    }

    pub(super) fn at(&self) -> *mut Node<T> {
        ptr::from_ref(self).cast_mut()
    }
}

/// A count of a node to which the slot pointed after the count was taken: the node keeps its value.
pub(super) struct NodeGuard<'a, T>(&'a Node<T>);

impl<'a, T> NodeGuard<'a, T> {
    /// # Safety
    /// 1. One count of the node is the caller's, and passes to this.
    /// 2. An acquire load after that count was taken found that the slot points to the node.
    pub(super) unsafe fn new(node: &'a Node<T>) -> Self {
        NodeGuard(node)
    }

    /// The slot now points to another node: the drop releases the count of the slot as well.
    pub(super) fn replaced(self) -> ReplacedNode<'a, T> {
        let node = self.0;
        core::mem::forget(self);
        ReplacedNode(node)
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

impl<T> Drop for NodeGuard<'_, T> {
    fn drop(&mut self) {
        self.0.release(1);
    }
}

/// The count of a reader, and the count of the slot.
pub(super) struct ReplacedNode<'a, T>(&'a Node<T>);

impl<T> Drop for ReplacedNode<'_, T> {
    fn drop(&mut self) {
        self.0.release(OWNER + 1);
    }
}

/// A node that a writer owns and fills with a value, until the slot points to it.
///
/// Until then only the writer reads the value: a late reader that counts the node finds that the
/// slot does not point to it. So if the exchange fails, the writer is the only owner of the value
/// again.
pub(super) struct Offer<'a, T>(&'a Node<T>);

impl<'a, T> Offer<'a, T> {
    pub(super) fn fill(&self, version: usize, value: Arc<T>) {
        self.0.watch.writes();
        self.0.version.set(version);
        // SAFETY: C3: we own the node, and the slot does not point to it.
        let before = unsafe { (*self.0.value.get()).replace(value) };
        // It is there if another thread released the last count, and this one was faster.
        drop(before);
    }

    /// Takes back what [`fill`](Self::fill) put there, after the exchange failed.
    pub(super) fn take_back(&self) -> Arc<T> {
        self.0.watch.writes();
        // SAFETY: C3: as in `fill`.
        let value = unsafe { (*self.0.value.get()).take() };
        value.expect("it was filled just now, and is read by nobody")
    }

    /// The slot points to the node now, and owns it.
    pub(super) fn publish(self) {
        core::mem::forget(self);
    }

    pub(super) fn node(&self) -> &'a Node<T> {
        self.0
    }
}

/// The node has no value of this writer. An earlier value may be left, if the thread that released
/// its last count has not dropped it yet; the release drops that.
impl<T> Drop for Offer<'_, T> {
    fn drop(&mut self) {
        self.0.release(OWNER);
    }
}

/// All nodes of a cell.
pub(super) struct Nodes<T>(StaticPointer<Node<T>>);

impl<T> Nodes<T> {
    pub(super) const fn new() -> Self {
        Nodes(StaticPointer::new(ptr::null_mut()))
    }

    /// A node for a new value: a free one, else a new one; never the node of `but`.
    pub(super) fn offer(&self, but: Option<&NodeGuard<'_, T>>) -> Offer<'_, T> {
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

/// Frees all nodes, then drops the value.
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
            // The slot's value, if any: every other count was released.
            last = node.value.into_inner().or(last);
        }
        drop(last);
    }
}
