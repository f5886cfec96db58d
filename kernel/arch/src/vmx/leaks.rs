//! What of the processor's own buffers must be cleared so that a guest finds nothing of others in them: pure, so that it is
//! tested on Linux. (Intel, "Deep Dive: Intel Analysis of L1 Terminal Fault", "... of Microarchitectural Data Sampling".)

use spec::msr::arch;

/// CPUID leaf 7 EDX: VERW clears buffers; IA32_FLUSH_CMD exists.
const EDX7_CLEARS: u32 = 1 << 10;
const EDX7_FLUSH: u32 = 1 << 28;
/// CPUID leaf 7 EDX: IA32_ARCH_CAPABILITIES exists.
const EDX7_CAPABILITIES: u32 = 1 << 29;

/// What has to be done on a processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaks {
    /// Guests could read the first-level data cache (L1TF): it is flushed before a run.
    pub flushes_cache: bool,
    /// Guests could sample store, fill and load buffers or the register file (MDS, RFDS): VERW before each entry and after
    /// a run.
    pub clears_buffers: bool,
}

/// What a processor needs whose CPUID leaf 7 has this in EDX; `read` reads IA32_ARCH_CAPABILITIES, if there is one. What the
/// processor has no means for is not done.
pub fn find(edx7: u32, read: impl FnOnce() -> u64) -> Leaks {
    let capabilities = if edx7 & EDX7_CAPABILITIES != 0 { read() } else { 0 };
    let says = |bit: u64| capabilities & bit != 0;
    let has_sampling = edx7 & EDX7_CLEARS != 0 && !says(arch::NO_SAMPLING);
    let has_register_sampling = says(arch::REGISTER_CLEAR) && !says(arch::NO_REGISTER_SAMPLING);
    Leaks {
        flushes_cache: edx7 & EDX7_FLUSH != 0 && !says(arch::NO_MELTDOWN) && !says(arch::NO_FLUSH_NEEDED),
        clears_buffers: has_sampling || has_register_sampling,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEANS: u32 = EDX7_CLEARS | EDX7_FLUSH;

    fn on(edx7: u32, capabilities: u64) -> Leaks {
        find(edx7 | EDX7_CAPABILITIES, || capabilities)
    }

    #[test]
    fn an_old_processor_with_new_microcode_needs_both() {
        assert_eq!(
            find(MEANS, || panic!("the register does not exist")),
            Leaks { flushes_cache: true, clears_buffers: true }
        );
    }

    #[test]
    fn what_the_processor_does_not_suffer_from_is_not_done() {
        assert!(!on(MEANS, arch::NO_MELTDOWN).flushes_cache);
        assert!(!on(MEANS, arch::NO_FLUSH_NEEDED).flushes_cache, "nested: the host does it");
        assert!(!on(MEANS, arch::NO_SAMPLING).clears_buffers);
        assert!(
            !on(MEANS, arch::NO_SAMPLING | arch::REGISTER_CLEAR | arch::NO_REGISTER_SAMPLING).clears_buffers
        );
    }

    #[test]
    fn a_newer_processor_may_leak_registers() {
        assert!(on(MEANS, arch::NO_MELTDOWN | arch::NO_SAMPLING | arch::REGISTER_CLEAR).clears_buffers);
    }

    #[test]
    fn without_means_nothing_is_done() {
        assert_eq!(on(0, 0), Leaks { flushes_cache: false, clears_buffers: false });
    }
}
