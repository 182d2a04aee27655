//! `Carrying`: a parallel iterator whose pieces all run in one context, whichever thread steals
//! them.

use super::plumbing::{CarryCallback, CarryConsumer};
use crate::context::Context;
use ::rayon::iter::plumbing::{Consumer, ProducerCallback, UnindexedConsumer};
use ::rayon::iter::{
    IndexedParallelIterator, IntoParallelIterator, IterBridge, ParallelBridge, ParallelIterator,
};

/// Hands contexts to parallel iterators.
///
/// # Examples
/// ```
/// use rayon::prelude::*;
/// use stackholm::rayon::ParallelIteratorExt;
///
/// static FACTOR: stackholm::Var<u32> = stackholm::Var::new("factor");
///
/// let sum: u32 = FACTOR.sync_scope(3, || {
///     (0..1000_u32).into_par_iter().carrying().rev().map(|item| item * FACTOR.get()).sum()
/// });
/// assert_eq!(sum, 3 * 499_500);
/// ```
pub trait ParallelIteratorExt: ParallelIterator {
    /// Each piece runs in what is visible here and now.
    #[track_caller]
    fn carrying(self) -> Carrying<Self> {
        self.carrying_context(Context::current())
    }

    /// Each piece runs in `context`.
    fn carrying_context(self, context: Context) -> Carrying<Self> {
        Carrying { base: self, context }
    }

    /// Each piece runs in the empty context, whatever is visible here or on the thread that runs
    /// it.
    fn carrying_nothing(self) -> Carrying<Self> {
        self.carrying_context(Context::empty())
    }
}

impl<I: ParallelIterator> ParallelIteratorExt for I {}

/// As rayon's `par_iter`, `par_iter_mut` and `into_par_iter`: over `&items`, `&mut items` or
/// `items`, each piece in the context of the caller.
///
/// # Examples
/// ```
/// use rayon::iter::ParallelIterator;
/// use stackholm::rayon::par_iter;
///
/// static FACTOR: stackholm::Var<u32> = stackholm::Var::new("factor");
///
/// let items = vec![1, 2, 3];
/// let scaled: Vec<u32> = FACTOR.sync_scope(3, || par_iter(&items).map(|item| item * FACTOR.get()).collect());
/// assert_eq!(scaled, [3, 6, 9]);
/// ```
#[track_caller]
pub fn par_iter<I: IntoParallelIterator>(items: I) -> Carrying<I::Iter> {
    items.into_par_iter().carrying()
}

/// As [`par_iter`], each piece in the empty context.
pub fn par_iter_detached<I: IntoParallelIterator>(items: I) -> Carrying<I::Iter> {
    items.into_par_iter().carrying_nothing()
}

/// As rayon's `par_bridge`, each piece in the context of the caller.
#[track_caller]
pub fn par_bridge<I: Iterator<Item: Send> + Send>(items: I) -> Carrying<IterBridge<I>> {
    items.par_bridge().carrying()
}

/// As [`par_bridge`], each piece in the empty context.
pub fn par_bridge_detached<I: Iterator<Item: Send> + Send>(items: I) -> Carrying<IterBridge<I>> {
    items.par_bridge().carrying_nothing()
}

/// A parallel iterator that carries a context; made by [`ParallelIteratorExt`] and [`par_iter`].
///
/// All closures of the chain run in the context, those before this call and those after: closures
/// of adapters, of folds and reductions, and of the consumer. The context is entered once for each
/// piece that rayon splits off, not for each item. Each piece begins in an open checkpoint of its
/// own: what one piece sets no other one sees. If a chain carries several times, the last context
/// is the innermost.
///
/// The adapters are methods of this type, so that it stays the last of the chain. If you hand it,
/// as any [`IndexedParallelIterator`], to code that uses the trait's adapters, each item is still
/// made in the context. After `zip`, `rev`, `chunks` and the like, the closures of that code run on
/// the worker's own stack.
///
/// A source splits itself outside of the pieces. The iterators that `flat_map` and `flatten` get
/// begin iterations of their own: put such an adapter after this one, and not after `try_fold` and
/// `try_fold_with`, which return iterators of another type.
#[derive(Clone, Debug)]
#[must_use = "iterator adaptors are lazy and do nothing unless consumed"]
pub struct Carrying<I> {
    base: I,
    context: Context,
}

impl<I: ParallelIterator> Carrying<I> {
    /// The same context around one more adapter.
    pub(super) fn around<J>(self, adapt: impl FnOnce(I) -> J) -> Carrying<J> {
        Carrying { base: adapt(self.base), context: self.context }
    }

    /// The same context once more, around an adapter of this.
    pub(super) fn within<J>(self, adapt: impl FnOnce(Self) -> J) -> Carrying<J> {
        let context = self.context.clone();
        Carrying { base: adapt(self), context }
    }
}

impl<I: ParallelIterator> ParallelIterator for Carrying<I> {
    type Item = I::Item;

    fn drive_unindexed<C>(self, consumer: C) -> C::Result
    where
        C: UnindexedConsumer<I::Item>,
    {
        self.base.drive_unindexed(CarryConsumer::new(consumer, &self.context))
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for Carrying<I> {
    fn len(&self) -> usize {
        self.base.len()
    }

    fn drive<C>(self, consumer: C) -> C::Result
    where
        C: Consumer<I::Item>,
    {
        self.base.drive(CarryConsumer::new(consumer, &self.context))
    }

    fn with_producer<CB>(self, callback: CB) -> CB::Output
    where
        CB: ProducerCallback<I::Item>,
    {
        self.base.with_producer(CarryCallback::new(callback, &self.context))
    }
}
