//! The registers that ring 0 shares with us, as the emulator wants them.

use core::sync::atomic::Ordering::Relaxed;
use user_rt::{Injection, VcpuPage, WritebackFlags};
use vmm_x86emu::{Fault, InstructionBytes, Processor, Segment, SegmentRegister};

/// Vector of the invalid opcode exception.
const INVALID_OPCODE: u8 = 6;
/// Vector of the general protection fault.
const GENERAL_PROTECTION: u8 = 13;

/// CR0: protection enable.
const CR0_PE: u64 = 1 << 0;

/// A vCPU's page, while the vCPU does not run.
pub(crate) struct Registers {
    page: &'static VcpuPage,
}

impl Registers {
    /// The registers in this page.
    #[inline]
    pub(crate) fn new(page: &'static VcpuPage) -> Self {
        Self { page }
    }

    fn write_back(&mut self, flags: WritebackFlags) {
        let old = self.page.writeback.load(Relaxed);
        self.page.writeback.store(old | flags.bits(), Relaxed);
    }

    /// The instruction bytes that the processor gave, if it did.
    #[inline]
    pub(crate) fn instruction_bytes(&self) -> Option<InstructionBytes> {
        let length = self.page.instruction_bytes.load(Relaxed);
        if length == 0 {
            return None;
        }
        let [low, high] = &self.page.instruction;
        let bytes = u128::from(low.load(Relaxed)) | u128::from(high.load(Relaxed)) << 64;
        Some(InstructionBytes::new(bytes.to_le_bytes(), length.min(15) as u8))
    }

    /// Raises an exception in the guest; RIP stays at the instruction.
    #[cold]
    pub(crate) fn inject(&mut self, fault: Fault) {
        let (injection, address) = match fault {
            Fault::Exception { vector, error_code, address } => {
                (Injection::Exception { vector, error_code }, address)
            }
            Fault::Unsupported => (Injection::Exception { vector: INVALID_OPCODE, error_code: None }, 0),
        };
        let injection = match injection {
            // Real mode pushes none.
            Injection::Exception { vector, .. } if self.cr0() & CR0_PE == 0 => {
                Injection::Exception { vector, error_code: None }
            }
            other => other,
        };
        self.page.inject.store(injection.pack(), Relaxed);
        self.page.inject_address.store(address, Relaxed);
        self.write_back(WritebackFlags::INJECT);
    }

    /// Sees a segment register as it is going to be.
    pub(crate) fn note_segment(&mut self, segment: SegmentRegister, value: &Segment) {
        if let Some(base) = self.page.segment_base.get(segment as usize) {
            base.store(value.base, Relaxed);
        }
        match segment {
            SegmentRegister::Cs => self.page.cs_attributes.store(u32::from(value.attributes), Relaxed),
            SegmentRegister::Ss => self.page.cpl.store(u32::from(value.attributes >> 5 & 3), Relaxed),
            _ => {}
        }
    }

    /// Sees CR0 as it is going to be.
    pub(crate) fn note_cr0(&mut self, value: u64) {
        self.page.cr0.store(value, Relaxed);
    }

    /// Sees CR3 as it is going to be.
    pub(crate) fn note_cr3(&mut self, value: u64) {
        self.page.cr3.store(value, Relaxed);
    }

    /// Delivers an external interrupt.
    pub(crate) fn inject_interrupt(&mut self, vector: u8) {
        self.page.inject.store(Injection::External { vector }.pack(), Relaxed);
        self.page.inject_address.store(0, Relaxed);
        self.write_back(WritebackFlags::INJECT);
    }

    /// Raises a general protection fault.
    pub(crate) fn inject_protection(&mut self) {
        self.inject(Fault::Exception { vector: GENERAL_PROTECTION, error_code: Some(0), address: 0 });
    }
}

impl Processor for Registers {
    #[inline]
    fn register(&self, index: usize) -> u64 {
        self.page.gpr.get(index).map_or(0, |register| register.load(Relaxed))
    }

    #[inline]
    fn set_register(&mut self, index: usize, value: u64) {
        if let Some(register) = self.page.gpr.get(index) {
            register.store(value, Relaxed);
        }
    }

    #[inline]
    fn instruction_pointer(&self) -> u64 {
        self.page.rip.load(Relaxed)
    }

    #[inline]
    fn set_instruction_pointer(&mut self, value: u64) {
        self.page.rip.store(value, Relaxed);
        self.write_back(WritebackFlags::RIP);
    }

    #[inline]
    fn flags(&self) -> u64 {
        self.page.rflags.load(Relaxed)
    }

    fn set_flags(&mut self, value: u64) {
        self.page.rflags.store(value, Relaxed);
        self.write_back(WritebackFlags::RFLAGS);
    }

    #[inline]
    fn cr0(&self) -> u64 {
        self.page.cr0.load(Relaxed)
    }

    #[inline]
    fn cr3(&self) -> u64 {
        self.page.cr3.load(Relaxed)
    }

    #[inline]
    fn cr4(&self) -> u64 {
        self.page.cr4.load(Relaxed)
    }

    #[inline]
    fn efer(&self) -> u64 {
        self.page.efer.load(Relaxed)
    }

    #[inline]
    fn segment_base(&self, segment: SegmentRegister) -> u64 {
        self.page.segment_base.get(segment as usize).map_or(0, |base| base.load(Relaxed))
    }

    #[inline]
    fn code_attributes(&self) -> u16 {
        self.page.cs_attributes.load(Relaxed) as u16
    }

    #[inline]
    fn privilege_level(&self) -> u8 {
        self.page.cpl.load(Relaxed) as u8
    }
}
