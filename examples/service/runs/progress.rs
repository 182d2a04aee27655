//! How far a run is: a bar on a terminal, and one line elsewhere.

use super::figures::grouped;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal, Write};

/// Says that a part of the program begins. In a pipe or a file a bar would only be noise.
pub(crate) fn begin(part: &'static str, requests: u64) -> ProgressBar {
    let is_watched = io::stdout().is_terminal() && io::stderr().is_terminal();
    begin_on(&mut io::stderr(), is_watched, part, requests)
}

fn begin_on(
    out: &mut impl Write,
    is_watched: bool,
    part: &'static str,
    requests: u64,
) -> ProgressBar {
    if !is_watched {
        // If the pipe is closed, nobody reads this.
        let _ = writeln!(out, "{part}: at most {} requests ...", grouped(requests));
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{msg}: {bar:30} {human_pos} of {human_len} requests, {eta} to go",
    );
    ProgressBar::new(requests).with_style(style.expect("the template is good")).with_message(part)
}

#[cfg(test)]
mod tests {
    use super::begin_on;

    #[test]
    fn a_pipe_is_told_once_which_part_runs_and_gets_no_bar() {
        let mut out = Vec::new();
        let bar = begin_on(&mut out, false, "Comparing", 6_000);
        bar.inc(3_000);
        bar.finish_and_clear();
        assert!(bar.is_hidden());
        assert_eq!(out, b"Comparing: at most 6 000 requests ...\n");
    }

    #[test]
    fn a_bar_says_which_part_it_is_of() {
        let mut out = Vec::new();
        assert_eq!(begin_on(&mut out, true, "Comparing", 6_000).message(), "Comparing");
        assert_eq!(out, b"");
    }
}
