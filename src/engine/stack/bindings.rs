//! What a scope binds: a list of bindings and masks whose type says how much room it takes.
//!
//! The rule: a [`BindingList`] plans the same variables, in the same order and with the same types,
//! as it binds. Memory is laid out by the plan, so the trait is unsafe, and all its implementations
//! are here.

use super::batch::BatchWriter;
use super::batch_plan::{BatchLayout, BatchPlan};
use super::enter::Boundary;
use super::raw::RawStack;
use crate::engine::memory::key::Key;
use core::panic::Location;

type Place = &'static Location<'static>;

/// One binding of a [`Scope`](crate::Scope), or of a future that
/// [`Var::scope`](crate::Var::scope) made.
pub struct Bind<'v, T: 'static> {
    key: &'v Key<T>,
    value: T,
    place: Place,
}

/// A mask of a [`Scope`](crate::Scope).
pub struct Mask<'v, T: 'static> {
    key: &'v Key<T>,
    place: Place,
}

impl<'v, T: Send + Sync> Bind<'v, T> {
    pub(crate) fn new(key: &'v Key<T>, value: T, place: Place) -> Self {
        Bind { key, value, place }
    }

    /// Its variable, its value, and where it was made.
    pub(crate) fn into_parts(self) -> (&'v Key<T>, T, Place) {
        (self.key, self.value, self.place)
    }
}

impl<'v, T: Send + Sync> Mask<'v, T> {
    pub(crate) fn new(key: &'v Key<T>, place: Place) -> Self {
        Mask { key, place }
    }
}

/// A list of bindings and masks, the outermost first.
///
/// # Safety
/// 1. If `LAYOUT` may fit one block, `plan` names the variables that `bind` binds, all of them and
///    in the same order, and `LAYOUT` is made of the types of their values in that order.
pub unsafe trait BindingList {
    /// Their layout, as far as their types determine it.
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nobody outside can name this trait")]
    const LAYOUT: BatchLayout;

    /// Says what is going to be bound; asked only of what is all bindings.
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nobody outside can name this trait")]
    fn plan(&self, _: &mut BatchPlan) {}

    /// Binds all.
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nobody outside can name this trait")]
    fn bind(self, writer: &mut BatchWriter<'_>);
}

// SAFETY: nothing is planned, and nothing is bound.
#[expect(private_interfaces, reason = "nobody outside can name this trait")]
unsafe impl BindingList for () {
    const LAYOUT: BatchLayout = BatchLayout::NOTHING;

    fn bind(self, _: &mut BatchWriter<'_>) {}
}

// SAFETY: the list is planned and bound, then one variable more; the layout has its type last.
#[expect(private_interfaces, reason = "nobody outside can name this trait")]
unsafe impl<B: BindingList, T: Send + Sync + 'static> BindingList for (B, Bind<'_, T>) {
    const LAYOUT: BatchLayout = B::LAYOUT.and::<T>();

    fn plan(&self, plan: &mut BatchPlan) {
        self.0.plan(plan);
        plan.binds(self.1.key);
    }

    fn bind(self, writer: &mut BatchWriter<'_>) {
        let (outer, Bind { key, value, place }) = self;
        outer.bind(writer);
        writer.bind(key, value, place);
    }
}

// SAFETY: a list with a mask does not fit one block.
#[expect(private_interfaces, reason = "nobody outside can name this trait")]
unsafe impl<B: BindingList, T: Send + Sync + 'static> BindingList for (B, Mask<'_, T>) {
    const LAYOUT: BatchLayout = B::LAYOUT.and_mask();

    fn bind(self, writer: &mut BatchWriter<'_>) {
        let (outer, Mask { key, place }) = self;
        outer.bind(writer);
        writer.mask(key, place);
    }
}

impl RawStack {
    /// Begins a scope with these bindings.
    #[inline]
    pub(crate) fn begin_scope<B: BindingList>(&self, list: B, begins: Boundary, place: Place) {
        // SAFETY: #1 of `BindingList`.
        let mut writer = unsafe { self.binder(begins, B::LAYOUT, |plan| list.plan(plan)) };
        list.bind(&mut writer);
        writer.finish(place);
    }
}
