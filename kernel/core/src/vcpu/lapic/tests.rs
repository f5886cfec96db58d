use super::*;
use proptest::prelude::*;
use spec::apic::{X2APIC_FIRST_MSR, register};
use std::collections::BTreeSet;

fn enabled() -> Lapic {
    let mut apic = Lapic::new(0, 40);
    apic.write_page(register::SVR, 0x1ff, || 0);
    apic
}

/// An APIC as the manual describes it, with sets of vectors.
#[derive(Default, Debug)]
struct Model {
    requested: BTreeSet<u8>,
    in_service: BTreeSet<u8>,
    level: BTreeSet<u8>,
    task_priority: u8,
}

impl Model {
    fn processor_priority(&self) -> u8 {
        let serving = self.in_service.last().copied().unwrap_or(0) & 0xf0;
        if self.task_priority & 0xf0 >= serving { self.task_priority } else { serving }
    }

    fn next(&self) -> Option<u8> {
        let serving = self.in_service.last().copied().unwrap_or(0);
        self.requested.last().copied().filter(|vector| vector >> 4 > serving >> 4)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Request(u8, bool),
    Accept,
    Acknowledge,
    TaskPriority(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (16u8.., any::<bool>()).prop_map(|(vector, level)| Step::Request(vector, level)),
        3 => Just(Step::Accept),
        3 => Just(Step::Acknowledge),
        1 => any::<u8>().prop_map(Step::TaskPriority),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_model_does(steps in proptest::collection::vec(step(), 0..200)) {
        let (mut apic, mut model) = (enabled(), Model::default());
        for step in steps {
            match step {
                Step::Request(vector, level) => {
                    apic.request(vector, level);
                    model.requested.insert(vector);
                    if level { model.level.insert(vector); } else { model.level.remove(&vector); }
                }
                Step::Accept => {
                    if let Some(vector) = model.next() {
                        apic.accept(vector);
                        model.requested.remove(&vector);
                        model.in_service.insert(vector);
                    }
                }
                Step::Acknowledge => {
                    let expected = match model.in_service.pop_last() {
                        Some(vector) => Effect::Acknowledged { level: model.level.contains(&vector).then_some(vector) },
                        None => Effect::None,
                    };
                    prop_assert_eq!(apic.acknowledge(), expected);
                }
                Step::TaskPriority(value) => {
                    apic.set_task_priority(value);
                    model.task_priority = value;
                }
            }
            prop_assert_eq!(apic.next(), model.next());
            prop_assert_eq!(apic.processor_priority(), model.processor_priority());
            prop_assert_eq!(apic.is_quiet(), model.requested.is_empty());
        }
        let mut copy = Lapic::new(0, 40);
        prop_assert_eq!(copy.restore(&apic.save(5), 5), Some(()));
        prop_assert_eq!(copy, apic);
    }

    #[test]
    fn any_accesses_do_no_harm(
        accesses in proptest::collection::vec((any::<bool>(), 0u32..0x1000, any::<u64>(), 0u64..1 << 40), 0..100),
        is_x2apic in any::<bool>(),
    ) {
        let mut apic = enabled();
        if is_x2apic { apic.write_base(0xfee0_0d00, true); }
        for (is_write, offset, value, now) in accesses {
            let number = X2APIC_FIRST_MSR + (offset >> 4);
            match (is_x2apic, is_write) {
                (false, false) => { apic.read_page(offset, || now); }
                (false, true) => { apic.write_page(offset, value as u32, || now); }
                (true, false) => { apic.read_msr(number, || now); }
                (true, true) => { apic.write_msr(number, value, || now); }
            }
            apic.expire(now, now);
            let _ = (apic.deadline(), apic.next(), apic.addressing().pack());
        }
        let state = apic.save(0);
        prop_assert_eq!(Lapic::new(0, 40).restore(&state, 0), Some(()));
    }
}

#[test]
fn a_software_disabled_apic_takes_nothing_and_masks_its_entries() {
    let mut apic = Lapic::new(0, 40);
    assert!(!apic.request(0x40, false));
    apic.write_page(register::LVT_TIMER, 0x31, || 0);
    assert_eq!(apic.read_page(register::LVT_TIMER, || 0), 0x1_0031);
}

#[test]
fn the_mode_changes_only_along_the_manuals_arrows() {
    let mut apic = enabled();
    assert_eq!(apic.write_base(0xfee0_0500, true), Effect::Fault);
    assert_eq!(apic.write_base(0xfee0_0d00, false), Effect::Fault);
    assert_eq!(apic.write_base(0xfee0_0d00, true), Effect::Addressing);
    assert_eq!(apic.write_base(0xfee0_0900, true), Effect::Fault);
    assert_eq!(apic.write_base(0xfee0_0100, true), Effect::Addressing);
    assert_eq!(apic.mode(), Mode::Disabled);
    assert_eq!(apic.write_base(0xfee0_0d00, true), Effect::Fault);
    assert_eq!(apic.write_base(0xfee0_0900, true), Effect::Addressing);
}

#[test]
fn x2apic_registers_check_their_bits() {
    let mut apic = enabled();
    apic.write_base(0xfee0_0d00, true);
    let mut write = |offset: u32, value| apic.write_msr(X2APIC_FIRST_MSR + (offset >> 4), value, || 0);

    assert_eq!(write(register::EOI, 1), Effect::Fault);
    assert_eq!(write(register::TPR, 0x100), Effect::Fault);
    assert_eq!(write(register::ID, 0), Effect::Fault);
    assert_eq!(write(register::DFR, 0), Effect::Fault);
    assert_eq!(write(register::LVT_TIMER, 3 << 17), Effect::Fault);
    assert_eq!(write(register::TPR, 0xff), Effect::Recheck);
    assert_eq!(apic.read_msr(0x80d, || 0), Some(1));
    assert_eq!(apic.read_msr(0x80e, || 0), None);
}

#[test]
fn an_ipi_with_a_reserved_vector_is_an_error() {
    let mut apic = enabled();
    assert_eq!(apic.write_page(register::ICR_LOW, 0x4_4005, || 0), Effect::Recheck);
    apic.write_page(register::ESR, 0, || 0);
    assert_eq!(apic.read_page(register::ESR, || 0), ESR_SEND_ILLEGAL);
    apic.write_page(register::ESR, 0, || 0);
    assert_eq!(apic.read_page(register::ESR, || 0), 0);
}

#[test]
fn a_state_that_no_apic_has_is_refused() {
    let mut apic = enabled();
    let good = apic.save(0);
    for base in [1, 0xfee0_0400, 1 << 40 | 0x800] {
        assert_eq!(apic.restore(&abi::ApicState { base, ..good }, 0), None);
    }
    assert_eq!(apic.restore(&good, 0), Some(()));
}

#[test]
fn the_running_timer_survives_saving() {
    let mut apic = enabled();
    apic.write_page(register::DIVIDE, 0xb, || 0);
    apic.write_page(register::LVT_TIMER, 0x2_0031, || 0);
    apic.write_page(register::INITIAL_COUNT, 100_000, || 0);
    let state = apic.save(40_000);
    assert_eq!(state.timer_remaining_ns, 60_000);

    let mut copy = Lapic::new(0, 40);
    copy.restore(&state, 1_000_000).unwrap();

    assert!(!copy.expire(1_059_999, 0));
    assert!(copy.expire(1_060_000, 0));
    assert_eq!(copy.next(), Some(0x31));
}

#[test]
fn hardware_that_keeps_the_interrupts_is_told_the_id() {
    assert_eq!(Lapic::new(3, 40).hand_over().id, 3);
}
