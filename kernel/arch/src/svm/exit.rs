//! What an exit code and its details mean: pure, so that it is tested on Linux.

use abi::TaskSwitchCause;
use base_units::Gpa;
use kernel_core::vcpu::{Event, EventKind, Exit, MemoryAccess, PortAccess};
use spec::svm::{Control, exit};

/// Nested page fault error code: a write.
const FAULT_WRITE: u64 = 1 << 1;
/// Nested page fault error code: reserved bits in a nested table, which is our own mistake.
const FAULT_RESERVED: u64 = 1 << 3;
/// Nested page fault error code: an instruction fetch.
const FAULT_FETCH: u64 = 1 << 4;
/// Task switch: by IRET.
const TASK_RETURN: u64 = 1 << 36;
/// Task switch: by JMP.
const TASK_JUMP: u64 = 1 << 38;
/// There is an event.
const EVENT_VALID: u64 = 1 << 31;
/// Bits of an event that mean nothing.
const EVENT_RESERVED: u64 = 0x7fff_f000;
/// Details of a MOV to or from a control register: they are there.
const MOVE_VALID: u64 = 1 << 63;

/// Reads the exits that are not decoded on the spot (`Svm::with_exit`). Host events (NMI, SMI, INIT, machine
/// checks) are `Retry`: the host takes them itself.
pub fn decode(control: &Control, has_decode_assists: bool) -> Exit {
    let code = control.exit_code;
    // The code is below 16 past its first one, and so is the number.
    let number = (code & 0xf) as u8;
    let moved = control_operand(control.exit_info_1, has_decode_assists);
    let debug_moved = has_decode_assists.then_some((control.exit_info_1 & 0xf) as u8);
    match code {
        exit::INTR => Exit::Interrupt,
        exit::NESTED_FAULT => memory(control.exit_info_1, control.exit_info_2),
        exit::READ_CR0..exit::WRITE_CR0 => Exit::ReadControl { control: number, register: moved },
        exit::WRITE_CR0..exit::READ_DR0 => Exit::WriteControl { control: number, register: moved },
        exit::CR0_SELECTIVE => Exit::WriteControl { control: 0, register: moved },
        exit::READ_DR0..exit::WRITE_DR0 => Exit::ReadDebug { debug: number, register: debug_moved },
        exit::WRITE_DR0..=exit::WRITE_DR15 => Exit::WriteDebug { debug: number, register: debug_moved },
        exit::EXCEPTION_DEBUG => Exit::Exception { vector: 1, error_code: None },
        exit::EXCEPTION_ALIGNMENT => Exit::Exception { vector: 17, error_code: Some(0) },
        exit::NMI | exit::SMI | exit::INIT | exit::EXCEPTION_MACHINE_CHECK => Exit::Retry,
        exit::VINTR => Exit::InterruptWindow,
        exit::XSETBV => Exit::Xsetbv,
        exit::INVD => Exit::CacheFlush { opcode: 0x08 },
        exit::WBINVD => Exit::CacheFlush { opcode: 0x09 },
        exit::PAUSE => Exit::Pause,
        exit::IRET => Exit::NmiWindow,
        exit::SHUTDOWN => Exit::Shutdown,
        exit::TASK_SWITCH => task_switch(control.exit_info_1, control.exit_info_2, control.exit_event),
        exit::RDPMC => Exit::Refused,
        exit::INVLPGA
        | exit::VMRUN
        | exit::VMLOAD..=exit::SKINIT
        | exit::MONITOR..=exit::MWAIT_ARMED
        | exit::RDPRU
        | exit::INVLPGB..=exit::TLBSYNC => Exit::Undefined,
        _ => Exit::Failed { reason: code, qualification: control.exit_info_1 },
    }
}

/// The general register of a control register move; `None` for LMSW, SMSW and CLTS, and without decode assists.
fn control_operand(details: u64, has_decode_assists: bool) -> Option<u8> {
    (has_decode_assists && details & MOVE_VALID != 0).then_some((details & 0xf) as u8)
}

/// Reads the details of a task switch (AMD APM vol. 2, 15.14.1).
fn task_switch(selector: u64, details: u64, event: u64) -> Exit {
    let cause = if details & TASK_RETURN != 0 {
        TaskSwitchCause::InterruptReturn
    } else if details & TASK_JUMP != 0 {
        TaskSwitchCause::Jump
    } else if event & EVENT_VALID != 0 {
        if is_of_an_instruction(event) { TaskSwitchCause::SoftwareInterrupt } else { TaskSwitchCause::Event }
    } else {
        TaskSwitchCause::Call
    };
    Exit::TaskSwitch { selector: selector as u16, cause }
}

/// Reads the details of a port access (AMD APM vol. 2, figure 15-2).
#[inline(always)]
pub fn port(details: u64, next_rip: u64) -> PortAccess {
    // Bits 6..4 are one-hot: 1, 2, 4 bytes.
    let size = (details >> 4 & 7) as u8;
    PortAccess {
        port: (details >> 16) as u16,
        size,
        is_input: details & 1 != 0,
        is_string: details & 1 << 2 != 0,
        is_repeated: details & 1 << 3 != 0,
        next_rip,
    }
}

/// Reads the details of a nested page fault (AMD APM vol. 2, 15.25.6).
#[inline(always)]
pub fn memory(code: u64, address: u64) -> Exit {
    if code & FAULT_RESERVED != 0 {
        return Exit::Failed { reason: exit::NESTED_FAULT, qualification: address };
    }
    let access = if code & FAULT_FETCH != 0 {
        MemoryAccess::Fetch
    } else if code & FAULT_WRITE != 0 {
        MemoryAccess::Write
    } else {
        MemoryAccess::Read
    };
    Exit::Memory { gpa: Gpa::new(address), access }
}

/// Whether INT n, INT3 or INTO at RIP raised the event by itself.
fn is_of_an_instruction(event: u64) -> bool {
    let kind = event >> 8 & 7;
    kind == EventKind::Software as u64 || kind == EventKind::Exception as u64 && matches!(event as u8, 3 | 4)
}

/// The event whose delivery an exit broke off, if it has to be delivered again. Events that an instruction at RIP raised by
/// itself (INT n, INT3, INTO) are not: the instruction runs again.
pub fn broken_off(raw: u64) -> Option<Event> {
    let kind = raw >> 8 & 7;
    let vector = raw as u8;
    if kind == EventKind::Exception as u64 && vector >= 32 {
        // Some emulators report external interrupts so.
        return Event::unpack(raw & !(EVENT_RESERVED | 0xf00));
    }
    if is_of_an_instruction(raw) { None } else { Event::unpack(raw & !EVENT_RESERVED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_details_are_read_as_the_manual_has_them() {
        let access = port(0x3f8 << 16 | 1 << 4 | 1, 0x1002);

        assert_eq!((access.port, access.size, access.is_input, access.is_string), (0x3f8, 1, true, false));
        let string = port(0x60 << 16 | 1 << 5 | 1 << 3 | 1 << 2, 0);
        assert_eq!(
            (string.size, string.is_input, string.is_string, string.is_repeated),
            (2, false, true, true)
        );
    }

    #[test]
    fn task_switches_say_who_wanted_them() {
        let decoded = |details, event| task_switch(0x30, details, event);
        let expected = |cause| Exit::TaskSwitch { selector: 0x30, cause };
        assert_eq!(decoded(1 << 36, 0), expected(TaskSwitchCause::InterruptReturn));
        assert_eq!(decoded(1 << 38, 0), expected(TaskSwitchCause::Jump));
        assert_eq!(decoded(0, 0), expected(TaskSwitchCause::Call));
        assert_eq!(decoded(1 << 44, 1 << 31 | 0x30D), expected(TaskSwitchCause::Event));
        assert_eq!(decoded(0, 1 << 31 | 0x41F), expected(TaskSwitchCause::SoftwareInterrupt));
        assert_eq!(decoded(0, 1 << 31 | 0x303), expected(TaskSwitchCause::SoftwareInterrupt));
    }

    #[test]
    fn a_fetch_is_a_fetch_even_if_it_looks_like_a_read() {
        assert_eq!(memory(1 << 4, 5), Exit::Memory { gpa: Gpa::new(5), access: MemoryAccess::Fetch });
        assert_eq!(
            memory(1 << 1 | 1 << 2, 5),
            Exit::Memory { gpa: Gpa::new(5), access: MemoryAccess::Write }
        );
        assert!(matches!(memory(1 << 3, 5), Exit::Failed { .. }));
    }

    #[test]
    fn an_interrupt_that_is_reported_as_an_exception_is_an_interrupt() {
        let event = broken_off(1 << 31 | 3 << 8 | 0xf0).unwrap();
        assert_eq!((event.kind, event.vector), (EventKind::External, 0xf0));
    }

    #[test]
    fn instructions_that_raise_events_run_again() {
        assert_eq!(broken_off(1 << 31 | 4 << 8 | 0x80), None);
        assert_eq!(broken_off(1 << 31 | 3 << 8 | 3), None);
        assert_eq!(broken_off(3 << 8 | 14), None);
        assert_eq!(broken_off(1 << 31 | 3 << 8 | 1 << 11 | 14 | 2 << 32).unwrap().error_code, Some(2));
    }
}
