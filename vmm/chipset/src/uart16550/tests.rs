//! What the serial line promises.

use super::{RECEIVE_BYTES, REGISTERS, TRANSMIT_BYTES, Uart};
use alloc::vec::Vec;
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Attention, Context, Device, Effects, FlatMemory, Line, Region};

const LINE: Line = Line { pin: 4, source: 0 };

struct Bench {
    uart: Uart,
    effects: Effects,
    memory: FlatMemory,
}

impl Bench {
    fn new() -> Self {
        Self { uart: Uart::new(LINE), effects: Effects::new(), memory: FlatMemory::new(Gpa::new(0), 0) }
    }

    fn read(&mut self, register: u64) -> u8 {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.uart.read(Region(0), register, AccessSize::Byte, &mut context) as u8
    }

    fn write(&mut self, register: u64, value: u8) {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.uart.write(Region(0), register, AccessSize::Byte, u64::from(value), &mut context);
    }

    /// FIFOs on, all interrupts on, gate open.
    fn ready() -> Self {
        let mut bench = Self::new();
        bench.write(2, 0b0000_0001);
        bench.write(4, 0b1000);
        bench.write(1, 0b1111);
        bench.read(2);
        bench
    }

    fn transmitted(&mut self) -> Vec<u8> {
        let mut bytes = [0; TRANSMIT_BYTES];
        let count = self.uart.take_transmitted(&mut bytes, &mut self.effects);
        bytes[..count].to_vec()
    }
}

#[test]
fn a_written_byte_reaches_the_console() {
    let mut bench = Bench::new();

    bench.write(0, b'A');

    assert!(bench.effects.attention().contains(Attention::CONSOLE));
    assert_eq!(bench.transmitted(), b"A");
}

#[test]
fn a_full_transmit_queue_clears_holding_empty_until_the_console_takes_bytes() {
    let mut bench = Bench::ready();
    for _ in 0..TRANSMIT_BYTES {
        bench.write(0, b'x');
    }

    let full = bench.read(5);
    let one = bench.uart.take_transmitted(&mut [0; 1], &mut bench.effects);

    assert_eq!(full & 0x60, 0);
    assert_eq!(one, 1);
    assert_eq!(bench.read(5) & 0x60, 0x60);
    assert_eq!(bench.read(2) & 0x0F, 0b0010, "room again is an interrupt");
}

#[test]
fn received_data_is_identified_before_an_empty_transmitter() {
    let mut bench = Bench::ready();
    bench.write(1, 0);
    bench.write(1, 0b11);

    assert_eq!(bench.uart.receive(b"k", &mut bench.effects), 1);

    assert_eq!(bench.read(2) & 0x0F, 0b0100);
    assert_eq!(bench.read(0), b'k');
    assert_eq!(bench.read(2) & 0x0F, 0b0010);
    assert_eq!(bench.read(2) & 0x0F, 0b0001, "reading it acknowledges it");
}

#[test]
fn bytes_below_the_trigger_level_are_reported_as_a_timeout() {
    let mut bench = Bench::ready();
    bench.write(2, 0b1100_0001);

    bench.uart.receive(b"abc", &mut bench.effects);
    assert_eq!(bench.read(2), 0b1100_1100);

    bench.uart.receive(&[0; 11], &mut bench.effects);
    assert_eq!(bench.read(2), 0b1100_0100);
}

#[test]
fn the_line_is_asserted_only_while_out2_opens_its_gate() {
    let mut bench = Bench::new();
    bench.write(1, 0b1);

    bench.uart.receive(b"a", &mut bench.effects);
    assert!(!bench.uart.wants_interrupt());

    bench.write(4, 0b1000);
    assert!(bench.uart.wants_interrupt());
    assert!(bench.effects.attention().contains(Attention::LINES));
}

#[test]
fn loopback_returns_bytes_and_modem_lines_and_disconnects_the_console() {
    let mut bench = Bench::new();
    bench.write(4, 0b1_0000 | 0b1010);

    bench.write(0, 0x55);
    bench.uart.receive(b"typed", &mut bench.effects);

    assert_eq!(bench.transmitted(), b"");
    assert_eq!(bench.read(0), 0x55);
    assert_eq!(bench.read(5) & 1, 0);
    // Linux' 8250 driver probes exactly this: RTS and OUT2 read back as CTS and DCD.
    assert_eq!(bench.read(6) & 0xF0, 0x90);
}

#[test]
fn the_divisor_hides_data_and_interrupt_enable() {
    let mut bench = Bench::new();
    bench.write(3, 0x80);
    bench.write(0, 1);
    bench.write(1, 2);

    assert_eq!((bench.read(0), bench.read(1)), (1, 2));
    bench.write(3, 0x03);

    assert_eq!(bench.read(1), 0);
    assert_eq!(bench.transmitted(), b"");
}

#[test]
fn a_full_receive_queue_takes_no_more() {
    let mut bench = Bench::new();

    let taken = bench.uart.receive(&[7; RECEIVE_BYTES + 9], &mut bench.effects);

    assert_eq!(taken, RECEIVE_BYTES);
    assert_eq!(bench.uart.receive_room(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Read(u64),
    Write(u64, u8),
    Type(Vec<u8>),
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..u64::from(REGISTERS)).prop_map(Step::Read),
        (0..u64::from(REGISTERS), any::<u8>()).prop_map(|(register, value)| Step::Write(register, value)),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Type),
        (0usize..40).prop_map(Step::Take),
    ]
}

fn apply(bench: &mut Bench, step: &Step) {
    match step {
        Step::Read(register) => {
            bench.read(*register);
        }
        Step::Write(register, value) => bench.write(*register, *value),
        Step::Type(bytes) => {
            bench.uart.receive(bytes, &mut bench.effects);
        }
        Step::Take(count) => {
            bench.uart.take_transmitted(&mut [0; 40][..*count], &mut bench.effects);
        }
    }
}

proptest! {
    #[test]
    fn the_line_always_says_whether_there_is_a_cause(steps in prop::collection::vec(step(), 0..200)) {
        let mut bench = Bench::new();
        for step in &steps {
            apply(&mut bench, step);
            prop_assert_eq!(bench.uart.asserted, bench.uart.wants_interrupt());
        }
    }

    #[test]
    fn a_restored_line_goes_on_as_the_saved_one(before in prop::collection::vec(step(), 0..100), after in prop::collection::vec(step(), 0..50)) {
        let mut bench = Bench::new();
        before.iter().for_each(|step| apply(&mut bench, step));
        let mut twin = Bench::new();

        let saved = bench.uart.save();
        prop_assert_eq!(twin.uart.restore(saved.as_saved()), Ok(()));
        for step in &after {
            apply(&mut bench, step);
            apply(&mut twin, step);
        }

        prop_assert_eq!(bench.uart.save(), twin.uart.save());
    }
}
