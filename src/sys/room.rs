//! Lists behind a lock, which grow outside of it: an allocator is foreign code, and may come for the
//! same lock.

/// Puts one more on a list without an allocation: in the room that it has, or in that of `spare`,
/// which then has the old one. Gives it back if both are too small. Then the caller makes `spare`
/// larger while it does not have the lock, by [`more_than`], and tries again.
pub(crate) fn push_if_room<T>(list: &mut Vec<T>, spare: &mut Vec<T>, one: T) -> Result<(), T> {
    if list.len() == list.capacity() {
        if spare.capacity() <= list.len() {
            return Err(one);
        }
        spare.append(list);
        core::mem::swap(list, spare);
    }
    list.push(one);
    Ok(())
}

/// Room for twice as many as there are in a list, and at least for a few.
pub(crate) fn more_than<T>(number: usize) -> Vec<T> {
    Vec::with_capacity((2 * number).max(4))
}
