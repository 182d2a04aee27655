//! A global that has another value for the extent of a block, on this call stack only.

use stackholm::Var;
use std::error::Error;
use std::io::{self, Write};
use std::thread;

static SOME_GLOBAL: Var<i32> = Var::new("some_global");
static DB: Var<String> = Var::new("db");
/// `None` says that the caller forgot to bind it.
static ROGUE_PARAM: Var<Option<i32>> = Var::with_default("rogue_param", || None);

fn foo() -> i32 {
    bar()
}

fn bar() -> i32 {
    SOME_GLOBAL.get()
}

/// Stands for code of another library, which knows only the variable.
fn query() -> String {
    DB.with(|db| format!("asks {db}"))
}

fn outer() -> Option<i32> {
    ROGUE_PARAM.sync_scope(Some(9), middle)
}

fn middle() -> Option<i32> {
    inner()
}

fn inner() -> Option<i32> {
    ROGUE_PARAM.get().map(|param| param + 1)
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    SOME_GLOBAL.set_global(7);
    let (here, elsewhere) =
        SOME_GLOBAL.sync_scope(8, || (foo(), thread::spawn(foo).join().expect("it ends well")));
    writeln!(out, "inside: {here}, on another thread: {elsewhere}, after: {}", foo())?;

    DB.set_global("postgres://production.example.com".into());
    DB.sync_scope("postgres://archive.example.com".into(), || {
        writeln!(out, "the archive job {}", query())?;
        writeln!(out, "another thread {}", thread::spawn(query).join().expect("it ends well"))
    })?;
    writeln!(out, "everybody after it {}", query())?;

    writeln!(out, "{}", outer().expect("outer gives it"))?;
    writeln!(out, "{:?}", inner())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
