//! The machine that tests run on: RAM ([`ram`]), a clock and processors ([`processors`]) of a test thread.

#[cfg(not(test))]
#[allow(unused_imports)]
use std::{boxed::Box, string::String, vec::Vec};
pub(crate) mod clock;
mod extended;
pub(crate) mod processors;
mod program;
pub(crate) mod ram;
mod shapes;
pub(crate) mod vcpu;

pub use program::run_calls;

use crate::kernel::Kernel;
use crate::machine::{HostInterrupt, InterruptMode, Machine, UserExit, UserRegisters};
use crate::memory::Frames;
use abi::{PowerAction, SystemInfo};
use base_units::Hpa;

/// Processors of the machine.
const CPUS: usize = 4;

/// A machine that one thread plays. What it has not, no test may ask for.
pub(crate) struct FakeMachine;

impl Machine for FakeMachine {
    type Vcpu = crate::vcpu::Vcpu<Self, vcpu::FakeVcpu>;
    type Extended = extended::NoState;

    fn kernel() -> &'static Kernel<Self> {
        processors::kernel()
    }

    fn frames() -> &'static Frames<Self> {
        ram::frames()
    }

    fn cpu() -> usize {
        ram::cpu()
    }

    fn cpu_count() -> usize {
        CPUS
    }

    fn ticks() -> u64 {
        clock::ticks()
    }

    fn ticks_to_ns(ticks: u64) -> u64 {
        ticks
    }

    fn ns_to_ticks(ns: u64) -> u64 {
        ns
    }

    fn arm_timer(deadline: Option<u64>) {
        processors::arm(deadline);
    }

    fn notify(cpu: usize) {
        ram::notify(cpu);
        processors::notify(cpu);
    }

    fn notify_guest(cpu: usize) {
        Self::notify(cpu);
    }

    fn idle() {
        processors::idle();
    }

    fn open_interrupt_window() {
        processors::let_in();
    }

    fn take_interrupt() -> Option<HostInterrupt> {
        processors::take_interrupt()
    }

    fn relax() {
        ram::relax();
    }

    fn route_interrupt(_line: u32, _mode: InterruptMode) -> Option<()> {
        None
    }

    fn unmask_interrupt(_line: u32) {}

    fn mask_interrupt(_line: u32) {}

    fn read_memory(address: Hpa, buffer: &mut [u8]) {
        ram::read(address, buffer);
    }

    fn write_memory(address: Hpa, bytes: &[u8]) {
        ram::write(address, bytes);
    }

    fn zero_pages(address: Hpa, pages: u64) {
        ram::zero_pages(address, pages);
    }

    fn copy_page(to: Hpa, from: Hpa) {
        ram::copy_page(to, from);
    }

    fn map_kernel_block(block: Hpa) {
        ram::map_kernel_block(block);
    }

    fn read_entry(table: Hpa, index: usize) -> u64 {
        ram::read_entry(table, index)
    }

    fn write_entry(table: Hpa, index: usize, entry: u64) {
        ram::write_entry(table, index, entry);
    }

    fn share_kernel_half(root: Hpa) {
        (256..512).for_each(|index| ram::write_entry(root, index, ram::KERNEL_ENTRY));
    }

    fn activate_table(root: Hpa, _flush: bool) {
        processors::set_root(root.raw());
    }

    fn activate_kernel_table() {
        processors::set_root(0);
    }

    fn vcpu_page(_frame: Hpa) -> &'static abi::VcpuPage {
        Box::leak(Box::new(vcpu::empty_page()))
    }

    fn enter_user(registers: &mut UserRegisters) -> UserExit {
        processors::enter_user(registers)
    }

    fn read_port(_port: u16, _size: u8) -> u32 {
        u32::MAX
    }

    fn write_port(_port: u16, _size: u8, _value: u32) {}

    fn is_port_free(_first: u16, _count: u16) -> bool {
        true
    }

    fn is_device_memory(_start: Hpa, _bytes: u64) -> bool {
        true
    }

    fn print(_text: &str) {}

    fn power(_action: PowerAction) -> ! {
        unimplemented!()
    }

    fn system_info() -> SystemInfo {
        let zero = <SystemInfo as zerocopy::FromZeros>::new_zeroed();
        SystemInfo { virtualization: 1, cpus: CPUS as u64, xsave_bytes: 576, guest_address_bits: 40, ..zero }
    }
}
