//! Ways into ring 0, and the way to ring 3.
//!
//! [`user::enter_user`] is a function call that returns when ring 3 is left: by SYSCALL, by an
//! interrupt or by a fault. Ring 0 itself is interrupted only while idle, by an NMI or a
//! machine check; anything else is a bug of ours and ends in a panic ([`kernel`]).
//!
//! GS: SWAPGS runs exactly once on each way from ring 3 and once on each way there. The stubs with a stack of
//! their own cannot know on which side of a SWAPGS they hit ring 0, so they load GS themselves, from the top
//! of their stack, and put back what was there. Ring 3 cannot set GS bases (CR4.FSGSBASE is off), so it runs with 0.

pub(crate) mod kernel;
mod stubs;
mod user;

pub(crate) use stubs::{stray_step_stub, stub, syscall_entry};
pub(crate) use user::enter_user;

/// Bytes of each interrupt stack, aligned to as many; its last word holds the processor's `Local`.
pub(crate) const INTERRUPT_STACK_BYTES: u64 = 8192;
