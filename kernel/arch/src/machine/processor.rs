//! One processor: its own data, tables and stacks.

use super::X86;
use crate::cpu::features::Features;
use crate::cpu::local::Local;
use crate::cpu::{Descriptors, features, install_descriptors};
use crate::extended;
use crate::interrupt::{local_apic, timer};
use crate::paging::{self, Area};
use crate::virtualization;
use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use kernel_core::machine::CPUS_MAX;
use spin::{Mutex, Once};

struct Locals([Local; CPUS_MAX]);

// SAFETY: each processor touches only the cells of its own entry; `local` hands out no other.
unsafe impl Sync for Locals {}

static LOCALS: Locals = Locals({
    let mut index = 0;
    let mut all = [const { Local::new(0) }; CPUS_MAX];
    while index < CPUS_MAX {
        all[index] = Local::new(index);
        index += 1;
    }
    all
});

struct Tables(UnsafeCell<[MaybeUninit<Descriptors>; CPUS_MAX]>);

// SAFETY: each processor writes only its own entry, before it loads it.
unsafe impl Sync for Tables {}

static TABLES: Tables = Tables(UnsafeCell::new([const { MaybeUninit::uninit() }; CPUS_MAX]));

static AREAS: Mutex<[Option<Area>; CPUS_MAX]> = Mutex::new([None; CPUS_MAX]);
static FEATURES: Once<Features> = Once::new();

/// The features that the boot processor has.
pub(super) fn boot_features() -> &'static Features {
    FEATURES.call_once(Features::detect)
}

/// The data of processor `cpu`.
pub(super) fn local_of(cpu: usize) -> &'static Local {
    LOCALS.0.get(cpu).unwrap_or_else(|| unreachable!("a processor beyond the limit"))
}

/// Gives processor `cpu` its stacks.
pub(super) fn set_area(cpu: usize, area: Area) {
    if let Some(slot) = AREAS.lock().get_mut(cpu) {
        *slot = Some(area);
    }
}

/// The stacks of processor `cpu`.
pub(super) fn area_of(cpu: usize) -> Option<Area> {
    AREAS.lock().get(cpu).copied().flatten()
}

/// Loads the calling processor's own tables; `cpu` is its number.
pub(super) fn install(cpu: usize, stack: u64, interrupt_stacks: [u64; 4]) {
    let table = TABLES.0.get().cast::<MaybeUninit<Descriptors>>();
    assert!(cpu < CPUS_MAX, "a processor beyond the limit");
    // SAFETY: the index is inside, and the entry is the calling processor's alone.
    let slot = unsafe { &mut *table.add(cpu) };
    let descriptors = slot.write(Descriptors::new(stack, interrupt_stacks));
    // SAFETY: both are static and this processor's alone.
    unsafe { install_descriptors(local_of(cpu), descriptors) };
}

/// Sets up the calling processor, which has just left the trampoline; its APIC id.
pub(crate) fn set_up_processor(cpu: usize) -> u32 {
    features::enable(boot_features());
    paging::enter();
    let Some(area) = area_of(cpu) else { unreachable!("a processor without stacks") };
    install(cpu, area.kernel, area.interrupt);
    extended::enable();
    let id = local_apic::enable();
    timer::enable();
    virtualization::prepare();
    id
}

/// Runs the kernel's loop on the calling processor.
pub(crate) fn run_processor() -> ! {
    kernel_core::cpu::run::<X86>()
}

/// Goes on in `next` on the stack that ends at `stack`.
pub(super) fn switch_stack(stack: u64, next: extern "sysv64" fn() -> !) -> ! {
    // SAFETY: the stack is mapped and unused; nothing of the old one is needed again.
    unsafe {
        asm!("mov rsp, {stack}", "xor ebp, ebp", "call {next}", "ud2",
            stack = in(reg) stack, next = in(reg) next, options(noreturn));
    }
}
