//! How a context reaches each piece: the consumer enters it when a piece begins and leaves it when
//! the piece is complete.
//!
//! A folder is made, fed and completed on one thread, and a job that the thread steals in between
//! ends before the folder goes on. So a guard in the folder is dropped in order. It is a guard on
//! the stack of the worker, not a stack of its own, because a panic may drop the folder while the
//! stack of an inner one is current.

use crate::context::Context;
use crate::entered::Entered;
use crate::future::{ContextExt, InContext};
use ::rayon::iter::plumbing::{
    Consumer, Folder, Producer, ProducerCallback, Reducer, UnindexedConsumer,
};

pub(super) struct CarryConsumer<'c, C> {
    base: C,
    context: &'c Context,
}

impl<'c, C> CarryConsumer<'c, C> {
    pub(super) fn new(base: C, context: &'c Context) -> Self {
        CarryConsumer { base, context }
    }
}

impl<'c, T, C: Consumer<T>> Consumer<T> for CarryConsumer<'c, C> {
    type Folder = CarryFolder<C::Folder>;
    type Reducer = CarryReducer<'c, C::Reducer>;
    type Result = C::Result;

    fn split_at(self, index: usize) -> (Self, Self, Self::Reducer) {
        let context = self.context;
        let (left, right, base) = self.base.split_at(index);
        (Self::new(left, context), Self::new(right, context), CarryReducer { base, context })
    }

    fn into_folder(self) -> Self::Folder {
        let entered = self.context.enter();
        CarryFolder { base: self.base.into_folder(), entered }
    }

    fn full(&self) -> bool {
        self.base.full()
    }
}

impl<T, C: UnindexedConsumer<T>> UnindexedConsumer<T> for CarryConsumer<'_, C> {
    fn split_off_left(&self) -> Self {
        Self::new(self.base.split_off_left(), self.context)
    }

    fn to_reducer(&self) -> Self::Reducer {
        CarryReducer { base: self.base.to_reducer(), context: self.context }
    }
}

/// The fields are in the order in which a panic drops them: what was folded is dropped in the
/// context.
pub(super) struct CarryFolder<F> {
    base: F,
    entered: Entered,
}

impl<T, F: Folder<T>> Folder<T> for CarryFolder<F> {
    type Result = F::Result;

    #[inline]
    fn consume(self, item: T) -> Self {
        CarryFolder { base: self.base.consume(item), entered: self.entered }
    }

    #[inline]
    fn consume_iter<I: IntoIterator<Item = T>>(self, items: I) -> Self {
        CarryFolder { base: self.base.consume_iter(items), entered: self.entered }
    }

    fn complete(self) -> F::Result {
        let result = self.base.complete();
        self.entered.leave();
        result
    }

    #[inline]
    fn full(&self) -> bool {
        self.base.full()
    }
}

pub(super) struct CarryReducer<'c, R> {
    base: R,
    context: &'c Context,
}

impl<T, R: Reducer<T>> Reducer<T> for CarryReducer<'_, R> {
    fn reduce(self, left: T, right: T) -> T {
        self.context.run(|| self.base.reduce(left, right))
    }
}

pub(super) struct CarryCallback<'c, CB> {
    base: CB,
    context: &'c Context,
}

impl<'c, CB> CarryCallback<'c, CB> {
    pub(super) fn new(base: CB, context: &'c Context) -> Self {
        CarryCallback { base, context }
    }
}

impl<T, CB: ProducerCallback<T>> ProducerCallback<T> for CarryCallback<'_, CB> {
    type Output = CB::Output;

    fn callback<P: Producer<Item = T>>(self, producer: P) -> CB::Output {
        self.base.callback(CarryProducer { base: producer, context: self.context })
    }
}

struct CarryProducer<'c, P> {
    base: P,
    context: &'c Context,
}

impl<P: Producer> Producer for CarryProducer<'_, P> {
    type Item = P::Item;
    type IntoIter = InContext<P::IntoIter>;

    fn into_iter(self) -> Self::IntoIter {
        let base = self.context.run(|| self.base.into_iter());
        base.in_context(self.context.clone())
    }

    fn min_len(&self) -> usize {
        self.base.min_len()
    }

    fn max_len(&self) -> usize {
        self.base.max_len()
    }

    fn split_at(self, index: usize) -> (Self, Self) {
        let context = self.context;
        let (left, right) = self.base.split_at(index);
        (CarryProducer { base: left, context }, CarryProducer { base: right, context })
    }

    fn fold_with<F: Folder<P::Item>>(self, folder: F) -> F {
        self.context.run(|| self.base.fold_with(folder))
    }
}
