//! A PC on a processor with VT-x.

use std::time::Duration;

use test_emulator::{Failure, Model};

use crate::story::{LIMIT, Story, World};

/// The longest wait: the kernel unpacks itself, which takes a minute on an idle machine.
const KERNEL_LIMIT: Duration = LIMIT.saturating_mul(2);

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![
        Story::new("a_pc_boots_its_disk_by_bios_on_haswell", |world| boots(world, Model::Haswell)),
        Story::new("a_pc_boots_its_disk_by_bios_on_ryzen", |world| boots(world, Model::Ryzen))
            .only_in_full_runs(),
    ]
}

/// From the firmware through GRUB to Linux, which reads the disk that it came from, and off.
fn boots(world: &World<'_>, model: Model) -> Result<(), Failure> {
    let definition = "when_all_stopped = \"poweroff\"\n[[vm]]\nname = \"pc\"\nmemory = \"256M\"\nfirmware = \"bios\"\n\
         display = \"none\"\nconsole = \"host\"\ndisks = [ { file = \"pc.img\", bus = \"virtio\" } ]\n";
    let mut running = world.start(&world.bochs(definition, model)?)?;

    running.wait_for("SeaBIOS (version", LIMIT)?;
    running.wait_for("Booting from Hard Disk", LIMIT)?;
    running.wait_for("GRUB", LIMIT)?;
    running.wait_for("CORTEN-GUEST up cpus=1", KERNEL_LIMIT)?;
    running.wait_for("CORTEN-GUEST drive vda sectors=", LIMIT)?;
    running.wait_for("read=2097152", LIMIT)?;
    running.wait_for("Type 'poweroff' to end it", LIMIT)?;
    running.wait_for("# ", LIMIT)?;
    running.send("poweroff\r")?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}
