//! Guest kernels: bzImage and ELF with a PVH note.

use crate::Input;
use base_units::Gpa;
use vmm_firmware::{BootImage, BootRequest, Content, FileBytes, FirmwareError, place};
use vmm_machine::MemoryMap;

/// Sizes of the machine that is booted.
const MEMORY_BYTES: [u64; 4] = [2 << 20, 64 << 20, 256 << 20, 6 << 30];
/// The root pointer of the ACPI tables.
const ROOT_POINTER: Gpa = Gpa::new(0xE_0000);
/// Room of a command line is 64 KiB.
const COMMAND_LINE: &str = "console=ttyS0 root=/dev/vda quiet";
/// Bits of a guest-physical address.
const ADDRESS_BITS: u32 = 40;

/// A kernel file whose zeros at the end need no bytes.
struct Kernel<'a> {
    bytes: &'a [u8],
    length: u64,
}

/// Plans the boot of the bytes as a kernel file. The first four bytes choose the machine, the size of the
/// initrd and how long the file is.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let memory_bytes = input.choose(&MEMORY_BYTES);
    let Ok(memory) = MemoryMap::new(memory_bytes, ADDRESS_BITS) else { panic!("a machine that cannot be") };
    let initrd_bytes = match input.u8() {
        0 => None,
        pages => Some(u64::from(pages) * 12_345),
    };
    let length = input.rest().len() as u64 + u64::from(input.u16()) * 4096;
    let kernel = Kernel { bytes: input.rest(), length };
    let request = BootRequest {
        kernel: &kernel,
        initrd_bytes,
        command_line: COMMAND_LINE,
        memory: &memory,
        root_pointer: ROOT_POINTER,
    };
    match place(&request) {
        Ok(image) => check(&image, &memory, &kernel, initrd_bytes),
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal without words"),
    }
}

/// Everything that having a [`BootImage`] proves.
fn check(image: &BootImage, memory: &MemoryMap, kernel: &Kernel<'_>, initrd_bytes: Option<u64>) {
    let mut spans = Vec::new();
    for piece in &image.pieces {
        let (start, bytes) = (piece.to.raw(), piece.content.len());
        let Some(end) = start.checked_add(bytes) else { panic!("a piece passes the end of memory") };
        let is_in_ram =
            memory.regions().any(|ram| start >= ram.start.raw() && end <= ram.start.raw() + ram.bytes);
        assert!(bytes == 0 || is_in_ram, "a piece outside of RAM: {start:#x}, {bytes:#x} bytes");
        match piece.content {
            Content::Kernel { offset, bytes } => {
                let end = offset.checked_add(bytes);
                assert!(end.is_some_and(|end| end <= kernel.length), "more than the kernel file has");
            }
            Content::Initrd { bytes } => assert_eq!(Some(bytes), initrd_bytes),
            Content::Bytes(_) | Content::Zero { .. } => {}
        }
        spans.push((start, end));
    }
    spans.retain(|(start, end)| start != end);
    spans.sort_unstable();
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "pieces overlap");
    assert!(
        spans.iter().any(|(start, end)| (*start..*end).contains(&image.registers.rip)),
        "nothing at the entry"
    );
}

impl FileBytes for Kernel<'_> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), FirmwareError> {
        let end = offset.checked_add(into.len() as u64).ok_or(FirmwareError::Truncated)?;
        if end > self.length {
            return Err(FirmwareError::Truncated);
        }
        let present = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)).unwrap_or(&[]);
        let rest = present.iter().copied().chain(std::iter::repeat(0));
        into.iter_mut().zip(rest).for_each(|(to, from)| *to = from);
        Ok(())
    }
}
