//! TRBs and the rings that software writes them to (4.9, 4.11).

use base_units::Gpa;
use serde::{Deserialize, Serialize};
use spec::xhci::{
    TRB_BLOCK_INTERRUPT, TRB_BYTES, TRB_CHAIN, TRB_COMPLETION, TRB_CYCLE, TRB_EVENT_DATA, TRB_IMMEDIATE,
    TRB_LENGTH_MASK, TRB_SHORT, TRB_TOGGLE, trb,
};
use vmm_bus::{GuestMemory, MemoryError};

/// Links that are followed from one TRB to the next at the most: an honest ring has one between its segments.
const LINKS_MAX: usize = 16;
/// TRBs of one descriptor at the most. The largest transfer of our devices has eight bytes, a control transfer 64 KiB.
pub(super) const TD_TRBS_MAX: usize = 64;

/// A transfer request block as it was read. Nothing in it has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Trb {
    pub(super) parameter: u64,
    pub(super) status: u32,
    pub(super) control: u32,
}

impl Trb {
    pub(super) fn read(at: u64, memory: &dyn GuestMemory) -> Result<Self, MemoryError> {
        let mut raw = [0; TRB_BYTES];
        memory.read(Gpa::new(at), &mut raw)?;
        let all = u128::from_le_bytes(raw);
        Ok(Self { parameter: all as u64, status: (all >> 64) as u32, control: (all >> 96) as u32 })
    }

    pub(super) fn cycle(&self) -> bool {
        self.has(TRB_CYCLE)
    }

    pub(super) fn kind(&self) -> u8 {
        (self.control >> 10) as u8 & 0x3F
    }

    /// The slot of a command.
    pub(super) fn slot(&self) -> u8 {
        (self.control >> 24) as u8
    }

    /// The endpoint of a command.
    pub(super) fn endpoint(&self) -> u8 {
        (self.control >> 16) as u8 & 0x1F
    }

    pub(super) fn has(&self, flag: u32) -> bool {
        self.control & flag != 0
    }

    /// Bytes of its data, if it has any.
    pub(super) fn length(&self) -> u32 {
        match self.kind() {
            trb::NORMAL | trb::DATA | trb::SETUP => self.status & TRB_LENGTH_MASK,
            _ => 0,
        }
    }

    /// Whether its data stands in it.
    pub(super) fn is_immediate(&self) -> bool {
        self.has(TRB_IMMEDIATE)
    }

    pub(super) fn wants_completion(&self) -> bool {
        self.has(TRB_COMPLETION)
    }

    pub(super) fn wants_short(&self) -> bool {
        self.has(TRB_SHORT) && self.kind() != trb::EVENT_DATA
    }

    pub(super) fn blocks_interrupt(&self) -> bool {
        self.has(TRB_BLOCK_INTERRUPT)
    }

    /// The interrupter that is told of it.
    pub(super) fn interrupter(&self) -> u16 {
        (self.status >> 22) as u16
    }

    fn is_link(&self) -> bool {
        self.kind() == trb::LINK
    }
}

/// A TRB and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Placed {
    pub(super) at: u64,
    pub(super) trb: Trb,
}

/// What follows on a ring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Next<T> {
    /// Software has written nothing more yet.
    Nothing,
    /// This.
    Some(T),
    /// Nothing that makes sense: links without an end, or too many TRBs in one descriptor.
    Broken,
}

/// The consumer's place on a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ring {
    at: u64,
    cycle: bool,
}

impl Ring {
    /// From a pointer with the cycle bit in bit 0, as registers and contexts have it.
    pub(super) fn new(raw: u64) -> Self {
        Self { at: raw & !0xF, cycle: raw & 1 != 0 }
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The other way round.
    pub(super) fn raw(&self) -> u64 {
        self.at & !0xF | u64::from(self.cycle)
    }

    /// Takes the next TRB that is no link. When there is none, the ring stays behind the links that it followed.
    pub(super) fn take(&mut self, memory: &dyn GuestMemory) -> Result<Next<Placed>, MemoryError> {
        for _ in 0..LINKS_MAX {
            let at = self.at;
            let trb = Trb::read(at, memory)?;
            if trb.cycle() != self.cycle {
                return Ok(Next::Nothing);
            }
            if !trb.is_link() {
                self.at = at.checked_add(TRB_BYTES as u64).ok_or(MemoryError::OutOfRange)?;
                return Ok(Next::Some(Placed { at, trb }));
            }
            self.at = trb.parameter & !0xF;
            self.cycle ^= trb.has(TRB_TOGGLE);
        }
        Ok(Next::Broken)
    }

    /// Looks at the next descriptor: TRBs that belong together, and the ring behind them.
    pub(super) fn descriptor(&self, memory: &dyn GuestMemory) -> Result<Next<Descriptor>, MemoryError> {
        let mut after = *self;
        let mut trbs = alloc::vec::Vec::new();
        for _ in 0..TD_TRBS_MAX {
            let placed = match after.take(memory)? {
                Next::Some(placed) => placed,
                Next::Nothing => return Ok(Next::Nothing),
                Next::Broken => return Ok(Next::Broken),
            };
            trbs.push(placed);
            if !placed.trb.has(TRB_CHAIN) {
                return Ok(Next::Some(Descriptor { trbs, after }));
            }
        }
        Ok(Next::Broken)
    }
}

/// TRBs that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Descriptor {
    /// One at least, [`TD_TRBS_MAX`] at the most.
    pub(super) trbs: alloc::vec::Vec<Placed>,
    pub(super) after: Ring,
}

impl Descriptor {
    pub(super) fn first(&self) -> Placed {
        self.trbs.first().copied().unwrap_or(Placed { at: 0, trb: Trb::default() })
    }

    /// Bytes of all its data.
    pub(super) fn length(&self) -> usize {
        self.trbs.iter().map(|placed| placed.trb.length() as usize).sum()
    }
}

/// An event for software.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    trb: Trb,
    pub(super) blocks_interrupt: bool,
}

impl Event {
    fn new(kind: u8, parameter: u64, status: u32, rest: u32) -> Self {
        let control = u32::from(kind) << 10 | rest;
        Self { trb: Trb { parameter, status, control }, blocks_interrupt: false }
    }

    /// A command ended.
    pub(super) fn command(at: u64, code: u8, slot: u8) -> Self {
        Self::new(trb::COMMAND_EVENT, at, u32::from(code) << 24, u32::from(slot) << 24)
    }

    /// Something about a TRB of a transfer.
    pub(super) fn transfer(at: u64, (code, residue): (u8, u32), (slot, endpoint): (u8, u8)) -> Self {
        let status = u32::from(code) << 24 | residue & 0xFF_FFFF;
        let rest = u32::from(slot) << 24 | u32::from(endpoint) << 16;
        Self::new(trb::TRANSFER_EVENT, at, status, rest)
    }

    /// Says that the parameter is software's own data.
    pub(super) fn with_event_data(mut self) -> Self {
        self.trb.control |= TRB_EVENT_DATA;
        self
    }

    /// Says that it does not interrupt.
    pub(super) fn silent_if(mut self, is_silent: bool) -> Self {
        self.blocks_interrupt = is_silent;
        self
    }

    /// A port, by its number, changed.
    pub(super) fn port(number: u8) -> Self {
        let success = u32::from(spec::xhci::code::SUCCESS) << 24;
        Self::new(trb::PORT_EVENT, u64::from(number) << 24, success, 0)
    }

    /// The event ring is full.
    pub(super) fn ring_full() -> Self {
        let status = u32::from(spec::xhci::code::EVENT_RING_FULL) << 24;
        Self::new(trb::CONTROLLER_EVENT, 0, status, 0)
    }

    /// As it is written, the last dword apart: that one says that the event is new.
    pub(super) fn encode(&self, cycle: bool) -> ([u8; 12], u32) {
        let Trb { parameter, status, control } = self.trb;
        let all = u128::from(parameter) | u128::from(status) << 64;
        let [first @ .., _, _, _, _] = all.to_le_bytes();
        (first, control & !TRB_CYCLE | u32::from(cycle))
    }
}
