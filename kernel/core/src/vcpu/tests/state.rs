use super::*;
use abi::{ApicState, Error, MsrValue, RegisterState};
use proptest::prelude::*;
use zerocopy::FromZeros;

fn registers(vcpu: &mut FakeProcessor) -> RegisterState {
    let mut state = RegisterState::default();
    vcpu.read(StateKind::Registers, state.as_mut_bytes()).unwrap();
    state
}

#[test]
fn registers_are_read_as_they_were_written() {
    let mut bench = Bench::new(1);
    let vcpu = &mut bench.vcpus[0];
    let mut state = registers(vcpu);
    state.gpr = core::array::from_fn(|index| index as u64 + 100);
    state.rip = 0x10_0000;
    state.cr0 = 0x11;
    state.cr3 = 0x5000;
    state.debug[0] = 0x1234;
    state.activity = 1 | 1 << 2 | 1 << 3;
    state.pending_event = Event::PROTECTION.pack();

    vcpu.write(StateKind::Registers, state.as_bytes()).unwrap();

    assert_eq!(registers(vcpu), state);
}

#[test]
fn a_state_that_no_processor_has_is_refused() {
    let mut bench = Bench::new(1);
    let vcpu = &mut bench.vcpus[0];
    let good = registers(vcpu);
    let bad = |change: fn(&mut RegisterState)| {
        let mut state = good;
        change(&mut state);
        state
    };
    let states = [
        bad(|state| state.cr0 = 1 << 31),
        bad(|state| state.cr0 |= 1 << 32),
        bad(|state| state.cr4 = 1 << 40),
        bad(|state| state.efer = 1 << 12),
        bad(|state| state.efer = 1 << 10),
        bad(|state| state.cr3 = 1 << 52),
        bad(|state| state.segments[1].base = 1 << 60),
        bad(|state| state.rflags = 1 << 40),
        bad(|state| state.rip = 1 << 40),
        bad(|state| state.gdt_limit = 0x1_0000),
        bad(|state| state.cr8 = 16),
        bad(|state| state.xcr0 = 2),
        bad(|state| state.debug[5] = 1 << 32),
        bad(|state| state.activity = 1 << 5),
        bad(|state| state.pending_event = 1 << 31 | 3 << 8 | 0xf0),
    ];
    for (index, state) in states.iter().enumerate() {
        assert_eq!(vcpu.write(StateKind::Registers, state.as_bytes()), Err(Error::BadArgument), "{index}");
    }
    assert_eq!(registers(vcpu), good);
}

#[test]
fn the_apic_is_read_as_it_was_written() {
    let mut bench = Bench::new(1);
    bench.enable_x2apic(0);
    bench.guest.interrupt(0xfee0_0000, 0x8041).unwrap();
    bench.run(0);
    let vcpu = &mut bench.vcpus[0];
    let mut state = ApicState::new_zeroed();
    vcpu.read(StateKind::Apic, state.as_mut_bytes()).unwrap();
    assert_eq!(state.registers[0x22], 1 << 1);

    vcpu.write(StateKind::Apic, state.as_bytes()).unwrap();

    let mut again = ApicState::new_zeroed();
    vcpu.read(StateKind::Apic, again.as_mut_bytes()).unwrap();
    assert_eq!(again, state);
}

#[test]
fn msrs_are_moved_in_lists_and_unknown_ones_refused() {
    let mut bench = Bench::new(1);
    let vcpu = &mut bench.vcpus[0];
    let value = |number, value| MsrValue { number, reserved: 0, value };
    vcpu.write(StateKind::Msrs, [value(0xc000_0081, 0x23_0010_0000_0000), value(0x2ff, 0x806)].as_bytes())
        .unwrap();

    let mut list = [value(0xc000_0081, 0), value(0x2ff, 0)];
    vcpu.read(StateKind::Msrs, list.as_mut_bytes()).unwrap();

    assert_eq!([list[0].value, list[1].value], [0x23_0010_0000_0000, 0x806]);
    let unknown = [value(0x1234_5678, 1)];
    assert_eq!(vcpu.write(StateKind::Msrs, unknown.as_bytes()), Err(Error::BadArgument));
}

#[test]
fn buffers_of_the_wrong_size_are_refused() {
    let mut bench = Bench::new(1);
    let vcpu = &mut bench.vcpus[0];

    assert_eq!(vcpu.read(StateKind::Registers, &mut [0; 8]), Err(Error::BufferTooSmall));
    assert_eq!(vcpu.write(StateKind::Registers, &[0; 8]), Err(Error::BadArgument));
    assert_eq!(vcpu.write(StateKind::Msrs, &[0; 17]), Err(Error::BadArgument));
    assert_eq!(vcpu.write(StateKind::StealTime, 8u64.as_bytes()), Err(Error::BadArgument));
}

#[test]
fn the_offset_moves_the_guests_clock() {
    let mut bench = Bench::new(1);
    bench.vcpus[0].write(StateKind::TscOffset, 0u64.wrapping_sub(400).as_bytes()).unwrap();
    bench.turn(0, |hardware, page| {
        assert_eq!(hardware.tsc_offset, 0u64.wrapping_sub(400));
        page.gpr[1].store(0x10, Ordering::Relaxed);
        Exit::ReadMsr
    });

    bench.run(0);

    assert_eq!(bench.gpr(0), 600);
}

#[test]
fn an_apic_id_is_given_once() {
    let mut bench = Bench::new(1);
    let twice =
        FakeProcessor::new(bench.guest.clone(), 0, base_units::Hpa::new(0x1000), bench.sleepers[0].clone());
    assert_eq!(twice.err(), Some(Error::Exists));
    let broadcast =
        FakeProcessor::new(bench.guest.clone(), 255, base_units::Hpa::new(0x1000), bench.sleepers[0].clone());
    assert_eq!(broadcast.err(), Some(Error::BadArgument));
    bench.run(0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_taken_or_refused(
        kind in 1u64..8,
        bytes in proptest::collection::vec(any::<u8>(), 0..700),
    ) {
        let mut bench = Bench::new(1);
        let kind = StateKind::from_raw(kind).unwrap();
        let _ = bench.vcpus[0].write(kind, &bytes);
        bench.run(0);
    }

    #[test]
    fn any_registers_are_taken_or_refused(raw in proptest::collection::vec(any::<u8>(), size_of::<RegisterState>())) {
        let mut bench = Bench::new(1);
        let _ = bench.vcpus[0].write(StateKind::Registers, &raw);
        bench.run(0);
    }

    #[test]
    fn any_apic_is_taken_or_refused(raw in proptest::collection::vec(any::<u8>(), size_of::<ApicState>())) {
        let mut bench = Bench::new(1);
        let _ = bench.vcpus[0].write(StateKind::Apic, &raw);
        bench.run(0);
    }
}
