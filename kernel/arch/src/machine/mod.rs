//! [`X86`]: what the rest of the kernel sees of this machine.

mod checks;
mod processor;
mod ram;
mod start;

pub(crate) use processor::{run_processor, set_up_processor};
pub use start::{bring_up, run};

use crate::clock::Scale;
use crate::cpu::{control, local, port};
use crate::extended::{self, Extended};
use crate::interrupt::{self, local_apic, timer};
use crate::paging::{self, direct};
use crate::{boot, log, panic, power, trap, virtualization};
use abi::{MemoryKind, PowerAction, SystemInfo};
use base_units::Hpa;
use kernel_core::kernel::Kernel;
use kernel_core::machine::InterruptMode;
use kernel_core::memory::Frames;
use kernel_core::{HostInterrupt, Machine, UserExit, UserRegisters};
use spin::Once;

/// An x86-64 machine.
pub enum X86 {}

static FRAMES: Once<Frames<X86>> = Once::new();
static KERNEL: Once<Kernel<X86>> = Once::new();
static SCALE: Once<Scale> = Once::new();

/// The TSC's scale; known before the first processor runs the kernel's loop.
#[inline(always)]
fn scale() -> Scale {
    match SCALE.get() {
        Some(scale) => *scale,
        None => unreachable!("the clock is not calibrated yet"),
    }
}

impl Machine for X86 {
    type Vcpu = virtualization::Processor;
    type Extended = Extended;

    #[inline(always)]
    fn kernel() -> &'static Kernel<Self> {
        match KERNEL.get() {
            Some(kernel) => kernel,
            None => unreachable!("the kernel's state is not made yet"),
        }
    }

    #[inline(always)]
    fn frames() -> &'static Frames<Self> {
        match FRAMES.get() {
            Some(frames) => frames,
            None => unreachable!("the frame allocator is not made yet"),
        }
    }

    #[inline(always)]
    fn cpu() -> usize {
        local::index()
    }

    #[inline(always)]
    fn cpu_count() -> usize {
        local::count()
    }

    #[inline(always)]
    fn ticks() -> u64 {
        control::read_tsc()
    }

    #[inline(always)]
    fn ticks_to_ns(ticks: u64) -> u64 {
        scale().to_ns(ticks)
    }

    #[inline(always)]
    fn ns_to_ticks(ns: u64) -> u64 {
        scale().to_ticks(ns)
    }

    #[inline(always)]
    fn arm_timer(deadline: Option<u64>) {
        timer::arm(deadline);
    }

    #[inline]
    fn notify(cpu: usize) {
        local_apic::send(cpu, local_apic::Message::Vector(interrupt::NOTIFY));
    }

    #[inline]
    fn notify_guest(cpu: usize) {
        local_apic::send(cpu, local_apic::Message::Vector(interrupt::POSTED));
    }

    fn idle() {
        if !interrupt::has_pending() {
            control::wait_for_interrupt();
        }
    }

    #[inline]
    fn open_interrupt_window() {
        control::open_window();
    }

    #[inline]
    fn take_interrupt() -> Option<HostInterrupt> {
        if interrupt::has_pending() { interrupt::take() } else { None }
    }

    #[inline(always)]
    fn relax() {
        core::hint::spin_loop();
    }

    fn route_interrupt(line: u32, mode: InterruptMode) -> Option<()> {
        interrupt::route(line, mode)
    }

    fn unmask_interrupt(line: u32) {
        interrupt::unmask(line);
    }

    fn mask_interrupt(line: u32) {
        interrupt::mask(line);
    }

    #[inline]
    fn read_memory(address: Hpa, buffer: &mut [u8]) {
        paging::read_memory(address, buffer);
    }

    #[inline]
    fn write_memory(address: Hpa, bytes: &[u8]) {
        paging::write_memory(address, bytes);
    }

    #[inline]
    fn zero_pages(address: Hpa, pages: u64) {
        paging::zero_pages(address, pages);
    }

    #[inline]
    fn copy_page(to: Hpa, from: Hpa) {
        paging::copy_page(to, from);
    }

    fn map_kernel_block(block: Hpa) {
        direct::map_block(block);
    }

    #[inline(always)]
    fn read_entry(table: Hpa, index: usize) -> u64 {
        direct::read_entry(table, index)
    }

    #[inline(always)]
    fn write_entry(table: Hpa, index: usize, entry: u64) {
        direct::write_entry(table, index, entry);
    }

    fn share_kernel_half(root: Hpa) {
        paging::share_kernel_half(root);
    }

    fn has_huge_pages() -> bool {
        virtualization::has_huge_pages()
    }

    #[inline]
    fn activate_table(root: Hpa, flush: bool) {
        paging::activate(root, flush);
    }

    fn activate_kernel_table() {
        paging::activate(paging::root(), false);
    }

    #[inline(always)]
    fn vcpu_page(frame: Hpa) -> &'static abi::VcpuPage {
        let page = direct::address(frame.page_start()) as *const abi::VcpuPage;
        // SAFETY: kernel frames stay mapped for good, and the page is all atomics.
        unsafe { &*page }
    }

    #[inline]
    fn enter_user(registers: &mut UserRegisters) -> UserExit {
        trap::enter_user(registers)
    }

    fn read_port(port: u16, size: u8) -> u32 {
        match size {
            1 => u32::from(port::read_u8(port)),
            2 => u32::from(port::read_u16(port)),
            _ => port::read_u32(port),
        }
    }

    fn write_port(port: u16, size: u8, value: u32) {
        match size {
            1 => port::write_u8(port, value as u8),
            2 => port::write_u16(port, value as u16),
            _ => port::write_u32(port, value),
        }
    }

    fn is_port_free(first: u16, count: u16) -> bool {
        checks::is_port_free(first, count)
    }

    fn is_device_memory(start: Hpa, bytes: u64) -> bool {
        let is_free = checks::is_device_memory(start, bytes);
        if is_free && checks::covers_screen(start, bytes) {
            // Who asks for the screen draws on it from now on; two writers would garble it.
            log::release_screen();
        }
        is_free
    }

    fn print(text: &str) {
        log::print(text);
    }

    fn power(action: PowerAction) -> ! {
        power::act(action)
    }

    fn system_info() -> SystemInfo {
        system_info()
    }
}

fn system_info() -> SystemInfo {
    let info = boot::info();
    let usable = info.regions.iter().take(info.region_count as usize);
    let ram = usable.filter(|region| region.kind == MemoryKind::Usable).map(|region| region.bytes).sum();
    let mut build_id = [0; 40];
    for (to, from) in build_id.iter_mut().zip(panic::BUILD_ID.bytes()) {
        *to = from;
    }
    SystemInfo {
        tsc_hz: scale().hz(),
        tsc_start: 0,
        tsc_multiplier: scale().multiplier(),
        cpus: local::count() as u64,
        memory_bytes: ram,
        framebuffer_address: info.framebuffer.address,
        framebuffer_width: info.framebuffer.width,
        framebuffer_height: info.framebuffer.height,
        framebuffer_stride: info.framebuffer.stride,
        framebuffer_bits: info.framebuffer.bits,
        serial_port: if log::serial::is_present() { u32::from(log::serial::COM1) } else { 0 },
        virtualization: virtualization::vendor(),
        xsave_bytes: extended::area_bytes() as u32,
        guest_address_bits: crate::cpu::features::physical_bits(),
        guest_xcr0: extended::components(),
        guest_features: virtualization::guest_features(),
        build_id,
    }
}
