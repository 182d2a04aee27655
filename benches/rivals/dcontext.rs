//! dcontext: string keys, a scope with a `set` inside; `fork` to hand over.

use crate::system::{Ask, Boxed, System, value};
use dcontext::{ContextFutureExt as _, ContextStore, RegistryBuilder};
use stackholm_benches::bound::MOST;
use std::future::Future;
use std::sync::OnceLock;

static KEYS: OnceLock<Vec<&'static str>> = OnceLock::new();

/// A literal where the number is known, as users write it.
const fn key<const N: usize>() -> &'static str {
    const DIGITS: &[u8; 10] = b"0123456789";
    struct Key<const N: usize>;
    impl<const N: usize> Key<N> {
        const BYTES: [u8; 5] = [
            b'k',
            DIGITS[N / 1000 % 10],
            DIGITS[N / 100 % 10],
            DIGITS[N / 10 % 10],
            DIGITS[N % 10],
        ];
        const KEY: &'static str = match std::str::from_utf8(&Self::BYTES) {
            Ok(key) => key,
            Err(_) => unreachable!(),
        };
    }
    Key::<N>::KEY
}

pub struct Dcontext;

impl System for Dcontext {
    const NAME: &'static str = "dcontext";
    const LEAVES_OUT: &'static str = "a future's store is moved in and out whole";
    type State = ();
    type Snapshot = ContextStore;

    fn prepare() {
        let keys: Vec<&'static str> =
            (0..MOST).map(|number| &*format!("k{number:04}").leak()).collect();
        let mut builder = RegistryBuilder::new();
        keys.iter().for_each(|key| builder.register::<u64>(key));
        dcontext::initialize(builder);
        KEYS.set(keys).expect("prepared once");
    }

    fn offers(ask: Ask) -> Result<(), &'static str> {
        match ask {
            Ask::Bound(1024..) => Err("refuses more than 1 024 scopes"),
            Ask::Copy | Ask::Share => Err("a fork cannot be cloned"),
            Ask::Generations => Err("a fork of a fork loses the first one's values"),
            _ => Ok(()),
        }
    }

    fn begin(work: &mut dyn FnMut(&())) {
        work(&());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        let _scope = dcontext::push_scope("s");
        dcontext::set_context_variable(key::<N>(), value);
        work(state)
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        let _scope = dcontext::push_scope("s");
        dcontext::set_context_variable(KEYS.get().expect("prepared")[number], value(number));
        work(state);
    }

    #[inline(always)]
    fn read<const N: usize>(_: &()) -> Option<u64> {
        dcontext::get_context_variable(key::<N>())
    }

    fn capture(_: &(), _: usize) -> ContextStore {
        dcontext::fork()
    }

    fn within<R>(store: ContextStore, work: impl FnOnce(&()) -> R) -> R {
        let _attached = dcontext::attach_store(store);
        work(&())
    }

    fn wrap<F>(_: &(), _: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(future.fork())
    }
}
