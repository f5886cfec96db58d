//! The bytes and the length of the instruction that exited.

use super::decode::{self, INSTRUCTION_MAX, Width};
use super::hardware::{Segment, VirtualCpu};
use super::vcpu::Vcpu;
use super::walk::{self, Paging};
use crate::machine::Machine;
use crate::memory::{Access, GuestKind, Pinned};
use base_units::{Gpa, Hpa};
use spec::control::CR0_PE;
use spec::msr::EFER_LMA;

/// Slots of the cache, a power of two.
const SLOTS: usize = 32;

/// Lengths of instructions at places where they were decoded once, for processors that do not say
/// where the next instruction is.
///
/// A place is a pair (CR3, RIP). Should the guest put another encoding of an instruction that exits
/// at the same place, the old length would be used once more: that harms nobody but the guest,
/// and only if it rewrites code with a differently prefixed form of the same instruction.
pub(super) struct LengthCache {
    slots: [Slot; SLOTS],
}

#[derive(Clone, Copy)]
#[repr(align(32))]
struct Slot {
    /// [`NO_TABLE`] = empty.
    cr3: u64,
    rip: u64,
    next: u64,
}

/// No CR3: bits are set that do not exist.
const NO_TABLE: u64 = u64::MAX;

impl LengthCache {
    pub(super) const fn new() -> Self {
        Self { slots: [Slot { cr3: NO_TABLE, rip: 0, next: 0 }; SLOTS] }
    }

    #[inline(always)]
    fn get(&self, cr3: u64, rip: u64) -> Option<u64> {
        let slot = &self.slots[rip as usize % SLOTS];
        (slot.rip == rip && slot.cr3 == cr3).then_some(slot.next)
    }

    fn put(&mut self, cr3: u64, rip: u64, next: u64) {
        self.slots[rip as usize % SLOTS] = Slot { cr3, rip, next };
    }
}

/// Bytes of an instruction, as many as could be read.
pub(super) struct Fetched {
    bytes: [u8; 16],
    count: usize,
}

impl Fetched {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or(&self.bytes)
    }
}

impl<M: Machine> Vcpu<M> {
    /// The address after the instruction at RIP, which consists of `opcode` and perhaps prefixes.
    #[inline(always)]
    pub(super) fn next_rip(&mut self, opcode: &[u8]) -> u64 {
        if let Some(next) = self.hardware.next_rip() {
            return next;
        }
        let (rip, cr3) = (self.hardware.rip(), self.hardware.cr3());
        match self.lengths.get(cr3, rip) {
            Some(next) => next,
            None => self.measure(opcode),
        }
    }

    /// Reads the instruction and remembers its length. What cannot be read, or has changed since it
    /// exited, gets the length without prefixes.
    #[cold]
    fn measure(&mut self, opcode: &[u8]) -> u64 {
        let fetched = self.fetch();
        let length = decode::fixed_length(fetched.bytes(), self.width(), opcode);
        let (rip, cr3) = (self.hardware.rip(), self.hardware.cr3());
        let next = self.wrap_rip(rip.wrapping_add(u64::from(length.unwrap_or(opcode.len() as u8))));
        if length.is_some() {
            self.lengths.put(cr3, rip, next);
        }
        next
    }

    /// RIP as wide as the mode has it.
    pub(super) fn wrap_rip(&self, rip: u64) -> u64 {
        if self.width() == Width::Bits64 { rip } else { rip & 0xffff_ffff }
    }

    /// The width that the code segment says.
    pub(super) fn width(&self) -> Width {
        let attributes = self.hardware.segment(Segment::Cs).attributes;
        if self.hardware.efer() & EFER_LMA != 0 && attributes & 1 << 9 != 0 {
            Width::Bits64
        } else if self.hardware.cr0() & CR0_PE != 0 && attributes & 1 << 10 != 0 {
            Width::Bits32
        } else {
            Width::Bits16
        }
    }

    /// The bytes at RIP.
    pub(super) fn fetch(&mut self) -> Fetched {
        if let Some((count, words)) = self.hardware.instruction_bytes() {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&words[0].to_le_bytes());
            bytes[8..].copy_from_slice(&words[1].to_le_bytes());
            return Fetched { bytes, count: (count as usize).min(INSTRUCTION_MAX) };
        }
        let mut linear = self.hardware.rip();
        if self.width() != Width::Bits64 {
            linear = linear.wrapping_add(self.hardware.segment_base(Segment::Cs)) & 0xffff_ffff;
        }
        self.fetch_linear(linear)
    }

    fn fetch_linear(&mut self, linear: u64) -> Fetched {
        let mut bytes = [0; 16];
        let in_page = 4096 - (linear & 0xfff) as usize;
        let first = in_page.min(INSTRUCTION_MAX);
        let mut count = 0;
        if self.read_linear(linear, &mut bytes[..first]).is_some() {
            count = first;
            let rest = linear.wrapping_add(first as u64);
            if first < INSTRUCTION_MAX && self.read_linear(rest, &mut bytes[first..INSTRUCTION_MAX]).is_some() {
                count = INSTRUCTION_MAX;
            }
        }
        Fetched { bytes, count }
    }

    /// Reads guest-virtual memory within one page.
    fn read_linear(&mut self, linear: u64, buffer: &mut [u8]) -> Option<()> {
        let paging = Paging {
            cr0: self.hardware.cr0(),
            cr3: self.hardware.cr3(),
            cr4: self.hardware.cr4(),
            efer: self.hardware.efer(),
        };
        // One claim for the whole walk: no frame that it finds is reused before the bytes are read.
        let pin = self.guest.space().pin();
        let physical = walk::translate(paging, linear, |address| {
            let mut entry = [0; 8];
            // A 4-byte entry at the end of its page is all that is left to read there.
            let available = (4096 - (address & 0xfff) as usize).min(8);
            read_pinned(&pin, address, &mut entry[..available])?;
            Some(u64::from_le_bytes(entry))
        })?;
        read_pinned(&pin, physical, buffer)
    }
}

/// Reads guest-physical memory within one page; `None` if it is not there now. What the processor has just used is
/// there, unless the VMM takes it away at this moment: then the guest's access faults again.
#[inline]
fn read_pinned<M: Machine>(pin: &Pinned<'_, M, GuestKind>, address: u64, buffer: &mut [u8]) -> Option<()> {
    let frame = pin.frame_of(Gpa::new(address), Access::Read)?;
    M::read_memory(Hpa::new(frame.raw() | address & 0xfff), buffer);
    Some(())
}
