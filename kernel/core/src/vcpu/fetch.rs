//! The bytes and the length of the instruction that exited.

use super::decode::{self, INSTRUCTION_MAX, MemoryMove, Move, Register, Width};
use super::hardware::{Segment, VirtualCpu};
use super::processor::Vcpu;
use super::walk::{self, Paging};
use crate::machine::Machine;
use crate::memory::{Access, GuestKind, Pinned, Residency};
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
    /// The last place of each kind: a guest halts, or reads its APIC, at the same place again and again.
    last: [Slot; KINDS],
    slots: [Slot; SLOTS],
}

/// Instructions that exit, as far as their last places are kept apart.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// CPUID, hypercalls, and what is rare.
    Other,
    /// RDMSR.
    ReadMsr,
    /// WRMSR.
    WriteMsr,
    /// WRMSR of the end of an interrupt.
    EndOfInterrupt,
    /// HLT.
    Halt,
}

/// Number of [`Kind`]s.
const KINDS: usize = 5;

#[derive(Clone, Copy)]
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
        let empty = Slot { cr3: NO_TABLE, rip: 0, next: 0 };
        Self { last: [empty; KINDS], slots: [empty; SLOTS] }
    }

    fn get(&mut self, kind: Kind, cr3: u64, rip: u64) -> Option<u64> {
        let slot = &self.slots[rip as usize % SLOTS];
        if slot.rip != rip || slot.cr3 != cr3 {
            return None;
        }
        self.last[kind as usize] = *slot;
        Some(slot.next)
    }

    fn put(&mut self, cr3: u64, rip: u64, next: u64) {
        self.slots[rip as usize % SLOTS] = Slot { cr3, rip, next };
    }
}

/// Slots of the cache of moves, a power of two: an operating system has a handful of places that touch its APIC.
const MOVE_SLOTS: usize = 16;

/// Memory moves that were decoded before, in 64-bit mode. The bytes are compared each time; what is taken for granted, as in
/// [`LengthCache`], is that code at one (CR3, RIP) stays in its physical page while the frame of that page stays.
pub(super) struct MoveCache {
    slots: [MoveSlot; MOVE_SLOTS],
}

#[derive(Clone, Copy)]
struct MoveSlot {
    cr3: u64,
    rip: u64,
    /// Where the bytes are, valid in this generation of the guest's memory.
    at: Hpa,
    generation: u64,
    bytes: u128,
    decoded: MemoryMove,
}

impl MoveCache {
    pub(super) const fn new() -> Self {
        let nothing =
            MemoryMove { operation: Move::Load(Register { index: 0, is_high: false }), size: 0, length: 0 };
        let empty =
            MoveSlot { cr3: NO_TABLE, rip: 0, at: Hpa::new(0), generation: 0, bytes: 0, decoded: nothing };
        Self { slots: [empty; MOVE_SLOTS] }
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

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// The address after the instruction at RIP, which consists of `opcode` and perhaps prefixes.
    #[inline(always)]
    pub(super) fn next_rip(&mut self, kind: Kind, opcode: &[u8]) -> u64 {
        if V::KNOWS_LENGTH
            && let Some(next) = self.hardware.next_rip()
        {
            return next;
        }
        let last = &self.lengths.last[kind as usize];
        if last.rip == self.hardware.rip() && last.cr3 == self.hardware.cr3() {
            return last.next;
        }
        self.find_next_rip(kind, opcode)
    }

    /// Where the hardware says it, nothing is ever kept.
    #[inline(never)]
    fn find_next_rip(&mut self, kind: Kind, opcode: &[u8]) -> u64 {
        if let Some(next) = self.hardware.next_rip() {
            return next;
        }
        let (rip, cr3) = (self.hardware.rip(), self.hardware.cr3());
        match self.lengths.get(kind, cr3, rip) {
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

    /// The memory move at RIP. `Err`: the bytes cannot be read now, the guest has to try again; `Ok(None)`: it is
    /// something else.
    #[inline]
    pub(super) fn decode_move(&mut self) -> Result<Option<MemoryMove>, Unreadable> {
        let (rip, cr3) = (self.hardware.rip(), self.hardware.cr3());
        let slot = &self.moves.slots[move_slot(rip)];
        if slot.rip == rip && slot.cr3 == cr3 {
            let mut bytes = [0; 16];
            let cpu = M::cpu();
            let is_valid = self.space.residency().enter_tagged(cpu) == slot.generation;
            if is_valid {
                M::read_memory(slot.at, &mut bytes);
            }
            Residency::<M>::leave(cpu);
            if is_valid && u128::from_le_bytes(bytes) == slot.bytes {
                return Ok(Some(slot.decoded));
            }
        }
        self.decode_new_move(rip, cr3)
    }

    #[inline(never)]
    fn decode_new_move(&mut self, rip: u64, cr3: u64) -> Result<Option<MemoryMove>, Unreadable> {
        let width = self.width();
        let fetched = self.fetch();
        if fetched.bytes().is_empty() {
            return Err(Unreadable);
        }
        let Some(decoded) = decode::memory_move(fetched.bytes(), width) else { return Ok(None) };
        if width == Width::Bits64 && rip & 0xfff <= 0xff0 {
            self.keep_move(rip, cr3, decoded);
        }
        Ok(Some(decoded))
    }

    /// Keeps a decoded move, if its bytes still are what was decoded.
    fn keep_move(&mut self, rip: u64, cr3: u64, decoded: MemoryMove) {
        let paging = self.paging();
        let cpu = M::cpu();
        let generation = self.space.residency().enter_tagged(cpu);
        Residency::<M>::leave(cpu);
        let pin = self.space.pin();
        let Some(at) = locate(&pin, paging, rip) else { return };
        let mut bytes = [0; 16];
        M::read_memory(at, &mut bytes);
        drop(pin);
        if decode::memory_move(&bytes[..INSTRUCTION_MAX], Width::Bits64) == Some(decoded) {
            let bytes = u128::from_le_bytes(bytes);
            self.moves.slots[move_slot(rip)] = MoveSlot { cr3, rip, at, generation, bytes, decoded };
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
            if first < INSTRUCTION_MAX && self.read_linear(rest, &mut bytes[first..INSTRUCTION_MAX]).is_some()
            {
                count = INSTRUCTION_MAX;
            }
        }
        Fetched { bytes, count }
    }

    /// Reads guest-virtual memory within one page.
    fn read_linear(&mut self, linear: u64, buffer: &mut [u8]) -> Option<()> {
        // One claim for the whole walk: no frame that it finds is reused before the bytes are read.
        let pin = self.space.pin();
        let at = locate(&pin, self.paging(), linear)?;
        M::read_memory(at, buffer);
        Some(())
    }

    fn paging(&self) -> Paging {
        Paging {
            cr0: self.hardware.cr0(),
            cr3: self.hardware.cr3(),
            cr4: self.hardware.cr4(),
            efer: self.hardware.efer(),
        }
    }
}

/// The slot for a place.
#[inline(always)]
fn move_slot(rip: u64) -> usize {
    (rip ^ rip >> 4) as usize % MOVE_SLOTS
}

/// The instruction that the guest has just run is not in memory any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unreadable;

/// Where the byte at `linear` is. `None` if it is not mapped now. What the processor has just used is there, unless the VMM or
/// the guest takes it away at this moment: then the guest's access faults again.
fn locate<M: Machine>(pin: &Pinned<'_, M, GuestKind>, paging: Paging, linear: u64) -> Option<Hpa> {
    let physical = walk::translate(paging, linear, |address| {
        let mut entry = [0; 8];
        // A 4-byte entry at the end of its page is all that is left to read there.
        let available = (4096 - (address & 0xfff) as usize).min(8);
        M::read_memory(host_address(pin, address)?, &mut entry[..available]);
        Some(u64::from_le_bytes(entry))
    })?;
    host_address(pin, physical)
}

/// Where the byte at guest-physical `address` is.
#[inline]
fn host_address<M: Machine>(pin: &Pinned<'_, M, GuestKind>, address: u64) -> Option<Hpa> {
    let frame = pin.frame_of(Gpa::new(address), Access::Read)?;
    Some(Hpa::new(frame.raw() | address & 0xfff))
}
