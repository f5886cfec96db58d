//! A driver of the card.

use crate::{
    MacAddress, Wire,
    e1000::{E1000, Model},
};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use spec::e1000::{RX_RING, TX_RING};
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, GuestMemory, Line, Region};

pub(super) const ADDRESS: MacAddress = MacAddress([0x52, 0x54, 0, 1, 2, 3]);
pub(super) const RAM: usize = 0x8_0000;
pub(super) const RX: u64 = 0x1000;
pub(super) const TX: u64 = 0x2000;
/// Receive buffers, 2 KiB each.
pub(super) const BUFFERS: u64 = 0x1_0000;
pub(super) const BUFFER_BYTES: u64 = 2048;
/// Packets to send.
pub(super) const DATA: u64 = 0x4_0000;
pub(super) const ENTRIES: u16 = 16;
pub(super) const BOTH: [Model; 2] = [Model::I82540em, Model::I82574l];

/// A cable whose other end is a list.
#[derive(Default)]
pub(super) struct List(pub(super) Vec<Vec<u8>>);

impl Wire for List {
    fn is_up(&self) -> bool {
        true
    }
    fn send(&mut self, frame: &[u8]) {
        self.0.push(frame.to_vec());
    }
}

pub(super) struct Bench {
    pub(super) card: E1000<List>,
    pub(super) memory: FlatMemory,
    pub(super) effects: Effects,
    /// The next free transmit descriptor.
    pub(super) tail: u16,
}

/// A frame to `address`.
pub(super) fn frame_to(address: MacAddress, bytes: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..bytes).map(|at| (at * 7) as u8).collect();
    frame[..6].copy_from_slice(&address.0);
    frame[12..14].copy_from_slice(&[8, 0]);
    frame
}

impl Bench {
    pub(super) fn untouched(model: Model) -> Self {
        let card = E1000::new(model, ADDRESS, Line { pin: 17, source: 3 }, List::default());
        let memory = FlatMemory::new(Gpa::new(0), RAM);
        let mut bench = Self { card, memory, effects: Effects::new(), tail: 0 };
        bench.configure(4, 6);
        bench
    }

    /// A card whose driver has set up both rings and given all buffers but one.
    pub(super) fn new(model: Model) -> Self {
        let mut bench = Self::untouched(model);
        for (ring, base) in [(RX_RING, RX), (TX_RING, TX)] {
            bench.write(ring, base as u32);
            bench.write(ring + 8, u32::from(ENTRIES) * 16);
        }
        for index in 0..u64::from(ENTRIES) {
            bench.poke(RX + index * 16, &(BUFFERS + index * BUFFER_BYTES).to_le_bytes());
        }
        bench.write(RX_RING + 0x18, u32::from(ENTRIES) - 1);
        bench.write(0x100, 0x8002);
        bench.write(0x400, 0x0A);
        bench
    }

    pub(super) fn with<R>(&mut self, act: impl FnOnce(&mut E1000<List>, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.card, &mut context)
    }

    pub(super) fn configure(&mut self, offset: u16, value: u32) {
        self.with(|card, context| card.config_write(offset, AccessSize::Word, value, context));
    }

    pub(super) fn read(&mut self, at: u64) -> u32 {
        self.with(|card, context| card.read(Region(0), at, AccessSize::Dword, context)) as u32
    }

    pub(super) fn write(&mut self, at: u64, value: u32) {
        self.with(|card, context| card.write(Region(0), at, AccessSize::Dword, u64::from(value), context));
    }

    pub(super) fn poke(&mut self, at: u64, bytes: &[u8]) {
        self.memory.write(Gpa::new(at), bytes).unwrap();
    }

    pub(super) fn peek(&self, at: u64, bytes: usize) -> Vec<u8> {
        let mut content = vec![0; bytes];
        self.memory.read(Gpa::new(at), &mut content).unwrap();
        content
    }

    pub(super) fn dword(&self, at: u64) -> u32 {
        self.memory.read_u32(Gpa::new(at)).unwrap()
    }

    /// Puts a transmit descriptor into the ring without telling.
    pub(super) fn describe(&mut self, dwords: [u32; 4]) {
        let at = TX + u64::from(self.tail) * 16;
        for (index, dword) in (0..).zip(dwords) {
            self.poke(at + index * 4, &dword.to_le_bytes());
        }
        self.tail = (self.tail + 1) % ENTRIES;
    }

    pub(super) fn ring(&mut self) {
        self.write(TX_RING + 0x18, u32::from(self.tail));
    }

    /// Sends a frame with a legacy descriptor that reports.
    pub(super) fn send(&mut self, frame: &[u8]) {
        self.poke(DATA, frame);
        self.describe([DATA as u32, 0, frame.len() as u32 | 0x0B00_0000, 0]);
        self.ring();
    }

    /// Sends a packet with a context (its dwords) and one data descriptor.
    pub(super) fn send_packet(&mut self, context: [u32; 4], packet: &[u8], command: u32, options: u32) {
        self.poke(DATA, packet);
        self.describe(context);
        self.describe([DATA as u32, 0, packet.len() as u32 | 0x2910_0000 | command, options]);
        self.ring();
    }

    pub(super) fn receive(&mut self, frame: &[u8]) {
        self.with(|card, context| card.receive(frame, context));
    }

    /// What stands in receive buffer `index`.
    pub(super) fn received(&self, index: u64) -> Vec<u8> {
        let bytes = self.dword(RX + index * 16 + 8) & 0xFFFF;
        self.peek(BUFFERS + index * BUFFER_BYTES, bytes as usize)
    }

    pub(super) fn sent(&self) -> &[Vec<u8>] {
        &self.card.wire.0
    }

    /// Interrupt messages since the last call: their data.
    pub(super) fn messages(&mut self) -> Vec<u32> {
        self.effects.drain_messages().map(|message| message.data).collect()
    }

    /// MSI-X on, vector n with data n.
    pub(super) fn use_msix(&mut self) {
        let at = self.capability(0x11);
        self.with(|card, context| {
            for vector in 0..5u64 {
                for (part, value) in [(0, 0xFEE0_0000), (8, vector), (12, 0)] {
                    card.write(Region(3), vector * 16 + part, AccessSize::Dword, value, context);
                }
            }
        });
        self.configure(at + 2, 0x8000);
    }

    /// Where a capability lies in configuration space.
    pub(super) fn capability(&mut self, id: u32) -> u16 {
        let mut at = self.with(|card, context| card.config_read(0x34, AccessSize::Byte, context)) as u16;
        for _ in 0..8 {
            let header = self.with(|card, context| card.config_read(at, AccessSize::Word, context));
            if header & 0xFF == id {
                return at;
            }
            at = (header >> 8) as u16;
        }
        panic!("no such capability");
    }

    /// A second card that took over the state, with the same memory.
    pub(super) fn twin(&self) -> Self {
        let mut twin = Self::untouched(self.card.model);
        assert_eq!(twin.card.restore(self.card.save().as_saved()), Ok(()));
        assert_eq!(twin.card.save(), self.card.save());
        twin.poke(0, &self.peek(0, RAM));
        twin.tail = self.tail;
        twin
    }
}
