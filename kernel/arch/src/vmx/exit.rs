//! What an exit reason and its qualification mean: pure, so that it is tested on Linux.

use abi::TaskSwitchCause;
use base_units::Gpa;
use kernel_core::vcpu::{Event, EventKind, Exit, MemoryAccess, PortAccess};
use spec::vmx::{event, exit, violation};

/// Debug exceptions.
const DEBUG: u8 = 1;
/// Alignment checks.
const ALIGNMENT: u8 = 17;

/// Reads the exits that are not decoded on the spot (`Vmx::with_exit`). Host events (NMI, SMI, INIT, machine
/// checks) are `Retry`: the host takes them itself. `event` is what the exit says of an exception.
pub fn decode(reason: u32, qualification: u64, event: u32) -> Exit {
    match reason {
        exit::EXCEPTION => exception(qualification, event),
        exit::INTERRUPT | exit::PREEMPTION_TIMER => Exit::Interrupt,
        exit::TRIPLE_FAULT => Exit::Shutdown,
        exit::INIT | exit::SIPI | exit::IO_SMI | exit::OTHER_SMI | exit::TPR_BELOW | exit::LOG_FULL => {
            Exit::Retry
        }
        exit::TASK_SWITCH => task_switch(qualification),
        exit::INVD => Exit::CacheFlush { opcode: 0x08 },
        exit::WBINVD => Exit::CacheFlush { opcode: 0x09 },
        exit::RDPMC => Exit::Refused,
        exit::CONTROL_REGISTER => control_register(qualification),
        exit::DEBUG_REGISTER => debug_register(qualification),
        exit::PAUSE => Exit::Pause,
        exit::END_OF_INTERRUPT => Exit::EndOfInterrupt { vector: qualification as u8 },
        exit::XSETBV => Exit::Xsetbv,
        exit::GETSEC
        | exit::RSM
        | exit::VMCLEAR..=exit::VMXON
        | exit::MWAIT
        | exit::MONITOR
        | exit::INVEPT
        | exit::INVVPID
        | exit::INVPCID
        | exit::VMFUNC
        | exit::ENCLS
        | exit::ENCLV
        | exit::XSAVES
        | exit::XRSTORS
        | exit::PCONFIG
        | exit::UMWAIT
        | exit::TPAUSE => Exit::Undefined,
        _ => Exit::Failed { reason: u64::from(reason), qualification },
    }
}

/// Reads the details of a task switch (Intel SDM vol. 3, table 28-2).
fn task_switch(qualification: u64) -> Exit {
    let cause = match qualification >> 30 & 3 {
        0 => TaskSwitchCause::Call,
        1 => TaskSwitchCause::InterruptReturn,
        2 => TaskSwitchCause::Jump,
        _ => TaskSwitchCause::Event,
    };
    Exit::TaskSwitch { selector: qualification as u16, cause }
}

fn exception(qualification: u64, event: u32) -> Exit {
    let vector = event as u8;
    match (event >> event::TYPE_SHIFT & 7, vector) {
        (event::NMI, _) | (event::EXCEPTION, 18) => Exit::Retry,
        (_, DEBUG) => Exit::Exception { vector, error_code: None },
        (_, ALIGNMENT) => Exit::Exception { vector, error_code: Some(0) },
        _ => Exit::Failed { reason: u64::from(exit::EXCEPTION) | u64::from(event) << 32, qualification },
    }
}

/// Reads the details of an access to a control register (Intel SDM vol. 3, table 28-3).
fn control_register(qualification: u64) -> Exit {
    let control = (qualification & 0xf) as u8;
    let register = Some((qualification >> 8 & 0xf) as u8);
    match qualification >> 4 & 3 {
        0 => Exit::WriteControl { control, register },
        1 => Exit::ReadControl { control, register },
        // CLTS and LMSW.
        _ => Exit::WriteControl { control: 0, register: None },
    }
}

/// Reads the details of an access to a debug register (Intel SDM vol. 3, table 28-4).
fn debug_register(qualification: u64) -> Exit {
    // The manual has three bits; where DR8 and up exit, the fourth says so.
    let debug = (qualification & 0xf) as u8;
    let register = Some((qualification >> 8 & 0xf) as u8);
    if qualification & 1 << 4 != 0 {
        Exit::ReadDebug { debug, register }
    } else {
        Exit::WriteDebug { debug, register }
    }
}

/// Reads the details of a port access (Intel SDM vol. 3, table 28-5).
#[inline(always)]
pub fn port(qualification: u64, next_rip: u64) -> PortAccess {
    PortAccess {
        port: (qualification >> 16) as u16,
        size: (qualification & 7) as u8 + 1,
        is_input: qualification & 1 << 3 != 0,
        is_string: qualification & 1 << 4 != 0,
        is_repeated: qualification & 1 << 5 != 0,
        next_rip,
    }
}

/// Reads the details of an EPT violation (Intel SDM vol. 3, table 28-7).
#[inline(always)]
pub fn memory(qualification: u64, address: u64) -> Exit {
    let access = if qualification & violation::FETCH != 0 {
        MemoryAccess::Fetch
    } else if qualification & violation::WRITE != 0 {
        MemoryAccess::Write
    } else {
        MemoryAccess::Read
    };
    Exit::Memory { gpa: Gpa::new(address), access }
}

/// The event whose delivery an exit broke off, if it has to be delivered again. Events that an instruction at RIP raised by
/// itself (INT n, INT1, INT3, INTO) are not: the instruction runs again.
pub fn broken_off(raw: u32, error_code: u32) -> Option<Event> {
    if raw & event::VALID == 0 {
        return None;
    }
    let vector = raw as u8;
    let kind = match raw >> event::TYPE_SHIFT & 7 {
        event::EXTERNAL => EventKind::External,
        event::NMI => EventKind::Nmi,
        event::EXCEPTION => EventKind::Exception,
        _ => return None,
    };
    let error_code = (raw & event::HAS_ERROR_CODE != 0).then_some(error_code);
    Some(Event { kind, vector, error_code })
}

/// The form in which an entry delivers `event`: the information and the error code. `None`: the processor has no form for
/// it. Whether an exception has an error code follows from its vector and the mode (Intel SDM vol. 3, 27.2.1.3).
pub fn delivery(event: Event, is_protected: bool, takes_zero_length: bool) -> Option<(u32, u32)> {
    let kind = match event.kind {
        EventKind::External => event::EXTERNAL,
        EventKind::Nmi => event::NMI,
        EventKind::Exception => event::EXCEPTION,
        EventKind::Software if takes_zero_length => event::SOFTWARE,
        EventKind::Software => return None,
    };
    let base = event::VALID | kind << event::TYPE_SHIFT | u32::from(event.vector);
    let has_code = matches!(event.vector, 8 | 10..=14 | 17);
    if event.kind == EventKind::Exception && has_code && is_protected {
        return Some((base | event::HAS_ERROR_CODE, event.error_code.unwrap_or(0) & 0xffff));
    }
    Some((base, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_details_are_read_as_the_manual_has_them() {
        let access = port(0x3f8 << 16 | 1 << 3, 0x1002);
        assert_eq!((access.port, access.size, access.is_input, access.is_string), (0x3f8, 1, true, false));
        let string = port(0x60 << 16 | 3 | 1 << 5 | 1 << 4, 0);
        assert_eq!(
            (string.size, string.is_input, string.is_string, string.is_repeated),
            (4, false, true, true)
        );
    }

    #[test]
    fn control_register_details_are_read_as_the_manual_has_them() {
        let decode = |qualification| decode(exit::CONTROL_REGISTER, qualification, 0);
        assert_eq!(decode(0x300), Exit::WriteControl { control: 0, register: Some(3) });
        assert_eq!(decode(0xf18), Exit::ReadControl { control: 8, register: Some(15) });
        assert_eq!(decode(0x30), Exit::WriteControl { control: 0, register: None });
    }

    #[test]
    fn debug_register_details_are_read_as_the_manual_has_them() {
        let decode = |qualification| decode(exit::DEBUG_REGISTER, qualification, 0);
        assert_eq!(decode(0x107), Exit::WriteDebug { debug: 7, register: Some(1) });
        assert_eq!(decode(0x216), Exit::ReadDebug { debug: 6, register: Some(2) });
    }

    #[test]
    fn a_write_that_reads_too_is_a_write() {
        assert_eq!(memory(3, 5), Exit::Memory { gpa: Gpa::new(5), access: MemoryAccess::Write });
        assert_eq!(memory(4, 5), Exit::Memory { gpa: Gpa::new(5), access: MemoryAccess::Fetch });
        assert_eq!(memory(1, 5), Exit::Memory { gpa: Gpa::new(5), access: MemoryAccess::Read });
    }

    #[test]
    fn host_events_are_not_the_guests() {
        let of = |kind: u32, vector: u32| {
            decode(exit::EXCEPTION, 0, event::VALID | kind << event::TYPE_SHIFT | vector)
        };
        assert_eq!(of(event::NMI, 2), Exit::Retry);
        assert_eq!(of(event::EXCEPTION, 18), Exit::Retry);
        assert_eq!(of(event::EXCEPTION, 1), Exit::Exception { vector: 1, error_code: None });
        assert!(matches!(of(event::EXCEPTION, 13), Exit::Failed { .. }));
    }

    #[test]
    fn a_failed_entry_is_a_failure_whatever_the_reason() {
        let reason = exit::ENTRY_FAILURE | exit::BAD_GUEST_STATE;
        assert!(matches!(decode(reason, 0, 0), Exit::Failed { .. }));
    }

    #[test]
    fn instructions_that_raise_events_run_again() {
        let raw = |kind: u32, vector: u32| event::VALID | kind << event::TYPE_SHIFT | vector;
        assert_eq!(broken_off(raw(event::SOFTWARE, 0x80), 0), None);
        assert_eq!(broken_off(raw(event::SOFTWARE_EXCEPTION, 3), 0), None);
        assert_eq!(broken_off(0x30e, 0), None);
        let fault = broken_off(raw(event::EXCEPTION, 14) | event::HAS_ERROR_CODE, 2).unwrap();
        assert_eq!((fault.vector, fault.error_code), (14, Some(2)));
    }

    #[test]
    fn an_error_code_follows_from_vector_and_mode() {
        let fault = Event::exception(13, None);
        assert_eq!(delivery(fault, true, false), Some((0x8000_0b0d, 0)));
        assert_eq!(delivery(fault, false, false), Some((0x8000_030d, 0)));
        let page = Event::exception(14, Some(0x1_0002));
        assert_eq!(delivery(page, true, false), Some((0x8000_0b0e, 2)));
        let odd = Event::exception(6, Some(7));
        assert_eq!(delivery(odd, true, false), Some((0x8000_0306, 0)));
        let software = Event { kind: EventKind::Software, vector: 0x80, error_code: None };
        assert_eq!(delivery(software, true, false), None);
        assert_eq!(delivery(software, true, true), Some((0x8000_0480, 0)));
    }

    #[test]
    fn what_is_delivered_is_read_back() {
        for event in [Event::NMI, Event::PROTECTION, Event::UNDEFINED] {
            let (raw, code) = delivery(event, true, false).unwrap();
            assert_eq!(broken_off(raw, code), Some(event));
        }
    }
}
