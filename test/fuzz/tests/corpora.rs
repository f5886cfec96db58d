//! Replays every corpus, then mutations of it: the same bytes in every run.

use test_fuzz::{Campaign, TARGETS, Target};

/// Where the mutations of the tests begin; the program `fuzz` goes elsewhere.
const SEED: u64 = 0xC0_47E4;

fn holds(name: &str) {
    let Some(target) = Target::find(name) else { panic!("there is no target {name}") };
    let campaign = Campaign::new(target);
    assert!(!campaign.corpus().is_empty(), "{name} has no corpus");
    let outcome = campaign.replay().and_then(|()| campaign.mutate(SEED, target.test_mutations));
    if let Err(finding) = outcome {
        panic!("{}", finding.report(name));
    }
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                holds(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_tested() {
            let tested = [$(stringify!($name)),*];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(tested.as_slice(), all);
        }
    };
}

targets!(
    acpi,
    bundle,
    chipset,
    console,
    device_restore,
    disks,
    display,
    elf_program,
    kernel_file,
    keyboard,
    loader_tables,
    machine,
    messages,
    nics,
    pci,
    registers,
    snapshot,
    symbols,
    syscall,
    system_manifest,
    terminal,
    usb,
    virtio_devices,
    virtio_function,
    virtqueue,
    vm_file,
    x86_decode,
    x86_emulate,
);
