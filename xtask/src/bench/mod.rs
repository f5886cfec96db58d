//! `cargo xtask bench`: counts instructions on an emulated machine, beside the peers' figures.

mod corten;
mod figures;
mod guests;
mod machines;
mod monitor;
mod output;
mod pc;

use crate::build::System;
use crate::setup::Need;
use crate::{Failure, places, setup};

use corten::Scope;
pub(crate) use guests::build_guests;
use machines::Lane;

/// Counts what Corten costs, in instructions on an emulated AMD machine and an emulated Intel machine.
///
/// The emulators' clocks count instructions (a world switch is one, or none), so figures are the same in every run. The same
/// guests run bare and under Corten; the peers' figures (KVM and Xen on the AMD machine) are constants of this
/// program. Prints a table of ours on both machines, bare, the best peer and the goal, of which VT-x may take a quarter more, and the
/// exits by reason.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// Leave out what takes longest: Linux, firmware and the many idle machines
    #[arg(long)]
    quick: bool,
    /// Measure only what is about PCs: their firmware, and idle ones
    #[arg(long, conflicts_with = "quick")]
    pcs: bool,
    /// Measure one machine only
    #[arg(long, value_enum, value_name = "MACHINE")]
    only: Option<machines::Lane>,
    /// Measure the bare machine only, which needs no build
    #[arg(long)]
    bare: bool,
}

impl Arguments {
    fn scope(&self) -> Scope {
        match (self.quick, self.pcs) {
            (true, _) => Scope::Quick,
            (false, true) => Scope::Pcs,
            (false, false) => Scope::All,
        }
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    setup::ensure(&[Need::Compiler, Need::Qemu, Need::Bochs, Need::IsoTools, Need::Busybox])?;
    setup::ensure(&[Need::Firmware, Need::GuestFirmware])?;
    let system = if arguments.bare { None } else { Some(System::build()?) };
    let folder = places::folder("bench")?;
    build_guests(&folder)?;
    guests::build_ram_disk(&folder)?;
    guests::build_pc_disks(&folder)?;
    let report = corten::measure(&corten::Plan {
        system: system.as_ref(),
        folder: &folder,
        scope: arguments.scope(),
        lanes: arguments.only.as_ref().map_or(&[Lane::Svm, Lane::Vmx], std::slice::from_ref),
    })?;
    if arguments.json {
        println!("{}", output::json(&report));
    } else {
        println!("{}", output::table(&report));
    }
    Ok(())
}
