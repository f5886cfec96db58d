//! A machine in the words of Bochs' configuration file.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::machine::{Boot, Machine};
use crate::process::guarded;
use crate::{Failure, Model};

/// Bochs' own BIOS.
const BIOS: &str = "/usr/share/bochs/BIOS-bochs-latest";
/// OVMF as one file: Bochs has no flash for variables.
const UEFI: &str = "/usr/share/ovmf/OVMF.fd";
/// The BIOS of the graphics card.
const VGA_BIOS: &str = "/usr/share/vgabios/vgabios.bin";
/// Instructions that Bochs takes for a second of the machine. Low, so that waiting for a clock costs little.
const TEST_SPEED: u32 = 10_000_000;
/// The same where a person types: about what a computer can emulate, so that a second is a second.
const INTERACTIVE_SPEED: u32 = 40_000_000;
/// The processor time, in seconds, after which the system ends Bochs should nobody else do so.
const PROCESSOR_SECONDS_MAX: u32 = 3600;

/// What Bochs says at its end if the machine turned itself off.
const POWER_OFF_WORDS: [&str; 2] = ["Shutdown port: shutdown requested", "ACPI control: soft power off"];
/// What stands before Bochs' last words.
const LAST_WORDS_FOLLOW: &str = "Bochs is exiting with the following message:";

/// Who is at the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Audience {
    /// A test: time passes as instructions do, and waiting takes no time.
    Test,
    /// A person: the machine's clock does not run ahead of theirs.
    Person,
}

/// Bochs' command line for a machine whose serial line connects to `port` of this computer. Configuration and log go to `folder`.
pub(crate) fn command(
    machine: &Machine,
    model: Model,
    folder: &Path,
    (port, audience): (u16, Audience),
) -> Result<Command, Failure> {
    let file = folder.join("bochsrc.txt");
    let debugger = folder.join("debugger.txt");
    let log = folder.join("bochs.log");
    let text = configuration(machine, model, &log, (port, audience))?;
    for (path, content) in [(&file, text.as_str()), (&debugger, "continue\n")] {
        std::fs::write(path, content)
            .map_err(|error| Failure::Host(format!("cannot write {}: {error}", path.display())))?;
    }
    let mut command = guarded("bochs", (audience == Audience::Test).then_some(PROCESSOR_SECONDS_MAX));
    command.arg("-q").arg("-f").arg(file).arg("-rc").arg(debugger);
    // It draws the text screen on a terminal of its own, which nobody looks at.
    command.env("TERM", "dumb");
    Ok(command)
}

/// The configuration file. The debug port E9h is on: by it a kernel can know Bochs, and what it gets wrong.
fn configuration(
    machine: &Machine,
    model: Model,
    log: &Path,
    (port, audience): (u16, Audience),
) -> Result<String, Failure> {
    let (firmware, slots, image) = match &machine.boot {
        Boot::BiosCd(image) => (format!("{BIOS}, options=fastboot"), "", image),
        Boot::UefiCd(image) => (format!("{UEFI}, options=none"), ", slot1=pcivga", image),
        other => return Err(Failure::Host(format!("Bochs boots CDs only, not {other:?}"))),
    };
    let (speed, sync) = match audience {
        Audience::Test => (TEST_SPEED, "none"),
        Audience::Person => (INTERACTIVE_SPEED, "slowdown"),
    };
    let memory = machine.memory_mib;
    Ok(format!(
        "config_interface: textconfig\n\
         display_library: term\n\
         romimage: file={firmware}\n\
         vgaromimage: file={VGA_BIOS}\n\
         cpu: model={name}, count={cpus}, ips={speed}, reset_on_triple_fault=0, ignore_bad_msrs={ignored}\n\
         memory: guest={memory}, host={memory}\n\
         pci: enabled=1, chipset=i440fx{slots}\n\
         ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n\
         ata0-master: type=cdrom, path={image}, status=inserted\n\
         boot: cdrom\n\
         clock: sync={sync}, time0=1700000000\n\
         com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}\n\
         port_e9_hack: enabled=1\n\
         speaker: enabled=0\n\
         sound: driver=dummy\n\
         mouse: enabled=0\n\
         log: {log}\n\
         {actions}",
        name = model.bochs_name(),
        cpus = machine.cpus,
        ignored = u32::from(ignores_unknown_msrs(machine, model)),
        image = image.display(),
        log = log.display(),
        actions = actions(machine, model),
    ))
}

/// Whether unknown model-specific registers read as zero instead of raising #GP. OVMF needs it; so does whoever asks AMD's
/// model whether its AMD-V is locked, for it lacks that register (VM_CR). Everything else must do without.
fn ignores_unknown_msrs(machine: &Machine, model: Model) -> bool {
    matches!(machine.boot, Boot::UefiCd(_)) || !model.is_intel()
}

/// What Bochs does with its own messages.
fn actions(machine: &Machine, model: Model) -> String {
    // The text screen has no words for a graphics mode, which is no reason to end.
    let mut text = String::from("panic: action=fatal, term=report\nerror: action=report, bxvga=ignore");
    if !model.is_intel() {
        // An error of AMD's model is each exit for a port.
        for cpu in 0..machine.cpus {
            // Writing to a String cannot fail.
            let _ = write!(text, ", cpu{cpu}=ignore");
        }
    }
    text.push_str("\ninfo: action=ignore\ndebug: action=ignore\n");
    text
}

/// Why Bochs ended, from what it printed; `Ok` if the machine asked for it.
pub(crate) fn judge_end(printed: &str) -> Result<(), String> {
    let words = printed.split_once(LAST_WORDS_FOLLOW).and_then(|(_, rest)| rest.lines().nth(1));
    match words {
        Some(words) if POWER_OFF_WORDS.iter().any(|known| words.contains(known)) => Ok(()),
        Some(words) => Err(format!("Bochs gave up: {}", words.trim())),
        None => Err("Bochs ended without a word".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(machine: &Machine, model: Model) -> String {
        configuration(machine, model, Path::new("/log"), (4711, Audience::Test)).expect("a CD boots")
    }

    #[test]
    fn the_configuration_describes_the_machine() {
        let machine = Machine::new(Boot::BiosCd("/some/image.iso".into())).cpus(4).memory_mib(384);
        let text = text(&machine, Model::Haswell);
        assert!(text.contains("\ncpu: model=corei7_haswell_4770, count=4, ips=10000000, "), "{text}");
        assert!(text.contains("\nmemory: guest=384, host=384\n"), "{text}");
        assert!(text.contains("path=/some/image.iso, status=inserted\n"), "{text}");
        assert!(text.contains("\ncom1: enabled=1, mode=socket-client, dev=127.0.0.1:4711\n"), "{text}");
        assert!(text.contains("\nlog: /log\n"), "{text}");
        assert!(text.lines().all(|line| line.contains(": ") && !line.starts_with(' ')), "{text}");
    }

    #[test]
    fn unknown_msrs_fault_where_the_firmware_and_the_processor_allow_it() {
        let bios = Machine::new(Boot::BiosCd("i".into()));
        let uefi = Machine::new(Boot::UefiCd("i".into()));
        assert!(text(&bios, Model::Arrandale).contains("ignore_bad_msrs=0"));
        assert!(text(&bios, Model::Ryzen).contains("ignore_bad_msrs=1"));
        assert!(text(&uefi, Model::TigerLake).contains("ignore_bad_msrs=1"));
    }

    #[test]
    fn what_bochs_cannot_boot_is_refused() {
        let machine = Machine::new(Boot::UefiProgram("p".into()));
        let refused = configuration(&machine, Model::Haswell, Path::new("l"), (1, Audience::Person));
        assert!(matches!(refused, Err(Failure::Host(_))));
    }

    #[test]
    fn bochs_last_words_tell_a_power_off_from_a_failure() {
        let end = |words: &str| {
            judge_end(&format!(
                "Next at t=0\n====\nBochs is exiting with the following message:\n{words}\n====\n"
            ))
        };
        assert_eq!(end("[ACPI  ] ACPI control: soft power off"), Ok(()));
        assert_eq!(end("[UNMAP ] Shutdown port: shutdown requested"), Ok(()));
        let failure = end("[CPU0  ] exception(): 3rd (14) exception with no resolution");
        assert!(failure.is_err_and(|words| words.contains("3rd (14) exception")));
        assert!(judge_end("").is_err());
    }
}
