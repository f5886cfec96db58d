//! Calls on vCPUs. All but `kick` and `stats` act on the calling thread's own.

use super::{Answer, Call, Flow, NOTHING, Outcome};
use crate::cpu::Cpu;
use crate::machine::Machine;
use crate::memory::{MemoryObject, Permissions};
use crate::object::Object;
use crate::thread::{Running, Thread};
use crate::vcpu::{self, AnyVcpu, Guest, RunHost, VcpuShared};
use abi::{Error, Rights, StateKind};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use base_units::{PAGE_BYTES, Uva};

/// Bytes of state that one call moves at the most: the largest XSAVE area and CPUID table fit.
const STATE_BYTES_MAX: usize = 16 * 1024;

/// `(guest, APIC id, page address) -> vcpu`
pub(super) fn create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let guest: Arc<Guest<M>> = call.object(0, Rights::CREATE)?;
    let apic_id = u32::try_from(call.argument(1)).map_err(|_| Error::BadArgument)?;
    let address = Uva::new(call.argument(2));
    if call.thread.vcpu.is_some() {
        return Err(Error::BadState);
    }
    let frame = M::frames().allocate_kernel().ok_or(Error::NoMemory)?;
    let frame_address = frame.address();
    let page = MemoryObject::shared_frame(frame)?;
    let permissions = Permissions { write: true, execute: false };
    let space = call.thread.process().space();
    space.map(page.clone(), 0, PAGE_BYTES, Some(address), permissions)?;
    let vcpu = match M::Vcpu::new(guest, apic_id, frame_address, call.thread.shared().clone()) {
        Ok(vcpu) => vcpu,
        Err(error) => {
            space.unmap(address, PAGE_BYTES)?;
            return Err(error);
        }
    };
    let shared = vcpu.shared().clone();
    M::kernel().add_vcpu(&shared, call.thread.shared());
    call.thread.set_vcpu(Box::new(vcpu), page);
    call.add(Object::Vcpu(shared), Rights::all())
}

/// `()`
pub(super) fn run<M: Machine>(cpu: &mut Cpu<M>, thread: &mut Thread<M>) -> Outcome {
    cpu.enter_guest_state(thread);
    let (vcpu, running) = thread.vcpu_and_running().ok_or(Error::BadState)?;
    let flow = match vcpu.run(&mut Host { cpu, running }) {
        vcpu::Outcome::Return => {
            cpu.leave_guest_state(thread);
            return NOTHING;
        }
        vcpu::Outcome::Halted { deadline } => {
            thread.sleep_deadline = deadline;
            Flow::Block
        }
        vcpu::Outcome::Interrupted => Flow::Again,
        vcpu::Outcome::Preempted => Flow::Yield,
        vcpu::Outcome::Yield => Flow::Yield,
    };
    Ok(Answer::Wait(flow))
}

/// The processor and the thread that a vCPU runs on.
struct Host<'h, M: Machine> {
    cpu: &'h mut Cpu<M>,
    running: Running<'h, M>,
}

impl<M: Machine> RunHost for Host<'_, M> {
    fn set_guest_deadline(&mut self, ticks: Option<u64>) {
        self.cpu.set_guest_deadline(ticks);
    }

    #[inline]
    fn is_turn_over(&mut self) -> bool {
        self.cpu.has_news() && self.cpu.attend_news(&self.running)
    }
}

/// `(vcpu)`
pub(super) fn kick<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let vcpu: Arc<VcpuShared<M>> = call.object(0, Rights::SIGNAL)?;
    vcpu.kick();
    NOTHING
}

/// `(kind, ptr, len) -> bytes`
pub(super) fn read<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let kind = StateKind::from_raw(call.argument(0)).ok_or(Error::BadArgument)?;
    let mut buffer = vec![0; call.length(2, STATE_BYTES_MAX)?];
    // MSRs are named by what the buffer holds.
    if kind == StateKind::Msrs {
        call.copy_in(1, &mut buffer)?;
    }
    let vcpu = call.thread.vcpu.as_mut().ok_or(Error::BadState)?;
    let bytes = vcpu.read(kind, &mut buffer)?;
    call.copy_out(1, buffer.get(..bytes).ok_or(Error::BufferTooSmall)?)?;
    Ok(Answer::Value(bytes as u64))
}

/// `(kind, ptr, len)`
pub(super) fn write<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let kind = StateKind::from_raw(call.argument(0)).ok_or(Error::BadArgument)?;
    let mut buffer = vec![0; call.length(2, STATE_BYTES_MAX)?];
    call.copy_in(1, &mut buffer)?;
    let vcpu = call.thread.vcpu.as_mut().ok_or(Error::BadState)?;
    vcpu.write(kind, &buffer)?;
    NOTHING
}

/// `(vcpu, ptr)`
pub(super) fn stats<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let vcpu: Arc<VcpuShared<M>> = call.object(0, Rights::READ)?;
    let mut stats = vcpu.stats();
    let kernel = M::kernel();
    stats.cpu_ns = kernel
        .thread_of(&vcpu)
        .map_or(0, |thread| kernel.used_ns(|| thread.run_ns(), |occupant| occupant.is(&thread)));
    call.write(1, &stats)
}
