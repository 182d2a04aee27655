//! Who keeps a frame, and how it ends.

pub(in crate::engine) mod base;
pub(in crate::engine) mod departures;
pub(in crate::engine) mod ownership;
pub(in crate::engine) mod read_guard;
pub(in crate::engine) mod refcount;
pub(in crate::engine) mod release;
pub(in crate::engine) mod release_list;
pub(in crate::engine) mod retire;
#[cfg(feature = "inspect")]
pub(crate) mod seen;
#[cfg(not(feature = "inspect"))]
pub(crate) mod unseen;
#[cfg(not(feature = "inspect"))]
pub(crate) use unseen as seen;
