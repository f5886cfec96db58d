//! What the vCPUs of a virtual machine share.

use super::any::AnyVcpu;
use super::doorbell::{self, Doorbells, Ring};
use super::shared::{VcpuShared, Wake};
use crate::group::Group;
use crate::machine::Machine;
use crate::memory::{GuestSpace, Nesting};
use abi::{DoorbellKind, Error};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use spin::{Mutex, Once};

/// vCPUs of one guest at the most.
pub const VCPUS_MAX: usize = 64;
/// APIC ids are below this: 255 is the broadcast address of xAPIC mode.
const APIC_IDS: usize = 255;
/// In the directory: nobody has this APIC id.
const NOBODY: u8 = u8::MAX;

/// [`super::Facts::vendor`] of VT-x.
const VENDOR_INTEL: u32 = 2;

/// Numbers for guests; 0 is none.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// A guest: its memory, its doorbells and the directory of its vCPUs.
pub struct Guest<M: Machine> {
    number: u64,
    space: Arc<GuestSpace<M>>,
    ports: Doorbells,
    memory: Doorbells,
    /// Slot of each APIC id. Written under `joining` only; read without.
    slots: [AtomicU8; APIC_IDS],
    /// vCPUs in the order in which they were made. Filled from the start, never emptied.
    vcpus: [Once<Arc<VcpuShared<M>>>; VCPUS_MAX],
    count: AtomicUsize,
    joining: Mutex<()>,
}

impl<M: Machine> Guest<M> {
    /// An empty guest, on the account of `group`.
    pub fn new(group: &Arc<Group>) -> Result<Arc<Self>, Error> {
        let facts = M::Vcpu::facts();
        let nesting = match facts.vendor {
            VENDOR_INTEL if facts.has_write_log => Nesting::LoggedEpt,
            VENDOR_INTEL => Nesting::Ept,
            _ => Nesting::Npt,
        };
        Ok(Arc::new(Self {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            space: GuestSpace::new(group, nesting)?,
            ports: Doorbells::new(),
            memory: Doorbells::new(),
            slots: [const { AtomicU8::new(NOBODY) }; APIC_IDS],
            vcpus: [const { Once::new() }; VCPUS_MAX],
            count: AtomicUsize::new(0),
            joining: Mutex::new(()),
        }))
    }

    /// Its memory.
    pub fn space(&self) -> &Arc<GuestSpace<M>> {
        &self.space
    }

    /// A number that no other guest ever had.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Puts a doorbell on a range: guest writes there ring `bell` and nothing else happens.
    pub fn add_doorbell(
        &self,
        kind: DoorbellKind,
        address: u64,
        bytes: u64,
        bell: Arc<dyn Ring>,
    ) -> Result<(), Error> {
        if !doorbell::is_range_valid(kind, address, bytes) {
            return Err(Error::BadArgument);
        }
        self.doorbells(kind).add(address, bytes, bell)
    }

    /// Takes away the doorbell that was put on exactly this range.
    pub fn remove_doorbell(&self, kind: DoorbellKind, address: u64, bytes: u64) -> Result<(), Error> {
        self.doorbells(kind).remove(address, bytes)
    }

    pub(super) fn doorbells(&self, kind: DoorbellKind) -> &Doorbells {
        match kind {
            DoorbellKind::Port => &self.ports,
            DoorbellKind::Memory => &self.memory,
        }
    }

    /// Enters a new vCPU in the directory. `addressing` is how interrupts find it at first.
    pub(super) fn join(
        &self,
        apic_id: u32,
        wake: Arc<dyn Wake>,
        addressing: u64,
    ) -> Result<Arc<VcpuShared<M>>, Error> {
        let slot =
            usize::try_from(apic_id).ok().and_then(|id| self.slots.get(id)).ok_or(Error::BadArgument)?;
        let _guard = self.joining.lock();
        let index = self.count.load(Ordering::Relaxed);
        let place = self.vcpus.get(index).ok_or(Error::LimitReached)?;
        if slot.load(Ordering::Relaxed) != NOBODY {
            return Err(Error::Exists);
        }
        let shared = place.call_once(|| Arc::new(VcpuShared::new(apic_id, wake, addressing)));
        // `index` is below `VCPUS_MAX`, so it fits.
        slot.store(index as u8, Ordering::Release);
        self.count.store(index + 1, Ordering::Release);
        Ok(shared.clone())
    }

    /// The vCPU with this APIC id.
    pub fn vcpu(&self, apic_id: u32) -> Option<&Arc<VcpuShared<M>>> {
        let slot = self.slots.get(usize::try_from(apic_id).ok()?)?.load(Ordering::Acquire);
        self.vcpus.get(usize::from(slot))?.get()
    }

    /// All vCPUs.
    pub fn vcpus(&self) -> impl Iterator<Item = &Arc<VcpuShared<M>>> {
        let count = self.count.load(Ordering::Acquire);
        self.vcpus.iter().take(count).filter_map(Once::get)
    }
}
