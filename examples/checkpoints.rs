//! Values that belong to a block: an inner checkpoint inherits them, changes them for itself, and
//! gives them back.

use stackholm::{Checkpoint, Var};
use std::error::Error;
use std::io::{self, Write};

static A: Var<u32> = Var::new("a");

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let outer = Checkpoint::enter();
    A.set(1)?;
    writeln!(out, "{}", A.get())?;

    let inner = Checkpoint::enter();
    // The bindings of the outer checkpoint are visible here too.
    writeln!(out, "{}", A.get())?;
    A.set(2)?;
    writeln!(out, "{}", A.get())?;
    inner.leave();

    writeln!(out, "{}", A.get())?;
    outer.leave();

    // No checkpoint is left to read from, and none to write to.
    writeln!(out, "{}", A.try_get().unwrap_err())?;
    writeln!(out, "{}", A.set(3).unwrap_err())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
