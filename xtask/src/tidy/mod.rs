//! `cargo xtask tidy`: rules that a machine can check.

mod layers;
mod sizes;
mod sources;
mod words;

use std::process::Command;

use crate::setup::Need;
use crate::{Failure, places, process, setup};

/// Checks layering, unsafe code, sizes, words, formatting and clippy.
///
/// Layering: layers.toml against the graph of crates. Unsafe code: only in the crates that layers.toml lists. Sizes: functions
/// and files (a function that is a table says so with `// tidy: table`). Words: what must not stand in the sources.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave out rustfmt and clippy
    #[arg(long)]
    quick: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut complaints = own_rules()?;
    if !arguments.quick {
        complaints.extend(tools()?);
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    match complaints.len() {
        0 => {
            println!("tidy");
            Ok(())
        }
        count => Err(Failure::new(format!("{count} complaints"))),
    }
}

/// The checks of our own: a sentence for each offence.
pub(crate) fn own_rules() -> Result<Vec<String>, Failure> {
    let sources = sources::read_all()?;
    let mut complaints = layers::check(&sources)?;
    complaints.extend(sizes::check(&sources));
    complaints.extend(words::check(&sources));
    Ok(complaints)
}

/// Formatting and clippy: a sentence for each that is not content.
pub(crate) fn tools() -> Result<Vec<String>, Failure> {
    setup::ensure(&[Need::Compiler, Need::Lints])?;
    let mut complaints = Vec::new();
    let mut format = Command::new(setup::cargo());
    format.current_dir(places::root()).args(["fmt", "--all", "--check"]);
    if let Err(failure) = process::step("checking the formatting", &mut format) {
        complaints.push(failure.to_string());
    }
    let mut clippy = Command::new(setup::cargo());
    clippy.current_dir(places::root()).args(["clippy", "--all-targets", "--quiet", "--", "-D", "warnings"]);
    if let Err(failure) = process::step("running clippy", &mut clippy) {
        complaints.push(failure.to_string());
    }
    Ok(complaints)
}
