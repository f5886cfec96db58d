//! The controllers as one value.

use crate::{ioapic::IoApic, pic::PicPair};
use vmm_bus::{Attention, Context, InterruptController, Level, interrupt::PINS};

/// Pins that the ISA bus has.
pub(super) const ISA_PINS: u8 = 16;
/// Pins above those: PCI's.
pub(super) const ROUTES: usize = PINS - ISA_PINS as usize;
/// The pin of the timer.
const TIMER_PIN: u8 = 0;
/// Where the timer is on the I/O APIC.
const TIMER_IO_APIC_PIN: u8 = 2;
/// The pin that is no interrupt: the second 8259 hangs there.
const CASCADE_PIN: u8 = crate::pic::CASCADE_INPUT;

/// Two 8259s and an I/O APIC.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PcInterrupts {
    pub(super) pic: PicPair,
    pub(super) io_apic: IoApic,
    /// The 8259 input of each pin from 16 on.
    pub(super) routes: [Option<u8>; ROUTES],
    /// Levels of all pins, one bit each.
    pub(super) pins: u32,
    /// The output of the 8259s as it was last reported.
    pub(super) output: bool,
}

impl PcInterrupts {
    /// After power-on: everything masked, nothing routed.
    pub fn new() -> Self {
        Self::default()
    }

    /// The levels of the ISA interrupts: those of their own pins, and of the PCI pins that are routed to them.
    fn isa_levels(&self) -> u16 {
        let mut inputs = (self.pins & 0xFFFF) as u16 & !(1 << CASCADE_PIN);
        for (index, route) in self.routes.iter().enumerate() {
            let is_high = self.pins >> ISA_PINS >> index & 1 != 0;
            if let (true, Some(input)) = (is_high, route) {
                inputs |= 1 << (input & 0xF);
            }
        }
        inputs & !(1 << CASCADE_PIN)
    }

    /// Lets the I/O APIC see which ISA interrupts changed since they were `before`, the 8259s all of them.
    fn isa_changed(&mut self, before: u16, context: &mut Context<'_>) {
        let now = self.isa_levels();
        for input in (0..ISA_PINS).filter(|input| (before ^ now) >> input & 1 != 0) {
            let level = if now >> input & 1 == 0 { Level::Low } else { Level::High };
            if let Some(pin) = io_apic_pin(input) {
                self.io_apic.set_pin(pin, level, context);
            }
        }
        self.settle(context);
    }

    /// Lets the 8259s see their inputs, and the outside their output.
    pub(super) fn settle(&mut self, context: &mut Context<'_>) {
        self.pic.set_inputs(self.isa_levels());
        let output = self.pic.wants_acknowledge();
        if output != self.output {
            self.output = output;
            context.effects.note(Attention::PIC_OUTPUT);
        }
    }
}

/// The pin of the I/O APIC that a pin of the board goes to.
fn io_apic_pin(pin: u8) -> Option<u8> {
    match pin {
        TIMER_PIN => Some(TIMER_IO_APIC_PIN),
        CASCADE_PIN => None,
        _ => Some(pin),
    }
}

impl InterruptController for PcInterrupts {
    fn set_pin(&mut self, pin: u8, level: Level, context: &mut Context<'_>) {
        if usize::from(pin) >= PINS {
            return;
        }
        let before = self.isa_levels();
        match level {
            Level::Low => self.pins &= !(1 << pin),
            Level::High => self.pins |= 1 << pin,
        }
        if pin >= ISA_PINS {
            self.io_apic.set_pin(pin, level, context);
        }
        self.isa_changed(before, context);
    }

    fn end_of_interrupt(&mut self, vector: u8, context: &mut Context<'_>) {
        self.io_apic.end_of_interrupt(vector, context);
    }

    fn route_pin(&mut self, pin: u8, input: Option<u8>, context: &mut Context<'_>) {
        let before = self.isa_levels();
        let place = pin.checked_sub(ISA_PINS).and_then(|place| self.routes.get_mut(usize::from(place)));
        if let Some(route) = place {
            *route = input.filter(|input| *input < ISA_PINS);
            self.isa_changed(before, context);
        }
    }

    fn listens(&self, pin: u8) -> bool {
        let is_isa = pin < ISA_PINS && pin != CASCADE_PIN;
        let route = pin.checked_sub(ISA_PINS).and_then(|place| *self.routes.get(usize::from(place))?);
        let input = if is_isa { Some(pin) } else { route };
        let of_io_apic = [input, Some(pin)].into_iter().flatten().filter_map(io_apic_pin);
        input.is_some_and(|input| self.pic.listens(input))
            || of_io_apic.into_iter().any(|pin| self.io_apic.listens(pin))
    }

    fn wants_acknowledge(&self) -> bool {
        self.pic.wants_acknowledge()
    }

    fn acknowledge(&mut self, context: &mut Context<'_>) -> Option<u8> {
        let vector = self.pic.acknowledge();
        self.settle(context);
        Some(vector)
    }
}
