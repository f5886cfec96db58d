//! Interrupts that are posted to a running guest whose hardware takes them.

use super::kept::{keeping, serve};
use super::*;
use core::cell::Cell;

thread_local! { static IS_TOLD: Cell<bool> = const { Cell::new(false) }; }

/// Does `action` on another processor than the one that runs the guest; whether that one was told of something.
fn elsewhere(action: impl FnOnce()) -> bool {
    IS_TOLD.set(false);
    ram::on_notify(|cpu| IS_TOLD.set(IS_TOLD.get() || cpu == 0));
    ram::set_cpu(2);
    action();
    // Somebody has to be told.
    ram::notify(1);
    ram::relax();
    ram::set_cpu(0);
    IS_TOLD.get()
}

/// A bench whose hardware keeps interrupts already.
fn kept() -> Bench {
    let mut bench = keeping();
    bench.exits(Exit::Interrupt);
    bench.run(0);
    bench
}

#[test]
fn the_hardware_takes_what_is_posted_while_the_guest_runs() {
    let mut bench = kept();
    let guest = bench.guest.clone();
    bench.turn(0, move |hardware, _| {
        assert!(elsewhere(|| guest.interrupt(0xfee0_0000, 0x61).unwrap()));
        hardware.notice_posts();
        serve(hardware, 0x61);
        Exit::Cpuid
    });
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.kept.unwrap().requested, [0; 4], "it is not requested a second time");
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn what_is_posted_while_the_vcpu_is_away_goes_to_the_hardware_with_the_next_entry() {
    let mut bench = kept();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    assert!(bench.vcpus[0].shared().has_pending());

    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.kept.unwrap().requested, [0, 1 << 0x21, 0, 0]);
        hardware.notice_posts();
        assert_eq!(hardware.kept.unwrap().requested, [0, 1 << 0x21, 0, 0]);
        Exit::Interrupt
    });

    bench.run(0);
}

#[test]
fn the_processor_is_told_again_once_it_has_taken_what_was_posted() {
    let mut bench = kept();
    let guest = bench.guest.clone();
    bench.turn(0, move |hardware, _| {
        let post = |vector| elsewhere(|| guest.interrupt(0xfee0_0000, vector).unwrap());
        assert_eq!((post(0x61), post(0xa1)), (true, false));
        hardware.notice_posts();
        assert_eq!(hardware.kept.unwrap().requested, [0, 1 << 0x21, 1 << 0x21, 0]);
        assert!(post(0x61));
        Exit::Interrupt
    });

    bench.run(0);
}

#[test]
fn a_level_triggered_interrupt_is_for_ring_0_to_take() {
    let mut bench = kept();
    let guest = bench.guest.clone();
    bench.turn(0, move |hardware, _| {
        assert!(elsewhere(|| guest.interrupt(0xfee0_0000, 0x8000 | 0x41).unwrap()));
        hardware.notice_posts();
        assert_eq!(hardware.kept.unwrap().requested, [0; 4], "its end would not exit");
        Exit::Cpuid
    });
    bench.turn(0, |hardware, _| {
        let kept = hardware.kept.unwrap();
        assert_eq!((kept.requested, kept.level), ([0, 2, 0, 0], [0, 2, 0, 0]));
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn one_that_is_level_triggered_no_more_is_too() {
    let mut bench = kept();
    bench.guest.interrupt(0xfee0_0000, 0x8000 | 0x41).unwrap();
    bench.exits(Exit::Interrupt);
    bench.run(0);
    let guest = bench.guest.clone();
    bench.turn(0, move |hardware, _| {
        hardware.kept.as_mut().unwrap().requested = [0; 4];
        elsewhere(|| guest.interrupt(0xfee0_0000, 0x41).unwrap());
        hardware.notice_posts();
        assert_eq!(hardware.kept.unwrap().requested, [0; 4]);
        Exit::Cpuid
    });
    bench.turn(0, |hardware, _| {
        let kept = hardware.kept.unwrap();
        assert_eq!((kept.requested, kept.level), ([0, 2, 0, 0], [0; 4]));
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn a_guest_halts_with_what_the_hardware_took() {
    let mut bench = kept();
    let guest = bench.guest.clone();
    bench.turn(0, move |hardware, _| {
        elsewhere(|| guest.interrupt(0xfee0_0000, 0x61).unwrap());
        hardware.notice_posts();
        Exit::Halt
    });
    bench.turn(0, |hardware, _| {
        serve(hardware, 0x61);
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn an_apic_that_does_not_listen_is_not_left_to_the_hardware() {
    let mut bench = kept();
    bench.writes_msr(0, 0x80f, 0xff);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.kept, None);
        Exit::Interrupt
    });

    bench.run(0);
}
