use super::*;
use spec::control::RFLAGS_IF;

const X2APIC_ICR: u32 = 0x830;
const X2APIC_EOI: u32 = 0x80b;

/// A bench whose vCPU 0 listens.
fn listening() -> Bench {
    let mut bench = Bench::new(1);
    bench.enable_x2apic(0);
    bench.vcpus[0].hardware.rflags |= RFLAGS_IF;
    bench
}

#[test]
fn an_ipi_to_itself_is_offered_and_taken() {
    let mut bench = listening();
    bench.writes_msr(0, X2APIC_ICR, 0x40f0);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.take_offer(), Some(0xf0));
        Exit::Cpuid
    });
    bench.writes_msr(0, X2APIC_EOI, 0);

    assert_eq!(bench.run(0), Outcome::Interrupted);

    assert_eq!(bench.vcpus[0].hardware.offer, None);
    assert_eq!(bench.vcpus[0].shared().stats().injected, 1);
}

#[test]
fn the_end_of_a_level_interrupt_goes_to_the_vmm() {
    let mut bench = listening();
    bench.guest.interrupt(0xfee0_0000, 0x8000 | 0x41).unwrap();
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.take_offer(), Some(0x41));
        Exit::Cpuid
    });
    bench.writes_msr(0, X2APIC_EOI, 0);

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!((bench.kind(), bench.detail(0)), (Some(ExitKind::Eoi), 0x41));
    assert_eq!(bench.vcpus[0].hardware.rip, 0x1002);
}

#[test]
fn a_lower_interrupt_waits_for_the_end_of_the_higher() {
    let mut bench = listening();
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.take_offer(), Some(0x61));
        Exit::Cpuid
    });
    bench.run(0);
    bench.guest.interrupt(0xfee0_0000, 0x51).unwrap();
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.offer, None);
        Exit::Cpuid
    });
    bench.writes_msr(0, X2APIC_EOI, 0);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.take_offer(), Some(0x51));
        Exit::Cpuid
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
    assert!(bench.vcpus[0].hardware.was_taken);
}

#[test]
fn the_task_priority_holds_interrupts_back_until_cr8_is_written() {
    let mut bench = listening();
    bench.turn(0, |hardware, _| {
        hardware.control[8] = 6;
        Exit::Interrupt
    });
    bench.run(0);
    bench.guest.interrupt(0xfee0_0000, 0x61).unwrap();
    bench.turn(0, |hardware, page| {
        assert_eq!((hardware.offer, hardware.is_cr8_watched), (None, true));
        page.gpr[3].store(5, Ordering::Relaxed);
        Exit::WriteControl { control: 8, register: Some(3) }
    });
    bench.turn(0, |hardware, _| {
        assert_eq!((hardware.take_offer(), hardware.is_cr8_watched), (Some(0x61), false));
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn an_interrupt_wakes_a_halted_vcpu() {
    let mut bench = listening();
    bench.exits(Exit::Halt);
    assert_eq!(bench.run(0), Outcome::Halted { deadline: None });

    bench.guest.interrupt(0xfee0_0000, 0x41).unwrap();
    assert_eq!(bench.sleepers[0].0.load(Ordering::SeqCst), 1);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.take_offer(), Some(0x41));
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn an_interrupt_that_comes_while_it_goes_to_sleep_is_not_lost() {
    let mut bench = listening();
    let guest = bench.guest.clone();
    bench.turn(0, move |_, _| {
        guest.interrupt(0xfee0_0000, 0x41).unwrap();
        Exit::Halt
    });
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.take_offer(), Some(0x41));
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn a_running_vcpu_elsewhere_is_notified() {
    let mut bench = listening();
    let guest = bench.guest.clone();
    thread_local! { static NOTIFIED: core::cell::Cell<usize> = const { core::cell::Cell::new(0) }; }
    ram::on_notify(|cpu| NOTIFIED.set(cpu + 100));
    bench.turn(0, move |_, _| {
        ram::set_cpu(2);
        guest.interrupt(0xfee0_0000, 0x41).unwrap();
        ram::relax();
        ram::set_cpu(0);
        Exit::Interrupt
    });

    bench.run(0);

    assert_eq!(NOTIFIED.get(), 100);
}

#[test]
fn an_nmi_waits_for_the_end_of_the_one_before() {
    let mut bench = listening();
    bench.guest.interrupt(0xfee0_0000, 0x400).unwrap();
    bench.run(0);
    assert_eq!(bench.vcpus[0].hardware.delivered, [Event::NMI]);
    assert!(bench.vcpus[0].hardware.is_nmi_end_watched);

    bench.guest.interrupt(0xfee0_0000, 0x400).unwrap();
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.delivered.len(), 1);
        Exit::NmiWindow
    });
    bench.turn(0, |hardware, _| {
        assert!(hardware.is_step_wanted);
        assert_eq!(hardware.delivered.len(), 1);
        Exit::Stepped
    });
    bench.run(0);

    assert_eq!(bench.vcpus[0].hardware.delivered, [Event::NMI, Event::NMI]);
}

#[test]
fn init_and_sipi_start_a_processor() {
    let mut bench = Bench::new(2);
    bench.enable_x2apic(0);
    assert_eq!(bench.run(1), Outcome::Halted { deadline: None });
    assert_eq!(bench.vcpus[1].hardware.entries, 0);

    bench.writes_msr(0, X2APIC_ICR, 1 << 32 | 0x4500);
    bench.writes_msr(0, X2APIC_ICR, 1 << 32 | 0x4608);
    bench.run(0);
    assert_eq!(bench.sleepers[1].0.load(Ordering::SeqCst), 2);
    bench.turn(1, |hardware, _| {
        let code = hardware.segments[Segment::Cs as usize];
        assert_eq!((code.selector, code.base, hardware.rip), (0x800, 0x8000, 0));
        Exit::Interrupt
    });

    assert_eq!(bench.run(1), Outcome::Interrupted);
    assert_eq!(bench.vcpus[1].hardware.entries, 1);
}

#[test]
fn init_forgets_an_nmi_that_came_before() {
    let mut bench = Bench::new(2);
    bench.enable_x2apic(0);
    bench.run(1);

    bench.writes_msr(0, X2APIC_ICR, 1 << 32 | 0x4400);
    bench.writes_msr(0, X2APIC_ICR, 1 << 32 | 0x4500);
    bench.writes_msr(0, X2APIC_ICR, 1 << 32 | 0x4608);
    bench.run(0);

    assert_eq!(bench.run(1), Outcome::Interrupted);
    assert_eq!(bench.vcpus[1].hardware.entries, 1);
    assert_eq!(bench.vcpus[1].hardware.delivered, []);
}

#[test]
fn a_sipi_without_init_is_ignored_by_a_running_processor() {
    let mut bench = listening();
    bench.writes_msr(0, X2APIC_ICR, 0x4608);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.rip, 0x1002);
        Exit::Interrupt
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn a_broadcast_reaches_all_others() {
    let mut bench = Bench::new(3);
    bench.enable_x2apic(0);
    for index in [1, 2] {
        bench.vcpus[index].activity = super::super::attention::Activity::Running;
        bench.enable_x2apic(index);
    }
    bench.writes_msr(0, X2APIC_ICR, 0xc40f1);
    bench.run(0);

    for index in [1, 2] {
        bench.vcpus[index].hardware.rflags |= RFLAGS_IF;
        bench.run(index);
        assert_eq!(bench.vcpus[index].hardware.offer, Some(0xf1));
    }
    assert_eq!(bench.vcpus[0].hardware.offer, None);
}

#[test]
fn the_timer_fires_and_tells_the_host_when() {
    let mut bench = listening();
    bench.writes_msr(0, 0x83e, 0xb);
    bench.writes_msr(0, 0x832, 0x31);
    bench.writes_msr(0, 0x838, 5000);
    bench.run(0);
    assert_eq!(bench.host.deadlines, [Some(6000)]);

    clock::set_ticks(6000);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.take_offer(), Some(0x31));
        Exit::Interrupt
    });
    bench.run(0);

    assert_eq!(bench.host.deadlines, [Some(6000), None]);
}

#[test]
fn a_halted_vcpu_says_when_its_timer_fires() {
    let mut bench = listening();
    bench.writes_msr(0, 0x832, 0x4_0031);
    bench.writes_msr(0, 0x6e0, 9000);
    bench.exits(Exit::Halt);

    assert_eq!(bench.run(0), Outcome::Halted { deadline: Some(9000) });
    clock::set_ticks(9000);
    bench.turn(0, |hardware, _| {
        assert_eq!(hardware.take_offer(), Some(0x31));
        Exit::Interrupt
    });
    assert_eq!(bench.run(0), Outcome::Interrupted);
}

#[test]
fn steal_time_is_written_with_an_even_version() {
    let mut bench = Bench::new(1);
    bench.vcpus[0].write(StateKind::StealTime, 0x2000u64.as_bytes()).unwrap();
    bench.vcpus[0].account_wait(77);

    bench.run(0);

    let mut record = [0; 12];
    bench.guest.space().read(Gpa::new(0x2000), &mut record).unwrap();
    assert_eq!(record, [77, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
}
