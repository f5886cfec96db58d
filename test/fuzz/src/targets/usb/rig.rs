//! A controller with memory and a driver, and its twin that was restored from it.

use crate::Input;
use base_units::{Gpa, Nanos};
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, GuestMemory, Line, Region};
use vmm_chipset::i8042::{Key, Stroke};
use vmm_snapshot::{RestoreError, Saved, SavedState};
use vmm_usb::{Position, Xhci};

/// Guest RAM.
const RAM_BYTES: usize = 0x2_0000;
/// Messages that one step may cause at the most.
const MESSAGES_MAX: usize = 16;
/// Calls that a device may ask for after one step.
const ADVANCES_MAX: usize = 20;
/// Registers.
const OPERATIONAL: u64 = 0x40;
const INTERRUPTER: u64 = 0x1020;
const DOORBELLS: u64 = 0x2000;
/// Places in memory: contexts, rings, tables, data.
const CONTEXT_ARRAY: u64 = 0x1000;
const COMMANDS: u64 = 0x2000;
const SEGMENTS: u64 = 0x3000;
const EVENTS: u64 = 0x4000;
const INPUT: u64 = 0x5000;
const OUTPUT: u64 = 0x6000;
const RINGS: u64 = 0x8000;
const DATA: u64 = 0x1_0000;
/// TRBs of each ring, of which the last one is a link, and of the event ring.
const TRBS: u64 = 32;
const EVENT_TRBS: u32 = 64;
/// Slots that the driver uses, and their endpoints.
const SLOTS: u64 = 2;
/// Kinds of TRBs that mean something.
const ENABLE_SLOT: u8 = 9;
const ADDRESS_DEVICE: u8 = 11;
const CONFIGURE_ENDPOINT: u8 = 12;
const LINK: u32 = 6;
/// Requests of devices: descriptors, configuration, lamps, idle rate, protocol, status.
const REQUESTS: [u64; 12] = [
    0x0012_0000_0100_0680,
    0x0022_0000_0200_0680,
    0x00FF_0409_0302_0680,
    0x0050_0000_2200_0681,
    0x0000_0000_0001_0900,
    0x0001_0000_0200_0921,
    0x0000_0000_0A00_0A21,
    0x0000_0000_0001_0B21,
    0x0008_0000_0100_01A1,
    0x0000_0081_0000_0302,
    0x0000_0081_0000_0102,
    0x0002_0081_0000_0082,
];

/// A device at work.
pub(super) struct Rig {
    device: Xhci,
    memory: FlatMemory,
    now: Nanos,
    /// TRBs that the driver has put on each ring: the first is that of commands.
    written: [u64; 1 + 4 * SLOTS as usize],
    twin: Option<Box<Rig>>,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self {
            device: Xhci::new(Line { pin: 18, source: 2 }),
            memory: FlatMemory::new(Gpa::new(0), RAM_BYTES),
            now: Nanos::ZERO,
            written: Default::default(),
            twin: None,
        }
    }

    /// Both devices configured, waiting for input.
    pub(super) fn set_up(&mut self) {
        self.configure(4, 6);
        self.written = Default::default();
        self.fill(COMMANDS, SEGMENTS - COMMANDS);
        self.fill(EVENTS, INPUT - EVENTS);
        self.fill(RINGS, DATA - RINGS);
        self.put_words(SEGMENTS, &[EVENTS as u32, 0, EVENT_TRBS, 0]);
        for slot in 1..=SLOTS {
            self.put_words(CONTEXT_ARRAY + slot * 8, &[(OUTPUT + slot * 0x800) as u32, 0]);
        }
        let registers = [
            (OPERATIONAL, 2),
            (OPERATIONAL + 0x38, SLOTS as u32),
            (OPERATIONAL + 0x30, CONTEXT_ARRAY as u32),
            (OPERATIONAL + 0x18, COMMANDS as u32 | 1),
            (INTERRUPTER + 8, 1),
            (INTERRUPTER + 0x18, EVENTS as u32),
            (INTERRUPTER + 0x10, SEGMENTS as u32),
            (INTERRUPTER, 2),
            (OPERATIONAL, 5),
            (OPERATIONAL + 0x400, 0x10),
            (OPERATIONAL + 0x410, 0x10),
        ];
        for (offset, value) in registers {
            self.write_register(offset, value);
        }
        for slot in 1..=SLOTS {
            self.prepare(slot);
            self.put_command(ENABLE_SLOT, 0, 0);
            self.put_command(ADDRESS_DEVICE, INPUT, (slot as u32) << 24);
            self.prepare(slot);
            self.put_words(INPUT, &[0, 1 | 1 << 3]);
            self.put_command(CONFIGURE_ENDPOINT, INPUT, (slot as u32) << 24);
            self.put_control(slot, REQUESTS[4]);
            self.ask(slot as u8);
        }
    }

    /// An input context for address device, and for configure endpoint but for its flags.
    fn prepare(&mut self, slot: u64) {
        self.put_words(INPUT, &[0, 3]);
        self.put_words(INPUT + 0x20, &[3 << 27 | 3 << 20, (slot as u32) << 16]);
        self.put_words(INPUT + 0x40, &[0, 64 << 16 | 4 << 3, ring(slot, 1) as u32 | 1, 0]);
        self.put_words(INPUT + 0x80, &[6 << 16, 8 << 16 | 7 << 3, ring(slot, 3) as u32 | 1, 0]);
    }

    pub(super) fn write(&mut self, input: &mut Input<'_>) {
        let (offset, value) = (register(input), input.u64());
        let size = input.choose(&[AccessSize::Dword, AccessSize::Qword, AccessSize::Byte, AccessSize::Word]);
        self.each(|device, context| {
            device.write(Region(0), offset, size, size.cut(value), context);
            0
        });
    }

    pub(super) fn read(&mut self, input: &mut Input<'_>) {
        let offset = register(input);
        self.each(|device, context| device.read(Region(0), offset, AccessSize::Qword, context));
    }

    pub(super) fn poke(&mut self, input: &mut Input<'_>) {
        let at = 0x1000 + u64::from(input.u16() & 0x3FFF) * 4;
        self.put_words(at, &[input.u32()]);
    }

    pub(super) fn configure(&mut self, offset: u16, value: u32) {
        self.each(|device, context| {
            device.config_write(offset, AccessSize::Dword, value, context);
            u64::from(device.config_read(offset, AccessSize::Dword, context))
        });
    }

    pub(super) fn reset(&mut self) {
        self.each(|device, context| {
            device.reset(context);
            0
        });
    }

    /// Time passes, in 16 microseconds.
    pub(super) fn advance(&mut self, time: u16) {
        self.now = self.now.saturating_add(Nanos::new(u64::from(time) << 14));
        if let Some(twin) = &mut self.twin {
            twin.now = self.now;
        }
        self.each(|device, context| {
            for _ in 0..ADVANCES_MAX {
                if device.deadline() > context.now {
                    break;
                }
                device.advance(context);
            }
            device.deadline().raw()
        });
    }

    /// The driver says that it has handled all events but the last of a round.
    pub(super) fn handle_events(&mut self) {
        let (mut low, at) = ([0; 4], INTERRUPTER + 0x18);
        self.each(|device, context| device.read(Region(0), at, AccessSize::Qword, context));
        // Anywhere is right for somebody: the ring is followed from here.
        let place =
            self.memory.read(Gpa::new(EVENTS + 12), &mut low).map_or(0, |()| u32::from_le_bytes(low) & 0x3F0);
        self.write_register(at, (EVENTS as u32 + place) | 8);
    }

    pub(super) fn command(&mut self, input: &mut Input<'_>) {
        let kind = 9 + input.u8() % 15;
        let (slot, endpoint) = (u32::from(input.u8() % 4), u32::from(input.u8() % 5));
        if kind == ADDRESS_DEVICE || kind == CONFIGURE_ENDPOINT {
            self.prepare(u64::from(slot.clamp(1, SLOTS as u32)));
            self.put_words(INPUT, &[u32::from(input.u8()), u32::from(input.u8())]);
        }
        let flags = u32::from(input.u8() & 1) << 9;
        let parameter = if kind == 16 { ring(1, u64::from(endpoint)) | 1 } else { INPUT };
        self.put_command(kind, parameter, slot << 24 | endpoint << 16 | flags);
    }

    /// A TRB of any kind on a ring.
    pub(super) fn transfer(&mut self, input: &mut Input<'_>) {
        let (slot, endpoint) = (1 + u64::from(input.u8()) % SLOTS, u64::from(input.u8() % 4));
        let kind = u32::from(input.u8() % 9) << 10 | u32::from(input.u16()) & 0x3FE | 1 << 16;
        let parameter = DATA + u64::from(input.u16());
        self.put(slot, endpoint, [parameter as u32, 0, u32::from(input.u8()), kind]);
        self.write_register(DOORBELLS + slot * 4, endpoint as u32);
    }

    pub(super) fn control(&mut self, input: &mut Input<'_>) {
        let slot = 1 + u64::from(input.u8()) % SLOTS;
        let request = input.choose(&REQUESTS) ^ u64::from(input.u16()) << 16;
        self.put_control(slot, request);
    }

    fn put_control(&mut self, slot: u64, request: u64) {
        let (bytes, is_in) = ((request >> 48) as u32, (request >> 7) as u32 & 1);
        self.put(slot, 1, [request as u32, (request >> 32) as u32, 8, 2 << 10 | 1 << 6]);
        if bytes != 0 {
            self.put(slot, 1, [DATA as u32, 0, bytes, 3 << 10 | is_in << 16 | 1 << 2]);
        }
        self.put(slot, 1, [0, 0, 0, 4 << 10 | 1 << 5]);
        self.write_register(DOORBELLS + slot * 4, 1);
    }

    /// The driver offers room for a report.
    pub(super) fn ask(&mut self, slot: u8) {
        let slot = u64::from(slot).clamp(1, SLOTS);
        self.put(slot, 3, [DATA as u32, 0, 8, 1 << 10 | 1 << 5]);
        self.write_register(DOORBELLS + slot * 4, 3);
    }

    pub(super) fn stroke(&mut self, usage: u8, direction: u8) {
        let stroke = if direction & 1 == 0 { Stroke::Press } else { Stroke::Release };
        self.each(|device, context| u64::from(device.stroke(Key(usage), stroke, context)));
    }

    pub(super) fn point(&mut self, input: &mut Input<'_>) {
        let (x, y, buttons) = (input.u16(), input.u16(), input.u8());
        let position = Position { x, y, buttons, wheel: i16::from(buttons) };
        self.each(|device, context| u64::from(device.point(position, context)));
    }

    pub(super) fn save(&self) -> SavedState {
        self.device.save()
    }

    pub(super) fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.device.restore(saved)
    }

    /// Saves the device and goes on with a second one that takes over its state.
    pub(super) fn make_twin(&mut self) {
        self.compare();
        let saved = self.save();
        let mut twin = Self { now: self.now, written: self.written, ..Self::new() };
        assert_eq!(twin.restore(saved.as_saved()), Ok(()), "a state that cannot be restored");
        assert_eq!(twin.save(), saved, "a state that changes by being restored");
        assert_eq!(twin.memory.write(Gpa::new(0), &self.ram()), Ok(()));
        self.twin = Some(Box::new(twin));
    }

    /// Holds the twin to being like the first.
    pub(super) fn compare(&self) {
        let Some(twin) = &self.twin else { return };
        assert_eq!(twin.save(), self.save(), "the restored device went another way");
        assert!(twin.ram() == self.ram(), "the restored device wrote other memory");
    }

    fn ram(&self) -> Vec<u8> {
        let mut bytes = vec![0; RAM_BYTES];
        assert_eq!(self.memory.read(Gpa::new(0), &mut bytes), Ok(()));
        bytes
    }

    fn put_command(&mut self, kind: u8, parameter: u64, rest: u32) {
        self.put_on(0, COMMANDS, [parameter as u32, 0, 0, u32::from(kind) << 10 | rest]);
        self.write_register(DOORBELLS, 0);
    }

    fn put(&mut self, slot: u64, endpoint: u64, words: [u32; 4]) {
        let index = 1 + (slot - 1) * 4 + endpoint;
        self.put_on(index as usize, ring(slot, endpoint), words);
    }

    /// Puts a TRB on a ring, and a link at its end.
    fn put_on(&mut self, index: usize, base: u64, words: [u32; 4]) {
        let [first, second, third, last] = words;
        let written = self.written[index];
        let (place, round) = (written % (TRBS - 1), written / (TRBS - 1));
        let cycle = 1 - (round & 1) as u32;
        self.put_words(base + place * 16, &[first, second, third, last & !1 | cycle]);
        if place == TRBS - 2 {
            self.put_words(base + (TRBS - 1) * 16, &[base as u32, 0, 0, LINK << 10 | 2 | cycle]);
        }
        self.written[index] = written + 1;
    }

    fn put_words(&mut self, at: u64, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put_bytes(at, &bytes);
    }

    fn fill(&mut self, at: u64, bytes: u64) {
        self.put_bytes(at, &vec![0; bytes as usize]);
    }

    fn put_bytes(&mut self, at: u64, bytes: &[u8]) {
        assert_eq!(self.memory.write(Gpa::new(at), bytes), Ok(()));
        if let Some(twin) = &mut self.twin {
            assert_eq!(twin.memory.write(Gpa::new(at), bytes), Ok(()));
        }
    }

    fn write_register(&mut self, offset: u64, value: u32) {
        self.each(|device, context| {
            device.write(Region(0), offset, AccessSize::Dword, u64::from(value), context);
            0
        });
    }

    /// Lets the same happen to the device and its twin: they must answer alike.
    fn each(&mut self, act: impl Fn(&mut Xhci, &mut Context<'_>) -> u64) {
        let seen = self.perform(&act);
        if let Some(twin) = &mut self.twin {
            assert_eq!(twin.perform(&act), seen, "the restored device answers otherwise");
        }
    }

    fn perform(&mut self, act: impl Fn(&mut Xhci, &mut Context<'_>) -> u64) -> (u64, usize) {
        let mut effects = Effects::new();
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut effects };
        let answer = act(&mut self.device, &mut context);
        let messages = effects.drain_messages().count();
        assert!(messages <= MESSAGES_MAX, "a storm of interrupts");
        (answer, messages)
    }
}

/// Where the ring of an endpoint lies.
fn ring(slot: u64, endpoint: u64) -> u64 {
    RINGS + ((slot.clamp(1, SLOTS) - 1) * 4 + endpoint % 4) * 0x400
}

/// A register, most of the time.
fn register(input: &mut Input<'_>) -> u64 {
    let offset = u64::from(input.u8());
    match input.u8() % 6 {
        0 => offset % 0x80,
        1 => OPERATIONAL + 0x400 + offset % 0x40,
        2 => INTERRUPTER - 0x20 + offset,
        3 => DOORBELLS + offset % 0x40,
        4 => 0x3000 + offset % 0x48,
        _ => offset << 6,
    }
}
