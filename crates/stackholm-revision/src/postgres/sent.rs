//! What is sent to the server, and how one thing right behind another.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

/// A statement: its text, or one that the program prepared.
///
/// Texts are prepared by the connection when they are first seen, and kept.
#[derive(Clone, Copy)]
pub struct Sql<'s>(pub(super) Given<'s>);

#[derive(Clone, Copy)]
pub(super) enum Given<'s> {
    Text(&'s str),
    Prepared(&'s Statement),
}

impl<'s> From<&'s str> for Sql<'s> {
    fn from(text: &'s str) -> Self {
        Sql(Given::Text(text))
    }
}

impl<'s> From<&'s String> for Sql<'s> {
    fn from(text: &'s String) -> Self {
        Sql(Given::Text(text))
    }
}

impl<'s> From<&'s Statement> for Sql<'s> {
    fn from(statement: &'s Statement) -> Self {
        Sql(Given::Prepared(statement))
    }
}

impl fmt::Debug for Sql<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sql")
    }
}

/// The parameters of a statement.
pub type Params<'p> = &'p [&'p (dyn ToSql + Sync)];

/// Both futures, polled in this order each time: so what they send is sent in this order, one right
/// after the other.
pub(super) async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut first, mut second) = (None, None);
    poll_fn(move |context| {
        if first.is_none()
            && let Poll::Ready(done) = a.as_mut().poll(context)
        {
            first = Some(done);
        }
        if second.is_none()
            && let Poll::Ready(done) = b.as_mut().poll(context)
        {
            second = Some(done);
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (first, second) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// Sends statements and does not wait for them: a future of the client sends when it is polled for
/// the first time, and what it sent is executed whether or not it is polled again.
pub(super) fn queue(client: &Client, sql: &str) {
    let sent = pin!(client.batch_execute(sql));
    let _ = sent.poll(&mut Context::from_waker(Waker::noop()));
}
