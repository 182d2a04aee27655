//! The key of a revision, made by the program and not by the database.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// The key of a revision: 128 bits, ordered by the time when they were made, laid out as a UUID of
/// version 7.
///
/// It is made when the outermost block is entered, before anything is written. So a transaction
/// that is rolled back takes no key away from the next one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionKey([u8; 16]);

impl RevisionKey {
    pub(crate) fn new() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has random numbers");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX).to_be_bytes();
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6] = 0x70 | bytes[6] & 0x0f;
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        RevisionKey(bytes)
    }

    /// The 16 bytes as they are stored.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// A key that was stored.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        RevisionKey(bytes)
    }
}

impl fmt::Display for RevisionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RevisionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevisionKey({self})")
    }
}

/// A text is not the key of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAKey(());

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the key of a revision, which has 32 hexadecimal digits")
    }
}

impl std::error::Error for NotAKey {}

impl FromStr for RevisionKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = crate::hex::read(text).ok_or(NotAKey(()))?;
        bytes.try_into().map(RevisionKey).map_err(|_| NotAKey(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_what_it_is_shown_as() {
        let key = RevisionKey::new();
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!("12".parse::<RevisionKey>(), Err(NotAKey(())));
        assert_eq!("zz".repeat(16).parse::<RevisionKey>(), Err(NotAKey(())));
    }

    #[test]
    fn keys_differ_and_never_go_back_by_more_than_a_millisecond() {
        let keys: Vec<_> = (0..1000).map(|_| RevisionKey::new()).collect();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1] && pair[0].0[..6] <= pair[1].0[..6]));
    }
}
