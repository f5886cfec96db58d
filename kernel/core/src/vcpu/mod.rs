//! Virtual processors: the run loop, the local APIC and what ring 0 answers itself.
//!
//! - [`hardware`] is the seam: what AMD-V and VT-x implement, as small decoded values.
//! - [`Guest`] is what the vCPUs of a virtual machine share; [`VcpuShared`] is the part of a vCPU
//!   that others may touch, all atomics; [`Vcpu`] belongs to the thread that runs it.
//! - [`Posted`] is what others post to a vCPU, in a form from which some hardware takes interrupts by itself.
//! - `run` is the loop: enter the guest, look at the exit, handle it here or return to ring 3.
//! - `lapic` is the local APIC as a value; it knows no time, no other vCPU and no hardware.
//!
//! No exit that ring 0 handles allocates, takes a lock or does an atomic read-modify-write,
//! except where one vCPU posts to another.

mod any;
mod apic_page;
mod attention;
mod control;
mod cpuid;
mod decode;
mod doorbell;
mod exits;
mod external;
mod fetch;
mod guest;
pub mod hardware;
mod hypercall;
mod kept;
mod lapic;
mod message;
mod msr;
mod mtrr;
mod posted;
mod processor;
mod returns;
mod run;
mod shared;
mod state;
mod steal;
mod tsc;
mod validate;
mod walk;

#[cfg(test)]
mod tests;

pub use any::AnyVcpu;
pub use doorbell::{DOORBELLS_MAX, Ring};
pub use guest::{Guest, VCPUS_MAX};
pub use hardware::{
    DescriptorTable, Event, EventKind, Exit, ExitHandler, Facts, Interrupts, MemoryAccess, PortAccess,
    Segment, Vectors, VirtualCpu,
};
pub use posted::Posted;
pub use processor::Vcpu;
pub use run::{Outcome, RunHost};
pub use shared::{VcpuShared, Wake};
