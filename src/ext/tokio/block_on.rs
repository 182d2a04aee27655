//! Driving a future to its end from outside of a runtime, on a stack of its own.

use crate::future::InContext;
use crate::hop::Hop;
use crate::stack::Stack;
use ::tokio::runtime::{Handle, Runtime};

/// Blocks on a future whose changes do not come back, carrying or detached.
///
/// Tokio's `block_on` polls the future on the stack of the caller: the future sees what is visible
/// there, and a guard that it forgets stays there. A runtime of one thread polls its other tasks on
/// that stack too, so tasks that were spawned bare see the caller's bindings by accident. With
/// these methods such tasks see nothing.
///
/// # Examples
/// ```
/// use stackholm::tokio::BlockOnExt;
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// let seen = USER.sync_scope("ada", || {
///     runtime.block_on_carrying(async {
///         let bare = tokio::spawn(async { USER.is_bound() });
///         (USER.get(), bare.await.unwrap())
///     })
/// });
/// assert_eq!(seen, ("ada", false));
/// ```
pub trait BlockOnExt: sealed::BlocksOn {
    /// As [`Runtime::block_on`], in the context of the caller.
    ///
    /// # Panics
    /// If the future panics, or if called from inside of a runtime.
    #[track_caller]
    fn block_on_carrying<F: Future>(&self, future: F) -> F::Output {
        self.block_on_in(future, Hop::current())
    }

    /// As [`Runtime::block_on`], in the empty context.
    ///
    /// # Panics
    /// If the future panics, or if called from inside of a runtime.
    #[track_caller]
    fn block_on_detached<F: Future>(&self, future: F) -> F::Output {
        self.block_on_in(future, Hop::empty())
    }
}

impl BlockOnExt for Handle {}
impl BlockOnExt for Runtime {}

mod sealed {
    use super::*;

    pub trait BlocksOn {
        #[doc(hidden)]
        fn block_on_bare<F: Future>(&self, future: F) -> F::Output;

        /// Drives the runtime from an empty stack, and the future with `hop`.
        #[doc(hidden)]
        fn block_on_in<F: Future>(&self, future: F, hop: Hop) -> F::Output {
            let future = InContext::new(hop.into_stack(), future);
            Stack::new().run(|| self.block_on_bare(future))
        }
    }

    impl BlocksOn for Handle {
        fn block_on_bare<F: Future>(&self, future: F) -> F::Output {
            self.block_on(future)
        }
    }

    impl BlocksOn for Runtime {
        fn block_on_bare<F: Future>(&self, future: F) -> F::Output {
            self.block_on(future)
        }
    }
}
