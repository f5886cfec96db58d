//! What is read at boot, of the machine and of VMs.

use super::{Seed, behind};
use loader_bundle::{BundleWriter, names, symbols::write};
use vmm_machine::{HostCpuid, HostFacts, MachinePlan};
use vmm_protocol::{Boot, KernelBoot, MachineConfig};

pub(super) fn bundle() -> Vec<Seed> {
    let mut writer = BundleWriter::new();
    for (name, content) in [(names::SYSTEM, "[[program]]\n"), (names::VMS, "[[vm]]\n"), ("file/k", "")] {
        assert_eq!(writer.add(name, content.as_bytes()), Ok(()));
    }
    let whole = writer.finish();
    // Only the table: files are cut off, as a boot loader that gives up half-way would.
    let table = &whole[..1024];
    vec![behind("three_files", &[0], &whole), behind("table_alone", &[1], table)]
}

pub(super) fn symbols() -> Vec<Seed> {
    let table = write(&[(0, "corten_main"), (0x40, "kernel_core::cpu::run"), (0x1000, "memcpy")]);
    vec![behind("three_symbols", &0x44u32.to_le_bytes(), &table)]
}

/// Puts bytes at an offset.
fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// An ELF64 header and program headers: (kind, flags, offset, address, bytes in the file, bytes in memory).
fn elf(entry: u64, headers: &[(u32, u32, u64, u64, u64, u64)]) -> Vec<u8> {
    let mut file = vec![0; 0x400];
    put(&mut file, 0, b"\x7fELF\x02\x01\x01");
    put(&mut file, 16, &[2, 0, 62, 0]);
    put(&mut file, 24, &entry.to_le_bytes());
    put(&mut file, 32, &64u64.to_le_bytes());
    put(&mut file, 54, &[56, 0, headers.len() as u8, 0]);
    for (index, (kind, flags, offset, address, in_file, in_memory)) in headers.iter().enumerate() {
        let at = 64 + index * 56;
        put(&mut file, at, &kind.to_le_bytes());
        put(&mut file, at + 4, &flags.to_le_bytes());
        for (place, value) in [(8, offset), (16, address), (24, address), (32, in_file), (40, in_memory)] {
            put(&mut file, at + place, &value.to_le_bytes());
        }
        put(&mut file, at + 48, &4u64.to_le_bytes());
    }
    file
}

pub(super) fn elf_program() -> Vec<Seed> {
    let text = (1, 5, 0, 0x40_0000, 0x400, 0x400);
    let data = (1, 6, 0x200, 0x40_1200, 0x100, 0x5000);
    vec![
        behind("text_and_data", &[0], &elf(0x40_0010, &[text, data])),
        behind("larger_file", &[3], &elf(0x40_0010, &[(1, 4, 0x2000, 0x60_0000, 0x800, 0x800), text])),
    ]
}

pub(super) fn kernel_file() -> Vec<Seed> {
    let mut pvh = elf(0, &[(1, 7, 0x200, 0x10_0000, 0x100, 0x200), (4, 4, 0x300, 0, 20, 20)]);
    put(&mut pvh, 0x300, &[4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0]);
    put(&mut pvh, 0x30C, b"Xen\0");
    put(&mut pvh, 0x310, &0x10_0010u32.to_le_bytes());
    // Memory (256 MiB), initrd, length.
    vec![behind("bzimage", &[2, 9, 0, 0], &bz_image()), behind("pvh", &[1, 1, 0, 0], &pvh)]
}

/// The header of a bzImage (Linux, Documentation/arch/x86/boot.rst), as small as one can be.
fn bz_image() -> Vec<u8> {
    let mut file = vec![0x90; 0x800];
    put(&mut file, 0x1F1, &[1]);
    put(&mut file, 0x1F4, &(0x400u32 / 16).to_le_bytes());
    put(&mut file, 0x1FE, &[0x55, 0xAA, 0xEB, 0x6A]);
    put(&mut file, 0x202, b"HdrS\x0F\x02");
    put(&mut file, 0x211, &[1]);
    put(&mut file, 0x22C, &0x7FFF_FFFFu32.to_le_bytes());
    put(&mut file, 0x234, &[1, 0, 1, 0]);
    put(&mut file, 0x238, &2047u32.to_le_bytes());
    put(&mut file, 0x258, &0x100_0000u64.to_le_bytes());
    put(&mut file, 0x260, &0x20_0000u32.to_le_bytes());
    file
}

pub(super) fn acpi() -> Vec<Seed> {
    let config = MachineConfig {
        name: "seed".into(),
        vcpus: 3,
        memory_bytes: 64 << 20,
        boot: Boot::Kernel(KernelBoot { kernel_bytes: 1, initrd_bytes: None, command_line: String::new() }),
        disks: Vec::new(),
    };
    let host = HostFacts {
        cpuid: HostCpuid::read(|_, _| [0; 4]),
        tsc_khz: 1_000_000,
        guest_address_bits: 40,
        guest_xcr0: 0,
    };
    let ours = MachinePlan::new(&config, &host).map(|plan| plan.acpi.image().to_vec()).unwrap_or_default();
    vec![behind("our_own", &[3], &ours), behind("server", &[1], &server())]
}

/// Tables of another kind of machine: RSDP of ACPI 1, RSDT, SRAT, HPET, MCFG and an S5 package.
fn server() -> Vec<u8> {
    const START: u32 = 0xE_0000;
    let mut srat = vec![0; 12];
    srat.extend([0, 16, 1, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    srat.extend([1, 40, 1, 0, 0, 0, 0, 0]);
    srat.extend((0..32).map(|index| if index == 20 { 1 } else { 0 }));
    srat.extend([2, 24, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut hpet = vec![0; 20];
    put(&mut hpet, 8, &0xFED0_0000u64.to_le_bytes());
    let mut mcfg = vec![0; 24];
    put(&mut mcfg, 8, &0xE000_0000u64.to_le_bytes());
    let tables: [(&[u8; 4], Vec<u8>); 4] = [
        (b"SRAT", srat),
        (b"HPET", hpet),
        (b"MCFG", mcfg),
        (b"SSDT", b"\x08_S5_\x12\x06\x04\x0a\x05\x00\x00".to_vec()),
    ];
    let mut image = b"RSD PTR \0CORTEN\0".to_vec();
    image.extend((START + 0x20).to_le_bytes());
    image.resize(0x20, 0);
    let mut body = Vec::new();
    let mut pointers = Vec::new();
    for (signature, content) in tables {
        let header_bytes = 36 + content.len() as u32;
        pointers.extend((START + 0x80 + body.len() as u32).to_le_bytes());
        body.extend(signature);
        body.extend(header_bytes.to_le_bytes());
        body.resize(body.len() + 28, 0);
        body.extend(content);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    image.extend(b"RSDT");
    image.extend((36 + pointers.len() as u32).to_le_bytes());
    image.resize(0x20 + 36, 0);
    image.extend(pointers);
    image.resize(0x80, 0);
    image.extend(body);
    image
}

pub(super) fn loader_tables() -> Vec<Seed> {
    // The memory map of a PC, unsorted and overlapping.
    let map: [(u64, u64, u32); 4] =
        [(0x10_0000, 0x700_0000, 1), (0, 0x9_FC00, 1), (0x9_FC00, 0x400, 2), (0x6F0_0000, 0x20_0000, 3)];
    vec![behind("multiboot2", &[0], &multiboot2(&map)), behind("pvh", &[1], &start_info(&map))]
}

fn multiboot2(map: &[(u64, u64, u32)]) -> Vec<u8> {
    let mut entries = vec![24, 0, 0, 0, 0, 0, 0, 0];
    for (start, bytes, kind) in map {
        entries.extend([start.to_le_bytes(), bytes.to_le_bytes(), u64::from(*kind).to_le_bytes()].concat());
    }
    let mut screen = [0; 32];
    put(&mut screen, 0, &0xFD00_0000u64.to_le_bytes());
    put(&mut screen, 8, &[0, 16, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 32, 1, 0, 0, 16, 8, 8, 8, 0, 8]);
    let module: &[u8] = &[0, 0, 0x20, 0, 0, 0, 0x30, 0, 0, 0, 0, 0];
    let tags: [(u32, &[u8]); 4] = [(3, module), (8, &screen), (6, &entries), (15, b"RSD PTR ")];
    let mut table = vec![0; 8];
    for (kind, content) in tags {
        table.extend(kind.to_le_bytes());
        table.extend((8 + content.len() as u32).to_le_bytes());
        table.extend(content);
        table.resize(table.len().next_multiple_of(8), 0);
    }
    table.extend([0, 0, 0, 0, 8, 0, 0, 0]);
    let total = table.len() as u32;
    put(&mut table, 0, &total.to_le_bytes());
    table
}

fn start_info(map: &[(u64, u64, u32)]) -> Vec<u8> {
    const START: u64 = crate::targets::loader_tables::START;
    let mut info = vec![0; 0x80];
    put(&mut info, 0, &0x336E_C578u32.to_le_bytes());
    put(&mut info, 4, &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    put(&mut info, 16, &(START + 0x40).to_le_bytes());
    put(&mut info, 32, &0xE_0000u64.to_le_bytes());
    put(&mut info, 40, &(START + 0x80).to_le_bytes());
    put(&mut info, 48, &(map.len() as u32).to_le_bytes());
    put(&mut info, 0x40, &0x20_0000u64.to_le_bytes());
    put(&mut info, 0x48, &0x10_0000u64.to_le_bytes());
    for (start, bytes, kind) in map {
        info.extend([start.to_le_bytes(), bytes.to_le_bytes(), u64::from(*kind).to_le_bytes()].concat());
    }
    info
}
