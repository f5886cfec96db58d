//! Virtual processors: the run loop, the local APIC and what ring 0 answers itself.

/// The seam between the vendor-neutral run loop and AMD-V or VT-x. (Owner: vcpu.)
pub trait VirtualCpu<M>: Sized + Send {}
