//! Interrupts of the PIC.

use super::*;
use abi::{Injection, RegisterState, WritebackFlags};
use spec::control::RFLAGS_IF;
use spec::msr::APIC_BASE;

const ASSERTED: u64 = 0x4700;
const RELEASED: u64 = 0x0700;
const MESSAGE: u64 = 0xfee0_0000;
const BASE_WITHOUT_APIC: u64 = 0xfee0_0100;
const X2APIC_LINT0: u32 = 0x835;
const LINT0_EXTINT: u64 = 0x700;
const LINT0_NMI: u64 = 0x400;
const LINT0_FIXED: u64 = 0x041;

const VECTOR: u8 = 0x20;

/// A bench whose vCPU 0 has no APIC and takes interrupts.
fn without_apic() -> Bench {
    let mut bench = Bench::new(1);
    bench.writes_msr(0, APIC_BASE, BASE_WITHOUT_APIC);
    bench.run(0);
    bench.vcpus[0].hardware.rflags |= RFLAGS_IF;
    bench
}

/// A bench whose vCPU 0 has its APIC on, and `entry` at LINT0.
fn with_local_line(entry: u64) -> Bench {
    let mut bench = Bench::new(1);
    bench.enable_x2apic(0);
    bench.writes_msr(0, X2APIC_LINT0, entry);
    bench.run(0);
    bench.vcpus[0].hardware.rflags |= RFLAGS_IF;
    bench
}

impl Bench {
    fn set_line(&self, data: u64) {
        self.guest.interrupt(MESSAGE, data).unwrap();
    }

    /// The VMM answers an acknowledgement.
    fn answer(&self, vector: u8) {
        self.set_line(RELEASED);
        self.page().inject.store(Injection::External { vector }.pack(), Ordering::Relaxed);
        self.page().writeback.store(WritebackFlags::INJECT.bits(), Ordering::Relaxed);
    }

    fn delivered(&self) -> Vec<u8> {
        self.vcpus[0].hardware.delivered.iter().map(|event| event.vector).collect()
    }
}

#[test]
fn a_guest_without_an_apic_takes_what_the_pic_says() {
    let mut bench = without_apic();
    bench.set_line(ASSERTED);

    assert_eq!(bench.run(0), Outcome::Return);
    assert_eq!(bench.kind(), Some(ExitKind::InterruptAcknowledge));
    bench.answer(VECTOR);
    assert_eq!(bench.run(0), Outcome::Interrupted);

    assert_eq!(bench.delivered(), [VECTOR]);
    assert_eq!(bench.vcpus[0].hardware.delivered[0].kind, EventKind::External);
}

#[test]
fn an_extint_at_lint0_is_acknowledged() {
    let mut bench = with_local_line(LINT0_EXTINT);
    bench.set_line(ASSERTED);

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!(bench.kind(), Some(ExitKind::InterruptAcknowledge));
}

#[test]
fn lint0_is_masked_after_reset() {
    let mut bench = Bench::new(1);
    bench.vcpus[0].hardware.rflags |= RFLAGS_IF;

    bench.set_line(ASSERTED);

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn lint0_is_masked_while_the_apic_is_off_by_software() {
    let mut bench = with_local_line(LINT0_EXTINT);
    bench.writes_msr(0, 0x80f, 0xff);
    bench.run(0);

    bench.set_line(ASSERTED);

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn unmasking_lint0_lets_an_asserted_line_through() {
    let mut bench = with_local_line(LINT0_EXTINT | 1 << 16);
    bench.set_line(ASSERTED);
    assert_eq!(bench.run(0), Outcome::Interrupted);
    bench.writes_msr(0, X2APIC_LINT0, LINT0_EXTINT);

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!(bench.kind(), Some(ExitKind::InterruptAcknowledge));
}

#[test]
fn a_guest_with_interrupts_off_is_asked_when_it_turns_them_on() {
    let mut bench = without_apic();
    bench.vcpus[0].hardware.rflags &= !RFLAGS_IF;
    bench.set_line(ASSERTED);
    bench.turn(0, |hardware, _| {
        assert!(hardware.is_window_watched);
        hardware.rflags |= RFLAGS_IF;
        Exit::InterruptWindow
    });

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!(bench.kind(), Some(ExitKind::InterruptAcknowledge));
    assert!(!bench.vcpus[0].hardware.is_window_watched);
}

#[test]
fn a_line_that_falls_before_the_window_opens_is_not_acknowledged() {
    let mut bench = without_apic();
    bench.vcpus[0].hardware.has_shadow = true;
    bench.set_line(ASSERTED);
    let guest = bench.guest.clone();
    bench.turn(0, move |hardware, _| {
        hardware.has_shadow = false;
        guest.interrupt(MESSAGE, RELEASED).unwrap();
        Exit::InterruptWindow
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);

    assert!(!bench.vcpus[0].hardware.is_window_watched);
}

#[test]
fn the_line_wakes_a_halt_and_comes_after_it() {
    let mut bench = without_apic();
    bench.exits(Exit::Halt);
    assert_eq!(bench.run(0), Outcome::Halted { deadline: None });

    bench.set_line(ASSERTED);

    assert_eq!(bench.sleepers[0].0.load(Ordering::SeqCst), 1);
    assert_eq!(bench.run(0), Outcome::Return);
    assert_eq!(bench.kind(), Some(ExitKind::InterruptAcknowledge));
    assert_eq!(bench.page().rip.load(Ordering::Relaxed), 0x1002);
}

#[test]
fn a_halt_with_interrupts_off_goes_on_in_spite_of_the_line() {
    let mut bench = without_apic();
    bench.vcpus[0].hardware.rflags &= !RFLAGS_IF;
    bench.exits(Exit::Halt);
    assert_eq!((bench.run(0), bench.kind()), (Outcome::Return, Some(ExitKind::HaltedForever)));

    bench.set_line(ASSERTED);

    assert_eq!(bench.run(0), Outcome::Halted { deadline: None });
}

#[test]
fn a_vector_that_the_guest_cannot_take_any_more_is_kept() {
    let mut bench = without_apic();
    bench.set_line(ASSERTED);
    bench.run(0);
    bench.answer(VECTOR);
    bench.vcpus[0].hardware.rflags &= !RFLAGS_IF;
    bench.turn(0, |hardware, _| {
        assert!(hardware.delivered.is_empty() && hardware.is_window_watched);
        hardware.rflags |= RFLAGS_IF;
        Exit::InterruptWindow
    });

    bench.run(0);

    assert_eq!(bench.delivered(), [VECTOR]);
}

#[test]
fn a_vector_that_waits_is_saved_and_restored() {
    let mut bench = without_apic();
    bench.vcpus[0].hardware.rflags &= !RFLAGS_IF;
    bench.answer(VECTOR);
    let mut saved = [0; size_of::<RegisterState>()];

    bench.vcpus[0].read(StateKind::Registers, &mut saved).unwrap();
    bench.vcpus[0].write(StateKind::Registers, &saved).unwrap();

    bench.vcpus[0].hardware.rflags |= RFLAGS_IF;
    bench.run(0);
    assert_eq!(bench.delivered(), [VECTOR]);
}

#[test]
fn the_pic_goes_before_the_apic_and_the_apic_is_not_forgotten() {
    let mut bench = with_local_line(LINT0_EXTINT);
    bench.set_line(ASSERTED);
    bench.guest.interrupt(MESSAGE, 0x61).unwrap();
    assert_eq!((bench.run(0), bench.kind()), (Outcome::Return, Some(ExitKind::InterruptAcknowledge)));
    assert_eq!(bench.vcpus[0].hardware.offer, None);
    bench.answer(VECTOR);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.offer, Some(0x61));
        Exit::Interrupt
    });

    bench.run(0);

    assert_eq!(bench.delivered(), [VECTOR]);
}

#[test]
fn an_ipi_to_itself_does_not_take_the_place_of_the_window() {
    let mut bench = with_local_line(LINT0_EXTINT);
    bench.vcpus[0].hardware.rflags &= !RFLAGS_IF;
    bench.set_line(ASSERTED);
    bench.writes_msr(0, 0x830, 0x40f0);
    bench.turn(0, |hardware, _| {
        assert_eq!((hardware.offer, hardware.is_window_watched), (None, true));
        hardware.rflags |= RFLAGS_IF;
        Exit::InterruptWindow
    });

    assert_eq!(bench.run(0), Outcome::Return);
    assert_eq!(bench.kind(), Some(ExitKind::InterruptAcknowledge));
}

#[test]
fn a_delivery_that_a_fault_breaks_off_starts_anew() {
    let mut bench = without_apic();
    bench.answer(VECTOR);
    // The delivery exits before anything has happened, and the VMM raises a fault.
    bench.turn(0, |hardware, _| {
        hardware.injection = hardware.delivered.pop();
        Exit::Refused
    });
    bench.turn(0, |hardware, _| {
        assert_eq!((&hardware.delivered[..], hardware.is_window_watched), (&[Event::PROTECTION][..], true));
        Exit::InterruptWindow
    });

    bench.run(0);

    assert_eq!(bench.delivered(), [13, VECTOR]);
}

#[test]
fn lint0_can_mean_an_nmi() {
    let mut bench = with_local_line(LINT0_NMI);
    bench.set_line(ASSERTED);
    bench.run(0);
    assert_eq!(bench.vcpus[0].hardware.delivered, [Event::NMI]);
}

#[test]
fn lint0_can_mean_a_fixed_vector() {
    let mut bench = with_local_line(LINT0_FIXED);
    bench.set_line(ASSERTED);
    bench.run(0);
    assert_eq!(bench.vcpus[0].hardware.offer, Some(0x41));
}

#[test]
fn reset_forgets_a_vector_that_waits() {
    let mut bench = without_apic();
    bench.vcpus[0].hardware.rflags &= !RFLAGS_IF;
    bench.answer(VECTOR);
    bench.run(0);
    assert!(bench.vcpus[0].hardware.is_window_watched);

    bench.vcpus[0].init();
    bench.vcpus[0].hardware.rflags |= RFLAGS_IF;
    bench.run(0);

    assert!(bench.delivered().is_empty() && !bench.vcpus[0].hardware.is_window_watched);
}
