//! The claims, by name.

mod control;
mod cpuid;
mod debug;
mod device_memory;
mod events;
mod faults;
mod instructions;
mod interrupts;
mod isolation;
mod long_paging;
mod modes;
mod msr;
mod paging;
mod ports;
mod processors;
mod queues;
mod random_instructions;
mod resets;
mod storms;
mod tasks;
mod timer;

use crate::Verdict;

/// A claim: whether it holds.
type Claim = fn() -> Verdict;

/// All claims.
// tidy: table
pub(crate) const ALL: &[(&str, Claim)] = &[
    ("cpuid-shows-a-hypervisor-and-no-svm", cpuid::shows_a_hypervisor_and_no_svm),
    ("cpuid-follows-osxsave", cpuid::follows_osxsave),
    ("cpuid-is-right-about-xsaves", cpuid::is_right_about_xsaves),
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
    ("real-mode-computes", modes::real_mode_computes),
    ("real-mode-exits-are-answered", modes::real_mode_exits_are_answered),
    ("real-mode-faults-go-through-the-interrupt-table", modes::real_mode_faults),
    ("big-real-mode-reaches-4-gib", modes::big_real_mode_reaches_4_gib),
    ("real-mode-halts-until-an-interrupt", modes::real_mode_halts_until_an_interrupt),
    ("protected-16-bit-code-runs", modes::protected_16_bit_code_runs),
    ("protected-32-bit-code-runs", modes::protected_32_bit_code_runs),
    ("modes-can-be-switched-often", modes::modes_can_be_switched_often),
    ("legacy-paging-works-with-4-kib-pages", paging::legacy_4k),
    ("legacy-paging-works-with-4-mib-pages", paging::legacy_4m),
    ("pae-paging-works-with-4-kib-pages", paging::pae_4k),
    ("pae-paging-works-with-2-mib-pages", paging::pae_2m),
    ("large-pages-need-pse", paging::large_pages_need_pse),
    ("pae-pointers-are-reloaded", paging::pae_pointers_are_reloaded),
    ("reserved-bits-of-entries-are-page-faults", paging::reserved_bits_fault),
    ("long-mode-works-with-4-kib-pages", long_paging::with_4k),
    ("long-mode-works-with-2-mib-pages", long_paging::with_2m),
    ("long-mode-works-with-1-gib-pages", long_paging::with_1g),
    ("five-levels-of-paging-reach-further", long_paging::five_levels_reach_further),
    ("the-number-of-levels-is-fixed-in-long-mode", long_paging::the_number_of_levels_is_fixed_in_long_mode),
    ("noncanonical-addresses-fault", long_paging::noncanonical_addresses_fault),
    ("user-pages-are-guarded", long_paging::user_pages_are_guarded),
    ("invlpg-forgets-a-page", long_paging::invlpg_forgets_a_page),
    (
        "a-fault-in-a-fault-s-delivery-is-a-double-fault",
        long_paging::a_fault_in_a_faults_delivery_is_a_double_fault,
    ),
    ("device-memory-computes-as-ram-does", device_memory::device_memory_computes_as_ram_does),
    (
        "random-instructions-do-the-same-on-device-memory",
        random_instructions::random_instructions_do_the_same_on_device_memory,
    ),
    ("vectors-move-to-and-from-device-memory", device_memory::vectors_move_to_and_from_device_memory),
    ("ports-work-in-all-sizes", ports::all_sizes),
    ("empty-ports-read-as-ones", ports::empty_ports_read_as_ones),
    ("the-timer-port-counts", ports::the_timer_port_counts),
    ("string-io-crosses-pages-in-both-directions", ports::strings_cross_pages),
    ("string-io-faults-in-the-middle", ports::strings_fault_in_the_middle),
    ("string-io-works-with-words-and-dwords", ports::wide_strings),
    ("ports-need-permission-in-ring-3", ports::ring_3_needs_permission),
    ("vmx-instructions-are-undefined", instructions::vmx_instructions_are_undefined),
    ("enclaves-and-measured-starts-are-undefined", instructions::enclaves_and_measured_starts_are_undefined),
    ("hypercalls-are-answered", instructions::hypercalls_are_answered),
    ("cache-flushes-go-on", instructions::cache_flushes_go_on),
    ("performance-counters-are-out-of-reach", instructions::counters_are_out_of_reach),
    ("time-stamps-ascend", instructions::time_stamps_ascend),
    ("a-pause-loop-goes-on", instructions::a_pause_loop_goes_on),
    ("invpcid-follows-cpuid", instructions::invpcid_follows_cpuid),
    ("privileged-instructions-need-ring-0", instructions::privileged_instructions_need_ring_0),
    ("the-status-word-works", control::the_status_word_works),
    ("the-status-word-works-without-caches", control::the_status_word_works_without_caches),
    ("control-registers-keep-their-values", control::control_registers_keep_their_values),
    ("illegal-control-bits-do-not-stick", control::illegal_control_bits_do_not_stick),
    ("debug-registers-keep-their-values", control::debug_registers_keep_their_values),
    ("illegal-msr-values-are-protection-faults", control::illegal_msr_values_fault),
    ("noncanonical-bases-do-no-harm", control::noncanonical_bases_do_no_harm),
    ("machine-check-msrs-do-no-harm", control::machine_check_msrs_do_no_harm),
    ("a-storm-of-msrs-is-survived", control::a_storm_of_msrs),
    ("single-steps-cross-exits", debug::single_steps_cross_exits),
    ("mov-ss-holds-a-step-back", debug::mov_ss_holds_a_step_back),
    ("breakpoints-on-memory-trap", debug::breakpoints_on_memory_trap),
    ("breakpoints-on-instructions-that-exit-fault", debug::breakpoints_on_instructions_that_exit_fault),
    ("access-to-debug-registers-can-trap", debug::access_to_debug_registers_can_trap),
    ("breakpoints-on-ports-do-no-harm", debug::breakpoints_on_ports_do_no_harm),
    ("a-breakpoint-instruction-traps-once", debug::a_breakpoint_instruction_traps_once),
    ("endless-debug-exceptions-hang-nobody", debug::endless_debug_exceptions_hang_nobody),
    ("endless-alignment-checks-hang-nobody", debug::endless_alignment_checks_hang_nobody),
    ("an-endless-loop-hangs-nobody", debug::an_endless_loop_hangs_nobody),
    ("nmis-do-not-nest", events::nmis_do_not_nest),
    ("a-halt-loses-no-interrupt", events::a_halt_loses_no_interrupt),
    ("smi-and-reserved-messages-do-nothing", events::smi_and_reserved_messages_do_nothing),
    ("messages-to-every-destination-are-survived", events::every_destination_is_survived),
    ("init-stops-a-processor-and-sipi-starts-it", events::init_stops_a_processor_and_sipi_starts_it),
    ("a-processor-can-stop-itself-by-init", events::a_processor_can_stop_itself_by_init),
    ("an-nmi-wakes-a-deaf-processor", events::an_nmi_wakes_a_deaf_processor),
    ("broadcasts-reach-all", events::broadcasts_reach_all),
    ("task-switches-work", tasks::task_switches_work),
    ("bad-task-switches-do-no-harm", tasks::bad_task_switches_do_no_harm),
    ("a-triple-fault-by-page-tables-resets-the-machine", resets::a_triple_fault_by_page_tables),
    ("a-triple-fault-in-real-mode-resets-the-machine", resets::a_triple_fault_in_real_mode),
    ("a-triple-fault-of-another-processor-resets-the-machine", resets::a_triple_fault_of_another_processor),
    ("a-triple-fault-on-a-bad-stack-resets-the-machine", resets::a_triple_fault_on_a_bad_stack),
    ("the-reset-register-resets-the-machine", resets::the_reset_register),
    ("descriptors-that-loop-are-survived", queues::descriptors_that_loop),
    ("descriptors-outside-of-memory-are-survived", queues::descriptors_outside_of_memory),
    ("lengths-of-nothing-and-everything-are-survived", queues::lengths_of_nothing_and_of_everything),
    ("indices-out-of-range-are-survived", queues::indices_out_of_range),
    ("tables-of-descriptor-tables-are-survived", queues::tables_of_tables),
    ("rings-outside-of-memory-are-survived", queues::rings_outside_of_memory),
    ("storms-of-notifications-are-survived", queues::storms_of_notifications),
    ("games-with-a-device-s-status-are-survived", queues::games_with_the_status),
    ("garbage-in-the-vector-table-is-survived", queues::garbage_in_the_vector_table),
    ("garbage-in-rings-and-registers-is-survived", queues::garbage_everywhere),
    ("fresh-memory-is-zero", isolation::fresh_memory_is_zero),
    ("memory-keeps-its-pattern", isolation::memory_keeps_its_pattern),
    ("beyond-memory-there-is-nothing", isolation::beyond_memory_there_is_nothing),
    ("a-storm-of-port-accesses-is-survived", storms::ports),
    ("a-storm-of-device-memory-accesses-is-survived", storms::memory),
    ("a-triple-fault-resets-the-machine", resets::a_triple_fault),
    ("the-keyboard-controller-resets-the-machine", resets::the_keyboard_controller),
];
