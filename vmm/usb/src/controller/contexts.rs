//! Contexts in memory (6.2): what software asks for, and what it is shown.

use super::{
    Xhci,
    slots::{ENDPOINTS, Endpoint, Slot},
    trb::Ring,
};
use base_units::Gpa;
use spec::xhci::{CONTEXT_BYTES, ENDPOINT_CONTROL, slot};
use vmm_bus::{GuestMemory, MemoryError};

/// Dwords of a context.
const DWORDS: usize = CONTEXT_BYTES / 4;
/// Of which software has eight.
const _: () = assert!(DWORDS == 8);
/// State in the first dword of an endpoint context.
const ENDPOINT_STATE_MASK: u32 = 7;

/// A context as it was read or will be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Words(pub(super) [u32; DWORDS]);

impl Words {
    pub(super) fn read(at: Gpa, memory: &dyn GuestMemory) -> Result<Self, MemoryError> {
        let mut raw = [0; CONTEXT_BYTES];
        memory.read(at, &mut raw)?;
        let mut words = [0; DWORDS];
        for (word, bytes) in words.iter_mut().zip(raw.chunks_exact(4)) {
            *word = u32::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Ok(Self(words))
    }

    pub(super) fn write(&self, at: Gpa, memory: &dyn GuestMemory) -> Result<(), MemoryError> {
        let mut raw = [0; CONTEXT_BYTES];
        for (bytes, word) in raw.chunks_exact_mut(4).zip(self.0) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        memory.write(at, &raw)
    }

    pub(super) fn get(&self, index: usize) -> u32 {
        self.0.get(index).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, index: usize, mask: u32, value: u32) {
        if let Some(word) = self.0.get_mut(index) {
            *word = *word & !mask | value & mask;
        }
    }
}

/// An input context (6.2.5): flags, then a slot and its endpoints.
pub(super) struct Input {
    at: u64,
    pub(super) drop: u32,
    pub(super) add: u32,
}

impl Input {
    pub(super) fn read(at: u64, memory: &dyn GuestMemory) -> Result<Self, MemoryError> {
        let at = at & !0xF;
        let flags = Words::read(Gpa::new(at), memory)?;
        Ok(Self { at, drop: flags.get(0), add: flags.get(1) })
    }

    /// The context of the slot (0) or of an endpoint.
    pub(super) fn words(&self, index: u8, memory: &dyn GuestMemory) -> Result<Words, MemoryError> {
        Words::read(place(self.at, index.saturating_add(1))?, memory)
    }

    pub(super) fn adds(&self, index: u8) -> bool {
        self.add >> index & 1 != 0
    }

    pub(super) fn drops(&self, index: u8) -> bool {
        self.drop >> index & 1 != 0
    }
}

/// A slot context (6.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SlotWords(pub(super) Words);

impl SlotWords {
    /// Index of the root hub's port.
    pub(super) fn port(&self) -> Option<usize> {
        let number = self.0.get(1) >> 16 & 0xFF;
        usize::try_from(number).ok()?.checked_sub(1)
    }

    /// The way through hubs, of which there are none.
    pub(super) fn has_route(&self) -> bool {
        self.0.get(0) & 0xF_FFFF != 0
    }

    pub(super) fn set_state(&mut self, state: u32, address: u8) {
        self.0.set(3, 0xF800_00FF, state << 27 | u32::from(address));
    }
}

/// An endpoint context (6.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct EndpointWords(pub(super) Words);

impl EndpointWords {
    fn kind(&self) -> u32 {
        self.0.get(1) >> 3 & 7
    }

    fn packet(&self) -> u32 {
        self.0.get(1) >> 16
    }

    pub(super) fn ring(&self) -> Ring {
        Ring::new(u64::from(self.0.get(2)) | u64::from(self.0.get(3)) << 32)
    }

    /// Whether an endpoint of this index can be like this. There are no streams.
    pub(super) fn is_possible(&self, index: u8) -> bool {
        let has_streams = self.0.get(0) >> 10 & 0x1F != 0;
        let is_in = index & 1 != 0;
        let fits = match self.kind() {
            0 => false,
            ENDPOINT_CONTROL => is_in,
            kind => (kind > ENDPOINT_CONTROL) == is_in,
        };
        fits && self.packet() != 0 && !has_streams
    }

    /// Whether it can be a default endpoint.
    pub(super) fn is_control(&self) -> bool {
        self.kind() == ENDPOINT_CONTROL && self.packet() != 0
    }

    /// Shows an endpoint's state and place.
    fn show(&mut self, endpoint: &Endpoint) {
        let ring = endpoint.ring.raw();
        self.0.set(0, ENDPOINT_STATE_MASK, endpoint.state);
        self.0.set(2, u32::MAX, ring as u32);
        self.0.set(3, u32::MAX, (ring >> 32) as u32);
    }
}

/// Where one of a row of contexts lies.
fn place(base: u64, index: u8) -> Result<Gpa, MemoryError> {
    let offset = u64::from(index).saturating_mul(CONTEXT_BYTES as u64);
    Gpa::new(base).checked_add(offset).ok_or(MemoryError::OutOfRange)
}

impl Slot {
    /// Shows software a slot context with the slot's own state and address in it.
    pub(super) fn show(&self, words: SlotWords, memory: &dyn GuestMemory) -> Result<(), MemoryError> {
        let mut words = words;
        words.set_state(self.state, self.address);
        words.0.write(place(self.contexts, 0)?, memory)
    }

    /// The slot context as software sees it.
    pub(super) fn shown(&self, memory: &dyn GuestMemory) -> Result<SlotWords, MemoryError> {
        Words::read(place(self.contexts, 0)?, memory).map(SlotWords)
    }

    /// Shows software a new endpoint, or that there is none.
    pub(super) fn show_endpoint(
        &self,
        index: u8,
        words: Words,
        memory: &dyn GuestMemory,
    ) -> Result<(), MemoryError> {
        let mut words = EndpointWords(words);
        match self.endpoint(index) {
            Some(endpoint) => words.show(endpoint),
            None => words.0.set(0, ENDPOINT_STATE_MASK, spec::xhci::endpoint::DISABLED),
        }
        words.0.write(place(self.contexts, index)?, memory)
    }

    /// The context of an endpoint as software sees it.
    pub(super) fn shown_endpoint(&self, index: u8, memory: &dyn GuestMemory) -> Result<Words, MemoryError> {
        Words::read(place(self.contexts, index)?, memory)
    }

    /// Shows software the state of an endpoint that it knows.
    pub(super) fn show_again(&self, index: u8, memory: &dyn GuestMemory) -> Result<(), MemoryError> {
        let words = self.shown_endpoint(index, memory)?;
        self.show_endpoint(index, words, memory)
    }

    /// Shows that endpoints besides the default one are gone.
    pub(super) fn show_dropped(&self, memory: &dyn GuestMemory) -> Result<(), MemoryError> {
        for index in 2..ENDPOINTS as u8 {
            self.show_again(index, memory)?;
        }
        Ok(())
    }

    /// What the slot's state is after endpoints came or went.
    pub(super) fn update_state(&mut self) {
        self.state = if self.is_configured() { slot::CONFIGURED } else { slot::ADDRESSED };
    }
}

impl Xhci {
    /// Where software wants to see a slot's contexts (6.1).
    pub(super) fn contexts_of(&self, slot: u8, memory: &dyn GuestMemory) -> Result<u64, MemoryError> {
        let offset = u64::from(slot).saturating_mul(8);
        let at = Gpa::new(self.registers.contexts).checked_add(offset).ok_or(MemoryError::OutOfRange)?;
        Ok(memory.read_u64(at)? & !0x3F)
    }
}
