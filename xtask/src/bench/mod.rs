//! `cargo xtask bench`: counts instructions on an emulated machine, beside the peers' figures.

mod corten;
mod figures;
mod guests;
mod machines;
mod monitor;
mod output;

use crate::build::System;
use crate::setup::Need;
use crate::{Failure, places, setup};

pub(crate) use guests::build_guests;

/// Counts what Corten costs, in instructions on an emulated AMD machine.
///
/// The emulator's clock counts instructions, so figures are the same in every run. The same guests run bare and
/// under Corten; the peers' figures (KVM and Xen on the same machine) are constants of this program. Prints a table of ours, bare,
/// the best peer and the goal, and the exits by reason.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// Leave out what takes longest: Linux and the many idle machines
    #[arg(long)]
    quick: bool,
    /// Measure the bare machine only, which needs no build
    #[arg(long)]
    bare: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    setup::ensure(&[Need::Compiler, Need::Qemu, Need::Busybox])?;
    let system = if arguments.bare { None } else { Some(System::build()?) };
    let folder = places::folder("bench")?;
    build_guests(&folder)?;
    guests::build_ram_disk(&folder)?;
    let report = corten::measure(system.as_ref(), &folder, arguments.quick)?;
    if arguments.json {
        println!("{}", output::json(&report));
    } else {
        println!("{}", output::table(&report));
    }
    Ok(())
}
