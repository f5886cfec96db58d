//! The cards on their bus, and the cable between them.

use super::{
    driver::{self, AREA_BYTES, DATA, Write},
    event::Event,
};
use crate::pair::{self, Restorable};
use base_units::{Gpa, Nanos};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use vmm_bus::{
    AccessSize, Bus, BusError, Context, DeviceId, Effects, FlatMemory, GuestMemory, Line, Msi, pci::Place,
};
use vmm_chipset::{IoApic, ioapic};
use vmm_nic::{E1000, FRAME_BYTES_MAX, FRAME_BYTES_MIN, MacAddress, VirtioNet, Wire, e1000::Model};
use vmm_snapshot::RestoreError;
use vmm_virtio::VirtioPci;

/// Cards: virtio, then Intel's two.
pub(super) const CARDS: usize = 3;
const VIRTIO: u8 = 0;
/// Guest RAM: an area for each card, and some that is nobody's.
pub(super) const RAM_BYTES: usize = 0x4_0000;
/// Frames that a card has on the cable at the most; more are lost.
const FRAMES_MAX: usize = 32;
/// Messages that one event may cause at the most.
const MESSAGES_MAX: usize = 4096;
/// BARs: so many bytes from one card to the next, and from one BAR to the next.
const BARS: u64 = 0xC000_0000;
const CARD_STRIDE: u64 = 1 << 20;
const BAR_STRIDE: u64 = 1 << 17;
/// Memory, ports, bus master.
const COMMAND_ON: u32 = 0b111;

/// What is on a card's end of the cable.
#[derive(Clone, Default)]
struct Ends {
    is_up: bool,
    frames: VecDeque<Vec<u8>>,
}

/// A card's end of the cable; the board holds it too.
#[derive(Clone, Default)]
struct Cable(Arc<Mutex<Ends>>);

impl Cable {
    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire for Cable {
    fn is_up(&self) -> bool {
        self.ends().is_up
    }

    fn send(&mut self, frame: &[u8]) {
        let is_frame = (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len());
        assert!(is_frame, "a card sent {} bytes, which are no frame", frame.len());
        let mut ends = self.ends();
        if ends.is_up && ends.frames.len() < FRAMES_MAX {
            ends.frames.push_back(frame.to_vec());
        }
    }
}

/// What can be seen of an event from outside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Observation {
    value: u64,
    messages: Vec<Msi>,
    deadline: u64,
}

#[derive(Clone, Copy)]
struct Cards {
    virtio: DeviceId<VirtioPci<VirtioNet<Cable>>>,
    intel: [DeviceId<E1000<Cable>>; CARDS - 1],
}

/// The cards, their guest's memory, and how far their drivers are.
pub(super) struct Board {
    bus: Bus,
    cards: Cards,
    cables: [Cable; CARDS],
    memory: FlatMemory,
    effects: Effects,
    now: Nanos,
    /// Transmit descriptors that each driver has used.
    sent: [u16; CARDS],
}

fn build([first, second, third]: [Cable; CARDS]) -> Result<(Bus, Cards), BusError> {
    let mut bus = Bus::new(Box::new(IoApic::new()), Gpa::new(0xFEC0_0000), ioapic::ADDRESS_BYTES)?;
    let address = |card: u8| MacAddress::of("fuzz", card);
    let line = |card: u8| Line { pin: 16 + card, source: card };
    let net = VirtioPci::new(VirtioNet::new(address(VIRTIO), first), line(VIRTIO));
    let virtio = bus.add_function(place(VIRTIO), net)?;
    let mut add = |card: u8, model, cable| {
        bus.add_function(place(card), E1000::new(model, address(card), line(card), cable))
    };
    let intel = [add(1, Model::I82540em, second)?, add(2, Model::I82574l, third)?];
    Ok((bus, Cards { virtio, intel }))
}

fn place(card: u8) -> Place {
    Place::slot(card + 1).unwrap_or_else(|| panic!("slots go to 31"))
}

/// Where a card's area of memory starts.
fn area(card: u8) -> u64 {
    u64::from(card) * AREA_BYTES
}

impl Restorable for Board {
    type Event<'a> = Event<'a>;
    type Seen = Observation;

    fn is_restore(event: Event<'_>) -> bool {
        event == Event::SaveAndRestore
    }

    fn perform(&mut self, event: Event<'_>) -> Observation {
        let mut seen = Observation::default();
        match event {
            Event::SetUp(card, features) => self.set_up(card, features),
            Event::Send(card, to, bytes) => self.send(card, to, bytes),
            Event::Describe(card, descriptor) => self.put(card, descriptor),
            Event::Read(card, bar, offset, size) => {
                let at = bar_address(card, bar) + offset;
                seen.value = self.act(|bus, context| bus.memory_read(Gpa::new(at), size, context));
                assert_eq!(seen.value, size.cut(seen.value), "a read of more than was asked for");
            }
            Event::Write(card, bar, offset, size, value) => {
                let at = bar_address(card, bar) + offset;
                self.act(|bus, context| bus.memory_write(Gpa::new(at), size, size.cut(value), context));
            }
            Event::Configure(card, offset, value) => self.configure(card, offset, value),
            Event::Poke(at, bytes) => assert_eq!(self.memory.write(Gpa::new(at), &bytes), Ok(())),
            Event::Deliver => self.deliver(),
            Event::Arrive(card, frame) => self.arrive(card, frame),
            Event::Link(card, is_up) => self.link(card, is_up),
            Event::Advance(nanos) => {
                self.now = self.now.saturating_add(Nanos::new(nanos));
                self.act(Bus::advance);
            }
            Event::Reset => self.act(Bus::reset),
            Event::SaveAndRestore => {}
        }
        self.look(&mut seen);
        seen
    }

    fn save(&self) -> Vec<u8> {
        pair::save(&self.bus)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        pair::restore(&mut self.bus, state)
    }

    /// On a cable in the same state.
    fn renewed(&mut self) -> Self {
        let mut twin = Self::new();
        twin.memory = pair::copy(&self.memory, RAM_BYTES);
        (twin.now, twin.sent) = (self.now, self.sent);
        for (ours, theirs) in self.cables.iter().zip(&twin.cables) {
            *theirs.ends() = ours.ends().clone();
        }
        twin
    }

    fn surroundings(&mut self) -> Vec<Vec<u8>> {
        vec![pair::content(&self.memory, RAM_BYTES)]
    }
}

impl Board {
    /// Cards after power-on, with a link.
    ///
    /// # Panics
    /// If the devices do not fit together: a mistake of ours.
    pub(super) fn new() -> Self {
        let cables: [Cable; CARDS] = Default::default();
        let (bus, cards) = match build(cables.clone()) {
            Ok(built) => built,
            Err(error) => panic!("the board cannot be built: {error:?}"),
        };
        let memory = FlatMemory::new(Gpa::new(0), RAM_BYTES);
        for cable in &cables {
            cable.ends().is_up = true;
        }
        Self { bus, cards, cables, memory, effects: Effects::new(), now: Nanos::ZERO, sent: [0; CARDS] }
    }

    fn act<R>(&mut self, act: impl FnOnce(&mut Bus, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.bus, &mut context)
    }

    fn configure(&mut self, card: u8, offset: u8, value: u32) {
        let address = 0x8000_0000 | u32::from(card + 1) << 11 | u32::from(offset);
        self.act(|bus, context| {
            bus.port_write(0xCF8, AccessSize::Dword, address, context);
            bus.port_write(0xCFC, AccessSize::Dword, value, context);
        });
    }

    fn set_up(&mut self, card: u8, features: u64) {
        // virtio's only BAR has an upper half, which stays zero.
        for bar in 0..if card == VIRTIO { 1 } else { 6 } {
            self.configure(card, 0x10 + bar * 4, bar_address(card, bar) as u32);
        }
        self.configure(card, 4, COMMAND_ON);
        self.sent[usize::from(card)] = 0;
        let writes = match card {
            VIRTIO => driver::set_up_virtio(area(card), features),
            _ => driver::set_up_intel(area(card)),
        };
        self.write_all(card, writes);
    }

    fn write_all(&mut self, card: u8, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::Memory(at, value) => {
                    assert_eq!(self.memory.write(Gpa::new(at), &value.to_le_bytes()), Ok(()));
                }
                Write::Register(offset, size, value) => {
                    let at = Gpa::new(bar_address(card, 0) + offset);
                    self.act(|bus, context| bus.memory_write(at, size, value, context));
                }
            }
        }
    }

    /// A driver sends a frame that starts with the address of a card.
    fn send(&mut self, card: u8, to: u8, bytes: u16) {
        let bytes = u64::from(bytes) % 2048;
        let address = if usize::from(to) < CARDS { MacAddress::of("fuzz", to).0 } else { [0xFF; 6] };
        let header = if card == VIRTIO { 12 } else { 0 };
        assert_eq!(self.memory.write(Gpa::new(area(card) + DATA), &[0; 12]), Ok(()));
        assert_eq!(self.memory.write(Gpa::new(area(card) + DATA + header), &address), Ok(()));
        let descriptor = match card {
            VIRTIO => driver::virtio_descriptor(area(card), bytes),
            _ => driver::intel_descriptor(area(card), bytes),
        };
        self.put(card, descriptor);
    }

    fn put(&mut self, card: u8, descriptor: [u64; 2]) {
        let count = self.sent[usize::from(card)];
        self.sent[usize::from(card)] = count.wrapping_add(1);
        let writes = match card {
            VIRTIO => driver::virtio_put(area(card), count, descriptor),
            _ => driver::intel_put(area(card), count, descriptor),
        };
        self.write_all(card, writes);
    }

    /// What each card sent arrives at all others.
    fn deliver(&mut self) {
        for from in 0..CARDS as u8 {
            let frames = core::mem::take(&mut self.cables[usize::from(from)].ends().frames);
            for frame in frames {
                (0..CARDS as u8).filter(|to| *to != from).for_each(|to| self.arrive(to, &frame));
            }
        }
    }

    fn arrive(&mut self, card: u8, frame: &[u8]) {
        let Cards { virtio, intel } = self.cards;
        self.act(|bus, context| {
            match card.checked_sub(1).and_then(|card| intel.get(usize::from(card))) {
                Some(card) => bus.device_mut(*card).receive(frame, context),
                None => {
                    // A card that its guest broke takes nothing.
                    let card = bus.device_mut(virtio);
                    let _ = card.with_device(context, |card, guest| card.receive(frame, guest));
                }
            }
            bus.settle(context);
        });
    }

    fn link(&mut self, card: u8, is_up: bool) {
        self.cables[usize::from(card)].ends().is_up = is_up;
        let intel = self.cards.intel;
        self.act(|bus, context| {
            if let Some(card) = card.checked_sub(1).and_then(|card| intel.get(usize::from(card))) {
                bus.device_mut(*card).link_changed(context);
            }
            bus.settle(context);
        });
    }

    /// Takes the effects and checks what cards must keep.
    fn look(&mut self, seen: &mut Observation) {
        seen.messages.extend(self.effects.drain_messages());
        assert!(seen.messages.len() <= MESSAGES_MAX, "a storm of interrupts");
        assert_eq!(self.effects.drain_returned().count(), 0, "a card gives no memory back");
        assert_eq!(self.effects.take_power(), None, "a card has no power button");
        self.effects.take_attention();
        seen.deadline = self.bus.deadline().raw();
    }
}

fn bar_address(card: u8, bar: u8) -> u64 {
    BARS + u64::from(card) * CARD_STRIDE + u64::from(bar) * BAR_STRIDE
}
