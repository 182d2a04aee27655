//! Checkpoints on a stack that the program holds as a value, as single-threaded code and runtimes
//! do.

use stackholm::Var;
use stackholm::embed::Stack;
use std::error::Error;
use std::io::{self, Write};

static A: Var<u32> = Var::new("a");

/// Has no reference to the stack: it reads the one that is current on its thread.
fn callee() -> String {
    match A.try_get() {
        Ok(a) => format!("a callee sees {a}"),
        Err(missing) => format!("a callee sees that {missing}"),
    }
}

fn program(stack: &mut Stack, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    stack.set(&A, 1)?;
    writeln!(out, "{}", stack.try_get(&A)?)?;
    stack.checkpoint(|stack| {
        writeln!(out, "{}", stack.try_get(&A)?)?;
        stack.set(&A, 2)?;
        writeln!(out, "{}", stack.try_get(&A)?)?;
        writeln!(out, "{}; {}", callee(), stack.run(callee))?;
        Ok::<_, Box<dyn Error>>(())
    })?;
    Ok(writeln!(out, "{}", stack.try_get(&A)?)?)
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut stack = Stack::new();
    stack.checkpoint(|stack| program(stack, out))?;
    Ok(writeln!(out, "{}", stack.try_get(&A).unwrap_err())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
