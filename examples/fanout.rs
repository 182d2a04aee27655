//! A CPU-bound job on rayon from async handlers: each request binds its tenant, each item of it a
//! name, and the thread that computes a price, whichever it is, reads both.

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use stackholm::rayon::{ParallelIteratorExt, join, spawn};
use stackholm::{Context, Scope, Var};
use std::error::Error;
use std::io::{self, Write};
use tokio::sync::oneshot;

static TENANT: Var<String> = Var::new("tenant");
static DISCOUNT: Var<u64> = Var::with_default("discount", || 0);
static ITEM: Var<u64> = Var::new("item");

/// Work that takes a while and knows nothing of requests.
fn grind(rounds: u64) -> u64 {
    (0..rounds * 50).fold(7, |sum: u64, round| (sum ^ round).wrapping_mul(0x9E37_79B9) % 1009)
}

/// Two halves of the work, perhaps on two threads. Both read what was bound for this item.
fn price() -> u64 {
    let half = || ITEM.with(|item| grind(*item)) * (100 - DISCOUNT.get());
    let (left, right) = join(half, half);
    left + right + TENANT.with(|tenant| tenant.len() as u64)
}

/// What [`price`] must return, computed with everything passed as arguments.
fn price_by_hand(tenant: &str, discount: u64, item: u64) -> u64 {
    2 * grind(item) * (100 - discount) + tenant.len() as u64
}

/// All prices of one request, each computed where rayon has a thread to spare.
fn prices(items: &[u64]) -> Vec<u64> {
    items.par_iter().carrying().map(|item| ITEM.sync_scope(*item, price)).collect()
}

/// The handler awaits; the workers of the runtime do not compute.
async fn handle(items: Vec<u64>) -> Result<Vec<u64>, oneshot::error::RecvError> {
    let (send, receive) = oneshot::channel();
    spawn(move || {
        // If the request was cancelled, nobody receives this.
        let _ = send.send(prices(&items));
    });
    receive.await
}

/// Takes in one request after the other, answers all of them at once, and checks each answer.
async fn serve(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let tenants = ["acme", "globex", "initech", "umbrella"];
    let request = |at: usize| {
        (tenants[at % 4], (at as u64 * 7) % 50, (0..60 + at as u64).collect::<Vec<_>>())
    };
    let tasks: Vec<_> = (0..32)
        .map(|at| {
            let (tenant, discount, items) = request(at);
            tokio::spawn(
                Scope::new()
                    .set(&TENANT, tenant.into())
                    .set(&DISCOUNT, discount)
                    .wrap(handle(items)),
            )
        })
        .collect();

    let (mut computed, mut wrong) = (0, 0);
    for (at, task) in tasks.into_iter().enumerate() {
        let (tenant, discount, items) = request(at);
        for (item, price) in items.iter().zip(task.await??) {
            computed += 1;
            wrong += usize::from(price != price_by_hand(tenant, discount, *item));
        }
    }
    writeln!(out, "{computed} prices for 32 requests, {wrong} wrong")?;

    // A job that nobody waits for ends in its own context, and keeps nothing. The broadcast below
    // is bare: it would see the stack of a worker that still waits inside a job.
    let (tell, told) = oneshot::channel();
    TENANT.sync_scope("gone".into(), || {
        spawn(move || {
            drop(prices(&[1, 2, 3]));
            tell.send(()).expect("somebody waits for this one");
        });
    });
    told.await?;
    let left = rayon::broadcast(|_| !Context::current().is_empty())
        .into_iter()
        .filter(|left| *left)
        .count();
    writeln!(out, "{left} workers with something left on them")?;
    if wrong + left > 0 {
        Err(format!("{wrong} wrong prices, {left} workers with something left on them").into())
    } else {
        Ok(())
    }
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    runtime.block_on(serve(out))
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
