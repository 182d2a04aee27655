//! Where two indices differ. Shared nodes are skipped, so the cost follows the nodes that are not.

use crate::engine::index::trie;
use crate::engine::memory::flags::Traits;
use crate::engine::memory::frame::{Frame, Role};
use crate::engine::memory::slot::{Node, Slot, get, rank};
use core::ptr;

/// One place in an index: nothing, a frame, or a node.
#[derive(Clone, Copy)]
enum Spot {
    Nothing,
    Leaf(Slot),
    Node(*const Node),
}

impl Spot {
    /// # Safety
    /// 1. `node` is null or alive.
    unsafe fn at(node: *const Node, bit: u32) -> Spot {
        // SAFETY: #1; the rank of a set bit is one of a slot.
        unsafe {
            if node.is_null() || (*node).bitmap & bit == 0 {
                return Spot::Nothing;
            }
            let slot = get(node, rank((*node).bitmap, bit));
            if slot.is_node() { Spot::Node(slot.as_node()) } else { Spot::Leaf(slot) }
        }
    }

    /// # Safety
    /// 1. What the spot leads to is alive.
    unsafe fn each(self, f: &mut dyn FnMut(Slot)) {
        match self {
            Spot::Nothing => {}
            Spot::Leaf(slot) => f(slot),
            // SAFETY: #1.
            Spot::Node(node) => unsafe { trie::each(node, 0, f) },
        }
    }
}

/// Whether two frames stand for one binding: the same frame, aliases of one value, or two masks of
/// one variable.
///
/// # Safety
/// 1. Both slots lead to live frames.
pub(in crate::engine) unsafe fn same_leaf(a: Slot, b: Slot) -> bool {
    // SAFETY: #1.
    unsafe {
        let (x, y) = (a.as_frame(), b.as_frame());
        a.same_place(b)
            || (*x).id == (*y).id && (*x).role == Role::Mask && (*y).role == Role::Mask
            || (lasts(x) && lasts(y) && ptr::eq(Frame::source(x), Frame::source(y)))
    }
}

/// Whether a frame is a binding whose value is there as long as the frame. One of short reach may
/// have ended; what an alias of it stood for is then gone, and another value may be in that place.
///
/// # Safety
/// 1. `frame` is alive.
unsafe fn lasts(frame: *const Frame) -> bool {
    // SAFETY: #1.
    unsafe { (*frame).role != Role::Mask && !(*frame).is(Traits::SHORT_REACH) }
}

/// Calls `f` with each pair of slots, of one id, that is not the same on both sides.
///
/// # Safety
/// 1. Both are null or alive with everything their index leads to.
pub(in crate::engine) unsafe fn differences(
    a: *const Node,
    b: *const Node,
    f: &mut dyn FnMut(Option<Slot>, Option<Slot>),
) {
    // SAFETY: #1, which holds for what the slots lead to.
    unsafe {
        if a == b {
            return;
        }
        let bits = |node: *const Node| if node.is_null() { 0 } else { (*node).bitmap };
        let mut ways = bits(a) | bits(b);
        while ways != 0 {
            let bit = ways & ways.wrapping_neg();
            ways ^= bit;
            match (Spot::at(a, bit), Spot::at(b, bit)) {
                (Spot::Node(a), Spot::Node(b)) => differences(a, b, f),
                (before, after) => mixed(before, after, f),
            }
        }
    }
}

/// Two spots of which at least one is no node.
///
/// # Safety
/// 1. What they lead to is alive.
unsafe fn mixed(before: Spot, after: Spot, f: &mut dyn FnMut(Option<Slot>, Option<Slot>)) {
    // SAFETY: #1.
    unsafe {
        let single = |spot| match spot {
            Spot::Leaf(slot) => Some(slot),
            _ => None,
        };
        let (one_before, one_after) = (single(before), single(after));
        let partner = |of: Slot, one: Option<Slot>| {
            one.filter(|slot| (*slot.as_frame()).id == (*of.as_frame()).id)
        };
        let (mut met_before, mut met_after) = (false, false);
        if one_after.is_some() || matches!(after, Spot::Nothing) {
            before.each(&mut |a| {
                let b = partner(a, one_after);
                met_after |= b.is_some();
                if b.is_none_or(|b| !same_leaf(a, b)) {
                    f(Some(a), b);
                }
            });
            if let Some(b) = one_after.filter(|_| !met_after) {
                f(None, Some(b));
            }
            return;
        }
        after.each(&mut |b| {
            let a = partner(b, one_before);
            met_before |= a.is_some();
            if a.is_none_or(|a| !same_leaf(a, b)) {
                f(a, Some(b));
            }
        });
        if let Some(a) = one_before.filter(|_| !met_before) {
            f(Some(a), None);
        }
    }
}
