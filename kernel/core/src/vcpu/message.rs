//! The way of an interrupt from its sender to the vCPUs that it names.

use super::guest::Guest;
use super::lapic::{Addressing, Delivery, Message, Target};
use super::posted::POSTED_NMI;
use super::shared::VcpuShared;
use crate::machine::Machine;
use abi::Error;

impl<M: Machine> Guest<M> {
    /// Delivers a message-signalled interrupt. What names nobody is dropped, as on a bus; `BadArgument` if it
    /// is no interrupt message at all. Delivery mode ExtINT is the PIC's output instead: a level in bit 14, wherever it is
    /// sent to.
    pub fn interrupt(&self, address: u64, data: u64) -> Result<(), Error> {
        let data = u32::try_from(data).map_err(|_| Error::BadArgument)?;
        let message = Message::from_msi(address, data).ok_or(Error::BadArgument)?;
        if message.delivery == Delivery::External {
            self.set_external(data);
        } else {
            self.deliver(message, None);
        }
        Ok(())
    }

    /// Delivers `message` to the vCPUs that it names. `sender` is the APIC id for the shorthands.
    pub(super) fn deliver(&self, message: Message, sender: Option<u32>) {
        if let Target::Physical(id) = message.target {
            if let Some(vcpu) = self.vcpu(id) {
                post(vcpu, message);
            }
            return;
        }
        if message.delivery == Delivery::LowestPriority {
            return self.deliver_to_one(message, sender);
        }
        for vcpu in self.vcpus().filter(|vcpu| is_named(vcpu, message.target, sender)) {
            post(vcpu, message);
        }
    }

    /// Lowest priority: any of the destinations may take it; vectors are spread over them.
    fn deliver_to_one(&self, message: Message, sender: Option<u32>) {
        let named = || {
            self.vcpus().filter(|vcpu| {
                is_named(vcpu, message.target, sender) && Addressing::unpack(vcpu.addressing()).is_listening
            })
        };
        let count = named().count().max(1);
        if let Some(vcpu) = named().nth(usize::from(message.vector) % count) {
            post(vcpu, message);
        }
    }
}

fn is_named<M: Machine>(vcpu: &VcpuShared<M>, target: Target, sender: Option<u32>) -> bool {
    match target {
        Target::Physical(id) => vcpu.apic_id() == id,
        Target::Logical { destination, is_wide } => {
            Addressing::unpack(vcpu.addressing()).matches(destination, is_wide)
        }
        Target::Own => sender == Some(vcpu.apic_id()),
        Target::All => true,
        Target::Others => sender != Some(vcpu.apic_id()),
    }
}

/// Posts a fixed interrupt, edge-triggered.
#[inline]
pub(super) fn post_fixed<M: Machine>(vcpu: &VcpuShared<M>, vector: u8) {
    if Addressing::unpack(vcpu.addressing()).is_enabled {
        vcpu.post_interrupt(vector, false);
    }
}

fn post<M: Machine>(vcpu: &VcpuShared<M>, message: Message) {
    if !Addressing::unpack(vcpu.addressing()).is_enabled {
        return;
    }
    match message.delivery {
        Delivery::Fixed | Delivery::LowestPriority => vcpu.post_interrupt(message.vector, message.is_level),
        Delivery::Nmi => vcpu.post(POSTED_NMI),
        Delivery::Init => vcpu.post_init(),
        Delivery::Startup => vcpu.post_sipi(message.vector),
        // There is no SMM, and the PIC has a line instead of messages.
        Delivery::Smi | Delivery::External | Delivery::Reserved => {}
    }
}
