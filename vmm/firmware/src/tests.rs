//! Claims about whole boots, and mutated kernels.

use crate::*;
use alloc::vec::Vec;
use base_units::Gpa;
use proptest::prelude::*;
use vmm_machine::MemoryMap;

const MEMORY: u64 = 256 << 20;

/// The smallest file that counts as a bzImage.
fn bz_image() -> Vec<u8> {
    let mut file = alloc::vec![0x90; 0x2000];
    let mut put = |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0x1F1, &[1]);
    put(0x1F4, &((0x2000u32 - 0x400) / 16).to_le_bytes());
    put(0x1FE, &0xAA55u16.to_le_bytes());
    put(0x200, &[0xEB, 0x6A]);
    put(0x202, b"HdrS");
    put(0x206, &0x020Fu16.to_le_bytes());
    put(0x211, &[1]);
    put(0x22C, &0x7FFF_FFFFu32.to_le_bytes());
    put(0x230, &0x20_0000u32.to_le_bytes());
    put(0x234, &[1]);
    put(0x236, &1u16.to_le_bytes());
    put(0x238, &2047u32.to_le_bytes());
    put(0x258, &0x100_0000u64.to_le_bytes());
    put(0x260, &0x200_0000u32.to_le_bytes());
    file
}

/// A 64-bit ELF file with one segment at 1 MiB and a note.
fn elf_image() -> Vec<u8> {
    let mut file = alloc::vec![0; 0x300];
    let mut put = |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7FELF\x02\x01\x01");
    put(16, &[2, 0, 62, 0]);
    put(32, &64u64.to_le_bytes());
    put(54, &[56, 0, 2, 0]);
    for (header, kind, offset, bytes) in [(64, 1u32, 0x200u64, 0x100u64), (120, 4, 0x180, 20)] {
        put(header, &kind.to_le_bytes());
        put(header + 8, &offset.to_le_bytes());
        put(header + 24, &0x10_0000u64.to_le_bytes());
        put(header + 32, &bytes.to_le_bytes());
        put(header + 40, &(bytes * 2).to_le_bytes());
        put(header + 48, &4u64.to_le_bytes());
    }
    put(0x180, &[4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0]);
    put(0x18C, b"Xen\0");
    put(0x190, &0x10_0010u32.to_le_bytes());
    file
}

fn boot(file: &[u8], initrd_bytes: Option<u64>, command_line: &str) -> Result<BootImage, FirmwareError> {
    let memory = MemoryMap::new(MEMORY, 40).unwrap();
    let file = SizedFile(file);
    place(&BootRequest {
        kernel: &file,
        initrd_bytes,
        command_line,
        memory: &memory,
        root_pointer: Gpa::new(0xE_0000),
    })
}

struct SizedFile<'a>(&'a [u8]);

impl FileBytes for SizedFile<'_> {
    fn len(&self) -> u64 {
        FileBytes::len(self.0)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), FirmwareError> {
        FileBytes::read(self.0, offset, into)
    }
}

fn piece_at(image: &BootImage, to: u64) -> &Piece {
    image.pieces.iter().find(|piece| piece.to.raw() == to).expect("a piece at that address")
}

#[test]
fn a_bz_image_says_how_long_its_real_mode_part_is() {
    let file = bz_image();
    assert_eq!(real_mode_bytes(&SizedFile(&file)), Ok(1024));
    assert_eq!(real_mode_bytes(&SizedFile(&elf_image())), Err(FirmwareError::UnknownFormat));
    assert_eq!(real_mode_bytes(&SizedFile(&file[..0x600])), Err(FirmwareError::Truncated));
}

#[test]
fn a_bzimage_is_entered_in_long_mode_where_it_prefers_to_be() {
    let image = boot(&bz_image(), Some(1 << 20), "console=ttyS0").unwrap();

    assert_eq!(image.registers.rip, 0x100_0200);
    assert_eq!(image.registers.gpr[6], 0x7000);
    assert_eq!(image.registers.efer, 0x500);
    assert_eq!(image.registers.code.attributes & 1 << 9, 1 << 9);
    let kernel = piece_at(&image, 0x100_0000);
    assert_eq!(kernel.content, Content::Kernel { offset: 0x400, bytes: 0x1C00 });
    let Content::Bytes(params) = &piece_at(&image, 0x7000).content else { panic!("boot_params") };
    let initrd = u32::from_le_bytes(params[0x218..0x21C].try_into().unwrap());
    assert_eq!(u64::from(initrd), MEMORY - (1 << 20));
    assert_eq!(&params[0x202..0x206], b"HdrS");
    assert_eq!(params[0x1E8], 4);
    assert_eq!(u64::from_le_bytes(params[0x70..0x78].try_into().unwrap()), 0xE_0000);
    assert_eq!(piece_at(&image, 0x2_0000).content, Content::Bytes(b"console=ttyS0\0".to_vec()));
}

#[test]
fn an_elf_file_is_entered_by_its_note() {
    let image = boot(&elf_image(), Some(5), "x").unwrap();

    assert_eq!(image.registers.rip, 0x10_0010);
    assert_eq!(image.registers.gpr[3], 0x6000);
    assert_eq!(image.registers.cr0, 0x11);
    assert_eq!(piece_at(&image, 0x10_0000).content, Content::Kernel { offset: 0x200, bytes: 0x100 });
    assert_eq!(piece_at(&image, 0x10_0100).content, Content::Zero { bytes: 0x100 });
    let Content::Bytes(info) = &piece_at(&image, 0x6000).content else { panic!("start info") };
    assert_eq!(&info[..4], &0x336E_C578u32.to_le_bytes());
    assert_eq!(info[12], 1);
    assert_eq!(u64::from_le_bytes(info[0x40..0x48].try_into().unwrap()), MEMORY - 4096);
}

#[test]
fn each_fault_of_a_bzimage_has_its_own_sentence() {
    let with = |offset: usize, bytes: &[u8]| {
        let mut file = bz_image();
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        boot(&file, None, "").unwrap_err()
    };
    assert_eq!(with(0x202, b"HdrX"), FirmwareError::UnknownFormat);
    assert_eq!(with(0x206, &[0x0B, 2]), FirmwareError::ProtocolTooOld(0x20B));
    assert_eq!(with(0x211, &[0]), FirmwareError::NotLoadedHigh);
    assert_eq!(with(0x236, &[0]), FirmwareError::No64BitEntry);
    assert_eq!(with(0x1F4, &[0xFF; 4]), FirmwareError::Truncated);
    assert_eq!(with(0x1F1, &[0xFF]), FirmwareError::Truncated);
    assert_eq!(with(0x258, &[0xFF; 8]), FirmwareError::KernelOutside(u64::MAX));
    assert_eq!(with(0x260, &[0xFF; 4]), FirmwareError::KernelOutside(0x100_0000));
    let image = bz_image();
    assert_eq!(boot(&image, Some(MEMORY), "").unwrap_err(), FirmwareError::InitrdTooLarge(MEMORY));
    assert_eq!(boot(&image, Some(u64::MAX), "").unwrap_err(), FirmwareError::InitrdTooLarge(u64::MAX));
    let long = "x".repeat(2048);
    assert_eq!(boot(&image, None, &long).unwrap_err(), FirmwareError::CommandLineTooLong(2047));
    assert_eq!(boot(&image, None, "a\0b").unwrap_err(), FirmwareError::CommandLineNul);
    assert_eq!(boot(&[], None, "").unwrap_err(), FirmwareError::UnknownFormat);
}

#[test]
fn each_fault_of_an_elf_file_has_its_own_sentence() {
    let with = |offset: usize, bytes: &[u8]| {
        let mut file = elf_image();
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        boot(&file, None, "").unwrap_err()
    };
    assert_eq!(with(4, &[3]), FirmwareError::BadElf);
    assert_eq!(with(18, &[183]), FirmwareError::WrongProcessor(183));
    assert_eq!(with(56, &[200]), FirmwareError::TooManySegments(200));
    assert_eq!(with(0x188, &[17]), FirmwareError::NoPvhEntry);
    assert_eq!(with(0x190, &[0, 0, 0x20]), FirmwareError::EntryOutside(0x20_0000));
    assert_eq!(with(64 + 24, &[0, 0, 0]), FirmwareError::KernelOutside(0));
    assert_eq!(with(64 + 40, &[0xFF; 8]), FirmwareError::KernelOutside(0x10_0000));
    assert_eq!(with(64 + 32, &[0xFF; 8]), FirmwareError::BadElf);
    assert_eq!(with(64 + 8, &[0xFF]), FirmwareError::Truncated);
    // The second header becomes a segment that covers the first.
    assert_eq!(with(120, &[1]), FirmwareError::NoPvhEntry);
}

/// What holds for every image that was accepted.
fn check_image(image: &BootImage, file: &[u8], initrd: Option<u64>) -> Result<(), TestCaseError> {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for piece in &image.pieces {
        let end = piece.to.checked_add(piece.content.len()).unwrap();
        prop_assert!(end.raw() <= MEMORY);
        match piece.content {
            Content::Kernel { offset, bytes } => prop_assert!(offset + bytes <= file.len() as u64),
            Content::Initrd { bytes } => prop_assert_eq!(Some(bytes), initrd),
            _ => {}
        }
        spans.push((piece.to.raw(), end.raw()));
    }
    spans.sort_unstable();
    for pair in spans.windows(2) {
        prop_assert!(pair[0].1 <= pair[1].0);
    }
    Ok(())
}

fn mutated(file: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = file.len();
    let changes = prop::collection::vec((0..length.min(0x300), any::<u8>()), 0..12);
    (changes, 0..=length).prop_map(move |(changes, cut)| {
        let mut file = file.clone();
        for (offset, byte) in changes {
            file[offset] = byte;
        }
        // Most files keep their whole length.
        if cut % 4 == 0 {
            file.truncate(cut);
        }
        file
    })
}

proptest! {
    #[test]
    fn a_mutated_bzimage_is_refused_or_stays_inside_memory(
        file in mutated(bz_image()), initrd in prop::option::of(1u64..MEMORY * 2)
    ) {
        if let Ok(image) = boot(&file, initrd, "quiet") {
            check_image(&image, &file, initrd)?;
        }
    }

    #[test]
    fn a_mutated_elf_file_is_refused_or_stays_inside_memory(
        file in mutated(elf_image()), initrd in prop::option::of(1u64..MEMORY * 2)
    ) {
        if let Ok(image) = boot(&file, initrd, "quiet") {
            check_image(&image, &file, initrd)?;
        }
    }
}
