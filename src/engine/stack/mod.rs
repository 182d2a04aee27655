//! What a thread does: enter, set, capture, leave; stacks as values, and the current one.

pub(in crate::engine) mod batch;
pub(in crate::engine) mod batch_plan;
pub(in crate::engine) mod bindings;
pub(in crate::engine) mod capture;
pub(in crate::engine) mod current;
pub(in crate::engine) mod edit;
pub(in crate::engine) mod enter;
pub(crate) mod fields;
pub(in crate::engine) mod keep;
pub(in crate::engine) mod late;
pub(in crate::engine) mod leave;
pub(in crate::engine) mod leave_batch;
pub(in crate::engine) mod lookup;
pub(in crate::engine) mod owned;
pub(in crate::engine) mod raw;
pub(in crate::engine) mod read;
pub(in crate::engine) mod turn;
