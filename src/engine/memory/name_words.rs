//! The name of a variable in a few words of a record, with the feature `inspect`.

use crate::sys::Word;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ptr;

/// Words that a name takes: its length, twice, and one if it was made at run time; then where it
/// is, or, of one made at run time, its first bytes.
pub(in crate::engine) const NAME: usize = 6;

/// A number as a word.
pub(in crate::engine) fn number(n: usize) -> Word {
    ptr::without_provenance_mut(n)
}

/// The name of a variable in words. One that was made at run time is cut. Any other is static.
pub(in crate::engine) fn name_in_words(name: &str, is_made: bool) -> [Word; NAME] {
    const BYTES: usize = (NAME - 1) * size_of::<usize>();
    let mut words = [ptr::null_mut(); NAME];
    if !is_made {
        words[0] = number(name.len() << 1);
        words[1] = name.as_ptr().cast_mut().cast();
        return words;
    }
    let mut end = name.len().min(BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    words[0] = number(end << 1 | 1);
    for (word, bytes) in
        words[1..].iter_mut().zip(name.as_bytes()[..end].chunks(size_of::<usize>()))
    {
        let mut all = [0; size_of::<usize>()];
        all[..bytes.len()].copy_from_slice(bytes);
        *word = number(usize::from_ne_bytes(all));
    }
    words
}

/// # Safety
/// 1. `words` were made by [`name_in_words`].
pub(in crate::engine) unsafe fn name_of(words: &[Word]) -> Cow<'static, str> {
    let (length, is_made) = (words[0].addr() >> 1, words[0].addr() & 1 != 0);
    if is_made {
        let bytes: Vec<u8> =
            words[1..NAME].iter().flat_map(|word| word.addr().to_ne_bytes()).take(length).collect();
        return Cow::Owned(String::from_utf8_lossy(&bytes).into_owned());
    }
    // SAFETY: by #1 it is the name of a variable that was not made at run time, which is static.
    unsafe {
        let bytes = core::slice::from_raw_parts(words[1].cast_const().cast::<u8>(), length);
        Cow::Borrowed(core::str::from_utf8_unchecked(bytes))
    }
}
