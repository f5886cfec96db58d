//! VM definition files.

use management_config::{
    BootDefinition, COMMAND_LINE_BYTES_MAX, ConfigError, ConsoleKind, DISKS_MAX, FILE_NAME_BYTES_MAX,
    MEMORY_BYTES_MAX, MEMORY_BYTES_MIN, NAME_BYTES_MAX, Shares, VCPUS_MAX, VMS_MAX, VmDefinition, VmFile,
    WEIGHT_MAX,
};
use std::collections::BTreeSet;

/// What such files are made of.
pub const WORDS: &[&[u8]] = &[
    b"[[vm]]\n",
    b"name = \"a\"\n",
    b"vcpus = 64\n",
    b"memory = \"4T\"\n",
    b"kernel = \"k\"\n",
    b"initrd = \"i\"\n",
    b"cmdline = \"\\u0000\"\n",
    b"disks = [ { file = \"d\", read_only = true } ]\n",
    b"disks = [ { file = \"d\", bus = \"nvme\" } ]\n",
    b"firmware = \"uefi\"\n",
    b"firmware = \"bios\"\n",
    b"platform = \"pc\"\n",
    b"cdrom = \"c\"\n",
    b"boot = [\"cdrom\", \"disk\"]\n",
    b"nics = [\"e1000e\"]\n",
    b"[[vm.disks]]\nfile = \"d\"\n",
    b"console = \"host\"\n",
    b"restart = \"on-failure\"\n",
    b"start = false\n",
    b"weight = 0x10\n",
    b"cap = 6400\n",
    b"reservation = 6_400\n",
    b"cpus = [0, 63]\n",
    b"when_all_stopped = \"poweroff\"\n",
    b"'''",
    b"\"\"\"",
    b"[a.b.\"c\"]\n",
    b"\xEF\xBB\xBF",
    b"\xC3\xA9",
    b"99999999999999999999",
    b"-1",
    b"1e3",
    b"1979-05-27T07:32:00Z",
];

/// Reads the bytes as a VM definition file.
pub fn run(data: &[u8]) {
    match VmFile::parse_bytes(data) {
        Ok(file) => check(&file),
        Err(error) => check_error(&error, data),
    }
}

/// Everything that having a [`VmFile`] proves.
fn check(file: &VmFile) {
    assert!(file.vms.len() <= VMS_MAX);
    let names: BTreeSet<&str> = file.vms.iter().map(|vm| vm.name.as_str()).collect();
    assert_eq!(names.len(), file.vms.len(), "two VMs of one name");
    let hosts = file.vms.iter().filter(|vm| vm.console == ConsoleKind::Host).count();
    assert!(hosts <= 1, "two VMs have the serial line");
    file.vms.iter().for_each(check_vm);
    let files: BTreeSet<&str> = file.files().iter().map(|file| file.as_str()).collect();
    assert_eq!(files.len(), file.files().len(), "a file is listed twice");
    assert!(file.vms.iter().flat_map(VmDefinition::files).all(|name| files.contains(name.as_str())));
}

fn check_vm(vm: &VmDefinition) {
    assert!(
        (1..=NAME_BYTES_MAX).contains(&vm.name.len()) && vm.name.bytes().all(|byte| byte.is_ascii_graphic())
    );
    assert!((1..=VCPUS_MAX).contains(&u64::from(vm.vcpus)));
    assert!((MEMORY_BYTES_MIN..=MEMORY_BYTES_MAX).contains(&vm.memory_bytes));
    assert!(vm.memory_bytes.is_multiple_of(base_units::PAGE_BYTES));
    if let BootDefinition::Kernel(kernel) = &vm.boot {
        let line = &kernel.command_line;
        assert!(line.len() <= COMMAND_LINE_BYTES_MAX && !line.chars().any(char::is_control));
        assert!(vm.disks.iter().all(|disk| disk.bus == vmm_protocol::DiskBus::Virtio));
    }
    assert!(vm.disks.len() <= DISKS_MAX);
    for file in vm.files() {
        assert!((1..=FILE_NAME_BYTES_MAX).contains(&file.as_str().len()));
        assert!(!file.as_str().chars().any(char::is_control));
    }
    check_shares(&vm.shares);
}

/// What is promised of [`Shares`].
pub(crate) fn check_shares(shares: &Shares) {
    assert!((1..=WEIGHT_MAX).contains(&u64::from(shares.weight)));
    assert!(shares.cap_milli == 0 || shares.reservation_milli <= shares.cap_milli);
    assert!(shares.cpu_mask != Some(0), "a VM without processors");
}

/// An error has words for a person, on one line, and a place that exists.
pub(crate) fn check_error(error: &ConfigError, data: &[u8]) {
    let words = error.to_string();
    assert!(!words.is_empty(), "an error without words");
    assert!(!words.chars().any(char::is_control), "an error that breaks the terminal: {words:?}");
    let Some(place) = error.place else { return };
    let text = String::from_utf8_lossy(data);
    let lines = text.split('\n').count();
    assert!((1..=lines).contains(&(place.line as usize)), "{place} of {lines} lines");
    let line = text.split('\n').nth(place.line as usize - 1).unwrap_or_default();
    let columns = line.chars().count() + 1;
    assert!((1..=columns).contains(&(place.column as usize)), "{place} of {columns} columns");
}
