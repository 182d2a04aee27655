//! The back as a process of its own: started, asked what it found, or killed.
//!
//! It prints its addresses to its standard output and ends when its standard input ends. So it
//! never outlives the front.

use super::back::{Addresses, Back};
use super::ledger::Totals;
use super::spoil::WireFault;
use clap::ValueEnum;
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A back, wherever it is.
#[derive(Debug)]
pub(crate) enum Running {
    Process {
        child: Child,
        says: BufReader<ChildStdout>,
        addresses: Addresses,
    },
    /// In this process, as tests have it.
    Here(Back),
}

/// Where backs are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Process,
    Here,
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("the back {what}"))
}

impl Running {
    pub(crate) fn start(place: Where, seed: u64, fault: Option<WireFault>) -> io::Result<Self> {
        if place == Where::Here {
            return Back::start(seed, fault).map(Running::Here);
        }
        let mut command = Command::new(env::current_exe()?);
        command.args(["--back", "--seed", &seed.to_string()]);
        if let Some(fault) = fault.and_then(|fault| fault.to_possible_value()) {
            command.args(["--plant-wire-fault", fault.get_name()]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut says = BufReader::new(child.stdout.take().ok_or_else(|| broken("says nothing"))?);
        let mut line = String::new();
        says.read_line(&mut line)?;
        let addresses: Vec<_> = line.split_whitespace().flat_map(str::parse).collect();
        let addresses = addresses.try_into().map_err(|_| broken("says no addresses"))?;
        Ok(Running::Process { child, says, addresses })
    }

    pub(crate) fn addresses(&self) -> Addresses {
        match self {
            Running::Process { addresses, .. } => *addresses,
            Running::Here(back) => back.addresses,
        }
    }

    /// Shuts it down, and says what it found.
    pub(crate) fn end(self) -> io::Result<Totals> {
        let Running::Process { mut child, mut says, .. } = self else {
            let Running::Here(back) = self else { unreachable!("the other one") };
            return Ok(back.end());
        };
        drop(child.stdin.take());
        let mut text = String::new();
        says.read_to_string(&mut text)?;
        let is_well = child.wait()?.success();
        let totals = Totals::from_text(&text).filter(|_| is_well);
        totals.ok_or_else(|| broken("did not say what it found"))
    }

    /// Kills it: what it found is lost.
    pub(crate) fn kill(self) -> io::Result<()> {
        match self {
            Running::Process { mut child, .. } => {
                child.kill()?;
                child.wait().map(drop)
            }
            Running::Here(back) => {
                drop(back);
                Ok(())
            }
        }
    }
}

/// What the process does.
pub(crate) fn be_the_back(seed: u64, fault: Option<WireFault>) -> io::Result<()> {
    let back = Back::start(seed, fault)?;
    let [http, grpc, garbage] = back.addresses;
    println!("{http} {grpc} {garbage}");
    io::stdout().flush()?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    println!("{}", back.end().to_text());
    io::stdout().flush()
}
