//! Names of variables: static, or counted where a variable is made at run time.

use super::flags::Traits;

/// The name of a variable.
pub(crate) enum Name {
    Static(&'static str),
    Shared(crate::sys::Arc<str>),
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Name::Static(name) => name,
            Name::Shared(name) => name,
        }
    }

    pub(in crate::engine) fn into_raw(self: &Name) -> (*const str, Traits) {
        match self {
            Name::Static(name) => (*name, Traits::NONE),
            Name::Shared(name) => (crate::sys::Arc::into_raw(name.clone()), Traits::OWNED_NAME),
        }
    }
}
