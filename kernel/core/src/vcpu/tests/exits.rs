use super::*;
use crate::machine::ExtendedState;
use crate::vcpu::hardware::VirtualCpu;
use abi::{DoorbellKind, ExitCounter, Injection, WritebackFlags};
use spec::control::{CR0_CD, CR0_ET, CR0_PE, CR4_OSXSAVE, RFLAGS_IF, RFLAGS_TF};

struct Bell(AtomicU32);

impl Ring for Bell {
    fn ring(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn port(is_input: bool, port: u16) -> Exit {
    Exit::Port(PortAccess { port, size: 1, is_input, is_string: false, is_repeated: false, next_rip: 0x1001 })
}

#[test]
fn cpuid_is_answered_in_ring_0() {
    let mut bench = Bench::new(1);
    bench.exits(Exit::Cpuid);

    assert_eq!(bench.run(0), Outcome::Interrupted);

    assert_eq!((bench.gpr(0), bench.gpr(1)), (1, 0x1111));
    assert_eq!(bench.vcpus[0].hardware.rip, 0x1002);
    assert_eq!(bench.vcpus[0].shared().stats().exits[ExitCounter::Cpuid as usize], 1);
}

#[test]
fn cpuid_shows_what_the_guest_has_enabled() {
    let mut bench = Bench::new(1);
    bench.turn(0, |hardware, page| {
        hardware.control[4] = CR4_OSXSAVE;
        page.gpr[0].store(1, Ordering::Relaxed);
        Exit::Cpuid
    });

    bench.run(0);

    assert_eq!(bench.gpr(1), 1 << 21 | 1 << 27);
    assert_eq!(bench.gpr(2), 1 << 9);
}

#[test]
fn an_instruction_that_is_carried_out_traps_with_tf() {
    let mut bench = Bench::new(1);
    bench.turn(0, |hardware, _| {
        hardware.rflags |= RFLAGS_TF;
        Exit::Cpuid
    });

    bench.run(0);

    assert_eq!(bench.vcpus[0].hardware.delivered, [Event::exception(1, None)]);
    assert_ne!(bench.vcpus[0].hardware.debug[6] & 1 << 14, 0);
}

#[test]
fn a_port_goes_to_the_vmm_with_rip_past_it() {
    let mut bench = Bench::new(1);
    bench.turn(0, |_, page| {
        page.gpr[0].store(0x1234, Ordering::Relaxed);
        port(false, 0x80)
    });

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!(bench.kind(), Some(ExitKind::Port));
    assert_eq!((bench.detail(0), bench.detail(1), bench.detail(2)), (0x80, 1, 0x34));
    assert_eq!(bench.page().rip.load(Ordering::Relaxed), 0x1001);
}

#[test]
fn a_doorbell_rings_and_the_guest_goes_on() {
    let mut bench = Bench::new(1);
    let bell = Arc::new(Bell(AtomicU32::new(0)));
    bench.guest.add_doorbell(DoorbellKind::Port, 0x80, 1, bell.clone()).unwrap();
    bench.exits(port(false, 0x80));
    bench.exits(port(true, 0x80));

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert_eq!(bench.detail(1) & 1 << 8, 1 << 8);
}

#[test]
fn a_ring_that_wakes_somebody_who_comes_first_ends_the_run() {
    let mut bench = Bench::new(1);
    bench.guest.add_doorbell(DoorbellKind::Port, 0x80, 1, Arc::new(Bell(AtomicU32::new(0)))).unwrap();
    bench.host.has_news = true;
    bench.exits(port(false, 0x80));

    assert_eq!(bench.run(0), Outcome::Preempted);
    assert_eq!(bench.vcpus[0].hardware.entries, 1);
}

#[test]
fn a_memory_doorbell_needs_a_plain_store() {
    let mut bench = Bench::new(1);
    let bell = Arc::new(Bell(AtomicU32::new(0)));
    bench.guest.add_doorbell(DoorbellKind::Memory, 0xe000_0000, 4, bell.clone()).unwrap();
    // mov [eax], ecx with paging off, 32-bit code
    bench.guest.space().write(Gpa::new(0x1000), &[0x89, 0x08]).unwrap();
    bench.turn(0, |hardware, _| {
        hardware.control[0] = CR0_PE;
        hardware.segments[Segment::Cs as usize] =
            abi::SegmentState { attributes: 0xc9b, limit: u32::MAX, ..Default::default() };
        hardware.rip = 0x1000;
        Exit::Memory { gpa: Gpa::new(0xe000_0000), access: MemoryAccess::Write }
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);

    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert_eq!(bench.vcpus[0].hardware.rip, 0x1002);
}

#[test]
fn first_touch_is_resolved_and_nothing_else_is() {
    let mut bench = Bench::new(1);
    bench.exits(Exit::Memory { gpa: Gpa::new(0x5000), access: MemoryAccess::Write });
    bench.exits(Exit::Memory { gpa: Gpa::new(0xfed0_0000), access: MemoryAccess::Read });

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!(bench.vcpus[0].hardware.entries, 2);
    assert_eq!(bench.kind(), Some(ExitKind::Mmio));
    assert_eq!((bench.detail(0), bench.detail(1)), (0xfed0_0000, 0));
}

#[test]
fn an_unknown_msr_goes_to_the_vmm_and_a_known_one_does_not() {
    let mut bench = Bench::new(1);
    bench.writes_msr(0, 0xc000_0082, 0xffff_8000_0000_1000);
    bench.writes_msr(0, 0x4b56_4d00, 0x1001);

    assert_eq!(bench.run(0), Outcome::Return);

    assert_eq!(bench.vcpus[0].hardware.msrs[&0xc000_0082], 0xffff_8000_0000_1000);
    assert_eq!(bench.kind(), Some(ExitKind::Msr));
    assert_eq!((bench.detail(0), bench.detail(1), bench.detail(2)), (0x4b56_4d00, 1, 0x1001));
    assert_eq!(bench.detail(3), 0x1002);
}

#[test]
fn values_that_hardware_refuses_are_faults() {
    for (number, value) in [(0x1b, 1), (0xc000_0080, 1 << 12), (0x277, 2), (0xc000_0082, 1 << 62), (0x17b, 0)]
    {
        let mut bench = Bench::new(1);
        bench.writes_msr(0, number, value);

        bench.run(0);

        assert_eq!(bench.vcpus[0].hardware.delivered, [Event::PROTECTION], "{number:#x}");
    }
}

#[test]
fn an_unknown_hypercall_is_answered_here() {
    let mut bench = Bench::new(1);
    bench.turn(0, |_, page| {
        page.gpr[0].store(999, Ordering::Relaxed);
        Exit::Hypercall
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
    assert_eq!(bench.gpr(0) as i64, -1000);
}

#[test]
fn user_mode_makes_no_hypercalls() {
    let mut bench = Bench::new(1);
    bench.turn(0, |hardware, page| {
        hardware.cpl = 3;
        page.gpr[0].store(11, Ordering::Relaxed);
        Exit::Hypercall
    });

    assert_eq!(bench.run(0), Outcome::Interrupted);
    assert_eq!(bench.gpr(0) as i64, -1);
}

#[test]
fn cr0_takes_what_hardware_takes() {
    let mut bench = Bench::new(1);
    for value in [CR0_PE | CR0_CD, 1 << 31] {
        bench.turn(0, move |_, page| {
            page.gpr[3].store(value, Ordering::Relaxed);
            Exit::WriteControl { control: 0, register: Some(3) }
        });
    }

    bench.run(0);

    assert_eq!(bench.vcpus[0].hardware.control[0], CR0_PE | CR0_CD | CR0_ET);
    assert_eq!(bench.vcpus[0].hardware.delivered, [Event::PROTECTION]);
}

#[test]
fn xsetbv_needs_osxsave_and_a_legal_mask() {
    let mut bench = Bench::new(1);
    bench.exits(Exit::Xsetbv);
    bench.turn(0, |hardware, page| {
        hardware.control[4] = CR4_OSXSAVE;
        page.gpr[0].store(5, Ordering::Relaxed);
        Exit::Xsetbv
    });

    bench.run(0);

    assert_eq!(bench.vcpus[0].hardware.delivered, [Event::UNDEFINED, Event::PROTECTION]);
}

#[test]
fn the_xsave_size_is_that_of_an_xcr0_that_was_found_at_a_thread_switch() {
    let mut bench = Bench::new(1);
    let line = |subleaf, eax, ebx| CpuidEntry {
        leaf: 0xd,
        subleaf,
        has_subleaf: 1,
        eax,
        ebx,
        ..CpuidEntry::default()
    };
    let largest = CpuidEntry { eax: 0xd, ..CpuidEntry::default() };
    bench.vcpus[0].set_cpuid(&[largest, line(0, 7, 0), line(2, 256, 576)]).unwrap();
    // The guest set XCR0 without an exit; the thread was switched before it asked.
    bench.vcpus[0].extended.set_xcr0(7);
    bench.turn(0, |_, page| {
        page.gpr[0].store(0xd, Ordering::Relaxed);
        page.gpr[1].store(0, Ordering::Relaxed);
        Exit::Cpuid
    });

    bench.run(0);

    assert_eq!(bench.gpr(3), 832);
}

#[test]
fn what_the_guest_must_not_run_faults() {
    let mut bench = Bench::new(1);
    bench.exits(Exit::Undefined);
    bench.exits(Exit::Refused);
    bench.exits(Exit::Exception { vector: 17, error_code: Some(0) });

    bench.run(0);

    let expected = [Event::UNDEFINED, Event::PROTECTION, Event::exception(17, Some(0))];
    assert_eq!(bench.vcpus[0].hardware.delivered, expected);
}

#[test]
fn a_state_that_hardware_refuses_ends_the_guest_only() {
    let mut bench = Bench::new(1);
    bench.exits(Exit::Failed { reason: u64::MAX, qualification: 5 });

    assert_eq!(bench.run(0), Outcome::Return);
    assert_eq!((bench.kind(), bench.detail(1)), (Some(ExitKind::Failed), 5));
}

#[test]
fn a_guest_that_shut_down_does_not_run_again() {
    let mut bench = Bench::new(1);
    bench.exits(Exit::Shutdown);
    assert_eq!(bench.run(0), Outcome::Return);
    assert_eq!(bench.kind(), Some(ExitKind::Shutdown));

    assert_eq!(bench.run(0), Outcome::Halted { deadline: None });
    assert_eq!(bench.vcpus[0].hardware.entries, 1);
}

#[test]
fn the_vmm_changes_rip_flags_and_raises_exceptions() {
    let mut bench = Bench::new(1);
    let page = bench.page();
    page.rip.store(0x2000, Ordering::Relaxed);
    page.rflags.store(u64::MAX, Ordering::Relaxed);
    let fault = Injection::Exception { vector: 14, error_code: Some(2) };
    page.inject.store(fault.pack(), Ordering::Relaxed);
    page.inject_address.store(0xdead, Ordering::Relaxed);
    page.writeback.store(WritebackFlags::all().bits(), Ordering::Relaxed);

    bench.run(0);

    let hardware = &bench.vcpus[0].hardware;
    assert_eq!(
        (hardware.rip, hardware.rflags, hardware.cr2()),
        (0x2000, spec::control::RFLAGS_VALID, 0xdead)
    );
    assert_eq!(hardware.delivered, [Event::exception(14, Some(2))]);
    assert_eq!(bench.page().writeback.load(Ordering::Relaxed), 0);
}

#[test]
fn a_fault_during_a_double_fault_is_a_shutdown_and_told() {
    let mut bench = Bench::new(1);
    bench.vcpus[0].hardware.injection = Some(Event::exception(8, Some(0)));
    let page = bench.page();
    page.inject.store(Injection::Exception { vector: 14, error_code: Some(2) }.pack(), Ordering::Relaxed);
    page.writeback.store(WritebackFlags::INJECT.bits(), Ordering::Relaxed);

    assert_eq!(bench.run(0), Outcome::Return);
    assert_eq!(bench.kind(), Some(ExitKind::Shutdown));
    assert_eq!(bench.run(0), Outcome::Halted { deadline: None });
}

#[test]
fn a_fault_during_a_fault_is_a_double_fault() {
    let mut bench = Bench::new(1);
    bench.vcpus[0].hardware.injection = Some(Event::PROTECTION);
    bench
        .page()
        .inject
        .store(Injection::Exception { vector: 13, error_code: Some(0) }.pack(), Ordering::Relaxed);
    bench.page().writeback.store(WritebackFlags::INJECT.bits(), Ordering::Relaxed);

    bench.run(0);

    assert_eq!(bench.vcpus[0].hardware.delivered, [Event::exception(8, Some(0))]);
}

#[test]
fn a_halt_with_interrupts_off_is_reported_once() {
    let mut bench = Bench::new(1);
    bench.exits(Exit::Halt);

    assert_eq!(bench.run(0), Outcome::Return);
    assert_eq!(bench.kind(), Some(ExitKind::HaltedForever));
    assert_eq!(bench.run(0), Outcome::Halted { deadline: None });
    bench.vcpus[0].shared().kick();
    assert_eq!(bench.sleepers[0].0.load(Ordering::SeqCst), 1);
    assert_eq!(bench.run(0), Outcome::Return);
    assert_eq!(bench.kind(), Some(ExitKind::Kicked));
}

#[test]
fn a_halt_with_interrupts_on_sleeps() {
    let mut bench = Bench::new(1);
    bench.turn(0, |hardware, _| {
        hardware.rflags |= RFLAGS_IF;
        Exit::Halt
    });

    assert_eq!(bench.run(0), Outcome::Halted { deadline: None });
}

#[test]
fn memory_that_changed_is_looked_up_anew() {
    let mut bench = Bench::new(1);
    bench.run(0);
    let before = bench.vcpus[0].hardware.flushes;
    bench.run(0);
    assert_eq!(bench.vcpus[0].hardware.flushes, before);

    bench.guest.space().write(Gpa::new(0x3000), &[1]).unwrap();
    bench.guest.space().unmap(Gpa::new(0x3000), 4096).unwrap();
    bench.run(0);

    assert_eq!(bench.vcpus[0].hardware.flushes, before + 1);
}
