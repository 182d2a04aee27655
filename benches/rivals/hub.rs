//! sentry's hub: a scope with an extra value; a new hub to hand over. Its client sends nowhere.

use crate::system::{Ask, Boxed, System, value};
use sentry_core::{Client, ClientOptions, Envelope, Hub, SentryFutureExt as _, Transport};
use std::future::Future;
use std::sync::Arc;

struct Nowhere;

impl Transport for Nowhere {
    fn send_envelope(&self, _: Envelope) {}
}

pub struct Sentry;

fn scoped<R>(value: u64, name: &str, work: impl FnOnce() -> R) -> R {
    sentry_core::with_scope(|scope| scope.set_extra(name, value.into()), work)
}

impl System for Sentry {
    const NAME: &'static str = "sentry";
    const LEAVES_OUT: &'static str = "only writes: nothing can be read back";
    type State = ();
    type Snapshot = Arc<Hub>;

    fn prepare() {
        let options =
            ClientOptions::new().dsn("https://public@localhost/1").transport(Arc::new(Nowhere));
        Hub::main().bind_client(Some(Arc::new(Client::from(options))));
        assert!(Hub::with_active(|_| true), "the hub of this thread must be active");
    }

    fn offers(ask: Ask) -> Result<(), &'static str> {
        match ask {
            Ask::Read | Ask::Absent => Err("values cannot be read back"),
            Ask::Share => {
                Err("threads that share a hub panic: \"popped scope guard out of order\"")
            }
            _ => Ok(()),
        }
    }

    fn begin(work: &mut dyn FnMut(&())) {
        work(&());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        scoped(value, NAMES[N % 64], || work(state))
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        scoped(value(number), &format!("n{number}"), || work(state));
    }

    fn read<const N: usize>(_: &()) -> Option<u64> {
        None
    }

    fn capture(_: &(), _: usize) -> Arc<Hub> {
        Arc::new(Hub::new_from_top(Hub::current()))
    }

    fn copy(hub: &Arc<Hub>) -> Option<Arc<Hub>> {
        Some(hub.clone())
    }

    fn within<R>(hub: Arc<Hub>, work: impl FnOnce(&()) -> R) -> R {
        Hub::run(hub, || work(&()))
    }

    fn wrap<F>(state: &(), number: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(future.bind_hub(Self::capture(state, number)))
    }
}

/// Names of one length, so that none is compared faster.
static NAMES: [&str; 64] = ["another"; 64];
