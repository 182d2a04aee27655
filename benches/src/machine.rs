//! What a run was made on and with.

use std::process::Command;

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string())
        .unwrap_or_default()
}

/// A remark for the head of a table if others keep the machine busy, to be asked for at the start.
pub fn busy() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
    if load < 0.5 {
        return String::new();
    }
    format!("**The machine was busy (load {load}): the counts hold, the times say little.** ")
}

/// The machine, the day, and the versions of those crates.
pub fn machine(crates: &[&str]) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("?", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let lock = include_str!("../Cargo.lock");
    let version = |name: &&str| {
        let at = lock.find(&format!("name = \"{name}\"\n"))?;
        lock[at..].lines().nth(1)?.split('"').nth(1).map(|version| format!("{name} {version}"))
    };
    let versions: Vec<String> = crates.iter().filter_map(version).collect();
    format!(
        "{model}, {cores} cores, {} {}; {}; {}; {}.",
        std::env::consts::OS,
        std::env::consts::ARCH,
        output("rustc", &["--version"]),
        output("date", &["-u", "+%F"]),
        versions.join(", "),
    )
}
