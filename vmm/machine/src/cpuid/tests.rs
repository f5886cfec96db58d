//! Claims about the tables as a guest would read them.

use super::*;

const EVERYTHING: [u32; 4] = [u32::MAX; 4];

/// A host that claims every feature there is.
fn boastful_host(vendor: [u32; 3]) -> HostFacts {
    let cpuid = HostCpuid::read(|leaf, subleaf| match (leaf, subleaf) {
        (0, _) => [0x20, vendor[0], vendor[1], vendor[2]],
        (0x8000_0000, _) => [0x8000_0025, vendor[0], vendor[1], vendor[2]],
        (4 | 0x8000_001D, 0..4) => [(subleaf.min(2) + 1) | ((subleaf + 1).min(3) << 5), 0x3F, 0, 0],
        (4 | 0x8000_001D, _) => [0; 4],
        (0xD, 2) => [256, 576, 0, 0],
        (0xD, 5..8) => [512, 1088 + (subleaf - 5) * 512, 0, 0],
        _ => EVERYTHING,
    });
    HostFacts { cpuid, tsc_khz: 2_000_000, guest_address_bits: 40, guest_xcr0: 7 }
}

fn amd() -> HostFacts {
    let word = |bytes| u32::from_le_bytes(bytes);
    boastful_host([word(*b"Auth"), word(*b"cAMD"), word(*b"enti")])
}

fn intel() -> HostFacts {
    let word = |bytes| u32::from_le_bytes(bytes);
    boastful_host([word(*b"Genu"), word(*b"ntel"), word(*b"ineI")])
}

fn look_up(plan: &CpuidPlan, vcpu: u32, leaf: u32, subleaf: u32) -> CpuidEntry {
    let mut table = plan.for_vcpu(vcpu);
    let found = table.find(|e| e.leaf == leaf && e.subleaf.is_none_or(|wanted| wanted == subleaf));
    found.unwrap_or_default()
}

#[test]
fn nested_virtualisation_and_monitor_are_hidden() {
    for host in [amd(), intel()] {
        let plan = CpuidPlan::new(&host, 2);

        let leaf1 = look_up(&plan, 0, 1, 0);
        assert_eq!(leaf1.ecx & (1 << 3 | 1 << 5 | 1 << 6 | 1 << 27), 0, "MONITOR, VMX, SMX, OSXSAVE");
        assert_ne!(leaf1.ecx & 1 << 31, 0, "hypervisor");
        assert_ne!(leaf1.ecx & 1 << 21, 0, "x2APIC");
        assert_ne!(leaf1.ecx & 1 << 24, 0, "TSC deadline");
        assert_eq!(look_up(&plan, 0, 0x8000_0001, 0).ecx & 1 << 2, 0, "SVM");
        assert_eq!(look_up(&plan, 0, 0x8000_000A, 0), CpuidEntry::default());
    }
}

#[test]
fn no_translation_is_offered_that_the_emulator_does_not_know() {
    for host in [amd(), intel()] {
        let plan = CpuidPlan::new(&host, 1);
        let (leaf7, leaf7_1) = (look_up(&plan, 0, 7, 0), look_up(&plan, 0, 7, 1));
        assert_eq!(leaf7.ecx & (1 << 3 | 1 << 7 | 1 << 31), 0, "protection keys, shadow stacks");
        assert_eq!(leaf7_1.eax & 1 << 26, 0, "linear addresses with unused bits");
        assert_eq!(look_up(&plan, 0, 0x8000_0021, 0).eax & 1 << 7, 0, "the same of AMD");
    }
}

#[test]
fn vector_extensions_need_their_state() {
    let mut host = amd();
    host.guest_xcr0 = 3;

    let plan = CpuidPlan::new(&host, 1);

    assert_eq!(look_up(&plan, 0, 1, 0).ecx & 1 << 28, 0, "AVX");
    assert_ne!(look_up(&plan, 0, 1, 0).ecx & 1 << 26, 0, "XSAVE");
    assert_eq!(look_up(&plan, 0, 7, 0).ebx & (1 << 5 | 1 << 16), 0, "AVX2, AVX-512");

    host.guest_xcr0 = 0;
    let plan = CpuidPlan::new(&host, 1);
    assert_eq!(look_up(&plan, 0, 1, 0).ecx & 1 << 26, 0, "XSAVE");
    assert_eq!(look_up(&plan, 0, 0xD, 0), CpuidEntry::default());
}

#[test]
fn the_xsave_area_holds_its_components() {
    let plan = CpuidPlan::new(&amd(), 1);

    let area = look_up(&plan, 0, 0xD, 0);

    assert_eq!((area.eax, area.ecx, area.edx), (7, 576 + 256, 0));
    assert_eq!(look_up(&plan, 0, 0xD, 2).ebx, 576);
    assert_ne!(
        look_up(&plan, 0, 0xD, 1).eax & 1 << 3,
        0,
        "XSAVES, of which the host says whether guests have it"
    );
}

#[test]
fn state_of_hidden_features_is_hidden() {
    let mut host = amd();
    host.guest_xcr0 = 0x21F;

    let plan = CpuidPlan::new(&host, 1);

    assert_eq!(look_up(&plan, 0, 0xD, 0).eax, 7);
    assert_eq!(look_up(&plan, 0, 0xD, 3), CpuidEntry::default());
}

#[test]
fn each_vcpu_finds_its_own_id() {
    let plan = CpuidPlan::new(&amd(), 6);

    for id in 0..6 {
        assert_eq!(look_up(&plan, id, 1, 0).ebx >> 24, id);
        assert_eq!(look_up(&plan, id, 0xB, 0).edx, id);
        assert_eq!(look_up(&plan, id, 0xB, 1).edx, id);
        assert_eq!(look_up(&plan, id, 0x8000_001E, 0).eax, id);
        assert_eq!(look_up(&plan, id, 0x8000_001E, 0).ecx, 0);
    }
    let cores = look_up(&plan, 5, 0xB, 1);
    assert_eq!((cores.eax, cores.ebx, cores.ecx), (3, 6, 0x201));
    assert_eq!(look_up(&plan, 5, 0x8000_0008, 0).ecx, 3 << 12 | 5);
}

#[test]
fn the_last_level_cache_is_shared_by_all() {
    let plan = CpuidPlan::new(&intel(), 4);

    assert_eq!(look_up(&plan, 0, 4, 0).eax >> 14 & 0xFFF, 0);
    assert_eq!(look_up(&plan, 0, 4, 3).eax >> 14 & 0xFFF, 3);
    assert_eq!(look_up(&plan, 0, 4, 4), CpuidEntry::default());
}

#[test]
fn the_clock_leaves_say_what_the_clock_does() {
    let plan = CpuidPlan::new(&intel(), 1);

    let frequencies = look_up(&plan, 0, 0x4000_0010, 0);
    assert_eq!((frequencies.eax, frequencies.ebx), (2_000_000, 1_000_000));
    let ratio = look_up(&plan, 0, 0x15, 0);
    let tsc_hz = u64::from(ratio.ecx) * u64::from(ratio.ebx) / u64::from(ratio.eax);
    assert_eq!(tsc_hz, 2_000_000_000);
    let signature = look_up(&plan, 0, 0x4000_0000, 0);
    assert_eq!(&signature.ebx.to_le_bytes(), b"KVMK");
    assert_eq!(look_up(&plan, 0, 0x4000_0001, 0).eax, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 24);
}

#[test]
fn a_table_fits_what_ring_0_takes() {
    for host in [amd(), intel()] {
        let plan = CpuidPlan::new(&host, vmm_protocol::VCPUS_MAX);

        // `abi::CPUID_ENTRIES_MAX`, which logic crates cannot name.
        assert!(plan.for_vcpu(63).count() <= 128);
    }
}

#[test]
fn a_host_that_says_nothing_gives_a_guest_that_says_little() {
    let host = HostFacts { cpuid: HostCpuid::default(), tsc_khz: 0, guest_address_bits: 0, guest_xcr0: 0 };

    let plan = CpuidPlan::new(&host, 1);

    assert_ne!(look_up(&plan, 0, 1, 0).ecx & 1 << 31, 0);
}
