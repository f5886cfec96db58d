//! A vCPU on the virtualisation that the machine has.

use super::{INTEL, vendor};
use crate::svm::Svm;
use crate::vmx::Vmx;
use crate::{Extended, X86};
use abi::{Error, StateKind};
use alloc::sync::Arc;
use base_units::Hpa;
use kernel_core::vcpu::{AnyVcpu, Facts, Guest, Outcome, RunHost, Vcpu, VcpuShared, VirtualCpu, Wake};

/// A vCPU. Which kind it is, is asked once in each call and never while the guest runs.
// Both are large, and a machine has only one kind.
#[allow(clippy::large_enum_variant)]
pub enum Processor {
    /// On AMD-V.
    Svm(Vcpu<X86, Svm>),
    /// On VT-x.
    Vmx(Vcpu<X86, Vmx>),
}

/// Does the same with either kind.
macro_rules! either {
    ($processor:expr, $vcpu:ident => $action:expr) => {
        match $processor {
            Processor::Svm($vcpu) => $action,
            Processor::Vmx($vcpu) => $action,
        }
    };
}

impl AnyVcpu<X86> for Processor {
    fn facts() -> Facts {
        if vendor() == INTEL { Vmx::facts() } else { Svm::facts() }
    }

    fn new(guest: Arc<Guest<X86>>, apic_id: u32, page: Hpa, wake: Arc<dyn Wake>) -> Result<Self, Error> {
        if vendor() == INTEL {
            Vcpu::new(guest, apic_id, page, wake).map(Processor::Vmx)
        } else {
            Vcpu::new(guest, apic_id, page, wake).map(Processor::Svm)
        }
    }

    fn shared(&self) -> &Arc<VcpuShared<X86>> {
        either!(self, vcpu => vcpu.shared())
    }

    #[inline]
    fn extended(&mut self) -> &mut Extended {
        either!(self, vcpu => vcpu.extended())
    }

    fn account_wait(&mut self, nanos: u64) {
        either!(self, vcpu => vcpu.account_wait(nanos));
    }

    #[inline(always)]
    fn run<H: RunHost>(&mut self, host: &mut H) -> Outcome {
        either!(self, vcpu => vcpu.run(host))
    }

    fn read(&mut self, kind: StateKind, buffer: &mut [u8]) -> Result<usize, Error> {
        either!(self, vcpu => vcpu.read(kind, buffer))
    }

    fn write(&mut self, kind: StateKind, bytes: &[u8]) -> Result<(), Error> {
        either!(self, vcpu => vcpu.write(kind, bytes))
    }
}
