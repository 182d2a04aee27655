//! What a thread does: enter, set, capture, leave; stacks as values, and the current one.

pub(in crate::engine) mod batch;
pub(in crate::engine) mod batch_plan;
pub(in crate::engine) mod bindings;
pub(in crate::engine) mod capture;
pub(in crate::engine) mod current;
pub(in crate::engine) mod edit;
pub(in crate::engine) mod enter;
pub(crate) mod fields;
#[cfg(feature = "inspect")]
pub(in crate::engine) mod here;
#[cfg(feature = "inspect")]
pub(crate) mod idle;
pub(in crate::engine) mod keep;
pub(in crate::engine) mod late;
pub(in crate::engine) mod leave;
pub(in crate::engine) mod leave_batch;
#[cfg(feature = "inspect")]
pub(crate) mod listed;
pub(in crate::engine) mod lookup;
pub(in crate::engine) mod owned;
pub(in crate::engine) mod raw;
pub(in crate::engine) mod read;
#[cfg(feature = "inspect")]
pub(in crate::engine) mod records;
pub(in crate::engine) mod turn;
pub(in crate::engine) mod unclosed;
#[cfg(not(feature = "inspect"))]
pub(crate) mod unlisted;
#[cfg(not(feature = "inspect"))]
pub(crate) use unlisted as listed;
