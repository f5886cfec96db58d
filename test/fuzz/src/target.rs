//! The list of targets.

use crate::targets::{
    acpi, bundle, chipset, console, device_restore, disks, display, elf_program, kernel_file, keyboard,
    loader_tables, machine, messages, nics, pci, registers, snapshot, symbols, syscall, system_manifest,
    terminal, usb, virtio_devices, virtio_function, virtqueue, vm_file, x86_decode, x86_emulate,
};

/// A fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and the name of its folder in `corpus/`.
    pub name: &'static str,
    /// Feeds it. Panics where a promise is broken.
    pub run: fn(&[u8]),
    /// Words that mutations may put in.
    pub words: &'static [&'static [u8]],
    /// Mutations in one run of the tests, chosen so that a target takes less than a second.
    pub test_mutations: u64,
}

const fn target(name: &'static str, run: fn(&[u8]), test_mutations: u64) -> Target {
    Target { name, run, words: &[], test_mutations }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { words: acpi::WORDS, ..target("acpi", acpi::run, 2_000) },
    target("bundle", bundle::run, 4_000),
    target("chipset", chipset::run, 400),
    Target { words: console::WORDS, ..target("console", console::run, 2_000) },
    target("device_restore", device_restore::run, 1_000),
    target("disks", disks::run, 300),
    target("display", display::run, 500),
    target("elf_program", elf_program::run, 20_000),
    target("kernel_file", kernel_file::run, 4_000),
    target("keyboard", keyboard::run, 10_000),
    target("loader_tables", loader_tables::run, 4_000),
    target("machine", machine::run, 1_000),
    target("messages", messages::run, 4_000),
    target("nics", nics::run, 300),
    target("pci", pci::run, 1_000),
    target("registers", registers::run, 1_000),
    target("snapshot", snapshot::run, 4_000),
    target("symbols", symbols::run, 10_000),
    target("syscall", syscall::run, 30),
    Target { words: system_manifest::WORDS, ..target("system_manifest", system_manifest::run, 2_000) },
    Target { words: terminal::WORDS, ..target("terminal", terminal::run, 4_000) },
    target("usb", usb::run, 500),
    target("virtio_devices", virtio_devices::run, 1_000),
    target("virtio_function", virtio_function::run, 1_000),
    target("virtqueue", virtqueue::run, 2_000),
    Target { words: vm_file::WORDS, ..target("vm_file", vm_file::run, 2_000) },
    target("x86_decode", x86_decode::run, 20_000),
    target("x86_emulate", x86_emulate::run, 4_000),
];

impl Target {
    /// The target of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}
