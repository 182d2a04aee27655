//! A revision tracker: who changed what, and why, without a parameter for it anywhere; sync and
//! async. It works in memory and is short; `crates/stackholm-revision` is one for a real database.

mod model;
mod tracker;

use futures_util::future::join;
use model::{Record, Table};
use stackholm::ContextExt;
use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;
use tokio::task::yield_now;
use tracker::{Block, Journal, Kind, disable, enable, set_actor, set_revision_description};

type Outcome = Result<(), Box<dyn Error>>;

/// One change, found by the system.
fn moderate(table: &Table) {
    Block::new().system().revision_description("Detected by the system.").run(|| {
        let mut comment = Record::new("comment 1");
        comment.set("is_spam", true);
        comment.save(table);
    });
}

/// The actor is chosen inside the block, and may have any type.
fn view(table: &Table, organization: Option<u32>) -> Outcome {
    Block::new().run(|| {
        match organization {
            Some(number) => set_actor(format!("organization {number}"))?,
            None => set_actor("user ada")?,
        }
        let mut post = Record::new("post 1");
        post.set("title", "contexts");
        post.set("owner", "user ada");
        post.save(table);
        Ok(())
    })
}

/// Two actors in one revision: the system corrects what the user sends.
fn collaborate(table: &Table) -> Outcome {
    Block::new().actor("user grace").run(|| {
        set_revision_description("Prices of this week.")?;
        let mut invoice = Record::new("invoice 1");
        invoice.set("amount", 20);
        if invoice.get("local_amount") != "60" {
            let correction =
                Block::new().system().description(Kind::Attribute, "Corrected by the system.");
            correction.run(|| invoice.set("local_amount", 60));
        }
        invoice.save(table);
        Ok(())
    })
}

/// Deletes an account and what belongs to it, each with a reason of its own; then restores both.
fn close_account(table: &Table) {
    Record::new("user ada").save(table);
    Block::new()
        .actor("user ada")
        .description(Kind::Object, "Closed at the owner's request.")
        .description(Kind::Deletion, "The owner's account was closed.")
        .run(|| table.delete("user ada"));
    Block::new().system().revision_description("Rolled back.").run(|| {
        let mut post = table.snapshot("post 1").expect("it was deleted above");
        post.save(table);
    });
}

/// Parts of a block that are not tracked. Outside of any block nothing is tracked either.
fn maintain(table: &Table) -> Outcome {
    let mut counter = Record::new("counter");
    let mut step = |n: u32| {
        counter.set("n", n);
        counter.save(table);
    };
    step(1);
    Block::new().actor("a cron job").run(|| {
        disable()?;
        step(2);
        enable()?;
        step(3);
        Block::new().disabled().run(|| step(4));
        step(5);
        Ok(())
    })
}

/// A task of a user's request: all that awaits in it belongs to the one revision.
async fn edit(table: &Table, title: &'static str) {
    let mut post = table.get("post 1").expect("it is there");
    for title in ["…", title] {
        post.set("title", title);
        yield_now().await;
        post.save(table);
    }
}

pub(crate) fn run(out: &mut impl Write) -> Outcome {
    let (journal, table) = (Arc::<Journal>::default(), Table::default());
    let work = || {
        moderate(&table);
        view(&table, Some(7))?;
        collaborate(&table)?;
        close_account(&table);
        maintain(&table)
    };
    tracker::keeping(&journal, work)?;

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let editing = |actor, title| Block::new().actor(actor).wrap(edit(&table, title));
    let both = join(editing("user ada", "stacks"), editing("user grace", "tries"));
    // The blocks begin where they are polled, and that is no longer inside `keeping`: so they are
    // handed what is visible here.
    runtime.block_on(tracker::keeping(&journal, || both.in_current_context()));

    for revision in journal.revisions() {
        writeln!(out, "{revision}")?;
    }
    Ok(())
}

fn main() -> Outcome {
    run(&mut io::stdout())
}
