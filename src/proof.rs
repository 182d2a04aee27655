//! For the tests and models of this crate: how they show that a fault in the engine is noticed. It
//! may change with any release.

#[cfg(debug_assertions)]
pub use crate::engine::Roots;
#[allow(unused_imports, unreachable_pub, reason = "empty outside models")]
pub use crate::sys::proof::*;

crate::sys::in_models! {
    pub use crate::shared::end_of_execution;
}

#[cfg(debug_assertions)]
mod roots {
    use crate::checkpoint::Prepared;
    use crate::context::{Context, WeakContext};
    use crate::engine::Roots;
    use crate::future::InContext;
    use crate::patch::Patch;
    use crate::stack::Stack;
    use core::pin::Pin;

    /// Each method names one thing that has counts, and does nothing else.
    impl Roots {
        /// The stack that is current here, with the reads that are running on it.
        pub fn current(&mut self) {
            self.name_current();
        }

        /// A stack that is not current.
        pub fn stack(&mut self, stack: &mut Stack) {
            stack.run(|| self.current());
        }

        /// The stack of a future that is not polled just now.
        pub fn future<F, B>(&mut self, future: Pin<&mut InContext<F, B>>) {
            future.on_stack(|_| self.current());
        }

        /// A context.
        pub fn context(&mut self, context: &Context) {
            context.link().into_iter().for_each(|link| self.name_snapshot(link));
        }

        /// A weak context.
        pub fn weak(&mut self, weak: &WeakContext) {
            weak.link().into_iter().for_each(|weak| self.name_weak(weak));
        }

        /// A patch.
        pub fn patch(&mut self, patch: &Patch) {
            patch.placed().for_each(|placed| self.name_placed(placed));
        }

        /// A prepared checkpoint.
        pub fn prepared(&mut self, prepared: &Prepared<'_>) {
            prepared.bindings().for_each(|binding| self.name_prepared(binding));
        }
    }
}
