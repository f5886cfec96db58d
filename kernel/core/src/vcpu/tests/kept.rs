use super::*;
use crate::testing::vcpu::set_keeps_interrupts;
use abi::ApicState;
use spec::control::RFLAGS_IF;
use zerocopy::FromZeros;

const X2APIC_ICR: u32 = 0x830;

/// A bench whose vCPU 0 listens and whose hardware keeps interrupts.
pub(super) fn keeping() -> Bench {
    set_keeps_interrupts(true);
    let mut bench = Bench::new(2);
    set_keeps_interrupts(false);
    bench.enable_x2apic(0);
    bench.vcpus[0].hardware.rflags |= RFLAGS_IF;
    bench
}

fn apic(bench: &mut Bench) -> ApicState {
    let mut state = ApicState::new_zeroed();
    bench.vcpus[0].read(StateKind::Apic, state.as_mut_bytes()).unwrap();
    state
}

/// The hardware has the guest take a vector.
pub(super) fn serve(hardware: &mut FakeVcpu, vector: u8) {
    let kept = hardware.kept.as_mut().unwrap();
    let (word, bit) = (usize::from(vector >> 6), 1 << (vector & 63));
    assert_ne!(kept.requested[word] & bit, 0, "{vector:#x} is not requested");
    kept.requested[word] &= !bit;
    kept.in_service[word] |= bit;
}

#[test]
fn an_interrupt_goes_to_the_hardware() {
    let mut bench = keeping();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.turn(0, |hardware, _| {
        assert_eq!((hardware.offer, hardware.kept.unwrap().requested), (None, [0, 1 << 0x21, 0, 0]));
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);

    assert_eq!(bench.vcpus[0].shared().stats().injected, 1);
}

#[test]
fn an_ipi_to_itself_goes_there_without_taking_anything_back() {
    let mut bench = keeping();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.turn(0, |hardware, page| {
        serve(hardware, 0x61);
        page.gpr[1].store(u64::from(X2APIC_ICR), Ordering::Relaxed);
        page.gpr[0].store(0x40f0, Ordering::Relaxed);
        page.gpr[2].store(0, Ordering::Relaxed);
        Exit::WriteMsr
    });
    bench.turn(0, |hardware, _| {
        let kept = hardware.kept.unwrap();
        assert_eq!((kept.requested, kept.in_service), ([0, 0, 0, 1 << 0x30], [0, 1 << 0x21, 0, 0]));
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn the_state_shows_what_the_hardware_keeps_and_goes_back_there() {
    let mut bench = keeping();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.guest.interrupt(0xfee0_0000, 0x71).unwrap();
    bench.turn(0, |hardware, _| {
        serve(hardware, 0x71);
        hardware.kept.as_mut().unwrap().priority = 0x40;
        Exit::Interrupt
    });
    bench.run(0);

    let state = apic(&mut bench);

    let register = |offset: usize| state.registers[offset >> 4];
    assert_eq!((register(0x80), register(0x130), register(0x230)), (0x40, 1 << 0x11, 1 << 1));
    bench.turn(0, |hardware, _| {
        let kept = hardware.kept.unwrap();
        assert_eq!(
            (kept.requested, kept.in_service, kept.priority),
            ([0, 1 << 0x21, 0, 0], [0, 1 << 0x31, 0, 0], 0x40)
        );
        Exit::Interrupt
    });
    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn the_end_of_a_kept_level_interrupt_goes_to_the_vmm() {
    let mut bench = keeping();
    bench.guest.interrupt(0xfee0_0000, 0x8000 | 0x41).unwrap();
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.kept.unwrap().level, [0, 2, 0, 0]);
        serve(hardware, 0x41);
        hardware.kept.as_mut().unwrap().in_service = [0; 4];
        Exit::EndOfInterrupt { vector: 0x41 }
    });

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!((bench.kind(), bench.detail(0)), (Some(ExitKind::Eoi), 0x41));
}

#[test]
fn a_halted_guest_wakes_for_an_interrupt_that_the_hardware_lets_through() {
    let mut bench = keeping();
    bench.exits(Exit::Halt);
    assert!(matches!(bench.run(0), Outcome::Halted { .. }));

    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();

    bench.turn(0, |hardware, _| {
        serve(hardware, 0x61);
        Exit::Halt
    });
    assert!(matches!(bench.run(0), Outcome::Halted { .. }));
    bench.guest.interrupt(0xfee0_0000, 0x51).unwrap();
    assert!(matches!(bench.run(0), Outcome::Halted { .. }), "one of a lower class wakes nobody");
}

#[test]
fn a_halt_ends_at_once_for_an_interrupt_that_the_hardware_could_not_deliver_before() {
    let mut bench = keeping();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.exits(Exit::Halt);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.kept.unwrap().requested, [0, 1 << 0x21, 0, 0]);
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn leaving_x2apic_mode_takes_them_back() {
    let mut bench = keeping();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.exits(Exit::Cpuid);
    bench.writes_msr(0, 0x1b, 0x100);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.kept, None);
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn init_forgets_what_the_hardware_keeps() {
    let mut bench = keeping();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.exits(Exit::Interrupt);
    bench.run(0);

    bench.vcpus[0].shared().post_init();
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.kept, None, "an APIC that does not listen any more");
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn an_interrupt_whose_delivery_a_fault_broke_off_is_requested_again() {
    let mut bench = keeping();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.turn(0, |hardware, _| {
        serve(hardware, 0x61);
        hardware.injection = Some(Event { kind: EventKind::External, vector: 0x61, error_code: None });
        Exit::Undefined
    });
    bench.turn(0, |hardware, _| {
        let kept = hardware.kept.unwrap();
        assert_eq!((kept.requested, kept.in_service), ([0, 1 << 0x21, 0, 0], [0; 4]));
        assert_eq!(hardware.delivered.last(), Some(&Event::UNDEFINED));
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}
