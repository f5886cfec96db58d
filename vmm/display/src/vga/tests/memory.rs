//! Planes against a model that knows one bit at a time; saving.

use super::machine::{Machine, PLANES_640, TEXT_80};
use proptest::prelude::*;
use vmm_bus::Device;
use vmm_snapshot::RestoreError;

/// The graphics controller as its manual describes it, for one bit.
#[derive(Clone, Copy, Debug)]
struct Controller {
    set_reset: u8,
    enable: u8,
    function: u8,
    rotate: u8,
    mode: u8,
    mask: u8,
    map: u8,
}

impl Controller {
    fn bit(self, value: u8, latch: bool, plane: u8, bit: u8) -> bool {
        let rotated_bit = value >> ((bit + self.rotate) % 8) & 1 != 0;
        let set = self.set_reset >> plane & 1 != 0;
        let (data, masked) = match self.mode {
            0 => (if self.enable >> plane & 1 != 0 { set } else { rotated_bit }, self.mask >> bit & 1 != 0),
            1 => return latch,
            2 => (value >> plane & 1 != 0, self.mask >> bit & 1 != 0),
            _ => (set, self.mask >> bit & 1 != 0 && rotated_bit),
        };
        let combined = match self.function {
            0 => data,
            1 => data && latch,
            2 => data || latch,
            _ => data != latch,
        };
        if masked { combined } else { latch }
    }

    fn apply(self, value: u8, latches: [u8; 4], planes: [u8; 4]) -> [u8; 4] {
        let mut result = planes;
        for plane in 0..4u8 {
            if self.map >> plane & 1 == 0 {
                continue;
            }
            let latch = latches[usize::from(plane)];
            result[usize::from(plane)] =
                (0..8).map(|bit| u8::from(self.bit(value, latch >> bit & 1 != 0, plane, bit)) << bit).sum();
        }
        result
    }
}

fn controllers() -> impl Strategy<Value = Controller> {
    let registers = (0u8..16, 0u8..16, 0u8..4, 0u8..8, 0u8..4, any::<u8>(), 0u8..16);
    registers.prop_map(|(set_reset, enable, function, rotate, mode, mask, map)| Controller {
        set_reset,
        enable,
        function,
        rotate,
        mode,
        mask,
        map,
    })
}

/// Sets the planes' bytes at an address.
fn set_planes(machine: &mut Machine, at: u64, planes: [u8; 4]) {
    for (port, index, value) in [(0x3CE, 1, 0), (0x3CE, 3, 0), (0x3CE, 5, 0), (0x3CE, 8, 0xFF)] {
        machine.set(port, index, value);
    }
    for (plane, byte) in (0..).zip(planes) {
        machine.set(0x3C4, 2, 1 << plane);
        machine.poke(at, &[byte]);
    }
}

fn planes(machine: &mut Machine, at: u64) -> [u8; 4] {
    machine.set(0x3CE, 5, 0);
    [0, 1, 2, 3].map(|plane| {
        machine.set(0x3CE, 4, plane);
        machine.peek(at)
    })
}

proptest! {
    #[test]
    fn writes_do_to_the_planes_what_the_manual_says(
        controller in controllers(),
        before: [u8; 4],
        latches: [u8; 4],
        value: u8,
    ) {
        let mut machine = Machine::small();
        machine.set_mode(&PLANES_640);
        set_planes(&mut machine, 100, before);
        set_planes(&mut machine, 200, latches);
        machine.set(0x3C4, 2, controller.map);
        machine.set(0x3CE, 0, controller.set_reset);
        machine.set(0x3CE, 1, controller.enable);
        machine.set(0x3CE, 3, controller.function << 3 | controller.rotate);
        machine.set(0x3CE, 5, controller.mode);
        machine.set(0x3CE, 8, controller.mask);

        machine.peek(200);
        machine.poke(100, &[value]);

        prop_assert_eq!(planes(&mut machine, 100), controller.apply(value, latches, before));
    }

    #[test]
    fn reads_in_mode_1_find_pixels_of_a_colour(before: [u8; 4], colour in 0u8..16, care in 0u8..16) {
        let mut machine = Machine::small();
        machine.set_mode(&PLANES_640);
        set_planes(&mut machine, 5, before);
        machine.set(0x3CE, 2, colour);
        machine.set(0x3CE, 7, care);
        machine.set(0x3CE, 5, 8);

        let found = machine.peek(5);

        for bit in 0..8 {
            let pixel = (0..4).map(|plane| (before[plane] >> bit & 1) << plane).sum::<u8>();
            prop_assert_eq!(found >> bit & 1 != 0, (pixel ^ colour) & care == 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_restored_display_is_the_same(pokes in prop::collection::vec((0u64..0x2_0000, any::<u8>(), 0u8..16), 0..40), is_text: bool) {
        let mut machine = Machine::small();
        machine.set_mode(if is_text { &TEXT_80 } else { &PLANES_640 });
        for (at, value, map) in pokes {
            machine.set(0x3C4, 2, map);
            machine.poke(at, &[value]);
        }
        if is_text {
            machine.set(0x3C4, 2, 3);
        }
        let saved = machine.vga.save();
        let mut twin = Machine::small();
        twin.poke(77, &[1]);

        prop_assert_eq!(twin.vga.restore(saved.as_saved()), Ok(()));

        prop_assert_eq!(twin.vga.save(), saved);
        prop_assert_eq!(twin.direct(), machine.direct());
        prop_assert_eq!(twin.picture(), machine.picture());
    }
}

#[test]
fn odd_and_even_addresses_reach_different_planes() {
    let mut machine = Machine::small();
    machine.set_mode(&TEXT_80);

    machine.set(0x3C4, 2, 0b1111);
    machine.poke(0x1_8000, &[0x11, 0x22]);
    machine.set(0x3C4, 4, 6);
    machine.set(0x3CE, 5, 0);
    machine.set(0x3CE, 6, 5);

    assert_eq!(planes(&mut machine, 0), [0x11, 0x22, 0x11, 0x22]);
}

#[test]
fn memory_stays_when_the_display_is_reset_and_nothing_is_shown() {
    let mut machine = Machine::small();
    machine.set_mode(&TEXT_80);
    machine.poke(0x1_8000, b"A\x07");

    machine.reset();
    assert!(machine.vga.text().is_none());
    assert!(machine.direct().is_empty());

    machine.set_mode(&TEXT_80);
    assert_eq!(machine.vga.text().map(|page| page.row(0).starts_with('A')), Some(true));
}

#[test]
fn damaged_states_are_refused() {
    let machine = Machine::small();
    let saved = machine.vga.save();

    for position in 0..saved.bytes().len() {
        let mut bytes = saved.bytes().to_vec();
        bytes[position] ^= 0xFF;
        let mut other = Machine::small();
        // Whatever happens, a display that can be shown comes out.
        let _ = other.vga.restore(vmm_snapshot::Saved { version: 1, bytes: &bytes });
        let _ = other.vga.frame(other.now).size();
    }
    let mut other = Machine::small();
    let newer = vmm_snapshot::Saved { version: 2, bytes: saved.bytes() };
    assert_eq!(other.vga.restore(newer), Err(RestoreError::Newer { found: 2, supported: 1 }));
}
