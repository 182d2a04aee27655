//! A binding exists inside a block, and in everything that the block calls; nowhere else.

use stackholm::Var;
use std::error::Error;
use std::io::{self, Write};

mod library {
    use super::{Var, Write, io};

    pub(crate) static X: Var<i32> = Var::new("x");

    pub(crate) fn output(out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "hello world {}", X.get())
    }

    pub(crate) fn main(out: &mut impl Write) -> io::Result<()> {
        X.sync_scope(1, || output(out))
    }
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    library::main(out)?;
    // Another caller of the same function, with a binding of its own.
    library::X.sync_scope(3, || library::output(out))?;
    Ok(writeln!(out, "{}", library::X.try_get().unwrap_err())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
