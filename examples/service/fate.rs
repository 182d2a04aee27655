//! What is to become of a request: its client decides, and tells the service in a header.

use super::hop::Hop;
use std::fmt;
use std::str::FromStr;

/// The header that carries it.
pub(crate) const HEADER: &str = "x-fate";

/// How a request is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Answered; every hop looks each time that the request comes by.
    #[default]
    Answer,
    /// Answered; every hop looks once, as a service reads its variables for use and not for proof.
    Measured,
    /// The client goes away while the handler awaits.
    CancelInHandler,
    /// The client goes away while a task that the handler spawned is at work.
    CancelInTask,
    /// The client goes away in the middle of the response body.
    CancelInBody,
    /// The service panics there.
    Panic(Hop),
    /// The service does something wrong on purpose, to see that it is noticed.
    Planted(Fault),
}

/// Something wrong, done on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    /// A task sees the tenant of somebody else.
    Wrong,
    /// A task is spawned bare.
    Lost,
    /// A context is never let go.
    Leak,
}

/// The payload of a panic that was ordered.
#[derive(Debug)]
pub(crate) struct Ordered;

/// Keeps ordered panics quiet; all others are shown as ever.
pub(crate) fn expect_ordered_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.payload().is::<Ordered>() {
                others(panic);
            }
        }));
    });
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Answer => f.write_str("answer"),
            Fate::Measured => f.write_str("measured"),
            Fate::CancelInHandler => f.write_str("cancel-in-handler"),
            Fate::CancelInTask => f.write_str("cancel-in-task"),
            Fate::CancelInBody => f.write_str("cancel-in-body"),
            Fate::Panic(hop) => write!(f, "panic-in-{hop}"),
            Fate::Planted(Fault::Wrong) => f.write_str("plant-wrong"),
            Fate::Planted(Fault::Lost) => f.write_str("plant-lost"),
            Fate::Planted(Fault::Leak) => f.write_str("plant-leak"),
        }
    }
}

impl FromStr for Fate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "answer" => Fate::Answer,
            "measured" => Fate::Measured,
            "cancel-in-handler" => Fate::CancelInHandler,
            "cancel-in-task" => Fate::CancelInTask,
            "cancel-in-body" => Fate::CancelInBody,
            "plant-wrong" => Fate::Planted(Fault::Wrong),
            "plant-lost" => Fate::Planted(Fault::Lost),
            "plant-leak" => Fate::Planted(Fault::Leak),
            other => Fate::Panic(other.strip_prefix("panic-in-").ok_or(())?.parse()?),
        })
    }
}
