//! A driver: rings in memory, commands, transfers, events.

use crate::{BAR, Xhci};
use alloc::{boxed::Box, vec::Vec};
use base_units::{Gpa, Nanos};
use spec::xhci::{
    CMD_INTERRUPTS, CMD_RESET, CMD_RUN, CONFIG, CRCR, DCBAAP, ERDP, ERSTBA, ERSTSZ, IMAN, IMAN_ENABLE, IMOD,
    PORT_RESET, PORTS, USBCMD, USBSTS, code, trb,
};
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, GuestMemory, GuestRange, Line, Region};
use vmm_chipset::i8042::{Key, Stroke};

pub(super) const OPERATIONAL: u64 = 0x40;
const RUNTIME: u64 = 0x1000;
pub(super) const INTERRUPTER: u64 = RUNTIME + 0x20;
pub(super) const DOORBELLS: u64 = 0x2000;
const REGION: Region = Region(BAR as u16);
/// Places in memory.
const CONTEXT_ARRAY: u64 = 0x1000;
pub(super) const COMMAND_RING: u64 = 0x2000;
pub(super) const EVENT_RING: u64 = 0x3000;
pub(super) const SEGMENT_TABLE: u64 = 0x4000;
pub(super) const INPUT: u64 = 0x5000;
pub(super) const BUFFER: u64 = 0x8000;
const OUTPUT_CONTEXTS: u64 = 0x1_0000;
const RINGS: u64 = 0x2_0000;
const RAM_BYTES: usize = 0x4_0000;
/// TRBs of the event ring and of each other ring, of which the last is a link.
pub(super) const EVENTS: u64 = 16;
pub(super) const RING_TRBS: u64 = 16;
pub(super) const LINE: Line = Line { pin: 18, source: 2 };

/// An event as it was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Event {
    pub(super) parameter: u64,
    pub(super) status: u32,
    pub(super) control: u32,
}

impl Event {
    pub(super) fn kind(&self) -> u8 {
        (self.control >> 10) as u8 & 0x3F
    }

    pub(super) fn code(&self) -> u8 {
        (self.status >> 24) as u8
    }

    pub(super) fn slot(&self) -> u8 {
        (self.control >> 24) as u8
    }

    pub(super) fn residue(&self) -> u32 {
        self.status & 0xFF_FFFF
    }
}

/// Where software writes next on a ring.
#[derive(Clone, Copy)]
struct Writer {
    base: u64,
    index: u64,
    cycle: bool,
}

impl Writer {
    fn new(base: u64) -> Self {
        Self { base, index: 0, cycle: true }
    }

    fn put(&mut self, memory: &FlatMemory, parameter: u64, status: u32, control: u32) -> u64 {
        let at = self.base + self.index * 16;
        write(memory, at, parameter, status, control & !1 | u32::from(self.cycle));
        self.index += 1;
        if self.index == RING_TRBS - 1 {
            let link = u32::from(trb::LINK) << 10 | 2 | u32::from(self.cycle);
            write(memory, self.base + self.index * 16, self.base, 0, link);
            self.index = 0;
            self.cycle = !self.cycle;
        }
        at
    }
}

fn write(memory: &FlatMemory, at: u64, parameter: u64, status: u32, control: u32) {
    let all = u128::from(parameter) | u128::from(status) << 64 | u128::from(control) << 96;
    memory.write(Gpa::new(at), &all.to_le_bytes()).unwrap();
}

pub(super) struct Driver {
    pub(super) device: Xhci,
    pub(super) memory: Box<FlatMemory>,
    pub(super) effects: Effects,
    pub(super) now: Nanos,
    commands: Writer,
    rings: [[Writer; 4]; 4],
    event_index: u64,
    event_cycle: bool,
}

impl Driver {
    /// A controller that firmware has given its window, and that nobody has set up.
    pub(super) fn cold() -> Self {
        let ring = |slot: u64, endpoint: u64| Writer::new(RINGS + slot * 0x4000 + endpoint * 0x1000);
        let mut driver = Self {
            device: Xhci::new(LINE),
            memory: Box::new(FlatMemory::new(Gpa::new(0), RAM_BYTES)),
            effects: Effects::new(),
            now: Nanos::from_millis(10),
            commands: Writer::new(COMMAND_RING),
            rings: core::array::from_fn(|slot| {
                core::array::from_fn(|endpoint| ring(slot as u64, endpoint as u64))
            }),
            event_index: 0,
            event_cycle: true,
        };
        // Memory and bus master.
        driver.with(|device, context| device.config_write(4, AccessSize::Word, 6, context));
        driver
    }

    /// A controller that runs.
    pub(super) fn running() -> Self {
        let mut driver = Self::cold();
        driver.set_up();
        driver
    }

    pub(super) fn set_up(&mut self) {
        let rings = GuestRange { start: Gpa::new(COMMAND_RING), bytes: SEGMENT_TABLE - COMMAND_RING };
        self.memory.fill(rings, 0).unwrap();
        self.commands = Writer::new(COMMAND_RING);
        (self.event_index, self.event_cycle) = (0, true);
        self.write(OPERATIONAL + USBCMD, u64::from(CMD_RESET));
        self.write(OPERATIONAL + CONFIG, 4);
        self.write64(OPERATIONAL + DCBAAP, CONTEXT_ARRAY);
        self.write64(OPERATIONAL + CRCR, COMMAND_RING | 1);
        write(&self.memory, SEGMENT_TABLE, EVENT_RING, EVENTS as u32, 0);
        self.write(INTERRUPTER + ERSTSZ, 1);
        self.write64(INTERRUPTER + ERDP, EVENT_RING);
        self.write64(INTERRUPTER + ERSTBA, SEGMENT_TABLE);
        self.write(INTERRUPTER + IMOD, 0);
        self.write(INTERRUPTER + IMAN, u64::from(IMAN_ENABLE));
        self.write(OPERATIONAL + USBCMD, u64::from(CMD_RUN | CMD_INTERRUPTS));
    }

    pub(super) fn with<R>(&mut self, act: impl FnOnce(&mut Xhci, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &*self.memory, effects: &mut self.effects };
        act(&mut self.device, &mut context)
    }

    pub(super) fn write(&mut self, offset: u64, value: u64) {
        self.with(|device, context| device.write(REGION, offset, AccessSize::Dword, value, context));
    }

    pub(super) fn write64(&mut self, offset: u64, value: u64) {
        self.with(|device, context| device.write(REGION, offset, AccessSize::Qword, value, context));
    }

    pub(super) fn read(&mut self, offset: u64) -> u32 {
        self.with(|device, context| device.read(REGION, offset, AccessSize::Dword, context)) as u32
    }

    pub(super) fn status(&mut self) -> u32 {
        self.read(OPERATIONAL + USBSTS)
    }

    pub(super) fn port(&mut self, number: u64) -> u32 {
        self.read(OPERATIONAL + PORTS + (number - 1) * 16)
    }

    pub(super) fn write_port(&mut self, number: u64, value: u32) {
        self.write(OPERATIONAL + PORTS + (number - 1) * 16, u64::from(value));
    }

    /// The next event, if there is one.
    pub(super) fn event(&mut self) -> Option<Event> {
        let mut raw = [0; 16];
        self.memory.read(Gpa::new(EVENT_RING + self.event_index * 16), &mut raw).unwrap();
        let all = u128::from_le_bytes(raw);
        let event = Event { parameter: all as u64, status: (all >> 64) as u32, control: (all >> 96) as u32 };
        if (event.control & 1 != 0) != self.event_cycle {
            return None;
        }
        self.event_index += 1;
        if self.event_index == EVENTS {
            self.event_index = 0;
            self.event_cycle = !self.event_cycle;
        }
        Some(event)
    }

    /// All events, and says that they are handled.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let before = events.len();
            events.extend(core::iter::from_fn(|| self.event()));
            if events.len() == before {
                return events;
            }
            self.handled();
        }
    }

    /// Says which events are handled.
    pub(super) fn handled(&mut self) {
        self.write64(INTERRUPTER + ERDP, (EVENT_RING + self.event_index * 16) | 8);
    }

    /// Writes a command without ringing.
    pub(super) fn put_command(&mut self, kind: u8, parameter: u64, rest: u32) -> u64 {
        self.commands.put(&self.memory, parameter, 0, u32::from(kind) << 10 | rest)
    }

    /// Does a command: its code and slot.
    pub(super) fn command(&mut self, kind: u8, parameter: u64, rest: u32) -> (u8, u8) {
        self.events();
        let at = self.put_command(kind, parameter, rest);
        self.write(DOORBELLS, 0);
        let events = self.events();
        let event = events.iter().find(|event| event.kind() == trb::COMMAND_EVENT).expect("no completion");
        assert_eq!(event.parameter, at);
        (event.code(), event.slot())
    }

    /// Writes one word of an input context: 0 the flags, 1 the slot, 2 and on endpoints.
    pub(super) fn input(&mut self, context: u64, word: u64, value: u32) {
        self.memory.write_u32(Gpa::new(INPUT + context * 32 + word * 4), value).unwrap();
    }

    /// A word of a slot's own context.
    pub(super) fn output(&self, slot: u8, context: u64, word: u64) -> u32 {
        let at = OUTPUT_CONTEXTS + u64::from(slot) * 0x800 + context * 32 + word * 4;
        self.memory.read_u32(Gpa::new(at)).unwrap()
    }

    pub(super) fn ring_of(&self, slot: u8, endpoint: u8) -> u64 {
        self.rings[usize::from(slot)][usize::from(endpoint)].base
    }

    /// Makes the input context for Address Device.
    pub(super) fn prepare_address(&mut self, slot: u8, port: u32) {
        let base = CONTEXT_ARRAY + u64::from(slot) * 8;
        let contexts = OUTPUT_CONTEXTS + u64::from(slot) * 0x800;
        self.memory.write_u64(Gpa::new(base), contexts).unwrap();
        let ring = self.ring_of(slot, 1);
        self.input(0, 0, 0);
        self.input(0, 1, 3);
        self.input(1, 0, 1 << 27 | 3 << 20);
        self.input(1, 1, port << 16);
        self.input(2, 0, 0);
        self.input(2, 1, 64 << 16 | 4 << 3 | 3 << 1);
        self.input(2, 2, ring as u32 | 1);
        self.input(2, 3, 0);
    }

    /// Resets a port and gives its device an address. Returns the slot.
    pub(super) fn address(&mut self, port: u32) -> u8 {
        self.write_port(u64::from(port), PORT_RESET);
        self.write_port(u64::from(port), spec::xhci::PORT_CHANGES);
        let (code, slot) = self.command(trb::ENABLE_SLOT, 0, 0);
        assert_eq!(code, code::SUCCESS);
        self.prepare_address(slot, port);
        let addressed = self.command(trb::ADDRESS_DEVICE, INPUT, u32::from(slot) << 24);
        assert_eq!(addressed, (code::SUCCESS, slot));
        slot
    }

    /// Sets the interrupt endpoint up and chooses the configuration.
    pub(super) fn configure(&mut self, slot: u8) {
        assert_eq!(self.configure_endpoint(slot), code::SUCCESS);
        assert_eq!(self.control(slot, [0, 9, 1, 0, 0, 0, 0, 0], 0).0, code::SUCCESS);
    }

    pub(super) fn configure_endpoint(&mut self, slot: u8) -> u8 {
        let ring = self.ring_of(slot, 3);
        self.input(0, 0, 0);
        self.input(0, 1, 1 | 1 << 3);
        self.input(1, 0, 3 << 27 | 3 << 20);
        self.input(4, 0, 6 << 16);
        self.input(4, 1, 8 << 16 | 7 << 3 | 3 << 1);
        self.input(4, 2, ring as u32 | 1);
        self.input(4, 3, 0);
        self.command(trb::CONFIGURE_ENDPOINT, INPUT, u32::from(slot) << 24).0
    }

    /// A device that is ready for input: keyboard at port 1, tablet at port 2.
    pub(super) fn with_device(port: u32) -> (Self, u8) {
        let mut driver = Self::running();
        let slot = driver.address(port);
        driver.configure(slot);
        (driver, slot)
    }

    /// Writes a TRB of a transfer without ringing.
    pub(super) fn put(&mut self, slot: u8, endpoint: u8, parameter: u64, status: u32, control: u32) -> u64 {
        self.rings[usize::from(slot)][usize::from(endpoint)].put(&self.memory, parameter, status, control)
    }

    pub(super) fn ring(&mut self, slot: u8, endpoint: u8) {
        self.write(DOORBELLS + u64::from(slot) * 4, u64::from(endpoint));
    }

    /// Offers the interrupt endpoint room for one report.
    pub(super) fn ask(&mut self, slot: u8, bytes: u32) -> u64 {
        let at = self.put(slot, 3, BUFFER, bytes, u32::from(trb::NORMAL) << 10 | 1 << 5 | 1 << 2);
        self.ring(slot, 3);
        at
    }

    /// The stages of a control transfer. The last one tells when it is done.
    pub(super) fn put_control(&mut self, slot: u8, setup: [u8; 8], bytes: u32) {
        let is_in = u32::from(setup[0] >> 7);
        let kind = if bytes == 0 { 0 } else { 2 + is_in };
        let raw = u64::from_le_bytes(setup);
        self.put(slot, 1, raw, 8, u32::from(trb::SETUP) << 10 | 1 << 6 | kind << 16);
        if bytes != 0 {
            self.put(slot, 1, BUFFER, bytes, u32::from(trb::DATA) << 10 | is_in << 16 | 1 << 2);
        }
        let to_host = 1 - is_in.min(bytes);
        self.put(slot, 1, 0, 0, u32::from(trb::STATUS) << 10 | to_host << 16 | 1 << 5);
    }

    /// Does a control transfer with so many bytes of data: the code, and bytes that did not come.
    pub(super) fn control(&mut self, slot: u8, setup: [u8; 8], bytes: u32) -> (u8, u32) {
        self.events();
        self.put_control(slot, setup, bytes);
        self.ring(slot, 1);
        let events = self.events();
        let last = events.last().expect("no event");
        assert_eq!((last.kind(), last.slot()), (trb::TRANSFER_EVENT, slot));
        let residue = events.iter().find(|event| event.code() == code::SHORT_PACKET);
        (last.code(), residue.map_or(0, Event::residue))
    }

    /// Reads a descriptor as the standard asks for it.
    pub(super) fn descriptor(&mut self, slot: u8, kind: u8, index: u8, bytes: u16) -> Vec<u8> {
        let [low, high] = bytes.to_le_bytes();
        let recipient = if kind >= 0x20 { 0x81 } else { 0x80 };
        let (code, residue) =
            self.control(slot, [recipient, 6, index, kind, 0, 0, low, high], u32::from(bytes));
        assert_eq!(code, code::SUCCESS);
        self.buffer(usize::from(bytes) - residue as usize)
    }

    pub(super) fn buffer(&self, bytes: usize) -> Vec<u8> {
        let mut content = alloc::vec![0; bytes];
        self.memory.read(Gpa::new(BUFFER), &mut content).unwrap();
        content
    }

    pub(super) fn stroke(&mut self, usage: u8, stroke: Stroke) -> bool {
        self.with(|device, context| device.stroke(Key(usage), stroke, context))
    }
}
