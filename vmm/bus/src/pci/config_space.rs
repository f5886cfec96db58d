//! The 256 bytes of configuration space, as data: values and which bits software may change.

use crate::{
    access::{AccessSize, read_bytes},
    device::Region,
    pci::{
        bar::{BARS, Bar, BarKind},
        window::{Space, Window},
    },
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::pci::{
    BAR_FIRST, CACHE_LINE, CAPABILITIES, CLASS, COMMAND, COMMAND_INTERRUPT_DISABLE, COMMAND_IO,
    COMMAND_MASTER, COMMAND_MEMORY, CONFIG_BYTES, DEVICE_ID, HEADER_MULTIFUNCTION, HEADER_TYPE,
    INTERRUPT_LINE, INTERRUPT_PIN, PROGRAMMING_INTERFACE, REVISION, STATUS, STATUS_CAPABILITIES,
    STATUS_INTERRUPT, SUBCLASS, SUBSYSTEM_ID, SUBSYSTEM_VENDOR_ID, VENDOR_ID,
};
use vmm_snapshot::RestoreError;

const BYTES: usize = CONFIG_BYTES as usize;
/// Capabilities begin behind the header.
const CAPABILITY_FIRST: usize = 0x40;
/// Bits of the address register below this one are flags, in memory BARs.
const MEMORY_BAR_MIN: u64 = 16;
/// The same in I/O BARs.
const IO_BAR_MIN: u64 = 4;

/// Who a function says it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// Subsystem vendor id.
    pub subsystem_vendor: u16,
    /// Subsystem id.
    pub subsystem: u16,
    /// Class, subclass and programming interface: 0xCCSSPP.
    pub class: u32,
    /// Revision.
    pub revision: u8,
}

/// What a write to configuration space changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConfigChange {
    /// The windows of [`ConfigSpace::windows`] changed.
    pub windows: bool,
    /// Bus master enable changed: a device with work that waited for it goes on, or stops.
    pub master: bool,
}

/// The configuration space of one function.
#[derive(Clone, Debug)]
pub struct ConfigSpace {
    /// Bits that software may change.
    writable: [u8; BYTES],
    /// Content after a reset.
    initial: [u8; BYTES],
    bars: Vec<Bar>,
    /// Where the next capability goes.
    free: usize,
    /// Where the offset of the next capability is stored.
    link: usize,
    bytes: [u8; BYTES],
    windows: Vec<Window>,
}

/// The part of a configuration space that is saved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConfigState {
    bytes: Vec<u8>,
}

impl ConfigSpace {
    /// Says that the slot has more functions than this one (header type bit 7).
    pub fn set_multifunction(&mut self) {
        let kind = self.byte(HEADER_TYPE);
        self.set(HEADER_TYPE, &[kind | HEADER_MULTIFUNCTION]);
    }

    /// A type 0 header without BARs and capabilities.
    pub fn new(identity: &Identity) -> Self {
        let mut space = Self {
            writable: [0; BYTES],
            initial: [0; BYTES],
            bars: Vec::new(),
            free: CAPABILITY_FIRST,
            link: usize::from(CAPABILITIES),
            bytes: [0; BYTES],
            windows: Vec::new(),
        };
        let [interface, subclass, class, _] = identity.class.to_le_bytes();
        space.set(VENDOR_ID, &identity.vendor.to_le_bytes());
        space.set(DEVICE_ID, &identity.device.to_le_bytes());
        space.set(REVISION, &[identity.revision]);
        space.set(PROGRAMMING_INTERFACE, &[interface]);
        space.set(SUBCLASS, &[subclass]);
        space.set(CLASS, &[class]);
        space.set(SUBSYSTEM_VENDOR_ID, &identity.subsystem_vendor.to_le_bytes());
        space.set(SUBSYSTEM_ID, &identity.subsystem.to_le_bytes());
        let command = COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTERRUPT_DISABLE;
        space.allow(COMMAND, &command.to_le_bytes());
        space.allow(CACHE_LINE, &[0xFF]);
        space.allow(INTERRUPT_LINE, &[0xFF]);
        space
    }

    /// Adds a BAR at construction. `bytes` is a power of two.
    ///
    /// # Panics
    /// If the size or number is none that PCI knows, or an I/O window passes 256 ports: our mistake.
    pub fn add_bar(&mut self, index: u8, kind: BarKind, bytes: u64) {
        let minimum = if kind.is_memory() { MEMORY_BAR_MIN } else { IO_BAR_MIN };
        assert!(bytes.is_power_of_two() && bytes >= minimum, "a BAR with an impossible size");
        assert!(kind.is_memory() || bytes <= 256, "an I/O BAR with too many ports");
        let registers = if kind == BarKind::Memory64 { 2 } else { 1 };
        assert!(usize::from(index).saturating_add(registers) <= BARS, "a BAR with an impossible number");
        let offset = BAR_FIRST.saturating_add(u16::from(index).saturating_mul(4));
        let mask = !(bytes.wrapping_sub(1));
        self.set(offset, &kind.flags().to_le_bytes());
        match kind {
            BarKind::Memory64 => self.allow(offset, &mask.to_le_bytes()),
            // All bits of an I/O BAR too, although ports have 16: SeaBIOS takes an upper half of zeros for a size.
            BarKind::Memory32 | BarKind::Io => self.allow(offset, &(mask as u32).to_le_bytes()),
        }
        self.bars.push(Bar { index, kind, bytes });
    }

    /// Adds a capability at construction: `body` follows the two bytes of id and link, `writable` says
    /// which of its bits software may change (shorter = the rest may not). Returns its offset.
    ///
    /// # Panics
    /// If configuration space is full: our mistake.
    pub fn add_capability(&mut self, id: u8, body: &[u8], writable: &[u8]) -> u16 {
        let offset = self.free;
        let end = offset.saturating_add(body.len()).saturating_add(2);
        assert!(end <= BYTES, "configuration space is full");
        let (Ok(place), Ok(place_byte)) = (u16::try_from(offset), u8::try_from(offset)) else {
            panic!("a capability behind the end of configuration space");
        };
        let link = u16::try_from(self.link).unwrap_or(CAPABILITIES);
        self.set(link, &[place_byte]);
        self.set(place, &[id, 0]);
        self.set(place.saturating_add(2), body);
        self.allow(place.saturating_add(2), writable);
        self.set(STATUS, &STATUS_CAPABILITIES.to_le_bytes());
        self.link = offset.saturating_add(1);
        self.free = end.next_multiple_of(4);
        place
    }

    /// Gives the function the interrupt pin INTA and tells software its line.
    pub fn set_interrupt_pin(&mut self, line: u8) {
        self.set(INTERRUPT_PIN, &[1]);
        self.set(INTERRUPT_LINE, &[line]);
    }

    /// Reads; what lies behind the 256 bytes reads as zero (no extended capability).
    pub fn read(&self, offset: u16, size: AccessSize) -> u32 {
        read_bytes(&self.bytes, u64::from(offset), size) as u32
    }

    /// Writes the bits that software may change.
    pub fn write(&mut self, offset: u16, size: AccessSize, value: u32) -> ConfigChange {
        let before = self.command();
        let mut offset = usize::from(offset);
        for byte in value.to_le_bytes().into_iter().take(size.bytes() as usize) {
            self.write_byte(offset, byte);
            offset = offset.saturating_add(1);
        }
        let windows = self.decode();
        let moved = windows != self.windows;
        self.windows = windows;
        ConfigChange { windows: moved, master: (before ^ self.command()) & COMMAND_MASTER != 0 }
    }

    /// The command register.
    pub fn command(&self) -> u16 {
        self.word(COMMAND)
    }

    /// One byte of a register.
    pub fn byte(&self, offset: u16) -> u8 {
        self.bytes.get(usize::from(offset)).copied().unwrap_or(0)
    }

    /// A 16-bit field, for devices that look at their own capabilities.
    pub fn word(&self, offset: u16) -> u16 {
        read_bytes(&self.bytes, u64::from(offset), AccessSize::Word) as u16
    }

    /// A 32-bit field.
    pub fn dword(&self, offset: u16) -> u32 {
        self.read(offset, AccessSize::Dword)
    }

    /// Shows in the status register whether the interrupt line is asserted.
    pub fn set_interrupt_status(&mut self, asserted: bool) {
        let [low, _] = STATUS_INTERRUPT.to_le_bytes();
        if let Some(status) = self.bytes.get_mut(usize::from(STATUS)) {
            *status = if asserted { *status | low } else { *status & !low };
        }
    }

    /// The windows that are decoded now.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Returns to the content after power-on.
    pub fn reset(&mut self) {
        self.bytes = self.initial;
        self.windows = self.decode();
    }

    /// What is saved.
    pub fn save(&self) -> ConfigState {
        ConfigState { bytes: self.bytes.to_vec() }
    }

    /// Takes over saved bytes. Only bits that software may change are believed; the others must be
    /// those of this function, or the state is that of another device.
    pub fn restore(&mut self, state: &ConfigState) -> Result<(), RestoreError> {
        if state.bytes.len() != BYTES {
            return Err(RestoreError::Impossible("configuration space has 256 bytes"));
        }
        let mut next = self.initial;
        for (index, (byte, saved)) in next.iter_mut().zip(&state.bytes).enumerate() {
            let mask = self.writable.get(index).copied().unwrap_or(0);
            let volatile = if index == usize::from(STATUS) { STATUS_INTERRUPT.to_le_bytes()[0] } else { 0 };
            if (*byte ^ saved) & !(mask | volatile) != 0 {
                return Err(RestoreError::Impossible("configuration space belongs to another device"));
            }
            *byte = *saved;
        }
        self.bytes = next;
        self.windows = self.decode();
        Ok(())
    }

    fn write_byte(&mut self, offset: usize, value: u8) {
        if let (Some(byte), Some(mask)) = (self.bytes.get_mut(offset), self.writable.get(offset)) {
            *byte = *byte & !mask | value & mask;
        }
    }

    /// Sets initial content at construction: for what only one kind of function has.
    ///
    /// # Panics
    /// If the field lies behind the end: our mistake. So does [`ConfigSpace::allow`].
    pub fn set(&mut self, offset: u16, content: &[u8]) {
        copy_into(&mut self.initial, offset, content);
        copy_into(&mut self.bytes, offset, content);
    }

    /// Lets software change bits; said at construction.
    pub fn allow(&mut self, offset: u16, mask: &[u8]) {
        copy_into(&mut self.writable, offset, mask);
    }

    fn decode(&self) -> Vec<Window> {
        self.bars.iter().filter_map(|bar| self.window(bar)).collect()
    }

    /// The window of one BAR, if its space is decoded and it was given an address.
    fn window(&self, bar: &Bar) -> Option<Window> {
        let enable = if bar.kind.is_memory() { COMMAND_MEMORY } else { COMMAND_IO };
        if self.command() & enable == 0 {
            return None;
        }
        let offset = BAR_FIRST.checked_add(u16::from(bar.index).checked_mul(4)?)?;
        let mut start = u64::from(self.dword(offset));
        if bar.kind == BarKind::Memory64 {
            start |= u64::from(self.dword(offset.checked_add(4)?)) << 32;
        }
        start &= !(bar.bytes.wrapping_sub(1));
        let last = start.checked_add(bar.bytes.wrapping_sub(1));
        let end = if bar.kind.is_memory() { u64::MAX } else { u64::from(u16::MAX) };
        let is_placed = start != 0 && last.is_some_and(|last| last <= end);
        let space = if bar.kind.is_memory() { Space::Memory } else { Space::Ports };
        let region = Region(u16::from(bar.index));
        is_placed.then_some(Window { region, space, start, bytes: bar.bytes })
    }
}

/// Copies at construction time; content behind the end is a mistake of ours.
fn copy_into(target: &mut [u8; BYTES], offset: u16, content: &[u8]) {
    let first = usize::from(offset);
    let place = first.checked_add(content.len()).and_then(|end| target.get_mut(first..end));
    match place {
        Some(place) => place.copy_from_slice(content),
        None => panic!("a field behind the end of configuration space"),
    }
}
