//! tokio's `task_local!`: a key for each value, as its documentation has it; and one key that holds
//! a shared map, as people write it who want to hand over everything at once.

use crate::system::{Ask, Boxed, System, value};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use tokio::task::LocalKey;

macro_rules! keys {
    ($($key:ident)*) => {
        tokio::task_local! { $(static $key: u64;)* }
        static KEYS: &[&LocalKey<u64>] = &[$(&$key),*];
    };
}

keys! {
    K0 K1 K2 K3 K4 K5 K6 K7 K8 K9 K10 K11 K12 K13 K14 K15 K16 K17 K18 K19 K20 K21 K22 K23 K24 K25
    K26 K27 K28 K29 K30 K31 K32 K33 K34 K35 K36 K37 K38 K39 K40 K41 K42 K43 K44 K45 K46 K47 K48 K49
    K50 K51 K52 K53 K54 K55 K56 K57 K58 K59 K60 K61 K62 K63 K64 K65
}

pub struct KeyEach;

/// As many values as anybody hands over here.
type Values = [u64; 10];

fn values(number: usize) -> Values {
    std::array::from_fn(|at| if at < number { KEYS[at].get() } else { 0 })
}

fn rebind<R>(values: &[u64], at: usize, work: impl FnOnce() -> R) -> R {
    let mut work = Some(work);
    let mut result = None;
    fn deeper(values: &[u64], at: usize, work: &mut dyn FnMut()) {
        match values.get(at) {
            Some(value) => KEYS[at].sync_scope(*value, || deeper(values, at + 1, work)),
            None => work(),
        }
    }
    deeper(values, at, &mut || result = work.take().map(|work| work()));
    result.expect("ran")
}

/// Wraps a future in the scopes of the first keys, as nested as users must nest them.
macro_rules! nested {
    ($future:expr, $values:expr;) => { $future };
    ($future:expr, $values:expr; $at:literal $($more:literal)*) => {
        KEYS[$at].scope($values[$at], nested!($future, $values; $($more)*))
    };
}

impl System for KeyEach {
    const NAME: &'static str = "tokio, key each";
    const LEAVES_OUT: &'static str =
        "each key is a thread-local cell of its own; there is no snapshot of all of them";
    type State = ();
    type Snapshot = (usize, Values);

    fn offers(ask: Ask) -> Result<(), &'static str> {
        match ask {
            Ask::Bound(1024..) => Err("nobody writes 1 024 statics and scopes"),
            _ => Ok(()),
        }
    }

    fn begin(work: &mut dyn FnMut(&())) {
        work(&());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        KEYS[N].sync_scope(value, || work(state))
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        KEYS[number].sync_scope(value(number), || work(state));
    }

    #[inline(always)]
    fn read<const N: usize>(_: &()) -> Option<u64> {
        KEYS[N].try_with(|number| *number).ok()
    }

    fn capture(_: &(), number: usize) -> Self::Snapshot {
        (number, values(number))
    }

    fn copy(values: &Self::Snapshot) -> Option<Self::Snapshot> {
        Some(*values)
    }

    fn within<R>((number, values): Self::Snapshot, work: impl FnOnce(&()) -> R) -> R {
        rebind(&values[..number], 0, || work(&()))
    }

    fn wrap<F>(_: &(), number: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let values = values(number);
        match number {
            0 => Box::pin(future),
            1 => Box::pin(nested!(future, values; 0)),
            3 => Box::pin(nested!(future, values; 0 1 2)),
            8 => Box::pin(nested!(future, values; 0 1 2 3 4 5 6 7)),
            10 => Box::pin(nested!(future, values; 0 1 2 3 4 5 6 7 8 9)),
            _ => unreachable!("nobody asks for {number}"),
        }
    }
}

tokio::task_local! { static ALL: Arc<HashMap<usize, u64>>; }

pub struct OneKey;

fn changed(number: usize, value: u64) -> Arc<HashMap<usize, u64>> {
    let mut map = ALL.try_with(|all| HashMap::clone(all)).unwrap_or_default();
    map.insert(number, value);
    Arc::new(map)
}

impl System for OneKey {
    const NAME: &'static str = "tokio, one key with a map";
    const LEAVES_OUT: &'static str =
        "one map in an `Arc`: cheap to pass on, copied whole by each change";
    type State = ();
    type Snapshot = Arc<HashMap<usize, u64>>;

    fn offers(_: Ask) -> Result<(), &'static str> {
        Ok(())
    }

    fn begin(work: &mut dyn FnMut(&())) {
        ALL.sync_scope(Arc::default(), || work(&()));
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        ALL.sync_scope(changed(N, value), || work(state))
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        ALL.sync_scope(changed(number, value(number)), || work(state));
    }

    #[inline(always)]
    fn read<const N: usize>(_: &()) -> Option<u64> {
        ALL.with(|all| all.get(&N).copied())
    }

    fn capture(_: &(), _: usize) -> Self::Snapshot {
        ALL.get()
    }

    fn copy(all: &Self::Snapshot) -> Option<Self::Snapshot> {
        Some(all.clone())
    }

    fn within<R>(all: Self::Snapshot, work: impl FnOnce(&()) -> R) -> R {
        ALL.sync_scope(all, || work(&()))
    }

    fn wrap<F>(_: &(), _: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(ALL.scope(ALL.get(), future))
    }
}
