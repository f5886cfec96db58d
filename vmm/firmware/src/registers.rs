//! Registers of the first instruction.

use base_units::Gpa;

/// CR0: protection on.
const CR0_PE: u64 = 1 << 0;
/// CR0: extension type, always one.
const CR0_ET: u64 = 1 << 4;
/// CR0: paging on.
const CR0_PG: u64 = 1 << 31;
/// CR4: 64-bit page table entries.
const CR4_PAE: u64 = 1 << 5;
/// EFER: long mode enabled and active.
const EFER_LME_LMA: u64 = 1 << 8 | 1 << 10;
/// Flags: the bit that is always one; interrupts off.
const RFLAGS: u64 = 1 << 1;

/// Index of RBX in [`StartRegisters::gpr`].
const RBX: usize = 3;
/// Index of RSI in [`StartRegisters::gpr`].
const RSI: usize = 6;

/// A segment register with its hidden part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// Selector.
    pub selector: u16,
    /// Type in bits 3..0, S 4, DPL 6..5, P 7, AVL 8, L 9, D/B 10, G 11 (AMD APM vol. 2, 15.5.1).
    pub attributes: u16,
    /// Limit in bytes.
    pub limit: u32,
    /// Base address.
    pub base: u64,
}

/// The registers of a vCPU that are not what reset makes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StartRegisters {
    /// General registers in encoding order.
    pub gpr: [u64; 16],
    /// Instruction pointer.
    pub rip: u64,
    /// Flags.
    pub rflags: u64,
    /// CS.
    pub code: Segment,
    /// ES, SS, DS, FS and GS.
    pub data: Segment,
    /// Task register.
    pub task: Segment,
    /// Base of the global descriptor table.
    pub gdt_base: u64,
    /// Limit of the global descriptor table.
    pub gdt_limit: u32,
    /// CR0.
    pub cr0: u64,
    /// CR3.
    pub cr3: u64,
    /// CR4.
    pub cr4: u64,
    /// EFER.
    pub efer: u64,
}

/// Present, code, readable, accessed; limit in bytes; 16-bit.
const CODE_16: u16 = 0x009B;
/// Present, data, writable, accessed; limit in bytes; 16-bit.
const DATA_16: u16 = 0x0093;
/// CR0: caches off, as they are after reset.
const CR0_CD_NW: u64 = 0b11 << 29;
/// Index of RDX in [`StartRegisters::gpr`].
const RDX: usize = 2;
/// Where the first instruction is, 16 bytes below 4 GiB.
const RESET_OFFSET: u64 = 0xFFF0;
const RESET_BASE: u64 = 0xFFFF_0000;
const RESET_SELECTOR: u16 = 0xF000;
/// Limits of segments and tables after reset.
const RESET_LIMIT: u32 = 0xFFFF;

/// The state after reset (Intel SDM vol. 3, 10.1.1; AMD APM vol. 2, 14.1.3), as firmware at the end of the first
/// 4 GiB expects it. `signature` is EAX of the processor's CPUID leaf 1.
pub fn power_on(signature: u32) -> StartRegisters {
    let segment = |attributes| Segment { selector: 0, attributes, limit: RESET_LIMIT, base: 0 };
    let mut gpr = [0; 16];
    gpr[RDX] = u64::from(signature);
    StartRegisters {
        gpr,
        rip: RESET_OFFSET,
        rflags: RFLAGS,
        code: Segment { selector: RESET_SELECTOR, base: RESET_BASE, ..segment(CODE_16) },
        data: segment(DATA_16),
        task: segment(TASK),
        gdt_base: 0,
        gdt_limit: RESET_LIMIT,
        cr0: CR0_ET | CR0_CD_NW,
        cr3: 0,
        cr4: 0,
        efer: 0,
    }
}

/// Bytes of the descriptor table: null, unused, 64-bit code, data, task.
pub(crate) const GDT_BYTES: usize = 5 * 8;
const FLAT_LIMIT: u32 = u32::MAX;

/// Present, code, readable, accessed; 4 KiB granularity; 64-bit.
const CODE_64: u16 = 0x0A9B;
/// Present, code, readable, accessed; 4 KiB granularity; 32-bit.
const CODE_32: u16 = 0x0C9B;
/// Present, data, writable, accessed; 4 KiB granularity; 32-bit.
const DATA: u16 = 0x0C93;
/// Present, busy 32-bit (or 64-bit) task state segment.
const TASK: u16 = 0x008B;

/// Selectors of a start: code, data, task.
struct Selectors {
    code: u16,
    data: u16,
    task: u16,
}

/// `__BOOT_CS` and `__BOOT_DS` (Linux, Documentation/arch/x86/boot.rst).
const LINUX_SELECTORS: Selectors = Selectors { code: 0x10, data: 0x18, task: 0x20 };
/// PVH names no selectors. Small kernels go on with the first ones, which their own tables describe alike.
const PVH_SELECTORS: Selectors = Selectors { code: 0x08, data: 0x10, task: 0x18 };

/// The state of Linux' 64-bit boot protocol: long mode on identity page tables, RSI = `boot_params`.
pub(crate) fn long_mode(entry: Gpa, boot_params: Gpa, page_tables: Gpa, gdt: Gpa) -> StartRegisters {
    let mut registers = protected(entry, CODE_64, &LINUX_SELECTORS, gdt);
    registers.gpr[RSI] = boot_params.raw();
    registers.cr0 |= CR0_PG;
    registers.cr3 = page_tables.raw();
    registers.cr4 = CR4_PAE;
    registers.efer = EFER_LME_LMA;
    registers
}

/// The state of the PVH protocol (Xen, docs/misc/pvh.pandoc): 32-bit protected mode without
/// paging, EBX = start information.
pub(crate) fn pvh(entry: Gpa, start_info: Gpa, gdt: Gpa) -> StartRegisters {
    let mut registers = protected(entry, CODE_32, &PVH_SELECTORS, gdt);
    registers.gpr[RBX] = start_info.raw();
    registers
}

fn protected(entry: Gpa, code_attributes: u16, selectors: &Selectors, gdt: Gpa) -> StartRegisters {
    let segment = |selector, attributes, limit| Segment { selector, attributes, limit, base: 0 };
    StartRegisters {
        gpr: [0; 16],
        rip: entry.raw(),
        rflags: RFLAGS,
        code: segment(selectors.code, code_attributes, FLAT_LIMIT),
        data: segment(selectors.data, DATA, FLAT_LIMIT),
        task: segment(selectors.task, TASK, 0x67),
        gdt_base: gdt.raw(),
        gdt_limit: GDT_BYTES as u32 - 1,
        cr0: CR0_PE | CR0_ET,
        cr3: 0,
        cr4: 0,
        efer: 0,
    }
}

/// The descriptor table that matches [`StartRegisters`], for guests that reload a segment before
/// they load a table of their own.
pub(crate) fn gdt(registers: &StartRegisters) -> [u8; GDT_BYTES] {
    let mut table = [0; GDT_BYTES];
    for segment in [registers.code, registers.data, registers.task] {
        let offset = usize::from(segment.selector);
        crate::source::put(&mut table, offset, &descriptor(segment).to_le_bytes());
    }
    table
}

/// A segment descriptor (Intel SDM vol. 3, 3.4.5).
fn descriptor(segment: Segment) -> u64 {
    let is_page_granular = segment.attributes & 1 << 11 != 0;
    let limit = u64::from(if is_page_granular { segment.limit >> 12 } else { segment.limit });
    let attributes = u64::from(segment.attributes);
    (limit & 0xFFFF)
        | (segment.base & 0xFF_FFFF) << 16
        | (attributes & 0xFF) << 40
        | (limit >> 16 & 0xF) << 48
        | (attributes >> 8 & 0xF) << 52
        | (segment.base >> 24 & 0xFF) << 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_instruction_is_16_bytes_below_4_gib() {
        let registers = power_on(0x0080_0F12);

        assert_eq!(registers.code.base + registers.rip, 0xFFFF_FFF0);
        assert_eq!((registers.code.selector, registers.code.limit), (0xF000, 0xFFFF));
        assert_eq!((registers.cr0, registers.rflags, registers.gpr[2]), (0x6000_0010, 2, 0x0080_0F12));
        assert_eq!((registers.data.selector, registers.data.base), (0, 0));
    }

    #[test]
    fn descriptors_are_those_of_every_boot_loader() {
        let registers = long_mode(Gpa::new(0), Gpa::new(0), Gpa::new(0), Gpa::new(0x500));

        assert_eq!(descriptor(registers.code), 0x00AF_9B00_0000_FFFF);
        assert_eq!(descriptor(registers.data), 0x00CF_9300_0000_FFFF);
        assert_eq!(descriptor(registers.task), 0x0000_8B00_0000_0067);
        let registers = pvh(Gpa::new(0), Gpa::new(0), Gpa::new(0x500));
        assert_eq!(descriptor(registers.code), 0x00CF_9B00_0000_FFFF);
    }
}
