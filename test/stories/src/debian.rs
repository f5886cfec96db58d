//! An installed Debian on PCs: from the firmware to its login prompt, a reboot, and a clean end.

use test_emulator::{Failure, Running};

use crate::monitor::Monitor;
use crate::story::{LIMIT, Report, Story, World};

/// Memory of the machine: the disk with its Debian lies in it, and what the VMs write.
const MACHINE_MEMORY_MIB: u32 = 2048;
/// The buses, and what Linux calls the root partition on them.
const BUSES: [(&str, &str); 4] =
    [("ahci", "sda2"), ("nvme", "nvme0n1p2"), ("virtio", "vda2"), ("ide", "sda2")];

/// A PC with Debian's disk.
struct Pc {
    name: String,
    firmware: &'static str,
    bus: &'static str,
    vcpus: u32,
    root: &'static str,
}

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    let mut stories: Vec<Story> = ["bios", "uefi"]
        .map(|firmware| {
            let claims = pcs(firmware).into_iter().map(|pc| pc.name).collect();
            Story::each(&format!("debian_boots_by_{firmware}"), claims, move |world, claims, report| {
                let pcs: Vec<Pc> = pcs(firmware).into_iter().filter(|pc| claims.contains(&pc.name)).collect();
                each_boots(world, &pcs, report);
            })
            .only_in_full_runs()
        })
        .into();
    stories.push(Story::new("linux_drives_the_network_cards_of_a_pc", network_cards).only_in_full_runs());
    stories
}

fn pcs(firmware: &'static str) -> Vec<Pc> {
    let mut pcs = Vec::new();
    for (bus, root) in BUSES {
        for vcpus in [1, 2] {
            pcs.push(Pc { name: format!("on-{bus}-with-{vcpus}-vcpus"), firmware, bus, vcpus, root });
        }
    }
    pcs
}

impl Pc {
    /// With 256 MiB, GRUB on OVMF has no memory for the kernel, on a bare machine as on ours.
    fn definition(&self) -> String {
        let Self { name, firmware, bus, vcpus, .. } = self;
        format!(
            "[[vm]]\nname = \"{name}\"\nvcpus = {vcpus}\nmemory = \"512M\"\nfirmware = \"{firmware}\"\n\
             display = \"none\"\nstart = false\ndisks = [ {{ file = \"debian.img\", bus = \"{bus}\" }} ]\n"
        )
    }
}

/// One machine holds them all, since the disk is large, and one after the other runs.
fn each_boots(world: &World<'_>, pcs: &[Pc], report: &mut Report<'_>) {
    let definition: String = pcs.iter().map(Pc::definition).collect();
    let started = world
        .direct(&definition)
        .and_then(|machine| world.start(&machine.memory_mib(MACHINE_MEMORY_MIB)))
        .and_then(|mut running| Monitor::wait(&mut running, LIMIT).map(drop).map(|()| running));
    let mut running = match started {
        Ok(running) => running,
        Err(failure) => return report_all(pcs, &failure, report),
    };
    for (number, pc) in pcs.iter().enumerate() {
        let outcome = boots(&mut running, pc);
        let has_failed = outcome.is_err();
        report(&pc.name, outcome);
        let goes_on = !has_failed || give_up(&mut running, pc).is_ok();
        if !goes_on {
            let failure = Failure::Wrong(format!("the machine is lost after {}", pc.name));
            return report_all(pcs.get(number + 1..).unwrap_or_default(), &failure, report);
        }
    }
}

fn report_all(pcs: &[Pc], failure: &Failure, report: &mut Report<'_>) {
    for pc in pcs {
        report(&pc.name, Err(Failure::Wrong(failure.to_string())));
    }
}

/// Ends a PC that did not do what it should. The monitor or the PC's console is on the line.
fn give_up(running: &mut Running, pc: &Pc) -> Result<(), Failure> {
    let mut monitor = Monitor::open(running, LIMIT)?;
    monitor.command(&format!("kill {}", pc.name))?;
    monitor.wait_for_state(&pc.name, "stopped")
}

/// To the login prompt, and again after a reboot, each time with all processors and the root on the right disk; the
/// file system was left clean by the reboot; and off, by command or, where there are more processors, by the power button.
fn boots(running: &mut Running, pc: &Pc) -> Result<(), Failure> {
    running.send(&format!("start {}\r", pc.name))?;
    running.wait_for("corten> ", LIMIT)?;
    running.send(&format!("console {}\r", pc.name))?;
    is_up(running, pc)?;
    running.send("reboot\r")?;
    running.wait_for("reboot: Restarting system", LIMIT)?;
    is_up(running, pc)?;
    if pc.vcpus == 1 {
        running.send("poweroff\r")?;
    } else {
        let mut monitor = Monitor::open(running, LIMIT)?;
        monitor.command(&format!("stop {}", pc.name))?;
        monitor.leave()?;
    }
    running.wait_for("reboot: Power down", LIMIT)?;
    running.wait_for("has ended; this is the monitor", LIMIT)?;
    running.wait_for("corten> ", LIMIT)?;
    Ok(())
}

fn is_up(running: &mut Running, pc: &Pc) -> Result<(), Failure> {
    log_in(running)?;
    running.send("echo \"$(nproc) processors, root on $(findmnt -no SOURCE /)\"\r")?;
    running.wait_for(&format!("{} processors, root on /dev/{}", pc.vcpus, pc.root), LIMIT)?;
    running.send("echo \"$(dmesg | grep -c 'recovery complete') recoveries\"\r")?;
    running.wait_for("0 recoveries", LIMIT)?;
    Ok(())
}

fn log_in(running: &mut Running) -> Result<(), Failure> {
    running.wait_for("guest login: ", LIMIT)?;
    running.send("root\r")?;
    running.wait_for("root@guest:~# ", LIMIT)?;
    Ok(())
}

/// Turns each card on (IFF_UP and what else is usual), and prints its driver, its address and whether it has a link.
const SHOW_CARDS: &str = "echo; for card in /sys/class/net/en*; do echo 0x1003 > $card/flags; \
     driver=$(readlink -f $card/device/driver); printf 'card %s %s %s\\n' ${driver##*/} $(cat $card/address $card/carrier); done; \
     echo the end | tr a-z A-Z";

/// Linux loads the drivers by itself; the addresses are all different; nothing is plugged in.
fn network_cards(world: &World<'_>) -> Result<(), Failure> {
    let definition = "when_all_stopped = \"poweroff\"\n[[vm]]\nname = \"pc\"\nmemory = \"256M\"\nfirmware = \"bios\"\n\
                      display = \"none\"\nconsole = \"host\"\ndisks = [ { file = \"debian.img\" } ]\n\
                      nics = [\"virtio\", \"e1000e\", \"e1000\"]\n";
    let machine = world.direct(definition)?.memory_mib(MACHINE_MEMORY_MIB);
    let mut running = world.start(&machine)?;

    log_in(&mut running)?;
    running.send(&format!("{SHOW_CARDS}\r"))?;
    let printed = running.wait_for("THE END", LIMIT)?;
    let mut cards: Vec<[&str; 4]> = printed
        .lines()
        .filter_map(|line| line.split_whitespace().collect::<Vec<_>>().try_into().ok())
        .filter(|[word, ..]: &[&str; 4]| *word == "card")
        .collect();
    cards.sort_unstable();
    let drivers: Vec<&str> = cards.iter().map(|[_, driver, ..]| *driver).collect();
    let mut addresses: Vec<&str> = cards.iter().map(|[_, _, address, _]| *address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let has_no_link = cards.iter().all(|[.., carrier]| *carrier == "0");
    if drivers != ["e1000", "e1000e", "virtio_net"] || addresses.len() != drivers.len() || !has_no_link {
        return Err(Failure::Wrong(format!("these are not three cards without a link: {printed}")));
    }
    running.send("poweroff\r")?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}
