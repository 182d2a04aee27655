//! A transaction for each request, in async code: nested blocks are savepoints, other variables can
//! be bound inside, and the transaction never gets into a spawned task.

use futures_util::future::join;
use stackholm::{Missing, Var};
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tokio::task::yield_now;

/// The transaction that the work here is part of. It stays in its task.
static TX: Var<Transaction> = Var::new("transaction").stays_on_stack();

/// What runs here, for the log.
static OPERATION: Var<&str> = Var::with_default("operation", || "-");

struct Transaction {
    id: u32,
    depth: u32,
    log: Log,
}

/// The statements that a database was sent.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn write(&self, id: u32, statement: impl fmt::Display) {
        self.0.lock().expect("nobody panics").push(format!("{id}: {statement}"));
    }
}

#[derive(Debug)]
struct Refused(String);

impl From<Missing> for Refused {
    fn from(missing: Missing) -> Self {
        Refused(missing.to_string())
    }
}

/// Runs `work` in a transaction of its own.
async fn transaction<R>(
    log: &Log,
    id: u32,
    work: impl Future<Output = Result<R, Refused>>,
) -> Result<R, Refused> {
    log.write(id, "BEGIN");
    let done = TX.scope(Transaction { id, depth: 0, log: log.clone() }, work).await;
    log.write(id, if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
    done
}

/// Runs `work` in a savepoint of the transaction that is here.
async fn savepoint<R>(work: impl Future<Output = Result<R, Refused>>) -> Result<R, Refused> {
    let inner =
        TX.try_with(|tx| Transaction { id: tx.id, depth: tx.depth + 1, log: tx.log.clone() })?;
    let (id, depth, log) = (inner.id, inner.depth, inner.log.clone());
    log.write(id, format_args!("SAVEPOINT s{depth}"));
    let done = TX.scope(inner, work).await;
    log.write(
        id,
        format_args!("{} s{depth}", if done.is_ok() { "RELEASE" } else { "ROLLBACK TO" }),
    );
    done
}

/// Sends a statement in the transaction that is bound here.
async fn execute(statement: &str) -> Result<(), Refused> {
    yield_now().await;
    TX.try_with(|tx| tx.log.write(tx.id, format_args!("{statement} ({})", OPERATION.get())))?;
    Ok(())
}

/// A library that binds its own variable around what it awaits, and knows of no transaction.
async fn named<R>(operation: &'static str, work: impl Future<Output = R>) -> R {
    OPERATION.scope(operation, work).await
}

async fn order(item: &'static str, in_stock: bool) -> Result<Option<String>, Refused> {
    execute("INSERT order").await?;
    let reserved = named(
        "reserve",
        savepoint(named("stock", async {
            execute(&format!("UPDATE {item}")).await?;
            if in_stock { Ok(()) } else { Err(Refused(format!("no {item} left"))) }
        })),
    );
    let refused = reserved.await.err().map(|refused| refused.0);
    named("note", execute(if refused.is_none() { "INSERT reservation" } else { "INSERT waiting" }))
        .await?;
    // The mail is sent by a task of its own, which sees the operation but no transaction.
    let mail = named("mail", async { stackholm::tokio::spawn(execute("UPDATE mails")).await });
    let mail = mail.await.expect("it ends").expect_err("it is outside of the transaction").0;
    assert!(mail.contains("its reach does not carry it here"), "{mail}");
    Ok(refused)
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let log = Log::default();
    let both = join(
        transaction(&log, 1, order("lamp", true)),
        transaction(&log, 2, order("chair", false)),
    );
    let (first, second) = runtime.block_on(both);
    let failed = runtime
        .block_on(transaction(&log, 3, async { Err::<(), _>(Refused("changed my mind".into())) }));

    let mut lines = log.0.lock().expect("nobody panics").clone();
    // The two tasks took turns. Sorted, the lines of each are in order.
    lines.sort_by_key(|line| line.chars().next());
    for line in lines {
        writeln!(out, "{line}")?;
    }
    let (first, second) =
        (first.map_err(|refused| refused.0)?, second.map_err(|refused| refused.0)?);
    writeln!(out, "refused: {first:?}, {second:?}, {:?}", failed.map_err(|refused| refused.0))?;
    Ok(writeln!(out, "after all: {}", TX.is_bound())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
