//! Reading why `vcpu_run` returned.

use abi::{Exit, ExitKind, TaskSwitchCause, VcpuPage};
use core::sync::atomic::Ordering::Relaxed;

/// Decodes the exit that stands in the page. `None`: a kind that this program does not know.
///
/// Ring 0 wrote the page before `vcpu_run` returned on this thread, so plain loads see all of it.
#[inline]
pub fn decode_exit(page: &VcpuPage) -> Option<Exit> {
    let [first, second, third, fourth] = &page.detail;
    Some(match ExitKind::from_raw(page.exit_kind.load(Relaxed))? {
        ExitKind::Port => {
            let access = second.load(Relaxed);
            Exit::Port {
                port: first.load(Relaxed) as u16,
                size: access as u8,
                is_input: access & 1 << 8 != 0,
                is_string: access & 1 << 9 != 0,
                value: third.load(Relaxed) as u32,
            }
        }
        ExitKind::Mmio => Exit::Mmio { gpa: first.load(Relaxed), is_write: second.load(Relaxed) & 1 != 0 },
        ExitKind::Msr => Exit::Msr {
            number: first.load(Relaxed) as u32,
            is_write: second.load(Relaxed) & 1 != 0,
            value: third.load(Relaxed),
            next_rip: fourth.load(Relaxed),
        },
        ExitKind::Eoi => Exit::Eoi { vector: first.load(Relaxed) as u8 },
        ExitKind::Failed => Exit::Failed { reason: first.load(Relaxed), qualification: second.load(Relaxed) },
        ExitKind::Emulate => Exit::Emulate { reason: first.load(Relaxed) },
        ExitKind::Kicked => Exit::Kicked,
        ExitKind::Shutdown => Exit::Shutdown,
        ExitKind::HaltedForever => Exit::HaltedForever,
        ExitKind::Hypercall => Exit::Hypercall,
        ExitKind::InterruptAcknowledge => Exit::InterruptAcknowledge,
        ExitKind::TaskSwitch => {
            let error_code = third.load(Relaxed);
            Exit::TaskSwitch {
                selector: first.load(Relaxed) as u16,
                cause: TaskSwitchCause::from_raw(second.load(Relaxed))?,
                error_code: (error_code & 1 << 32 != 0).then_some(error_code as u32),
            }
        }
        ExitKind::WaitForSipi => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kind: u32, detail: [u64; 4]) -> Box<VcpuPage> {
        // SAFETY: the page is made of integers, for which zero is a value.
        let page: Box<VcpuPage> = unsafe { Box::<VcpuPage>::new_zeroed().assume_init() };
        page.exit_kind.store(kind, Relaxed);
        for (word, value) in page.detail.iter().zip(detail) {
            word.store(value, Relaxed);
        }
        page
    }

    #[test]
    fn a_port_write_is_decoded() {
        let page = page(ExitKind::Port as u32, [0x3f8, 1, 0x41, 0]);

        let expected = Exit::Port { port: 0x3f8, size: 1, is_input: false, is_string: false, value: 0x41 };
        assert_eq!(decode_exit(&page), Some(expected));
    }

    #[test]
    fn an_unknown_kind_is_no_exit() {
        assert_eq!(decode_exit(&page(0, [0; 4])), None);
        assert_eq!(decode_exit(&page(99, [0; 4])), None);
    }
}
