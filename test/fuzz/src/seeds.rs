//! The corpus' seeds, made with the writers that ship.

mod boot;
mod calls;
mod devices;
mod text;

/// One file of a corpus.
pub struct Seed {
    /// Its name.
    pub name: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Seed> {
    match target {
        "acpi" => boot::acpi(),
        "bundle" => boot::bundle(),
        "chipset" => devices::chipset(),
        "console" => text::console(),
        "device_restore" => devices::device_restore(),
        "disks" => devices::disks(),
        "display" => devices::display(),
        "elf_program" => boot::elf_program(),
        "kernel_file" => boot::kernel_file(),
        "keyboard" => text::keyboard(),
        "loader_tables" => boot::loader_tables(),
        "machine" => devices::machine(),
        "messages" => text::messages(),
        "nics" => devices::nics(),
        "pci" => devices::pci(),
        "registers" => devices::registers(),
        "snapshot" => devices::snapshot(),
        "symbols" => boot::symbols(),
        "syscall" => calls::syscall(),
        "system_manifest" => text::system_manifest(),
        "terminal" => text::terminal(),
        "usb" => devices::usb(),
        "virtio_devices" => devices::virtio_devices(),
        "virtio_function" => devices::virtio_function(),
        "virtqueue" => devices::virtqueue(),
        "vm_file" => text::vm_file(),
        "x86_decode" => devices::x86_decode(),
        "x86_emulate" => devices::x86_emulate(),
        _ => Vec::new(),
    }
}

fn seed(name: &'static str, bytes: impl Into<Vec<u8>>) -> Seed {
    Seed { name, bytes: bytes.into() }
}

/// A seed with choices before the foreign bytes.
fn behind(name: &'static str, choices: &[u8], bytes: &[u8]) -> Seed {
    Seed { name, bytes: [choices, bytes].concat() }
}
