//! Two tasks take turns on one thread; each has a stack of its own and never sees the other's
//! values.

use futures_util::future::join;
use stackholm::{Checkpoint, SetError, Var};
use std::error::Error;
use std::io::{self, Write};
use std::sync::Mutex;
use tokio::task::yield_now;

static STEP: Var<u32> = Var::new("step");

/// Changes the variable, and reads it again after the other task has run.
async fn count(name: &str, from: u32, seen: &Mutex<Vec<String>>) -> Result<(), SetError<u32>> {
    for step in from..from + 3 {
        STEP.set(step)?;
        yield_now().await;
        seen.lock().expect("nobody panics").push(format!("{name} set {step}, sees {}", STEP.get()));
    }
    Ok(())
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let seen = Mutex::default();
    let ones = Checkpoint::wrap(count("ones", 1, &seen));
    let tens = Checkpoint::wrap(count("tens", 10, &seen));

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (ones, tens) = runtime.block_on(join(ones, tens));
    ones.and(tens)?;

    for line in seen.into_inner()? {
        writeln!(out, "{line}")?;
    }
    Ok(writeln!(out, "after both: {}", STEP.try_get().unwrap_err())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
