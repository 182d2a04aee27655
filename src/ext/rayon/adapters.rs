//! Adapters as methods of [`Carrying`], which stays the outermost of the chain.
//!
//! Rayon either drives a chain, and then each adapter runs inside the pieces of the one below it,
//! or pulls items from it, as `zip`, `rev` and `chunks` do, and then only the outermost adapter
//! sees where a piece begins and ends. So `Carrying` has to be outermost, and each adapter that may
//! be followed by another one is a method here. Three adapters (`skip`, `flat_map`, `flatten`)
//! begin an iteration inside a piece. Its pieces can be stolen too, so those have the context
//! twice: inside the adapter and around it.

use super::carrying::Carrying;
use ::rayon::iter::*;

/// For each adapter: name, generics, arguments, result and bounds, as rayon declares them.
macro_rules! adapters {
    ($of:ident $($name:ident [$($generic:tt)*] ($($argument:ident: $type:ty),*) $result:ty, [$($bound:tt)*];)*) => {
        impl<I: $of> Carrying<I> {
            $(
                #[doc = concat!("As [`", stringify!($of), "::", stringify!($name), "`], in the same context.")]
                #[allow(clippy::type_complexity, reason = "as rayon has it")]
                pub fn $name<$($generic)*>(self, $($argument: $type),*) -> Carrying<$result>
                where
                    $($bound)*
                {
                    self.around(|base| base.$name($($argument),*))
                }
            )*
        }
    };
}

adapters! { ParallelIterator
    map [F, R] (f: F) Map<I, F>, [F: Fn(I::Item) -> R + Sync + Send, R: Send];
    map_with [F, T, R] (init: T, f: F) MapWith<I, T, F>,
        [F: Fn(&mut T, I::Item) -> R + Sync + Send, T: Send + Clone, R: Send];
    map_init [F, G, T, R] (init: G, f: F) MapInit<I, G, F>,
        [F: Fn(&mut T, I::Item) -> R + Sync + Send, G: Fn() -> T + Sync + Send, R: Send];
    cloned ['a, T] () Cloned<I>, [T: 'a + Clone + Send + Sync, I: ParallelIterator<Item = &'a T>];
    copied ['a, T] () Copied<I>, [T: 'a + Copy + Send + Sync, I: ParallelIterator<Item = &'a T>];
    inspect [F] (f: F) Inspect<I, F>, [F: Fn(&I::Item) + Sync + Send];
    update [F] (f: F) Update<I, F>, [F: Fn(&mut I::Item) + Sync + Send];
    chain [C] (chain: C) Chain<I, C::Iter>, [C: IntoParallelIterator<Item = I::Item>];
    panic_fuse [] () PanicFuse<I>, [];
    intersperse [] (item: I::Item) Intersperse<I>, [I::Item: Clone];
    filter [P] (predicate: P) Filter<I, P>, [P: Fn(&I::Item) -> bool + Sync + Send];
    filter_map [P, R] (f: P) FilterMap<I, P>, [P: Fn(I::Item) -> Option<R> + Sync + Send, R: Send];
    flat_map_iter [F, S] (f: F) FlatMapIter<I, F>,
        [F: Fn(I::Item) -> S + Sync + Send, S: IntoIterator<Item: Send>];
    flatten_iter [] () FlattenIter<I>, [I::Item: IntoIterator<Item: Send>];
    fold [T, G, F] (identity: G, f: F) Fold<I, G, F>,
        [G: Fn() -> T + Sync + Send, F: Fn(T, I::Item) -> T + Sync + Send, T: Send];
    fold_with [F, T] (init: T, f: F) FoldWith<I, T, F>, [F: Fn(T, I::Item) -> T + Sync + Send, T: Send + Clone];
    while_some [T] () WhileSome<I>, [I: ParallelIterator<Item = Option<T>>, T: Send];
    take_any [] (n: usize) TakeAny<I>, [];
    skip_any [] (n: usize) SkipAny<I>, [];
    take_any_while [P] (predicate: P) TakeAnyWhile<I, P>, [P: Fn(&I::Item) -> bool + Sync + Send];
    skip_any_while [P] (predicate: P) SkipAnyWhile<I, P>, [P: Fn(&I::Item) -> bool + Sync + Send];
}

adapters! { IndexedParallelIterator
    by_exponential_blocks [] () ExponentialBlocks<I>, [];
    by_uniform_blocks [] (size: usize) UniformBlocks<I>, [];
    zip [Z] (other: Z) Zip<I, Z::Iter>, [Z: IntoParallelIterator<Iter: IndexedParallelIterator>];
    zip_eq [Z] (other: Z) ZipEq<I, Z::Iter>, [Z: IntoParallelIterator<Iter: IndexedParallelIterator>];
    interleave [Z] (other: Z) Interleave<I, Z::Iter>,
        [Z: IntoParallelIterator<Item = I::Item, Iter: IndexedParallelIterator>];
    interleave_shortest [Z] (other: Z) InterleaveShortest<I, Z::Iter>,
        [Z: IntoParallelIterator<Item = I::Item, Iter: IndexedParallelIterator>];
    chunks [] (size: usize) Chunks<I>, [];
    fold_chunks [T, G, F] (size: usize, identity: G, f: F) FoldChunks<I, G, F>,
        [G: Fn() -> T + Send + Sync, F: Fn(T, I::Item) -> T + Send + Sync, T: Send];
    fold_chunks_with [T, F] (size: usize, init: T, f: F) FoldChunksWith<I, T, F>,
        [T: Send + Clone, F: Fn(T, I::Item) -> T + Send + Sync];
    enumerate [] () Enumerate<I>, [];
    step_by [] (step: usize) StepBy<I>, [];
    take [] (n: usize) Take<I>, [];
    positions [F] (f: F) Positions<I, F>, [F: Fn(I::Item) -> bool + Sync + Send];
    rev [] () Rev<I>, [];
    with_min_len [] (min: usize) MinLen<I>, [];
    with_max_len [] (max: usize) MaxLen<I>, [];
}

/// Adapters that begin an iteration of their own within a piece, whose pieces get the context too.
impl<I: ParallelIterator> Carrying<I> {
    /// As [`IndexedParallelIterator::skip`], in the same context: what is skipped is made by an
    /// iteration of its own.
    pub fn skip(self, n: usize) -> Carrying<Skip<Self>>
    where
        I: IndexedParallelIterator,
    {
        self.within(|this| IndexedParallelIterator::skip(this, n))
    }

    /// As [`ParallelIterator::flat_map`], in the same context.
    pub fn flat_map<F, P>(self, f: F) -> Carrying<FlatMap<Self, F>>
    where
        F: Fn(I::Item) -> P + Sync + Send,
        P: IntoParallelIterator,
    {
        self.within(|this| ParallelIterator::flat_map(this, f))
    }

    /// As [`ParallelIterator::flatten`], in the same context.
    pub fn flatten(self) -> Carrying<Flatten<Self>>
    where
        I::Item: IntoParallelIterator,
    {
        self.within(ParallelIterator::flatten)
    }
}

/// Methods that rayon derives from its own adapters, which would not carry.
impl<I: IndexedParallelIterator> Carrying<I> {
    /// As [`IndexedParallelIterator::position_any`], in the same context.
    pub fn position_any<F: Fn(I::Item) -> bool + Sync + Send>(self, f: F) -> Option<usize> {
        self.map(f).enumerate().find_any(|(_, found)| *found).map(|(at, _)| at)
    }

    /// As [`IndexedParallelIterator::position_first`], in the same context.
    pub fn position_first<F: Fn(I::Item) -> bool + Sync + Send>(self, f: F) -> Option<usize> {
        self.map(f).enumerate().find_first(|(_, found)| *found).map(|(at, _)| at)
    }

    /// As [`IndexedParallelIterator::position_last`], in the same context.
    pub fn position_last<F: Fn(I::Item) -> bool + Sync + Send>(self, f: F) -> Option<usize> {
        self.map(f).enumerate().find_last(|(_, found)| *found).map(|(at, _)| at)
    }
}
