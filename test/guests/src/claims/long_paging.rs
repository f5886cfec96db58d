//! Claims about paging in long mode.

use super::faults::expect_fault;
use crate::modes::tables::{Format, Tables, bit, fresh_page, fresh_pages};
use crate::modes::{cr4, in_long_mode};
use crate::processor::{
    cpuid, cr0, cr3, cr4, read_memory, read_msr, set_cr0, set_cr3, set_cr4, write_memory, write_msr,
};
use crate::traps::last_address;
use crate::{Verdict, exception_in_user, exception_of, expect, require, traps};
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

const PLACE: u64 = 0x70_4000_0000;
const EFER: u32 = 0xc000_0080;
const NXE: u64 = 1 << 11;
const FAULT: u64 = 14;
const WRITE_PROTECT: u64 = 1 << 16;

/// Runs `work` with these tables.
fn with(tables: &Tables, work: impl FnOnce() -> Verdict) -> Verdict {
    let before = (cr3(), cr0());
    set_cr3(tables.root());
    set_cr0(before.1 | WRITE_PROTECT);
    let verdict = work();
    set_cr0(before.1);
    set_cr3(before.0);
    verdict
}

fn try_read(address: u64) -> Option<(u8, u64)> {
    try_access(address, Access::Read)
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
    Run,
}

/// Reads, writes or runs what is at an address.
fn try_access(address: u64, access: Access) -> Option<(u8, u64)> {
    traps::arm();
    let kind = access as u64;
    unsafe {
        asm!(
            "lea {scratch}, [rip + 77f]",
            "mov [rip + {resume}], {scratch}",
            "mov r12, rsp",
            "cmp {kind}, 1",
            "jb 74f",
            "je 75f",
            "call {address}",
            "jmp 77f",
            "74:",
            "mov {scratch:e}, [{address}]",
            "jmp 77f",
            "75:",
            "mov dword ptr [{address}], 0xc3c3c3c3",
            "77:",
            "mov rsp, r12",
            scratch = out(reg) _,
            out("r12") _,
            kind = in(reg) kind,
            address = in(reg) address,
            resume = sym traps::RESUME,
        );
    }
    traps::disarm()
}

/// An access must be a page fault with this error code, at this address.
fn expect_page_fault(what: &'static str, address: u64, access: Access, code: u64) -> Verdict {
    let came = try_access(address, access);
    expect_fault(what, came, FAULT)?;
    let mut found = came.map_or(0, |(_, code)| code);
    if code & 8 != 0 {
        // QEMU leaves the present bit of reserved-bit faults out.
        found |= 1;
    }
    expect(what, found, code)?;
    expect("CR2 is the address", last_address(), address)
}

fn pages_work(shift: u32) -> Verdict {
    let tables = Tables::with_this_kernel(Format::Long4);
    // A page of 1 GiB is larger than this machine: it starts at 0.
    let (page, inside) = match shift {
        30 => (0, fresh_page()),
        _ => (fresh_pages(1 << (shift - 12), 1 << shift), 0),
    };
    let (at, linear) = (page + inside, PLACE + inside);
    write_memory(at + 0x10, 0x1357_9bdf);
    tables.map(PLACE, page, shift, bit::PRESENT | bit::WRITE);
    let place = tables.place(PLACE, shift);
    let marks = || tables.read(place) & (bit::ACCESSED | bit::DIRTY);
    with(&tables, || {
        expect("not accessed at first", marks(), 0)?;
        expect("the mapped page is read", u64::from(read_memory(linear + 0x10)), 0x1357_9bdf)?;
        expect("accessed by reading", marks(), bit::ACCESSED)?;
        require("it can be written", try_access(linear, Access::Write).is_none())?;
        expect("dirty by writing", marks(), bit::ACCESSED | bit::DIRTY)?;
        expect("where it is mapped", u64::from(read_memory(at)), 0xc3c3_c3c3)?;
        require("it can be run", try_access(linear, Access::Run).is_none())
    })?;
    with(&tables, || {
        change(&tables, place, |entry| entry & !bit::WRITE);
        expect_page_fault("a read-only page", linear + 4, Access::Write, 3)?;
        change(&tables, place, |entry| entry | bit::USER);
        guards(linear)?;
        no_execution(&tables, place, linear)?;
        change(&tables, place, |entry| entry & !bit::PRESENT);
        expect_page_fault("reading what is not present", linear + 1, Access::Read, 0)?;
        expect_page_fault("writing what is not present", linear + 5, Access::Write, 2)
    })
}

/// Changes an entry in use.
fn change(tables: &Tables, place: u64, new: impl FnOnce(u64) -> u64) {
    tables.write(place, new(tables.read(place)));
    set_cr3(tables.root());
}

fn no_execution(tables: &Tables, place: u64, linear: u64) -> Verdict {
    if cpuid(0x8000_0001, 0)[3] >> 20 & 1 == 0 {
        return Ok(());
    }
    let before = read_msr(EFER);
    change(tables, place, |entry| entry | bit::NO_EXECUTE);
    write_msr(EFER, before & !NXE);
    let reserved = expect_page_fault("the bit without NXE is reserved", linear, Access::Read, 9);
    write_msr(EFER, before | NXE);
    let guarded = expect_page_fault("a page that is not for execution", linear, Access::Run, 0x11);
    write_msr(EFER, before);
    change(tables, place, |entry| entry & !bit::NO_EXECUTE);
    reserved.and(guarded)
}

/// SMEP and SMAP, where the processor has them.
fn guards(linear: u64) -> Verdict {
    let (features, before) = (cpuid(7, 0)[1], cr4());
    let mut verdict = Ok(());
    if features >> 7 & 1 == 1 {
        set_cr4(before | u64::from(cr4::SMEP));
        verdict = expect_page_fault("SMEP", linear, Access::Run, 0x11);
    }
    if features >> 20 & 1 == 1 {
        set_cr4(before | u64::from(cr4::SMAP));
        verdict = verdict.and_then(|()| expect_page_fault("SMAP", linear, Access::Read, 1));
        unsafe { asm!("stac") };
        verdict = verdict.and_then(|()| require("AC", try_access(linear, Access::Read).is_none()));
        unsafe { asm!("clac") };
    }
    set_cr4(before);
    verdict
}

pub(super) fn with_4k() -> Verdict {
    pages_work(12)
}

pub(super) fn with_2m() -> Verdict {
    pages_work(21)
}

pub(super) fn with_1g() -> Verdict {
    if cpuid(0x8000_0001, 0)[3] >> 26 & 1 == 0 {
        return crate::skip("this processor has no pages of 1 GiB");
    }
    pages_work(30)
}

pub(super) fn noncanonical_addresses_fault() -> Verdict {
    require("just below", try_read(0x0000_7fff_ffff_f000).map(|(vector, _)| vector) == Some(14))?;
    require("just above is #GP(0)", try_read(0x0000_8000_0000_0000) == Some((13, 0)))?;
    require("in the middle too", try_read(0x1234_0000_0000_0000) == Some((13, 0)))
}

pub(super) fn user_pages_are_guarded() -> Verdict {
    let tables = Tables::with_this_kernel_for(Format::Long4, bit::USER);
    let page = fresh_page();
    tables.map(0x4000_0000, page, 12, bit::PRESENT | bit::WRITE);
    with(&tables, || {
        let read = exception_in_user!(2u64, "mov eax, dword ptr [0x40000000]");
        require("reading in ring 3 is #PF(5)", read == Some((14, 5)))?;
        let write = exception_in_user!(2u64, "mov dword ptr [0x40000000], 1");
        require("writing in ring 3 is #PF(7)", write == Some((14, 7)))?;
        let absent = exception_in_user!(2u64, "mov eax, dword ptr [0x40001000]");
        require("what is not present is #PF(4)", absent == Some((14, 4)))?;
        require("ring 0 may", exception_of!("mov eax, dword ptr [0x40000000]").is_none())
    })
}

pub(super) fn invlpg_forgets_a_page() -> Verdict {
    let tables = Tables::with_this_kernel(Format::Long4);
    let (first, second) = (fresh_page(), fresh_page());
    write_memory(first, 1111);
    write_memory(second, 2222);
    tables.map(PLACE, first, 12, bit::PRESENT);
    let place = tables.place(PLACE, 12);
    with(&tables, || {
        expect("the first page", u64::from(read_memory(PLACE)), 1111)?;
        tables.write(place, second | bit::PRESENT);
        unsafe { asm!("invlpg [{}]", in(reg) PLACE) };
        expect("the second after INVLPG", u64::from(read_memory(PLACE)), 2222)?;
        require("INVLPG of anything", exception_of!("mov rax, -1; shl rax, 63; invlpg [rax]").is_none())
    })?;
    require("not in ring 3", exception_in_user!(2u64, "invlpg [rax]") == Some((13, 0)))
}

/// What the visit to five-level paging found.
static FOUND: AtomicU64 = AtomicU64::new(0);

/// An address that only five levels reach.
const FAR: u64 = 0x00ab_4000_0000_0000;

pub(super) fn five_levels_reach_further() -> Verdict {
    if cpuid(7, 0)[2] >> 16 & 1 == 0 {
        return crate::skip("this processor has no five-level paging");
    }
    let tables = Tables::with_this_kernel(Format::Long5);
    let page = fresh_page();
    write_memory(page + 8, 0x5555_aaaa);
    tables.map(FAR, page, 12, bit::PRESENT | bit::WRITE);
    let before = cr4();
    let came = in_long_mode(&tables, use_five_levels);
    expect("CR4 is as it was", cr4(), before)?;
    require("no exception of 32-bit mode", came.is_none())?;
    expect("what went well there", FOUND.load(SeqCst), 0b1_1111)?;
    expect("the bit is dirty", tables.read(tables.place(FAR, 12)) & bit::DIRTY, bit::DIRTY)
}

extern "sysv64" fn use_five_levels() {
    let mut found = u64::from(cr4() & u64::from(cr4::LA57) != 0);
    found |= u64::from(read_memory(FAR + 8) == 0x5555_aaaa) << 1;
    found |= u64::from(try_access(FAR, Access::Write).is_none()) << 2;
    found |= u64::from(try_read(FAR + 4096) == Some((14, 0)) && last_address() == FAR + 4096) << 3;
    found |= u64::from(try_read(0x0100_0000_0000_0000) == Some((13, 0))) << 4;
    FOUND.store(found, SeqCst);
}

pub(super) fn the_number_of_levels_is_fixed_in_long_mode() -> Verdict {
    let before = cr4();
    let came = exception_of!("mov rax, cr4; btc rax, 12; mov cr4, rax");
    require("changing LA57 is #GP(0)", came == Some((13, 0)))?;
    expect("CR4 is as it was", cr4(), before)
}

pub(super) fn a_fault_in_a_faults_delivery_is_a_double_fault() -> Verdict {
    traps::set_present(14, false);
    let page = exception_of!("mov rax, 0x7f0000000000; mov eax, [rax]");
    traps::set_present(14, true);
    require("#PF without a gate is #DF(0)", page == Some((8, 0)))?;
    traps::set_present(0, false);
    let divide = exception_of!("xor ecx, ecx; xor edx, edx; div ecx");
    traps::set_present(0, true);
    require("#DE without a gate is #DF(0)", divide == Some((8, 0)))?;
    traps::set_present(6, false);
    let undefined = exception_of!("ud2");
    traps::set_present(6, true);
    expect_fault("#UD without a gate is #NP", undefined, 11)?;
    traps::set_present(0x90, false);
    let software = exception_of!("int 0x90");
    traps::set_present(0x90, true);
    // Which error code is the processor's business: QEMU has another.
    expect_fault("INT without a gate is #NP", software, 11)
}
