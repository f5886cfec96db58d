//! The claims, by name.

mod cpuid;
mod faults;
mod interrupts;
mod msr;
mod processors;
mod resets;
mod storms;
mod timer;

use crate::Verdict;

/// All claims.
// tidy: table
pub(crate) const ALL: &[(&str, fn() -> Verdict)] = &[
    ("cpuid-shows-a-hypervisor-and-no-svm", cpuid::shows_a_hypervisor_and_no_svm),
    ("cpuid-follows-osxsave", cpuid::follows_osxsave),
    ("a-prefixed-cpuid-is-one-instruction", cpuid::a_prefixed_one_is_one_instruction),
    ("svm-instructions-are-undefined", faults::svm_instructions_are_undefined),
    ("monitor-and-mwait-are-undefined", faults::monitor_and_mwait_are_undefined),
    ("bad-control-bits-are-protection-faults", faults::bad_control_bits),
    ("bad-xcr0-is-a-protection-fault", faults::bad_xcr0),
    ("a-breakpoint-storm-ends", faults::a_breakpoint_storm_ends),
    ("unknown-msrs-are-protection-faults", msr::unknown_ones_fault),
    ("efer-keeps-its-rules", msr::efer_keeps_its_rules),
    ("msrs-of-the-processor-keep-their-values", msr::kept),
    ("a-self-ipi-arrives-in-xapic-mode", interrupts::self_ipi_xapic),
    ("a-self-ipi-arrives-in-x2apic-mode", interrupts::self_ipi_x2apic),
    ("higher-vectors-come-first", interrupts::higher_vectors_come_first),
    ("task-priority-holds-interrupts-back", interrupts::task_priority),
    ("sti-shields-one-instruction", interrupts::sti_shadow),
    ("an-nmi-blocks-the-next-until-iret", interrupts::nmi_blocking),
    ("the-timer-fires-once", timer::fires_once),
    ("the-timer-fires-periodically", timer::fires_periodically),
    ("the-timer-counts-a-nanosecond-a-tick", timer::counts_nanoseconds),
    ("the-tsc-deadline-fires", timer::tsc_deadline),
    ("a-halt-ends-with-the-timer", timer::ends_a_halt),
    ("all-processors-start", processors::all_start),
    ("processors-see-each-other-s-memory", processors::share_memory),
    ("a-storm-of-port-accesses-is-survived", storms::ports),
    ("a-storm-of-device-memory-accesses-is-survived", storms::memory),
    ("a-triple-fault-resets-the-machine", resets::a_triple_fault),
    ("the-keyboard-controller-resets-the-machine", resets::the_keyboard_controller),
];
