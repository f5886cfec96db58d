//! Bringing the machine up, one step after the other.

use super::processor::{area_of, boot_features, install, local_of, switch_stack};
use super::{KERNEL, SCALE, X86, checks, ram, run_processor};
use crate::acpi::{self, Board};
use crate::clock::{self, Scale};
use crate::cpu::features;
use crate::cpu::local::{self, set_apic_id};
use crate::interrupt::{self, local_apic, timer};
use crate::paging::{self, Area, BoardMemory};
use crate::{boot, extended, heap, log, panic, power, say, smp, virtualization};
use abi::{BootSource, MemoryKind};
use base_units::Hpa;
use kernel_core::Machine;
use kernel_core::kernel::Kernel;
use kernel_core::machine::CPUS_MAX;

/// Brings everything up; afterwards all of [`Machine`] works and the other processors wait.
pub fn bring_up() {
    set_up_boot_processor();
    log::use_screen(boot::info().framebuffer);
    greet();
    virtualization::require();
    checks::require_ram_and_bundle();
    let board = find_board();
    let ids = processor_ids(&board);
    ram::set_up(&board, 1 + ids.len());
    extended::set_up(boot_features());
    set_up_clock(&board);
    virtualization::prepare();
    start_processors(&board, &ids);
    say!("ready after {} us", X86::ticks_to_ns(X86::ticks().saturating_sub(boot::info().entry_tsc)) / 1000);
    let kernel = KERNEL.call_once(|| Kernel::new(local::count(), boot::info().entry_tsc));
    log::with_early_text(|text| kernel.log().adopt(text));
}

/// Starts the first program and runs the kernel on all processors.
pub fn run() -> ! {
    let bundle = Hpa::new(ram::bundle_start());
    if let Err(why) = kernel_core::boot::start_supervisor::<X86>(bundle, boot::info().bundle_bytes) {
        panic::refuse(why);
    }
    smp::release();
    let Some(area) = area_of(0) else { unreachable!("the boot processor has stacks") };
    switch_stack(area.kernel, run_boot_processor)
}

extern "sysv64" fn run_boot_processor() -> ! {
    // Nothing runs on the entry code's stack or page tables any more.
    let (start, end) = boot::entry_area();
    heap::add(start, end);
    run_processor()
}

fn set_up_boot_processor() {
    features::enable(boot_features());
    // Its own stacks follow when there is RAM for them; until then an interrupt stack would do no good.
    // SAFETY: the boot processor is number 0, and its data is nobody else's.
    unsafe { local_of(0).install() };
    paging::take_over();
}

fn greet() {
    let info = boot::info();
    let source = match info.source {
        BootSource::Uefi => "UEFI",
        BootSource::Multiboot2 => "BIOS (multiboot2)",
        BootSource::Pvh => "PVH",
    };
    let regions = info.regions.iter().take(info.region_count as usize);
    let ram: u64 =
        regions.filter(|region| region.kind == MemoryKind::Usable).map(|region| region.bytes).sum();
    say!("Corten {}, build {}, started by {source}", env!("CARGO_PKG_VERSION"), panic::BUILD_ID);
    say!("{} MiB of memory, bundle of {} KiB", ram >> 20, info.bundle_bytes >> 10);
    let screen = info.framebuffer;
    match screen.bits {
        32 => say!("screen of {} x {} pixels", screen.width, screen.height),
        16 => say!("text screen of {} x {}", screen.width, screen.height),
        _ => say!("no screen"),
    }
}

fn find_board() -> Board {
    let board = acpi::read(&BoardMemory, boot::info().rsdp).unwrap_or_default();
    if board.madt.is_none() {
        say!("the firmware has no ACPI table of processors; only this one is used");
    }
    power::set_up(&board);
    board
}

/// The APIC ids of the other processors.
struct Ids {
    ids: [u32; CPUS_MAX],
    count: usize,
}

impl Ids {
    fn len(&self) -> usize {
        self.count
    }

    fn as_slice(&self) -> &[u32] {
        self.ids.get(..self.count).unwrap_or(&[])
    }
}

/// Turns the boot processor's APIC on and lists the others.
fn processor_ids(board: &Board) -> Ids {
    let madt = board.madt.clone().unwrap_or_else(acpi::Madt::of_a_pc);
    let address = if madt.local_apic == 0 { 0xfee0_0000 } else { madt.local_apic };
    interrupt::disable_pic();
    if !local_apic::choose_mode(boot_features().has_x2apic, address) {
        panic::refuse("the local APIC cannot be mapped");
    }
    let own = local_apic::enable();
    set_apic_id(0, own);
    let lines = interrupt::set_up_io_apics(&madt);
    say!(
        "{} interrupt lines, local APICs in {} mode",
        lines,
        if local_apic::is_x2apic() { "x2APIC" } else { "xAPIC" }
    );
    let mut ids = Ids { ids: [0; CPUS_MAX], count: 0 };
    for processor in madt.processors.as_slice().iter().filter(|processor| processor.apic_id != own) {
        // One place is the boot processor's; in xAPIC mode an id has 8 bits.
        let is_reachable = local_apic::is_x2apic() || processor.apic_id < 0xff;
        if is_reachable && ids.count < CPUS_MAX - 1 {
            ids.ids[ids.count] = processor.apic_id;
            ids.count += 1;
        }
    }
    let listed = madt.processors.as_slice().len();
    if listed > ids.count + 1 {
        say!("{} of {listed} processors are used", ids.count + 1);
    }
    ids
}

fn set_up_clock(board: &Board) {
    let Some(area) = area_of(0) else { unreachable!("the boot processor has stacks") };
    install(0, area.kernel, area.interrupt);
    let Some(frequencies) = clock::measure(board) else {
        panic::refuse("no clock to measure the processor by (HPET, ACPI timer or PIT)");
    };
    let Some(scale) = Scale::new(frequencies.tsc_hz) else {
        panic::refuse(format_args!("a time stamp counter of {} Hz makes no sense", frequencies.tsc_hz));
    };
    SCALE.call_once(|| scale);
    timer::set_up(boot_features().has_tsc_deadline, frequencies.apic_hz, frequencies.tsc_hz);
    timer::enable();
    say!("time stamp counter at {} kHz, by {}", frequencies.tsc_hz / 1000, frequencies.source);
}

fn start_processors(board: &Board, ids: &Ids) {
    let mut areas = [Area { kernel: 0, interrupt: [0; 4] }; CPUS_MAX];
    for (cpu, slot) in (1..).zip(areas.iter_mut().take(ids.len())) {
        if let Some(area) = area_of(cpu) {
            *slot = area;
        }
    }
    let count = match ram::trampoline_page() {
        _ if ids.len() == 0 => 1,
        Some(page) => smp::start(ids.as_slice(), &areas, page, scale_per_us()),
        None => {
            say!("no free page below 1 MiB: the other processors cannot be started");
            1
        }
    };
    say!("{count} of {} processors are up", 1 + ids.len());
    for cpu in 0..count {
        let id = local::apic_id(cpu);
        let processors = board.srat.iter().flat_map(|srat| srat.processors.as_slice());
        if let Some(near) = processors.into_iter().find(|processor| processor.apic_id == id) {
            X86::frames().set_cpu_node(cpu, ram::node_of(board, near.domain));
        }
    }
}

fn scale_per_us() -> u64 {
    super::scale().hz() / 1_000_000
}
