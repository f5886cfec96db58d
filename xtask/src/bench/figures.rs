//! What is measured, the goals, and what the peers need for the same.

/// A row of the report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    /// What the row is called.
    pub(super) name: &'static str,
    /// Where the value comes from.
    pub(super) source: Source,
    /// The best peer's value, and who that is.
    pub(super) peer: Option<(f64, &'static str)>,
    /// At most this.
    pub(super) goal: Option<f64>,
    /// What is counted.
    pub(super) unit: &'static str,
}

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// The median of this line of `mb.elf`.
    Median(&'static str),
    /// The same, less the programmed time of the timer.
    TimerExcess(&'static str),
    /// The time stamp at which Linux starts its first program, in 10^9.
    LinuxToUserspace,
    /// From the kernel's entry to the first guest's first instruction, in 10^9.
    FirstGuest,
    /// Memory in use without VMs, MiB.
    IdleMemory,
    /// Memory of one idle VM beyond its RAM, KiB.
    MemoryPerVm,
    /// The UEFI program without VMs, MiB.
    ImageSize,
    /// Timer interrupts per second of an idle machine with an idle VM.
    IdleTimerRate,
    /// Times per second that a processor leaves idle on that machine.
    IdleWakeRate,
    /// The value of this name.
    Named(&'static str),
}

const fn median(name: &'static str, line: &'static str, peer: (f64, &'static str), goal: f64) -> Figure {
    let source = Source::Median(line);
    Figure { name, source, peer: Some(peer), goal: Some(goal), unit: "instructions" }
}

/// The timer of `timer2M_hlt_wake` is programmed to so many ticks of the APIC's clock, which count nanoseconds.
pub(super) const TIMER_NS: f64 = 2_000_000.0;
/// How much of a goal, which was set for AMD-V, VT-x may take.
pub(super) const VMX_SHARE: f64 = 1.25;

/// The report's rows.
// tidy: table
pub(super) const FIGURES: [Figure; 22] = [
    median("CPUID exit", "cpuid_0", (3190.0, "KVM"), 150.0),
    median("hypercall", "hypercall_kvm_nop", (3440.0, "KVM"), 150.0),
    median("x2APIC EOI", "x2apic_wr_eoi", (3342.0, "KVM"), 150.0),
    median("xAPIC read", "xapic_rd_ver_mmio", (4123.0, "KVM"), 400.0),
    Figure {
        name: "xAPIC TPR write",
        source: Source::Median("xapic_wr_tpr_mmio"),
        peer: Some((3927.0, "KVM")),
        goal: None,
        unit: "instructions",
    },
    Figure {
        name: "RDMSR APIC_BASE",
        source: Source::Median("rdmsr_apicbase"),
        peer: Some((3275.0, "KVM")),
        goal: None,
        unit: "instructions",
    },
    median("port write to a ring-3 device", "out_0x80", (5474.0, "KVM"), 900.0),
    median("MMIO read emulated in ring 3", "mmio_hpet_rd_f0", (8143.0, "KVM"), 2000.0),
    median("self-IPI to handler (x2APIC)", "selfipi_x2apic", (12_001.0, "KVM"), 800.0),
    Figure {
        name: "self-IPI to handler (xAPIC)",
        source: Source::Median("selfipi_xapic"),
        peer: None,
        goal: None,
        unit: "instructions",
    },
    median("IPI ping-pong, both halted", "ipi_pingpong_hlt_hlt", (40_084.0, "KVM"), 3000.0),
    Figure {
        name: "one-shot timer + HLT, excess",
        source: Source::TimerExcess("timer2M_hlt_wake_xapic"),
        peer: Some((14_617.0, "KVM")),
        goal: Some(1500.0),
        unit: "instructions",
    },
    median("first touch of 4K", "touch4k_fresh", (10_293.0, "KVM"), 1200.0),
    Figure {
        name: "first touch of 4K, mean",
        source: Source::Median("touch4k_fresh mean"),
        peer: None,
        goal: None,
        unit: "instructions",
    },
    Figure {
        name: "Linux to userspace",
        source: Source::LinuxToUserspace,
        peer: Some((2.22, "KVM")),
        goal: Some(1.70),
        unit: "10^9 instructions",
    },
    Figure {
        name: "kernel entry to the first guest",
        source: Source::FirstGuest,
        peer: Some((3.2, "KVM")),
        goal: Some(0.03),
        unit: "10^9 instructions",
    },
    Figure {
        name: "memory of the idle host",
        source: Source::IdleMemory,
        peer: Some((138.0, "KVM")),
        goal: Some(24.0),
        unit: "MiB",
    },
    Figure {
        name: "memory per idle VM beyond its RAM",
        source: Source::MemoryPerVm,
        peer: Some((2253.0, "Xen")),
        goal: Some(256.0),
        unit: "KiB",
    },
    Figure {
        name: "image (corten.efi without VMs)",
        source: Source::ImageSize,
        peer: None,
        goal: Some(8.0),
        unit: "MiB",
    },
    Figure {
        name: "timer interrupts, idle host and VM",
        source: Source::IdleTimerRate,
        peer: None,
        goal: Some(0.0),
        unit: "per second",
    },
    Figure {
        name: "wake-ups, idle host and VM",
        source: Source::IdleWakeRate,
        peer: None,
        goal: None,
        unit: "per second",
    },
    Figure {
        name: "RDTSC pair (in each figure above)",
        source: Source::Median("empty"),
        peer: None,
        goal: None,
        unit: "instructions",
    },
];
