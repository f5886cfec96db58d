//! What the keyboard controller promises.

use super::{COMMAND_REGION, DATA_REGION, FAST_REGION, I8042, Key, Motion, Stroke};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Attention, Context, Device, Effects, FlatMemory, Line, PowerRequest, Region};

const LETTER_A: Key = Key(0x04);
const ARROW_UP: Key = Key(0x52);
const KEYPAD_ENTER: Key = Key(0x58);

struct Bench {
    controller: I8042,
    effects: Effects,
    memory: FlatMemory,
}

impl Bench {
    fn new() -> Self {
        let controller = I8042::new(Line { pin: 1, source: 0 }, Line { pin: 12, source: 0 });
        Self { controller, effects: Effects::new(), memory: FlatMemory::new(Gpa::new(0), 0) }
    }

    /// A controller that translates, as firmware leaves it.
    fn translating() -> Self {
        let mut bench = Self::new();
        bench.command(0x60);
        bench.data(0x47);
        bench
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut I8042, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.controller, &mut context)
    }

    fn write(&mut self, region: Region, value: u64) {
        self.with(|controller, context| controller.write(region, 0, AccessSize::Byte, value, context));
    }

    fn read(&mut self, region: Region) -> u64 {
        self.with(|controller, context| controller.read(region, 0, AccessSize::Byte, context))
    }

    fn command(&mut self, command: u64) {
        self.write(COMMAND_REGION, command);
    }

    fn data(&mut self, data: u64) {
        self.write(DATA_REGION, data);
    }

    fn mouse_command(&mut self, command: u64) -> Vec<u64> {
        self.command(0xD4);
        self.data(command);
        self.read_all()
    }

    /// Everything that waits.
    fn read_all(&mut self) -> Vec<u64> {
        let mut bytes = Vec::new();
        while self.read(COMMAND_REGION) & 1 != 0 {
            bytes.push(self.read(DATA_REGION));
            assert!(bytes.len() < 1000, "an endless queue");
        }
        bytes
    }

    fn stroke(&mut self, key: Key, stroke: Stroke) -> bool {
        self.with(|controller, context| controller.stroke(key, stroke, context.effects))
    }

    fn type_key(&mut self, key: Key) -> Vec<u64> {
        assert!(self.stroke(key, Stroke::Press) && self.stroke(key, Stroke::Release));
        self.read_all()
    }

    fn move_mouse(&mut self, motion: Motion) {
        self.with(|controller, context| controller.move_mouse(motion, context.effects));
    }
}

#[test]
fn the_self_tests_pass() {
    let mut bench = Bench::new();
    for (command, answer) in [(0xAA, 0x55), (0xA9, 0x00), (0xAB, 0x00)] {
        bench.command(command);
        assert_eq!(bench.read_all(), [answer]);
    }
    assert_eq!(bench.read(COMMAND_REGION) & 4, 4);
}

#[test]
fn a_key_is_translated_to_set_1_or_not() {
    let mut bench = Bench::translating();
    assert_eq!(bench.type_key(LETTER_A), [0x1E, 0x9E]);
    assert_eq!(bench.type_key(ARROW_UP), [0xE0, 0x48, 0xE0, 0xC8]);
    assert_eq!(bench.type_key(Key::PAUSE), [0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5]);
    assert_eq!(bench.type_key(Key::PRINT_SCREEN), [0xE0, 0x2A, 0xE0, 0x37, 0xE0, 0xB7, 0xE0, 0xAA]);
    let mut bench = Bench::new();
    assert_eq!(bench.type_key(LETTER_A), [0x1C, 0xF0, 0x1C]);
    assert_eq!(bench.type_key(KEYPAD_ENTER), [0xE0, 0x5A, 0xE0, 0xF0, 0x5A]);
}

#[test]
fn the_other_sets_are_there() {
    let mut bench = Bench::new();
    for (set, expected) in [(1, vec![0xE0, 0x48, 0xE0, 0xC8]), (3, vec![0x63, 0xF0, 0x63])] {
        bench.data(0xF0);
        bench.data(set);
        assert_eq!(bench.read_all(), [0xFA, 0xFA]);
        assert_eq!(bench.type_key(ARROW_UP), expected);
    }
    bench.data(0xF0);
    bench.data(0);
    assert_eq!(bench.read_all(), [0xFA, 0xFA, 3]);
}

#[test]
fn every_key_of_set_1_that_is_translated_is_the_one_sent_directly() {
    let mut translating = Bench::translating();
    let mut direct = Bench::new();
    direct.data(0xF0);
    direct.data(1);
    direct.read_all();

    for usage in 0..=255 {
        assert_eq!(translating.type_key(Key(usage)), direct.type_key(Key(usage)), "key {usage:#x}");
    }
}

#[test]
fn each_byte_is_an_edge_on_interrupt_1() {
    let mut bench = Bench::translating();
    bench.effects.take_attention();
    bench.stroke(ARROW_UP, Stroke::Press);
    assert!(bench.effects.take_attention().contains(Attention::LINES));

    bench.read(DATA_REGION);
    assert!(bench.controller.asserted[0], "the second byte came in");
    bench.read(DATA_REGION);
    assert!(!bench.controller.asserted[0]);
}

#[test]
fn a_keyboard_answers_commands() {
    let mut bench = Bench::new();
    for (commands, answers) in [
        (vec![0xFF], vec![0xFA, 0xAA]),
        (vec![0xF2], vec![0xFA, 0xAB, 0x83]),
        (vec![0xEE], vec![0xEE]),
        (vec![0xED, 0x05], vec![0xFA, 0xFA]),
        (vec![0xF3, 0x00], vec![0xFA, 0xFA]),
        (vec![0xF4], vec![0xFA]),
        (vec![0xFE], vec![0xFA]),
        (vec![0x77], vec![0xFE]),
    ] {
        commands.iter().for_each(|command| bench.data(*command));
        assert_eq!(bench.read_all(), answers, "{commands:x?}");
    }
    assert_eq!(bench.controller.lights(), 5);
}

#[test]
fn a_keyboard_that_does_not_scan_forgets_keys() {
    let mut bench = Bench::new();
    bench.data(0xF5);
    bench.read_all();

    assert_eq!(bench.type_key(LETTER_A), []);
}

#[test]
fn keys_that_find_no_room_are_not_taken_but_releases_are() {
    let mut bench = Bench::new();
    let pressed = (0..1000).take_while(|_| bench.stroke(LETTER_A, Stroke::Press)).count();

    assert!((10..100).contains(&pressed));
    assert!(bench.stroke(LETTER_A, Stroke::Release));
}

#[test]
fn a_mouse_tells_movement_and_buttons() {
    let mut bench = Bench::new();
    assert_eq!(bench.mouse_command(0xFF), [0xFA, 0xAA, 0x00]);
    bench.move_mouse(Motion { right: 9, ..Motion::default() });
    assert_eq!(bench.read_all(), [], "it was not told to report");
    assert_eq!(bench.mouse_command(0xF4), [0xFA]);

    bench.move_mouse(Motion { right: 5, down: 3, wheel: 0, buttons: 1 });

    assert_eq!(bench.read_all(), [0x29, 5, 0xFD]);
    bench.move_mouse(Motion { right: -300, ..Motion::default() });
    assert_eq!(bench.read_all(), [0x18, 0x81, 0, 0x18, 0x81, 0, 0x18, 0xD2, 0]);
}

#[test]
fn the_knocks_open_the_wheel_and_the_buttons() {
    let mut bench = Bench::new();
    for (knock, identity) in [([200, 100, 80], 3), ([200, 200, 80], 4)] {
        for rate in knock {
            bench.mouse_command(0xF3);
            bench.mouse_command(rate);
        }
        assert_eq!(bench.mouse_command(0xF2), [0xFA, identity]);
    }
    bench.mouse_command(0xF4);

    bench.move_mouse(Motion { right: 0, down: 0, wheel: -1, buttons: 0x10 });

    assert_eq!(bench.read_all(), [0x08, 0, 0, 0x2F]);
}

#[test]
fn a_mouse_tells_its_settings_and_echoes_and_can_be_asked() {
    let mut bench = Bench::new();
    bench.mouse_command(0xE8);
    bench.mouse_command(3);
    assert_eq!(bench.mouse_command(0xE9), [0xFA, 0x00, 3, 100]);
    bench.mouse_command(0xEE);
    assert_eq!(bench.mouse_command(0xF4), [0xF4]);
    assert_eq!(bench.mouse_command(0xEC), [0xFA]);
    bench.mouse_command(0xF0);
    bench.move_mouse(Motion { right: 1, down: 0, wheel: 0, buttons: 0 });

    assert_eq!(bench.mouse_command(0xEB), [0xFA, 0x08, 1, 0]);
}

#[test]
fn the_mouse_interrupts_on_its_own_line_and_is_marked() {
    let mut bench = Bench::new();
    bench.command(0xD4);
    bench.data(0xF4);

    assert_eq!(bench.read(COMMAND_REGION) & 0x21, 0x21);
    assert_eq!(bench.controller.asserted, [false, true]);
}

#[test]
fn a_held_clock_keeps_bytes_back() {
    let mut bench = Bench::new();
    bench.command(0xAD);
    bench.stroke(LETTER_A, Stroke::Press);
    assert_eq!(bench.read(COMMAND_REGION) & 1, 0);
    bench.command(0xAE);

    assert_eq!(bench.read_all(), [0x1C]);
}

#[test]
fn four_ways_lead_to_a_reset() {
    for (region, value, data) in [
        (COMMAND_REGION, 0xFE, None),
        (COMMAND_REGION, 0xF0, None),
        (COMMAND_REGION, 0xD1, Some(0)),
        (FAST_REGION, 1, None),
    ] {
        let mut bench = Bench::new();
        bench.write(region, value);
        if let Some(data) = data {
            bench.data(data);
        }
        assert_eq!(bench.effects.take_power(), Some(PowerRequest::Reset));
    }
    let mut bench = Bench::new();
    bench.command(0xFF);
    assert_eq!(bench.effects.take_power(), None);
}

#[test]
fn line_20_is_one_switch_with_three_handles() {
    let mut bench = Bench::new();
    bench.write(FAST_REGION, 0);
    assert!(!bench.controller.has_line_20());
    bench.command(0xD1);
    bench.data(0xDF);
    assert_eq!(bench.read(FAST_REGION), 2);
    bench.command(0xDD);
    bench.command(0xD0);

    assert_eq!(bench.read_all(), [0xC1]);
}

fn act(bench: &mut Bench, step: (u8, u8, i16)) -> u64 {
    let (kind, value, amount) = step;
    match kind % 6 {
        0 => bench.command(u64::from(value)),
        1 => bench.data(u64::from(value)),
        2 => return bench.read(DATA_REGION),
        3 => return bench.read(COMMAND_REGION),
        4 => {
            let stroke = if amount < 0 { Stroke::Release } else { Stroke::Press };
            return u64::from(bench.stroke(Key(value), stroke));
        }
        _ => bench.move_mouse(Motion { right: amount, down: amount / 3, wheel: amount % 5, buttons: value }),
    }
    0
}

proptest! {
    #[test]
    fn a_restored_controller_goes_on_as_the_saved_one(
        before in prop::collection::vec(any::<(u8, u8, i16)>(), 0..100),
        after in prop::collection::vec(any::<(u8, u8, i16)>(), 0..60),
    ) {
        let (mut bench, mut twin) = (Bench::new(), Bench::new());
        for step in before { act(&mut bench, step); }

        prop_assert_eq!(twin.controller.restore(bench.controller.save().as_saved()), Ok(()));

        for step in after {
            prop_assert_eq!(act(&mut bench, step), act(&mut twin, step));
        }
        prop_assert_eq!(bench.controller.save(), twin.controller.save());
    }

    #[test]
    fn all_movement_arrives(moves in prop::collection::vec((-2000i16..2000, -2000i16..2000), 1..8)) {
        let mut bench = Bench::new();
        bench.mouse_command(0xF4);
        for (right, down) in &moves {
            bench.move_mouse(Motion { right: *right, down: *down, ..Motion::default() });
        }

        let bytes = bench.read_all();

        let sum = |place: usize| -> i64 { bytes.chunks(3).map(|packet| i64::from(packet[place] as u8 as i8)).sum() };
        prop_assert_eq!(sum(1), moves.iter().map(|(right, _)| i64::from(*right)).sum::<i64>());
        prop_assert_eq!(-sum(2), moves.iter().map(|(_, down)| i64::from(*down)).sum::<i64>());
    }
}
