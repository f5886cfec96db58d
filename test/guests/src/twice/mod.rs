//! Runs an instruction twice: with memory operands in RAM, and the same in the memory of a device.
//!
//! - [`Window`] is the linear memory that operands lie in; behind it is the one or the other.
//! - [`slot`] runs one instruction in code of any width and catches what it raises.

pub(crate) mod slot;
mod window;

pub(crate) use window::{Backing, WINDOW, Window};
