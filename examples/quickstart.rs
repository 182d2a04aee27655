//! The first program: one request id, seen in a callee, a task and a thread that nobody passed it to.

use stackholm::{ContextExt, Var, thread};
use std::error::Error;
use std::io::{self, Write};

static REQUEST_ID: Var<String> = Var::new("request_id");

fn line(what: &str) -> String {
    REQUEST_ID.with(|id| format!("[{id}] {what}"))
}

async fn serve(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "{}", line("in a callee"))?;
    writeln!(out, "{}", tokio::spawn(async { line("in a task") }.in_current_context()).await?)?;
    let on_a_thread = thread::spawn(|| line("on a thread")).join().expect("the thread ends well");
    Ok(writeln!(out, "{on_a_thread}")?)
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(REQUEST_ID.scope("r-17".into(), serve(out)))?;
    Ok(writeln!(out, "after it: {}", REQUEST_ID.try_get().unwrap_err())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
