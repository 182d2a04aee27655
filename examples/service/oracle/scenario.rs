//! What is to become of a request: its client decides, and tells the service in a header.

use super::hop::Hop;
use std::fmt;
use std::str::FromStr;

/// The header that carries it.
pub(crate) const HEADER: &str = "x-scenario";

/// How a request is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Answered, when it has come through every boundary.
    #[default]
    Answer,
    /// Answered; every hop reads the variables once, as an ordinary service would.
    Measured,
    /// The client disconnects when the request is there.
    Cancel(Hop),
    /// The service panics there.
    Panic(Hop),
    /// The service does something wrong on purpose, to see that it is noticed.
    Planted(Planted),
}

/// Something wrong, done on purpose at one hop: `lost-at-rayon-join`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planted {
    pub(crate) fault: Fault,
    pub(crate) at: Hop,
}

/// Something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The hop sees the tenant of somebody else.
    Wrong,
    /// Nothing is handed over, as by a forgotten spawn. Where nothing should be seen, something is.
    Lost,
    /// A context is never dropped.
    Leak,
}

impl Fault {
    pub(crate) const ALL: [Fault; 3] = [Fault::Wrong, Fault::Lost, Fault::Leak];
}

/// The payload of a panic that was ordered.
#[derive(Debug)]
pub(crate) struct Ordered;

/// Hides the messages of ordered panics. All others are printed as usual.
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Wrong => "wrong",
            Fault::Lost => "lost",
            Fault::Leak => "leak",
        })
    }
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-at-{}", self.fault, self.at)
    }
}

impl FromStr for Planted {
    type Err = String;

    /// Without a place the fault is planted at the task.
    fn from_str(text: &str) -> Result<Self, String> {
        let (fault, at) = text.split_once("-at-").unwrap_or((text, Hop::Task.name()));
        let fault = Fault::ALL.into_iter().find(|known| known.to_string() == fault);
        fault.zip(at.parse().ok()).map(|(fault, at)| Planted { fault, at }).ok_or_else(|| {
            let hops = Hop::ALL.map(Hop::name).join(", ");
            format!("it is wrong, lost or leak, and then -at- and one of {hops}")
        })
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scenario::Answer => f.write_str("answer"),
            Scenario::Measured => f.write_str("measured"),
            Scenario::Cancel(hop) => write!(f, "cancel-in-{hop}"),
            Scenario::Panic(hop) => write!(f, "panic-in-{hop}"),
            Scenario::Planted(planted) => write!(f, "plant-{planted}"),
        }
    }
}

impl FromStr for Scenario {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let after = |start| text.strip_prefix(start);
        if let Some(hop) = after("cancel-in-") {
            return hop.parse().map(Scenario::Cancel);
        }
        if let Some(hop) = after("panic-in-") {
            return hop.parse().map(Scenario::Panic);
        }
        if let Some(planted) = after("plant-") {
            return planted.parse().map(Scenario::Planted).map_err(drop);
        }
        match text {
            "answer" => Ok(Scenario::Answer),
            "measured" => Ok(Scenario::Measured),
            _ => Err(()),
        }
    }
}
