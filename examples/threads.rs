//! Each thread has a stack of its own: plain ones start empty, ours start with what is visible at
//! the call.

use stackholm::{Checkpoint, Context, Var, thread};
use std::error::Error;
use std::io::{self, Write};

static USER: Var<String> = Var::with_default("user", || "nobody".into());

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let _block = Checkpoint::enter();
    USER.set("ada".into())?;

    let plain = std::thread::spawn(|| USER.get()).join().expect("it ends well");
    writeln!(out, "a plain thread: {plain}")?;

    let carried = thread::spawn(|| USER.get()).join().expect("it ends well");
    writeln!(out, "a thread that carries: {carried}")?;

    // The scoped ones borrow, and each carries what is visible where it is spawned.
    let names = thread::scope(|scope| {
        let workers = ["grace", "edsger"]
            .map(|name| USER.sync_scope(name.into(), || scope.spawn(|| USER.get())));
        workers.map(|worker| worker.join().expect("it ends well")).join(" and ")
    });
    writeln!(out, "two at once: {names}")?;

    // What a thread sets stays there.
    let theirs = thread::spawn(|| USER.set("mallory".into()).map(|()| USER.get()))
        .join()
        .expect("it ends well");
    writeln!(out, "a thread changed its own: {}, here still: {}", theirs?, USER.get())?;

    // For a pool of another crate: capture a context and wrap the job.
    let job = Context::current().wrap(|| USER.get());
    let pooled = std::thread::spawn(job).join().expect("it ends well");
    writeln!(out, "a wrapped job: {pooled}")?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
