//! Lets an event happen, and looks at what came of it.

use super::{
    build::{Board, DISK_BYTES, READ_ONLY_BYTE},
    event::{Event, QUEUES_AT},
};
use base_units::{Gpa, Nanos, PAGE_BYTES};
use spec::virtio::{
    COMMON_CONFIG_VECTOR, COMMON_DRIVER_FEATURE, COMMON_DRIVER_FEATURE_SELECT, COMMON_QUEUE_DESCRIPTORS,
    COMMON_QUEUE_DEVICE, COMMON_QUEUE_DRIVER, COMMON_QUEUE_ENABLE, COMMON_QUEUE_SELECT, COMMON_QUEUE_SIZE,
    COMMON_QUEUE_VECTOR, COMMON_STATUS, FEATURE_VERSION_1,
};
use vmm_bus::{AccessSize, Context, GuestMemory, GuestRange, Msi, PowerRequest};
use vmm_chipset::uart16550::{RECEIVE_BYTES, TRANSMIT_BYTES};
use vmm_devices::{
    ConsoleSize,
    virtio_console::{INPUT_BYTES, OUTPUT_BYTES},
};
use vmm_machine::layout;

/// Messages that one event may cause at the most: every vector of every function.
const MESSAGES_MAX: usize = 4096;
/// Queues that a driver sets up at the most.
const QUEUES: u64 = 4;
/// Descriptors of a queue that a driver sets up.
const QUEUE_SIZE: u64 = 16;
/// Where a function says that memory is decoded and that it may write memory.
const COMMAND: u64 = 4;
/// Memory and bus master.
const COMMAND_ON: u64 = 0b110;

/// What can be seen of an event from outside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Observation {
    /// What was read, or how much was taken.
    pub value: u64,
    /// What the guest wrote to its consoles.
    pub output: Vec<u8>,
    /// Interrupts, in order.
    pub messages: Vec<Msi>,
    /// Memory that the guest gave back.
    pub returned: Vec<GuestRange>,
    /// What the guest asked of its machine.
    pub power: Option<PowerRequest>,
}

impl Board {
    /// Lets an event happen. [`Event::SaveAndRestore`] is for [`crate::pair::Pair`]: nothing happens here.
    ///
    /// # Panics
    /// If the board breaks a promise.
    pub fn perform(&mut self, event: Event<'_>) -> Observation {
        let mut seen = Observation::default();
        match event {
            Event::PortRead(port, size) => {
                let size = size.min(AccessSize::Dword);
                seen.value = u64::from(self.with(|bus, context| bus.port_read(port, size, context)));
                assert_eq!(seen.value, size.cut(seen.value), "a read of more than was asked for");
            }
            Event::PortWrite(port, size, value) => {
                let size = size.min(AccessSize::Dword);
                self.with(|bus, context| bus.port_write(port, size, value, context));
            }
            Event::Read(at, size) => {
                seen.value = self.read(at, size);
                assert_eq!(seen.value, size.cut(seen.value), "a read of more than was asked for");
            }
            Event::Write(at, size, value) => self.write(at, size, value),
            Event::Poke(at, bytes) => assert_eq!(self.memory.write(Gpa::new(at), &bytes), Ok(())),
            Event::Describe(at, address, bytes, third, fourth) => {
                let low = u128::from(address) | u128::from(bytes) << 64;
                let raw = low | u128::from(third) << 96 | u128::from(fourth) << 112;
                assert_eq!(self.memory.write(Gpa::new(at), &raw.to_le_bytes()), Ok(()));
            }
            Event::SetUp(slot, features) => self.set_up(slot, features),
            Event::Notify(device, queue) => self.with(|bus, context| bus.notify(device, queue, context)),
            Event::Advance(nanos) => {
                self.now = self.now.saturating_add(Nanos::new(nanos));
                self.with(|bus, context| bus.advance(context));
            }
            Event::EndOfInterrupt(vector) => self.with(|bus, context| bus.end_of_interrupt(vector, context)),
            Event::Reset => self.with(|bus, context| bus.reset(context)),
            Event::SaveAndRestore => {}
            other => self.act_from_outside(other, &mut seen),
        }
        self.settle(&mut seen);
        seen
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut vmm_bus::Bus, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.bus, &mut context)
    }

    fn read(&mut self, at: u64, size: AccessSize) -> u64 {
        self.with(|bus, context| bus.memory_read(Gpa::new(at), size, context))
    }

    fn write(&mut self, at: u64, size: AccessSize, value: u64) {
        self.with(|bus, context| bus.memory_write(Gpa::new(at), size, value, context));
    }

    fn act_from_outside(&mut self, event: Event<'_>, seen: &mut Observation) {
        let (uart, power, console, balloon) = (self.uart, self.power, self.console, self.balloon);
        self.with(|bus, context| {
            // A device that the guest broke answers with its fault, which changes nothing here.
            let _ = match event {
                Event::Receive(bytes) => {
                    let taken = bus.device_mut(uart).receive(bytes, context.effects);
                    assert!(taken <= bytes.len());
                    seen.value = taken as u64;
                    Ok(())
                }
                Event::TakeOutput => {
                    let mut bytes = [0; TRANSMIT_BYTES + OUTPUT_BYTES];
                    let count = bus.device_mut(uart).take_transmitted(&mut bytes, context.effects);
                    seen.output.extend_from_slice(&bytes[..count]);
                    bus.device_mut(console).with_device(context, |device, guest| {
                        let count = device.take_output(&mut bytes, guest);
                        seen.output.extend_from_slice(&bytes[..count]);
                        Ok(())
                    })
                }
                Event::Type(bytes) => {
                    let typed = bus
                        .device_mut(console)
                        .with_device(context, |device, guest| device.type_bytes(bytes, guest));
                    typed.map(|taken| seen.value = taken as u64)
                }
                Event::Resize(columns, rows) => {
                    bus.device_mut(console).with_device(context, |device, guest| {
                        device.resize(ConsoleSize { columns, rows }, guest);
                        Ok(())
                    })
                }
                Event::Balloon(bytes) => bus.device_mut(balloon).with_device(context, |device, guest| {
                    device.set_target(bytes, guest);
                    device.ask_statistics(guest)
                }),
                Event::PowerButton => {
                    bus.device_mut(power).press_power_button(context.effects);
                    Ok(())
                }
                _ => Ok(()),
            };
            bus.settle(context);
        });
    }

    /// What a driver does before the first request, with the queues at fixed places.
    fn set_up(&mut self, slot: u8, features: u64) {
        let config = layout::ECAM_START.raw() + (u64::from(slot) << 15);
        self.write(config + COMMAND, AccessSize::Word, COMMAND_ON);
        let bar = layout::PCI_WINDOW_START.raw() + (u64::from(slot) << 20);
        let features = features | FEATURE_VERSION_1;
        for status in [0, 1, 3] {
            self.write(bar + COMMON_STATUS, AccessSize::Byte, status);
        }
        for half in 0..2 {
            self.write(bar + COMMON_DRIVER_FEATURE_SELECT, AccessSize::Dword, half);
            self.write(bar + COMMON_DRIVER_FEATURE, AccessSize::Dword, features >> (32 * half) & 0xFFFF_FFFF);
        }
        self.write(bar + COMMON_STATUS, AccessSize::Byte, 0b1011);
        self.write(bar + COMMON_CONFIG_VECTOR, AccessSize::Word, 0);
        for queue in 0..QUEUES {
            let base = QUEUES_AT + queue * PAGE_BYTES;
            self.write(bar + COMMON_QUEUE_SELECT, AccessSize::Word, queue);
            self.write(bar + COMMON_QUEUE_SIZE, AccessSize::Word, QUEUE_SIZE);
            self.write(bar + COMMON_QUEUE_DESCRIPTORS, AccessSize::Qword, base);
            self.write(bar + COMMON_QUEUE_DRIVER, AccessSize::Qword, base + 0x400);
            self.write(bar + COMMON_QUEUE_DEVICE, AccessSize::Qword, base + 0x800);
            self.write(bar + COMMON_QUEUE_VECTOR, AccessSize::Word, queue);
            self.write(bar + COMMON_QUEUE_ENABLE, AccessSize::Word, 1);
        }
        self.write(bar + COMMON_STATUS, AccessSize::Byte, 0b1111);
    }

    /// Takes the effects and checks what the board must keep.
    fn settle(&mut self, seen: &mut Observation) {
        seen.messages.extend(self.effects.drain_messages());
        seen.returned.extend(self.effects.drain_returned());
        seen.power = self.effects.take_power();
        self.effects.take_attention();
        assert!(seen.messages.len() <= MESSAGES_MAX, "a storm of interrupts");
        for range in &seen.returned {
            assert!(range.start.is_aligned(PAGE_BYTES) && range.bytes.is_multiple_of(PAGE_BYTES));
            assert_eq!(self.memory.check(*range), Ok(()), "memory given back that is no RAM");
        }
        let uart = self.bus.device_mut(self.uart);
        assert!(uart.receive_room() <= RECEIVE_BYTES && uart.transmitted_len() <= TRANSMIT_BYTES);
        let console = self.bus.device_mut(self.console).device();
        assert!(console.input_room() <= INPUT_BYTES && console.output_len() <= OUTPUT_BYTES);
        // As one comparison of memory: it is made after every event.
        assert!(*self.disk_content(1) == [READ_ONLY_BYTE; DISK_BYTES], "the read-only disk was written");
    }
}
