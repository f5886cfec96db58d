//! Claims about paging in every format: what is reached, accessed and dirty bits, faults with their error codes.

use crate::modes::tables::{Format, Tables, bit, fresh_page, fresh_pages};
use crate::modes::{Kind, Visit, cr0, cr4, efer};
use crate::processor::{cpuid, read_memory, write_memory};
use crate::{Verdict, expect, require};
use core::arch::global_asm;

/// Where tests map their pages: below 4 GiB, far from everything.
const PLACE: u64 = 0x4000_0000;
/// Page fault.
const FAULT: u8 = 14;
/// Error code bits of a page fault.
const PRESENT: u32 = 1;
const WRITE: u32 = 1 << 1;
const RESERVED: u32 = 1 << 3;
const FETCH: u32 = 1 << 4;

/// RET: what fetch tests run.
const RETURN: u32 = 0xc3;

global_asm!(
    r#"
    .text
    .code32
    .globl paging_read, paging_write, paging_run, paging_reload, paging_toggle, paging_privileged
paging_read:
    mov eax, [ebx]
    ret
paging_write:
    mov [ebx], ecx
    mov eax, [ebx]
    ret
paging_run:
    call ebx
    ret
    // EAX = dword at EBX; after dword ECX was written to EDX and ESI chose how CR3 is reloaded, EDI = dword at EBX.
paging_reload:
    mov eax, [ebx]
    mov [edx], ecx
    test esi, esi
    jnz 2f
    mov ecx, cr3
    mov cr3, ecx
    jmp 3f
2:  mov ecx, cr4
    xor ecx, 0x80
    mov cr4, ecx
    xor ecx, 0x80
    mov cr4, ecx
3:  mov edi, [ebx]
    ret
    // EAX = dword at EBX with EFLAGS.AC.
paging_privileged:
    pushfd
    or dword ptr [esp], 0x40000
    popfd
    mov eax, [ebx]
    pushfd
    and dword ptr [esp], 0xfffbffff
    popfd
    ret
    .code64
"#
);

unsafe extern "C" {
    static paging_read: u8;
    static paging_write: u8;
    static paging_run: u8;
    static paging_reload: u8;
    static paging_privileged: u8;
}

fn read(tables: &Tables, address: u64) -> Visit {
    access(&raw const paging_read, tables, address)
}

fn write(tables: &Tables, address: u64, value: u32) -> Visit {
    let mut visit = access(&raw const paging_write, tables, address);
    visit.ecx = value;
    visit
}

fn access(code: *const u8, tables: &Tables, address: u64) -> Visit {
    let mut visit = Visit::new(Kind::Protected32, code as u64).paging(tables);
    visit.ebx = address as u32;
    visit
}

fn expect_fault(what: &'static str, mut visit: Visit, code: u32, address: u64) -> Verdict {
    let came = visit.go();
    let (vector, mut found) = came.unwrap_or((0xff, 0));
    if code & RESERVED != 0 {
        // QEMU leaves the present bit out.
        found |= PRESENT;
    }
    expect(what, u64::from(vector), u64::from(FAULT))?;
    expect(what, u64::from(found), u64::from(code))?;
    expect("CR2 is the address", u64::from(visit.cr2), address)
}

fn expect_value(what: &'static str, mut visit: Visit, value: u32) -> Verdict {
    let came = visit.go();
    expect("no exception came", came.map_or(0xff, |(vector, _)| u64::from(vector)), 0xff)?;
    expect(what, u64::from(visit.eax), u64::from(value))
}

/// The tests of every 32-bit format, with pages of `1 << shift` bytes.
fn pages_work(format: Format, shift: u32) -> Verdict {
    let tables = Tables::with_this_kernel(format);
    let page = fresh_pages(1 << (shift - 12), 1 << shift);
    write_memory(page + 0xff0, 0x1357_9bdf);
    tables.map(PLACE, page, shift, bit::PRESENT | bit::WRITE);
    let place = tables.place(PLACE, shift);
    let marks = || tables.read(place) & (bit::ACCESSED | bit::DIRTY);

    expect("not accessed at first", marks(), 0)?;
    expect_value("the mapped page is read", read(&tables, PLACE + 0xff0), 0x1357_9bdf)?;
    expect("accessed by reading", marks(), bit::ACCESSED)?;
    expect_value("and written", write(&tables, PLACE + 0xff4, 0x2468_ace0), 0x2468_ace0)?;
    expect("dirty by writing", marks(), bit::ACCESSED | bit::DIRTY)?;
    expect("where it is mapped", u64::from(read_memory(page + 0xff4)), 0x2468_ace0)?;

    tables.map(PLACE, page, shift, bit::PRESENT);
    expect_fault("a read-only page", write(&tables, PLACE + 8, 1), PRESENT | WRITE, PLACE + 8)?;
    let mut careless = write(&tables, PLACE + 8, 77);
    careless.cr0 &= !cr0::WP;
    expect_value("a read-only page without WP", careless, 77)?;

    tables.map(PLACE, page, shift, 0);
    expect_fault("reading what is not present", read(&tables, PLACE + 0x123), 0, PLACE + 0x123)?;
    expect_fault("writing what is not present", write(&tables, PLACE + 4, 1), WRITE, PLACE + 4)?;
    no_execution(&tables, page, shift)?;
    guards(&tables, page, shift)
}

/// NX, where the format and the processor have it.
fn no_execution(tables: &Tables, page: u64, shift: u32) -> Verdict {
    write_memory(page, RETURN);
    tables.map(PLACE, page, shift, bit::PRESENT);
    let run = access(&raw const paging_run, tables, PLACE);
    expect_value("a page is executed", Visit { eax: 5, ..run }, 5)?;
    if tables.format() == Format::Legacy || cpuid(0x8000_0001, 0)[3] >> 20 & 1 == 0 {
        return Ok(());
    }
    tables.map(PLACE, page, shift, bit::PRESENT | bit::NO_EXECUTE);
    let guarded = Visit { efer: run.efer | efer::NXE, ..run };
    expect_fault("a page that is not for execution", guarded, PRESENT | FETCH, PLACE)?;
    expect_fault("the bit without NXE is reserved", run, PRESENT | RESERVED, PLACE)
}

/// SMEP and SMAP, where the processor has them.
fn guards(tables: &Tables, page: u64, shift: u32) -> Verdict {
    let features = cpuid(7, 0)[1];
    tables.map(PLACE, page, shift, bit::PRESENT | bit::USER);
    if features >> 7 & 1 == 1 {
        let run = access(&raw const paging_run, tables, PLACE);
        let guarded = Visit { cr4: run.cr4 | cr4::SMEP, ..run };
        expect_fault("SMEP", guarded, PRESENT | FETCH, PLACE)?;
    }
    if features >> 20 & 1 == 1 {
        let plain = read(tables, PLACE);
        let guarded = Visit { cr4: plain.cr4 | cr4::SMAP, ..plain };
        expect_fault("SMAP", guarded, PRESENT, PLACE)?;
        let allowed = access(&raw const paging_privileged, tables, PLACE);
        expect_value("AC", Visit { cr4: allowed.cr4 | cr4::SMAP, ..allowed }, RETURN)?;
    }
    Ok(())
}

pub(super) fn legacy_4k() -> Verdict {
    pages_work(Format::Legacy, 12)
}

pub(super) fn legacy_4m() -> Verdict {
    pages_work(Format::Legacy, 22)
}

pub(super) fn pae_4k() -> Verdict {
    pages_work(Format::Pae, 12)
}

pub(super) fn pae_2m() -> Verdict {
    pages_work(Format::Pae, 21)
}

/// A large page without PSE is the link to a table.
pub(super) fn large_pages_need_pse() -> Verdict {
    let tables = Tables::new(Format::Legacy);
    for address in (0..32 << 20).step_by(4096) {
        tables.map(address, address, 12, bit::PRESENT | bit::WRITE);
    }
    let (page, table) = (fresh_page(), fresh_page());
    write_memory(page, 0x0bad_cafe);
    tables.write(tables.place(PLACE, 22), table | bit::PRESENT | bit::LARGE);
    tables.write(table, page | bit::PRESENT);
    let mut visit = read(&tables, PLACE);
    visit.cr4 &= !cr4::PSE;
    expect_value("the table's page is read", visit, 0x0bad_cafe)
}

pub(super) fn pae_pointers_are_reloaded() -> Verdict {
    let tables = Tables::with_this_kernel(Format::Pae);
    let (first, second) = (fresh_page(), fresh_page());
    write_memory(first, 1111);
    write_memory(second, 2222);
    tables.map(PLACE, first, 12, bit::PRESENT);
    let other = Tables::new(Format::Pae);
    other.map(PLACE, second, 12, bit::PRESENT);
    let (place, old) = (tables.place(PLACE, 30), tables.read(tables.place(PLACE, 30)));
    let new = other.read(other.place(PLACE, 30));
    for way in [0, 1] {
        tables.write(place, old);
        let mut visit = access(&raw const paging_reload, &tables, PLACE);
        (visit.ecx, visit.edx, visit.esi) = (new as u32, place as u32, way);
        require("no exception", visit.go().is_none())?;
        expect("before", u64::from(visit.eax), 1111)?;
        expect("after CR3 or CR4 was written", u64::from(visit.edi), 2222)?;
    }
    // Reserved bits of a pointer: #GP when CR3 is loaded, with nested paging of AMD #PF when it is used. QEMU
    // does not look at them.
    tables.write(place, old);
    let mut visit = access(&raw const paging_reload, &tables, PLACE);
    (visit.ecx, visit.edx) = (new as u32 | 0x1e6, place as u32);
    let came = visit.go();
    require("reserved bits fault", matches!(came, None | Some((13, 0) | (14, 8 | 9))))
}

pub(super) fn reserved_bits_fault() -> Verdict {
    let tables = Tables::with_this_kernel(Format::Pae);
    let page = fresh_page();
    tables.map(PLACE, page, 12, bit::PRESENT | 1 << 62);
    expect_fault("bit 62 of an entry", read(&tables, PLACE), PRESENT | RESERVED, PLACE)?;
    let large = Tables::with_this_kernel(Format::Pae);
    large.map(PLACE, 0x20_0000 | 1 << 13, 21, bit::PRESENT);
    expect_fault("bit 13 of a large entry", read(&large, PLACE), PRESENT | RESERVED, PLACE)
}
