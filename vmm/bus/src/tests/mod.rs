//! What the bus and its parts promise.

mod bridge;
mod bus;
mod config_space;
mod devices;
mod function;
mod range_table;
