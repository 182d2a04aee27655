//! The lint configuration for users finds each bare spawn and each guard over an await, and nothing
//! else. In particular it does not complain about the program of the README.

#[path = "common/skipped.rs"]
mod skipped;

use skipped::skipped;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

const CRATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lint-crate");
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

/// A finding: lint and line, in order.
type Finding = (String, usize);

/// What the source says that it offends by.
fn offences(source: &str) -> Vec<Finding> {
    let offence = |(at, line): (usize, &str)| {
        let lint = line.split("// offends: ").nth(1)?.split(' ').next()?;
        Some((lint.to_string(), at + 1))
    };
    source.lines().enumerate().filter_map(offence).collect()
}

/// Whether there is a clippy to ask.
fn has_clippy() -> bool {
    let asked = Command::new(cargo())
        .args(["clippy", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// What clippy says about the crate: the short form, one line for each warning.
fn clippy() -> (bool, String) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lint-crate");
    let out = Command::new(cargo())
        .args([
            "clippy",
            "--lib",
            "--examples",
            "--offline",
            "--quiet",
            "--message-format",
            "short",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(CRATE)
        .env("CLIPPY_CONF_DIR", DOCS)
        .env_remove("RUSTC")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn clippy_finds_each_forgotten_spawn_and_each_guard_over_an_await_and_nothing_else() {
    if !has_clippy() {
        return skipped("there is no clippy here; the lint configuration was NOT tested");
    }
    let source = fs::read_to_string(format!("{CRATE}/src/lib.rs")).unwrap();
    let (ended_well, said) = clippy();
    assert!(ended_well, "{said}");
    let told: Vec<(usize, &str)> = said
        .lines()
        .filter_map(|line| line.strip_prefix("src/lib.rs:")?.split_once(": warning: "))
        .map(|(place, warning)| (place.split(':').next().unwrap().parse().unwrap(), warning))
        .collect();
    assert!(!said.contains("quickstart"), "the program of the README is refused: {said}");
    let lint = |warning: &str| {
        let begins = |words| warning.starts_with(words);
        String::from(match () {
            () if begins("use of a disallowed method") => "disallowed_methods",
            () if begins("named constant with interior mutability") => {
                "declare_interior_mutable_const"
            }
            () => "await_holding_invalid_type",
        })
    };
    let mut found: Vec<Finding> =
        told.iter().map(|(line, warning)| (lint(warning), *line)).collect();
    found.sort_by_key(|(_, line)| *line);
    assert_eq!(found, offences(&source), "{said}");
    for (line, path) in source
        .lines()
        .enumerate()
        .filter_map(|(at, line)| Some((at + 1, line.split("// offends: ").nth(1)?)))
    {
        let Some(path) = path.split(' ').nth(1) else { continue };
        assert!(
            told.iter().any(|(at, warning)| *at == line && warning.contains(path)),
            "line {line}: {path}\n{said}"
        );
    }
}

#[test]
fn every_line_of_the_configuration_has_its_offence() {
    let config = fs::read_to_string(format!("{DOCS}/clippy.toml")).unwrap();
    let source = fs::read_to_string(format!("{CRATE}/src/lib.rs")).unwrap();
    let paths: Vec<_> = config
        .lines()
        .filter_map(|line| line.split("path = \"").nth(1)?.split('"').next())
        .collect();
    assert!(paths.len() > 10);
    for path in paths {
        // One function under two names; clippy tells it by the second.
        let used = path == "tokio::spawn"
            || source.contains(&format!("// offends: disallowed_methods {path}\n"));
        assert!(used || source.contains(&format!("await_holding_invalid_type {path}\n")), "{path}");
    }
}
