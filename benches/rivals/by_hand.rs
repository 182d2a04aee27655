//! What people do without a crate for it: `http::Extensions` passed along and cloned, a map in a
//! thread-local, and a struct of arguments.

use crate::system::{Ask, Boxed, System, value};
use http::Extensions;
use stackholm_benches::bound::{MOST, Number};
use stackholm_benches::numbered;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

pub struct Cloned;

fn extend<const N: usize>(extensions: &Extensions) -> Extensions {
    let mut extensions = extensions.clone();
    extensions.insert(Number::<N>(value(N)));
    extensions
}

static EXTEND: [fn(&Extensions) -> Extensions; MOST] = numbered!(extend);

impl System for Cloned {
    const NAME: &'static str = "http::Extensions";
    const LEAVES_OUT: &'static str = "passed by hand through every signature";
    type State = Extensions;
    type Snapshot = Extensions;

    fn offers(_: Ask) -> Result<(), &'static str> {
        Ok(())
    }

    fn begin(work: &mut dyn FnMut(&Extensions)) {
        work(&Extensions::new());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(
        state: &Extensions,
        value: u64,
        work: impl FnOnce(&Extensions) -> R,
    ) -> R {
        let mut extensions = state.clone();
        extensions.insert(Number::<N>(value));
        work(&extensions)
    }

    fn scope_at(state: &Extensions, number: usize, work: &mut dyn FnMut(&Extensions)) {
        work(&EXTEND[number](state));
    }

    #[inline(always)]
    fn read<const N: usize>(state: &Extensions) -> Option<u64> {
        state.get::<Number<N>>().map(|number| number.0)
    }

    fn capture(state: &Extensions, _: usize) -> Extensions {
        state.clone()
    }

    fn copy(extensions: &Extensions) -> Option<Extensions> {
        Some(extensions.clone())
    }

    fn within<R>(extensions: Extensions, work: impl FnOnce(&Extensions) -> R) -> R {
        work(&extensions)
    }

    fn wrap<F>(_: &Extensions, _: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(future)
    }
}

type Map = HashMap<usize, u64>;

thread_local! { static MAP: RefCell<Map> = RefCell::default(); }

pub struct ThreadMap;

/// Puts back what was there.
struct Restore(usize, Option<u64>);

impl Restore {
    fn after(number: usize, value: u64) -> Self {
        Restore(number, MAP.with_borrow_mut(|map| map.insert(number, value)))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        MAP.with_borrow_mut(|map| match self.1 {
            Some(value) => map.insert(self.0, value),
            None => map.remove(&self.0),
        });
    }
}

/// Swaps a map in, and back on the way out.
struct Swapped<'a>(&'a mut Map);

impl<'a> Swapped<'a> {
    fn in_(map: &'a mut Map) -> Self {
        MAP.with_borrow_mut(|current| std::mem::swap(current, map));
        Swapped(map)
    }
}

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        MAP.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}

struct WithMap<F>(Map, Pin<Box<F>>);

impl<F: Future> Future for WithMap<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        let WithMap(map, future) = &mut *self;
        let _swapped = Swapped::in_(map);
        future.as_mut().poll(task)
    }
}

impl System for ThreadMap {
    const NAME: &'static str = "thread-local HashMap";
    const LEAVES_OUT: &'static str = "changes one map in place; handing over copies all of it";
    type State = ();
    type Snapshot = Map;

    fn offers(_: Ask) -> Result<(), &'static str> {
        Ok(())
    }

    fn begin(work: &mut dyn FnMut(&())) {
        // A map that has once been large stays so, and is copied so.
        MAP.take();
        work(&());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        let _restore = Restore::after(N, value);
        work(state)
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        let _restore = Restore::after(number, value(number));
        work(state);
    }

    #[inline(always)]
    fn read<const N: usize>(_: &()) -> Option<u64> {
        MAP.with_borrow(|map| map.get(&N).copied())
    }

    fn capture(_: &(), _: usize) -> Map {
        MAP.with_borrow(Map::clone)
    }

    fn copy(map: &Map) -> Option<Map> {
        Some(map.clone())
    }

    fn within<R>(mut map: Map, work: impl FnOnce(&()) -> R) -> R {
        let _swapped = Swapped::in_(&mut map);
        work(&())
    }

    fn wrap<F>(state: &(), number: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(WithMap(Self::capture(state, number), Box::pin(future)))
    }
}

/// Sixteen arguments in a struct that is passed by reference and copied where one of them changes.
#[derive(Clone, Copy)]
pub struct Arguments([u64; 16]);

pub struct ByHand;

impl System for ByHand {
    const NAME: &'static str = "by hand";
    const LEAVES_OUT: &'static str =
        "sixteen arguments in a struct, passed by hand through every signature";
    type State = Arguments;
    type Snapshot = Arguments;

    fn offers(ask: Ask) -> Result<(), &'static str> {
        match ask {
            Ask::Bound(16..) => Err("nobody writes that many arguments"),
            Ask::Absent => Err("an argument is always there"),
            _ => Ok(()),
        }
    }

    fn begin(work: &mut dyn FnMut(&Arguments)) {
        work(&Arguments([0; 16]));
    }

    #[inline(always)]
    fn scope<const N: usize, R>(
        state: &Arguments,
        value: u64,
        work: impl FnOnce(&Arguments) -> R,
    ) -> R {
        let mut arguments = *black_box(state);
        arguments.0[N % 16] = value;
        work(black_box(&arguments))
    }

    fn scope_at(state: &Arguments, number: usize, work: &mut dyn FnMut(&Arguments)) {
        let mut arguments = *state;
        arguments.0[number] = value(number);
        work(&arguments);
    }

    #[inline(always)]
    fn read<const N: usize>(state: &Arguments) -> Option<u64> {
        Some(state.0[N % 16])
    }

    fn capture(state: &Arguments, _: usize) -> Arguments {
        *state
    }

    fn copy(arguments: &Arguments) -> Option<Arguments> {
        Some(*arguments)
    }

    fn within<R>(arguments: Arguments, work: impl FnOnce(&Arguments) -> R) -> R {
        work(black_box(&arguments))
    }

    fn wrap<F>(_: &Arguments, _: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(future)
    }
}
