//! Messages on channels: what a hostile peer may send.

use management_protocol as console;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use vmm_machine::{HostCpuid, HostFacts, MachinePlan, layout};
use vmm_protocol as vmm;

/// Decodes the bytes behind the first one as the message that it chooses.
pub fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    match choice % 6 {
        0 => {
            if let Some(message) = decode::<vmm::StartMessage>(bytes) {
                plan(&message.machine);
            }
        }
        1 => drop(decode::<vmm::Request>(bytes)),
        2 => drop(decode::<vmm::Report>(bytes)),
        3 => drop(decode::<console::StartMessage>(bytes)),
        4 => drop(decode::<console::Question>(bytes)),
        _ => drop(decode::<console::Notice>(bytes)),
    }
}

/// Decodes a message; what was decoded is the same after it was sent again, and takes no more bytes: the kernel's
/// limit for messages holds for it too.
pub(crate) fn decode<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let (message, rest) = postcard::take_from_bytes::<T>(bytes).ok()?;
    let Ok(again) = postcard::to_allocvec(&message) else {
        panic!("a message that cannot be sent: {message:?}")
    };
    assert!(again.len() <= bytes.len() - rest.len(), "the message grew");
    assert_eq!(postcard::from_bytes::<T>(&again).as_ref(), Ok(&message));
    rest.is_empty().then_some(message)
}

/// A plan of a machine that nobody checked before keeps what it promises.
fn plan(config: &vmm::MachineConfig) {
    let host = HostFacts {
        cpuid: HostCpuid::read(|leaf, _| [if leaf == 0 { 0xD } else { 0x8000_0008 }, 0x6874_7541, 0, 0]),
        tsc_khz: 1_000_000,
        guest_address_bits: 40,
        guest_xcr0: 7,
    };
    let Ok(plan) = MachinePlan::new(config, &host) else { return };
    assert!((1..=vmm::VCPUS_MAX).contains(&plan.vcpus) && plan.slots.iter().count() <= 32);
    let placed: u64 = plan.memory.regions().map(|region| region.bytes).sum();
    assert_eq!((placed, placed), (config.memory_bytes, plan.memory.ram_bytes()));
    let tables_end = plan.acpi.start().raw() + plan.acpi.image().len() as u64;
    assert!(tables_end <= layout::TABLES_END.raw().min(plan.memory.low_end().raw()), "tables outside of RAM");
}
