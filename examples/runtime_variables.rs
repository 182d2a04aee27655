//! Variables that are made while the program runs: each plugin brings its own, and takes it away
//! again.

use stackholm::{Checkpoint, Context, Var};
use std::error::Error;
use std::io::{self, Write};

struct Plugin {
    name: &'static str,
    setting: Var<String>,
}

impl Plugin {
    fn load(name: &'static str) -> Self {
        Plugin { name, setting: Var::named(format!("{name}.setting")) }
    }

    fn report(&self) -> String {
        match self.setting.try_get() {
            Ok(setting) => format!("{}: {setting}", self.name),
            Err(missing) => format!("{}: {missing}", self.name),
        }
    }
}

fn names() -> Vec<String> {
    Context::current().iter().map(|binding| binding.name().into()).collect()
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let plugins = ["sepia", "blur", "crop"].map(Plugin::load);
    let [sepia, blur, _] = &plugins;

    // How many variables there are is known only now: one checkpoint for all, prepared in a loop.
    let mut settings = Checkpoint::prepare();
    for (plugin, value) in [(sepia, "warm"), (blur, "5 px")] {
        settings = settings.set(&plugin.setting, value.into());
    }
    settings.run(|| {
        for plugin in &plugins {
            writeln!(out, "{}", plugin.report())?;
        }
        writeln!(out, "bound: {}", names().join(", "))
    })?;

    // One name, two variables.
    let other = Plugin::load("sepia");
    sepia.setting.sync_scope("cold".into(), || {
        writeln!(out, "{}", sepia.report())?;
        writeln!(out, "{}", other.report())
    })?;
    Ok(writeln!(out, "bound: {}", names().len())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
