//! What is set once without the standard library: two who set it, and one who reads.

use crate::support::models;
use loom::cell::UnsafeCell;
use loom::thread::spawn;
use stackholm::proof::OnceBox;
use std::sync::Arc;

models! {
    set_by_two_while_read {
        control_value_set_without_release: OnceIsSet => "race",
        control_value_found_without_acquire: OnceIsSeen => "race",
    }
}

/// A value that loom watches.
struct Watched(usize, UnsafeCell<()>);

// SAFETY: loom says if one reads it while another writes.
#[expect(unsafe_code, reason = "there is nothing in it")]
unsafe impl Sync for Watched {}

impl Watched {
    fn new(number: usize) -> Self {
        let value = Watched(number, UnsafeCell::new(()));
        value.1.with_mut(|_| ());
        value
    }

    fn number(&self) -> usize {
        self.1.with(|_| ());
        self.0
    }
}

/// One comes first, and everybody sees that one's value, whole; the other has its own back.
pub(crate) fn set_by_two_while_read() {
    let once = Arc::new(OnceBox::new());
    let (theirs, seen) = (once.clone(), once.clone());
    let other = spawn(move || theirs.set(Watched::new(1)).map_err(|back| assert_eq!(back.0, 1)));
    let reader = spawn(move || seen.get().map(Watched::number));
    let mine = once.set(Watched::new(2)).map_err(|back| assert_eq!(back.0, 2));
    let first = once.get().expect("it is set").number();
    let theirs = other.join().unwrap();
    assert!(mine.is_ok() != theirs.is_ok(), "one comes first");
    assert_eq!(first, if mine.is_ok() { 2 } else { 1 });
    assert!(reader.join().unwrap().is_none_or(|seen| seen == first));
    assert_eq!(once.get_or_init(|| unreachable!("it is set")).number(), first);
}
