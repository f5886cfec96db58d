//! A seed that is refused at its first byte is worth nothing: those of the corpus must be taken.

use base_units::Gpa;
use console_terminal::Terminal;
use kernel_arch::{
    acpi,
    boot::{empty_info, multiboot2, pvh},
    physical::Physical,
};
use loader_bundle::{Bundle, symbols::Symbols};
use management_config::{SystemManifest, VmFile};
use spec::elf::Program;
use std::fs;
use test_fuzz::{
    Input,
    board::{Board, Choice, Event},
    campaign::corpus_folder,
    pair::Restorable,
    targets::{acpi::START as TABLES, loader_tables::START as LOADER},
};
use vmm_firmware::{BootRequest, FileBytes, FirmwareError, place};
use vmm_machine::MemoryMap;
use vmm_snapshot::Snapshot;
use vmm_x86emu::{Mode, decode};

/// The bytes of a seed behind its choices.
fn seed(target: &str, name: &str, choices: usize) -> Vec<u8> {
    let path = corpus_folder().join(target).join(name);
    match fs::read(&path) {
        Ok(bytes) => bytes[choices..].to_vec(),
        Err(error) => panic!("{}: {error}; run: cargo run -p test_fuzz -- seeds", path.display()),
    }
}

#[test]
fn what_the_loader_gives_is_taken() {
    let bundle = seed("bundle", "three_files", 1);
    let table = Bundle::parse(&bundle, bundle.len() as u64);
    assert!(table.is_ok_and(|table| table.len() == 3 && table.content(&bundle, "file/k") == Ok(b"")));
    let symbols = seed("symbols", "three_symbols", 4);
    let symbols = Symbols::parse(&symbols);
    assert!(symbols.is_ok_and(|symbols| symbols.find(0x44).is_some_and(|symbol| symbol.inside == 4)));
    for (name, file_bytes) in [("text_and_data", 0x400), ("larger_file", 0x3400)] {
        let program = Program::parse(&seed("elf_program", name, 1), file_bytes, 1 << 47);
        assert!(program.is_ok_and(|program| program.segments().len() == 2), "{name}");
    }
}

/// Bytes at an address.
struct At(u64, Vec<u8>);

impl Physical for At {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let first = address.checked_sub(self.0).map(|first| first as usize);
        let range = first.and_then(|first| Some(first..first.checked_add(buffer.len())?));
        let bytes = range.and_then(|range| self.1.get(range));
        bytes.map(|bytes| buffer.copy_from_slice(bytes)).is_some()
    }
}

#[test]
fn what_firmware_leaves_is_taken() {
    let ours = acpi::read(&At(TABLES, seed("acpi", "our_own", 1)), TABLES);
    assert!(ours.is_some_and(|board| board.madt.is_some_and(|madt| madt.processors.as_slice().len() == 3)));
    let mut multiboot = empty_info();
    assert!(multiboot2::read(&At(LOADER, seed("loader_tables", "multiboot2", 1)), LOADER, &mut multiboot));
    let mut start_info = empty_info();
    assert!(pvh::read(&At(LOADER, seed("loader_tables", "pvh", 1)), LOADER, &mut start_info));
    for info in [multiboot, start_info] {
        assert_eq!((info.region_count, info.bundle_start, info.bundle_bytes), (4, 0x20_0000, 0x10_0000));
    }
    assert_eq!((multiboot.framebuffer.width, multiboot.framebuffer.height), (1024, 768));
}

/// A kernel in a vector.
struct Kernel(Vec<u8>);

impl FileBytes for Kernel {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), FirmwareError> {
        FileBytes::read(self.0.as_slice(), offset, into)
    }
}

#[test]
fn guest_kernels_are_taken() {
    let Ok(memory) = MemoryMap::new(256 << 20, 40) else { panic!("a machine that cannot be") };
    for name in ["bzimage", "pvh"] {
        let kernel = Kernel(seed("kernel_file", name, 4));
        let root_pointer = Gpa::new(TABLES);
        let request = BootRequest {
            kernel: &kernel,
            initrd_bytes: Some(5),
            command_line: "x",
            memory: &memory,
            root_pointer,
        };
        assert_eq!(place(&request).map(|_| ()), Ok(()), "{name}");
    }
}

#[test]
fn texts_are_taken() {
    for (name, count) in [("example", 1), ("two", 2)] {
        assert_eq!(VmFile::parse_bytes(&seed("vm_file", name, 0)).map(|file| file.vms.len()), Ok(count));
    }
    assert!(SystemManifest::parse_bytes(&seed("system_manifest", "shipped", 0)).is_ok());
    let mut terminal = Terminal::new(80, 25);
    terminal.write(&seed("terminal", "boot", 2));
    assert_eq!(terminal.grid().row_text(4), "         here   x");
}

#[test]
fn saved_boards_are_taken() {
    assert_eq!(Board::new().restore(&seed("device_restore", "new", 3)), Ok(()));
    let with_events = seed("device_restore", "used", 3);
    let state = &with_events[..with_events.len() - 12];
    assert_eq!(Board::new().restore(state), Ok(()));
    let container = seed("snapshot", "three_sections", 1);
    assert!(Snapshot::parse(&container).is_ok_and(|snapshot| snapshot.sections().len() == 3));
}

#[test]
fn a_driver_of_a_seed_reaches_its_device() {
    let events = seed("machine", "console", 0);
    let mut input = Input::new(&events);
    let mut board = Board::new();
    let mut output = Vec::new();
    while !input.is_empty() {
        output.extend(board.perform(Event::take(&mut input, Choice::Everything)).output);
    }
    assert_eq!(output, [0; 32]);
}

#[test]
fn instructions_are_known() {
    for name in ["mov", "mov_wide", "lock_add", "rep_movs", "movzx", "mov_offset"] {
        assert!(decode(&seed("x86_decode", name, 0), Mode::Bits64).is_some(), "{name}");
    }
}
