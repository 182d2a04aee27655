//! All that a program keeps is named for the walk over counts that debug builds of the library
//! have. In release builds there is none.

#[cfg(debug_assertions)]
pub(crate) use stackholm::proof::{Roots, take_ways};

#[cfg(not(debug_assertions))]
pub(crate) use nothing::{Roots, take_ways};

#[cfg(not(debug_assertions))]
mod nothing {
    use stackholm::{Context, InContext, Prepared, WeakContext, embed::Stack};
    use std::pin::Pin;

    pub(crate) fn take_ways() -> Vec<(&'static str, usize)> {
        Vec::new()
    }

    #[derive(Clone, Default)]
    pub(crate) struct Roots;

    impl Roots {
        pub(crate) fn current(&mut self) {}
        pub(crate) fn stack(&mut self, _: &mut Stack) {}
        pub(crate) fn future<F, B>(&mut self, _: Pin<&mut InContext<F, B>>) {}
        pub(crate) fn context(&mut self, _: &Context) {}
        pub(crate) fn weak(&mut self, _: &WeakContext) {}
        pub(crate) fn prepared(&mut self, _: &Prepared<'_>) {}
        pub(crate) fn add(&mut self, _: &Roots) {}
        #[expect(unsafe_code, reason = "as the one that does something")]
        pub(crate) unsafe fn check(&self) -> usize {
            0
        }
        #[expect(unsafe_code, reason = "as the one that does something")]
        pub(crate) unsafe fn shapes(&self) -> Vec<&'static str> {
            Vec::new()
        }
    }
}
