//! Hypercalls of the KVM interface that concern processors (Linux Documentation/virt/kvm/x86/hypercalls.rst).

use super::attention::ATTENTION_NEWS;
use super::fetch::Kind;
use super::hardware::VirtualCpu;
use super::lapic::Message;
use super::posted::POSTED_UNHALT;
use super::processor::Vcpu;
use super::run::Outcome;
use crate::machine::Machine;
use abi::{ExitCounter, ExitKind, GPR_RAX, GPR_RBX, GPR_RCX, GPR_RDX, GPR_RSI};

const KICK_CPU: u64 = 5;
const SEND_IPI: u64 = 10;
/// The highest number of KVM's that is known here.
const SCHED_YIELD: u64 = 11;
/// Numbers from here to [`VMM_LAST`] are for the VMM.
const VMM_FIRST: u64 = 0x434f_0000;
const VMM_LAST: u64 = 0x434f_ffff;

/// There is no such hypercall.
const ENOSYS: u64 = (-1000i64) as u64;
/// Not from user mode.
const EPERM: u64 = (-1i64) as u64;

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// VMMCALL or VMCALL. An unknown number is answered here: no guest needs a VMM for that.
    #[inline(always)]
    pub(super) fn exit_hypercall(&mut self) -> Option<Outcome> {
        self.shared.count(ExitCounter::Hypercall);
        let number = self.gpr(GPR_RAX);
        let opcode: &[u8] = if self.facts.vendor == 1 { &[0x0f, 0x01, 0xd9] } else { &[0x0f, 0x01, 0xc1] };
        self.skip(Kind::Other, opcode);
        if self.hardware.cpl() != 0 {
            self.set_gpr(GPR_RAX, EPERM);
            return None;
        }
        if number > SCHED_YIELD {
            if (VMM_FIRST..=VMM_LAST).contains(&number) {
                return Some(self.leave(ExitKind::Hypercall, [0; 4]));
            }
            self.set_gpr(GPR_RAX, ENOSYS);
            return None;
        }
        self.answer_hypercall(number)
    }

    #[inline(never)]
    fn answer_hypercall(&mut self, number: u64) -> Option<Outcome> {
        match number {
            KICK_CPU => self.kick_cpu(),
            SEND_IPI => self.send_ipis(),
            SCHED_YIELD => {
                self.set_gpr(GPR_RAX, 0);
                return Some(Outcome::Yield);
            }
            _ => self.set_gpr(GPR_RAX, ENOSYS),
        }
        None
    }

    /// RCX is the APIC id of a vCPU that halts and shall not.
    fn kick_cpu(&mut self) {
        if let Some(vcpu) = u32::try_from(self.gpr(GPR_RCX)).ok().and_then(|id| self.guest.vcpu(id)) {
            vcpu.post(POSTED_UNHALT);
            self.attention |= ATTENTION_NEWS;
        }
        self.set_gpr(GPR_RAX, 0);
    }

    /// RBX and RCX are a mask of 128 APIC ids from RDX on, RSI is what the ICR's low half would be. Answers how many got it.
    fn send_ipis(&mut self) {
        let mask = u128::from(self.gpr(GPR_RBX)) | u128::from(self.gpr(GPR_RCX)) << 64;
        let (first, command) = (self.gpr(GPR_RDX), self.gpr(GPR_RSI) & 0xffff_ffff);
        let mut sent = 0;
        for bit in (0..128u64).filter(|bit| mask >> bit & 1 != 0) {
            let id = first.checked_add(bit).and_then(|id| u32::try_from(id).ok());
            let Some(id) = id.filter(|&id| self.guest.vcpu(id).is_some()) else { continue };
            // Shorthand and destination mode are ours: one id, physical.
            let icr = u64::from(id) << 32 | command & 0xc7ff;
            if let Some(message) = Message::from_icr(icr, true).filter(Message::is_sendable) {
                self.send(message);
                sent += 1;
            }
        }
        self.set_gpr(GPR_RAX, sent);
    }
}
