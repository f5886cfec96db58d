//! FPU, SSE, AVX and what else XSAVE covers.
//!
//! An area is in XSAVE's standard format, as long as all components of this processor need. Where there is no XSAVE,
//! it is a FXSAVE area followed by an empty XSAVE header, so that saved states look alike.
//!
//! A guest may set XCR0 to 1 and use SSE all the same (CR4.OSFXSR alone allows that), but XSAVE saves only what XCR0
//! names. So XCR0 always includes SSE while a state is loaded or saved.

use crate::cpu::features::{Features, cpuid};
use crate::cpu::local::local;
use crate::cpu::msr;
use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use kernel_core::ExtendedState;
use spec::msr::XSS;

/// x87 and SSE.
const LEGACY: u64 = 0b11;
/// Components that are saved: x87, SSE, AVX, MPX, AVX-512, PKRU. AMX needs more than XSAVE.
const KNOWN: u64 = 0x2ff;
/// Bytes of the FXSAVE part.
const LEGACY_BYTES: usize = 512;
/// Bytes of the FXSAVE part and the header.
const HEADER_END: usize = 576;
/// Offset of MXCSR.
const MXCSR: usize = 24;
/// MXCSR and FPU control word after RESET, as XRSTOR's initial state has them.
const MXCSR_INITIAL: u32 = 0x1f80;
const FCW_INITIAL: u16 = 0x037f;

/// What XCR0 may hold here; 0 = no XSAVE.
static COMPONENTS: AtomicU64 = AtomicU64::new(0);
/// Bytes of an area.
static AREA_BYTES: AtomicUsize = AtomicUsize::new(HEADER_END);
/// MXCSR bits that exist.
static MXCSR_MASK: AtomicU64 = AtomicU64::new(0xffbf);
/// XSAVEOPT is there.
static HAS_OPTIMIZED: AtomicU64 = AtomicU64::new(0);

/// The initial state: all zero but for the FPU's control word and MXCSR.
#[repr(C, align(64))]
struct Initial([u8; 4096]);

static INITIAL: Initial = initial();

const fn initial() -> Initial {
    let mut bytes = [0; 4096];
    [bytes[0], bytes[1]] = FCW_INITIAL.to_le_bytes();
    [bytes[MXCSR], bytes[MXCSR + 1], _, _] = MXCSR_INITIAL.to_le_bytes();
    Initial(bytes)
}

/// Finds out what is there. Once, on the boot processor, with CR4 set.
pub(crate) fn set_up(features: &Features) {
    if features.has_xsave {
        let leaf = cpuid(0xd, 0);
        let components = (u64::from(leaf.edx) << 32 | u64::from(leaf.eax)) & KNOWN | LEGACY;
        COMPONENTS.store(components, Relaxed);
        HAS_OPTIMIZED.store(u64::from(features.has_xsaveopt), Relaxed);
        enable();
        // EBX: bytes for what XCR0 now enables.
        let bytes = cpuid(0xd, 0).ebx as usize;
        AREA_BYTES.store(bytes.max(HEADER_END), Relaxed);
    }
    let mut area = Initial([0; 4096]);
    // SAFETY: 512 bytes, aligned to 64.
    unsafe { asm!("fxsave64 [{}]", in(reg) &raw mut area, options(nostack, preserves_flags)) };
    if let Some(&[a, b, c, d]) = area.0.get(28..32).and_then(|mask| mask.first_chunk()) {
        let mask = u32::from_le_bytes([a, b, c, d]);
        // Intel SDM vol. 1, 11.6.6: zero stands for FFBFh.
        MXCSR_MASK.store(u64::from(if mask == 0 { 0xffbf } else { mask }), Relaxed);
    }
}

/// Turns all components on, on the calling processor.
pub(crate) fn enable() {
    if COMPONENTS.load(Relaxed) != 0 {
        set_xcr0(COMPONENTS.load(Relaxed));
    }
    if has_supervisor_form() {
        // SAFETY: the MSR exists with XSAVES; nobody here has supervisor components, whatever the firmware has left.
        unsafe { msr::write(XSS, 0) };
    }
}

/// Whether XSAVES and XRSTORS exist (Intel SDM vol. 1, 13.2).
pub(crate) fn has_supervisor_form() -> bool {
    COMPONENTS.load(Relaxed) != 0 && cpuid(0xd, 1).eax & 1 << 3 != 0
}

/// XCR0 bits that a guest or program may set.
pub(crate) fn components() -> u64 {
    COMPONENTS.load(Relaxed)
}

/// Bytes of an area.
pub(crate) fn area_bytes() -> usize {
    AREA_BYTES.load(Relaxed)
}

#[inline]
fn set_xcr0(value: u64) {
    let local = local();
    if local.xcr0.get() == value {
        return;
    }
    local.xcr0.set(value);
    // SAFETY: the value has x87 and no bit that CPUID does not name; the kernel uses none of these registers.
    unsafe {
        asm!("xsetbv", in("ecx") 0, in("eax") value as u32, in("edx") (value >> 32) as u32,
            options(nostack, preserves_flags));
    }
}

/// The state of one thread's ring 3, or of its guest.
pub struct Extended {
    area: NonNull<u8>,
    xcr0: u64,
}

// SAFETY: it owns its area like a Box does.
unsafe impl Send for Extended {}

fn layout() -> Option<Layout> {
    Layout::from_size_align(area_bytes(), 64).ok()
}

impl Extended {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the area has so many bytes, initialised by `alloc_zeroed`, and is ours.
        unsafe { core::slice::from_raw_parts(self.area.as_ptr(), area_bytes()) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.area.as_ptr(), area_bytes()) }
    }

    /// Whether hardware loads these bytes without a fault.
    fn is_loadable(bytes: &[u8]) -> bool {
        let Some(mxcsr) = bytes.get(MXCSR..).and_then(|rest| rest.first_chunk()) else { return false };
        let Some(header) = bytes.get(LEGACY_BYTES..HEADER_END) else { return false };
        let (Some(present), Some(reserved)) = (header.first_chunk(), header.get(8..)) else { return false };
        let components = COMPONENTS.load(Relaxed) | LEGACY;
        u64::from(u32::from_le_bytes(*mxcsr)) & !MXCSR_MASK.load(Relaxed) == 0
            && u64::from_le_bytes(*present) & !components == 0
            && reserved.iter().all(|&byte| byte == 0)
    }
}

impl Drop for Extended {
    fn drop(&mut self) {
        if let Some(layout) = layout() {
            // SAFETY: allocated with the same layout, which never changes after boot.
            unsafe { dealloc(self.area.as_ptr(), layout) };
        }
    }
}

impl ExtendedState for Extended {
    fn new() -> Option<Self> {
        // SAFETY: the layout has more than zero bytes.
        let area = NonNull::new(unsafe { alloc_zeroed(layout()?) })?;
        let mut state = Self { area, xcr0: COMPONENTS.load(Relaxed) };
        let start = state.bytes_mut();
        for (to, from) in start.iter_mut().zip(&INITIAL.0[..MXCSR + 4]) {
            *to = *from;
        }
        Some(state)
    }

    #[inline]
    fn load(&self) {
        let area = self.area.as_ptr();
        if COMPONENTS.load(Relaxed) == 0 {
            // SAFETY: the area is loadable: made by `new`, `save` or a checked `write`.
            unsafe { asm!("fxrstor64 [{}]", in(reg) area, options(nostack, preserves_flags)) };
            return;
        }
        set_xcr0(self.xcr0 | LEGACY);
        // SAFETY: as above; the kernel does not use these registers.
        unsafe {
            asm!("xrstor64 [{}]", in(reg) area, in("eax") u32::MAX, in("edx") u32::MAX,
                options(nostack, preserves_flags));
        }
        set_xcr0(self.xcr0);
    }

    #[inline]
    fn save(&mut self) {
        let area = self.area.as_ptr();
        if COMPONENTS.load(Relaxed) == 0 {
            // SAFETY: the area is ours and long enough.
            unsafe { asm!("fxsave64 [{}]", in(reg) area, options(nostack, preserves_flags)) };
            return;
        }
        self.adopt_xcr0();
        set_xcr0(self.xcr0 | LEGACY);
        if HAS_OPTIMIZED.load(Relaxed) != 0 {
            // SAFETY: the area is ours and has room for all components.
            unsafe {
                asm!("xsaveopt64 [{}]", in(reg) area, in("eax") u32::MAX, in("edx") u32::MAX,
                    options(nostack, preserves_flags));
            }
        } else {
            // SAFETY: as above.
            unsafe {
                asm!("xsave64 [{}]", in(reg) area, in("eax") u32::MAX, in("edx") u32::MAX,
                    options(nostack, preserves_flags));
            }
        }
    }

    fn load_initial() {
        let area = &raw const INITIAL;
        if COMPONENTS.load(Relaxed) == 0 {
            // SAFETY: a valid FXSAVE image.
            unsafe { asm!("fxrstor64 [{}]", in(reg) area, options(nostack, preserves_flags)) };
            return;
        }
        set_xcr0(COMPONENTS.load(Relaxed));
        // SAFETY: an empty XSTATE_BV puts every component into its initial configuration.
        unsafe {
            asm!("xrstor64 [{}]", in(reg) area, in("eax") u32::MAX, in("edx") u32::MAX,
                options(nostack, preserves_flags));
        }
    }

    fn xcr0(&self) -> u64 {
        self.xcr0
    }

    fn set_xcr0(&mut self, value: u64) {
        // The area holds only these components; the caller has checked it, but a bit too many would fault in ring 0.
        self.xcr0 = value & COMPONENTS.load(Relaxed) | u64::from(COMPONENTS.load(Relaxed) != 0);
    }

    /// QEMU's AMD-V does not intercept XSETBV: without this the components that a guest turned on itself would
    /// not be saved.
    #[inline]
    fn adopt_xcr0(&mut self) -> bool {
        if COMPONENTS.load(Relaxed) == 0 {
            return false;
        }
        let (low, high): (u32, u32);
        // SAFETY: CR4.OSXSAVE is set where there are components; XGETBV changes nothing.
        unsafe {
            asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags))
        };
        let actual = u64::from(high) << 32 | u64::from(low);
        let local = local();
        if local.xcr0.get() == actual {
            return false;
        }
        local.xcr0.set(actual);
        self.set_xcr0(actual);
        true
    }

    fn read(&self, buffer: &mut [u8]) -> usize {
        let bytes = self.bytes();
        let count = bytes.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(bytes) {
            *to = *from;
        }
        count
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > area_bytes() || !Self::is_loadable(bytes) {
            return false;
        }
        let area = self.bytes_mut();
        area.fill(0);
        for (to, from) in area.iter_mut().zip(bytes) {
            *to = *from;
        }
        true
    }
}
