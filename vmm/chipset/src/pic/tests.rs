//! What the 8259s promise.

use super::{PicPair, Which};
use alloc::{collections::VecDeque, vec, vec::Vec};
use proptest::prelude::*;

/// A pair that software has initialized as a PC's firmware does: vectors 0x08 and 0x70, nothing masked.
fn initialized() -> PicPair {
    initialized_with(0x01)
}

fn initialized_with(fourth: u8) -> PicPair {
    let mut pair = PicPair::new();
    for (which, base, cascade) in [(Which::First, 0x08, 4), (Which::Second, 0x70, 2)] {
        pair.write(which, 0, 0x11);
        for word in [base, cascade, fourth, 0x00] {
            pair.write(which, 1, word);
        }
    }
    pair
}

/// What the processor acknowledges until nothing is asked of it; each is ended at once.
fn serve_all(pair: &mut PicPair) -> Vec<u8> {
    let mut vectors = Vec::new();
    while pair.wants_acknowledge() {
        let vector = pair.acknowledge();
        vectors.push(vector);
        if vector >= 0x70 {
            pair.write(Which::Second, 0, 0x20);
        }
        pair.write(Which::First, 0, 0x20);
        assert!(vectors.len() < 64, "an endless interrupt");
    }
    vectors
}

#[test]
fn nothing_is_delivered_before_initialization() {
    let mut pair = PicPair::new();
    pair.write(Which::First, 1, 0);
    pair.set_inputs(0x0001);

    assert!(!pair.wants_acknowledge());
    assert!(!pair.listens(0));
}

#[test]
fn requests_are_served_by_priority_through_the_cascade() {
    let mut pair = initialized();
    pair.set_inputs(0b1000_0001_1000_0011);

    assert_eq!(serve_all(&mut pair), [0x08, 0x09, 0x70, 0x77, 0x0F]);
}

#[test]
fn an_edge_is_served_once_and_kept_when_the_line_falls() {
    let mut pair = initialized();
    pair.set_inputs(1 << 4);
    pair.set_inputs(0);

    assert_eq!(serve_all(&mut pair), [0x0C]);
    assert_eq!(serve_all(&mut pair), []);
}

#[test]
fn a_level_is_served_as_long_as_it_lasts() {
    let mut pair = initialized();
    pair.set_by_level(Which::Second, 0xFF);
    assert_eq!(pair.by_level(Which::Second), 0xDE, "clock and coprocessor stay edges");
    pair.set_inputs(1 << 10);

    for _ in 0..3 {
        assert_eq!(pair.acknowledge(), 0x72);
        assert!(!pair.wants_acknowledge());
        pair.write(Which::Second, 0, 0x20);
        pair.write(Which::First, 0, 0x20);
        assert!(pair.wants_acknowledge());
    }

    pair.set_inputs(0);
    assert!(!pair.wants_acknowledge());
}

#[test]
fn a_request_that_went_away_is_acknowledged_as_spurious() {
    let mut pair = initialized();
    pair.set_by_level(Which::First, 0x20);
    pair.set_inputs(1 << 5);
    assert!(pair.wants_acknowledge());
    pair.set_inputs(0);

    assert_eq!(pair.acknowledge(), 0x0F);
    assert_eq!(pair.in_service(), 0, "a spurious interrupt is not in service");
}

#[test]
fn a_request_of_the_second_that_went_away_is_spurious_at_the_first() {
    let mut pair = initialized();
    pair.set_inputs(1 << 10);
    // The second controller's output falls, and with it the request at the first one, which latches no edges of
    // the cascade.
    pair.write(Which::Second, 1, 0xFF);
    assert!(!pair.wants_acknowledge());

    assert_eq!(pair.acknowledge(), 0x0F);
}

#[test]
fn a_higher_priority_interrupts_and_a_lower_one_waits() {
    let mut pair = initialized();
    pair.set_inputs(1 << 4);
    assert_eq!(pair.acknowledge(), 0x0C);
    pair.set_inputs(1 << 4 | 1 << 5);
    assert!(!pair.wants_acknowledge());

    pair.set_inputs(1 << 4 | 1 << 5 | 1 << 3);

    assert_eq!(pair.acknowledge(), 0x0B);
    assert_eq!(pair.in_service(), 0b1_1000);
}

#[test]
fn special_mask_mode_lets_lower_priorities_through() {
    let mut pair = initialized();
    pair.set_inputs(1 << 4);
    assert_eq!(pair.acknowledge(), 0x0C);
    pair.write(Which::First, 1, 1 << 4);
    pair.set_inputs(1 << 6);
    assert!(!pair.wants_acknowledge());

    pair.write(Which::First, 0, 0x68);

    assert_eq!(pair.acknowledge(), 0x0E);
}

#[test]
fn the_special_fully_nested_mode_lets_the_second_controller_interrupt_itself() {
    for (fourth, expected) in [(0x01, false), (0x11, true)] {
        let mut pair = initialized_with(fourth);
        pair.set_inputs(1 << 12);
        assert_eq!(pair.acknowledge(), 0x74);
        pair.set_inputs(1 << 12 | 1 << 9);

        assert_eq!(pair.wants_acknowledge(), expected);
    }
}

#[test]
fn automatic_ends_leave_nothing_in_service() {
    let mut pair = initialized_with(0x03);
    pair.set_inputs(1 << 3 | 1 << 14);

    assert_eq!((pair.acknowledge(), pair.acknowledge()), (0x76, 0x0B));
    assert_eq!(pair.in_service(), 0);
}

#[test]
fn a_poll_acknowledges_and_tells_the_input() {
    let mut pair = initialized();
    pair.write(Which::First, 0, 0x0C);
    assert_eq!(pair.read(Which::First, 0), 0);
    pair.set_inputs(1 << 6);
    pair.write(Which::First, 0, 0x0C);

    assert_eq!(pair.read(Which::First, 0), 0x86);
    pair.write(Which::First, 0, 0x0B);
    assert_eq!(pair.read(Which::First, 0), 1 << 6, "it is in service");
}

#[test]
fn initialization_forgets_edges_but_not_the_lines() {
    let mut pair = initialized();
    pair.set_inputs(1 << 4);
    pair.write(Which::First, 0, 0x13);
    pair.write(Which::First, 1, 0x20);
    pair.write(Which::First, 1, 0x01);
    assert!(!pair.wants_acknowledge(), "the edge is forgotten");

    pair.set_inputs(0);
    pair.set_inputs(1 << 4);

    assert_eq!(pair.acknowledge(), 0x24);
}

/// One controller in the words of the data sheet, for inputs without a cascade.
struct Model {
    /// Inputs from the highest priority to the lowest.
    order: VecDeque<u8>,
    requested: Vec<u8>,
    served: Vec<u8>,
    masked: u8,
    special_mask: bool,
    high: u8,
}

impl Model {
    fn new() -> Self {
        let (requested, served) = (Vec::new(), Vec::new());
        Self { order: (0..8).collect(), requested, served, masked: 0, special_mask: false, high: 0 }
    }

    fn pending(&self) -> Option<u8> {
        for input in &self.order {
            let is_masked = self.masked & 1 << input != 0;
            if self.requested.contains(input) && !is_masked && !self.served.contains(input) {
                return Some(*input);
            }
            if self.served.contains(input) && !(self.special_mask && is_masked) {
                return None;
            }
        }
        None
    }

    fn make_lowest(&mut self, input: u8) {
        while self.order.back() != Some(&input) {
            self.order.rotate_left(1);
        }
    }

    fn set_high(&mut self, high: u8) {
        let rising = (0..8).filter(|input| high & !self.high & 1 << input != 0);
        let new: Vec<u8> = rising.filter(|input| !self.requested.contains(input)).collect();
        self.requested.extend(new);
        self.high = high;
    }

    fn acknowledge(&mut self) -> u8 {
        let Some(input) = self.pending() else { return 7 };
        self.requested.retain(|other| *other != input);
        self.served.push(input);
        input
    }

    fn end(&mut self, named: Option<u8>, rotate: bool) {
        let hidden = if self.special_mask && named.is_none() { self.masked } else { 0 };
        let mut by_priority = self.order.iter().copied();
        let first = by_priority.find(|input| self.served.contains(input) && hidden & 1 << input == 0);
        let Some(ended) = named.or(first) else { return };
        self.served.retain(|other| *other != ended);
        if rotate {
            self.make_lowest(ended);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Inputs(u8),
    Acknowledge,
    End(Option<u8>, bool),
    Lowest(u8),
    Mask(u8),
    SpecialMask(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u8>().prop_map(|inputs| Step::Inputs(inputs & !4)),
        Just(Step::Acknowledge),
        (prop::option::of(0u8..8), any::<bool>()).prop_map(|(named, rotate)| Step::End(named, rotate)),
        (0u8..8).prop_map(Step::Lowest),
        any::<u8>().prop_map(Step::Mask),
        any::<bool>().prop_map(Step::SpecialMask),
    ]
}

/// Lets one step happen to both; the vectors that came of it.
fn apply(pair: &mut PicPair, model: &mut Model, step: &Step) -> (Option<u8>, Option<u8>) {
    match *step {
        Step::Inputs(inputs) => {
            pair.set_inputs(u16::from(inputs));
            model.set_high(inputs);
        }
        Step::Acknowledge => return (Some(pair.acknowledge()), Some(model.acknowledge() | 8)),
        Step::End(named, rotate) => {
            let operation = if rotate { 0xA0 } else { 0x20 };
            let named_bits = named.map_or(0, |named| 0x40 | named);
            pair.write(Which::First, 0, operation | named_bits);
            model.end(named, rotate);
        }
        Step::Lowest(input) => {
            pair.write(Which::First, 0, 0xC0 | input);
            model.make_lowest(input);
        }
        Step::Mask(mask) => {
            pair.write(Which::First, 1, mask);
            model.masked = mask;
        }
        Step::SpecialMask(on) => {
            pair.write(Which::First, 0, 0x48 | u8::from(on) << 5);
            model.special_mask = on;
        }
    }
    (None, None)
}

proptest! {
    #[test]
    fn the_first_controller_does_what_the_data_sheet_says(steps in prop::collection::vec(step(), 0..200)) {
        let (mut pair, mut model) = (initialized(), Model::new());
        for step in &steps {
            let (vector, expected) = apply(&mut pair, &mut model, step);
            prop_assert_eq!(vector, expected, "at {:?}", step);
            prop_assert_eq!(pair.wants_acknowledge(), model.pending().is_some(), "after {:?}", step);
            let served = model.served.iter().fold(0u16, |all, input| all | 1 << input);
            prop_assert_eq!(pair.in_service(), served);
        }
    }

    #[test]
    fn a_restored_pair_is_the_saved_one(writes in prop::collection::vec((any::<bool>(), 0u64..2, any::<u8>(), any::<u16>()), 0..60)) {
        let mut pair = PicPair::new();
        for (first, offset, value, inputs) in writes {
            pair.write(if first { Which::First } else { Which::Second }, offset, value);
            pair.set_inputs(inputs & !4);
            if value & 3 == 0 { pair.acknowledge(); }
        }
        let mut twin = PicPair::new();
        twin.restore(pair.save());
        prop_assert_eq!(twin, pair);
    }
}

#[test]
fn an_input_is_listened_to_while_nothing_masks_it() {
    let mut pair = initialized();
    assert!(vec![0, 7, 8, 15].into_iter().all(|input| pair.listens(input)));
    pair.write(Which::First, 1, 0b0000_0101);

    assert!(!pair.listens(0) && pair.listens(1));
    assert!(!pair.listens(8), "the cascade is masked");
}
