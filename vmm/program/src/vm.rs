//! What all threads of the VM share.

use crate::{
    board, inputs::Inputs, lifecycle::Lifecycle, machine::Machine, platform::Platform, ram::Ram, vcpu,
    vcpu::start::Start,
};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use user_rt::{Channel, Error, Event, Group, Guest, Mutex, Port, Vcpu};
use vmm_machine::ClockScale;
use vmm_protocol::StartMessage;

/// The VM. It lives as long as the process.
pub(crate) struct Vm {
    pub(crate) message: StartMessage,
    pub(crate) platform: Platform,
    pub(crate) clock: ClockScale,

    /// To the supervisor.
    pub(crate) channel: Channel,
    /// The first serial line.
    pub(crate) console: Channel,
    /// To whoever looks at the display, if there is one.
    pub(crate) screen: Option<Channel>,
    /// Pays for everything.
    pub(crate) group: Group,
    pub(crate) guest: Guest,
    pub(crate) ram: Ram,
    /// Where the device loop waits.
    pub(crate) port: Port,
    /// Wakes the device loop.
    pub(crate) wake: Event,

    /// All devices. Whoever touches one holds the lock.
    pub(crate) machine: Mutex<Machine>,
    /// Running, resetting, ending.
    pub(crate) lifecycle: Lifecycle,
    /// The vCPUs as far as their threads have made them.
    pub(crate) vcpus: Mutex<Vec<Vcpu>>,
    /// How each vCPU starts, and the TSC value that is the guest's zero. Changed only while all vCPUs are parked.
    pub(crate) start: Mutex<Start>,
}

/// What went wrong, with the channel to report it on.
pub(crate) type Refusal = (Channel, String);

impl Vm {
    /// Builds the machine and starts its vCPU threads, which wait for the device loop.
    pub(crate) fn build(inputs: Inputs) -> Result<&'static Self, Refusal> {
        let Inputs { message, channel, group, boot, media, console, screen } = inputs;
        if let Err(error) = stay_on(message.cpu_mask) {
            return Err((channel, format!("it cannot run on the processors of its definition: {error:?}")));
        }
        let mut platform = match Platform::new(&message.machine, boot) {
            Ok(platform) => platform,
            Err(sentence) => return Err((channel, sentence)),
        };
        let parts = match Parts::create(&platform, &group) {
            Ok(parts) => parts,
            Err(error) => return Err((channel, format!("the kernel refused the machine: {error:?}"))),
        };
        let machine = match board::build(&message, &mut platform, (&group, &parts.ram), media) {
            Ok(machine) => machine,
            Err(sentence) => return Err((channel, sentence)),
        };
        let vcpus = message.machine.vcpus;
        let vm = Self {
            platform,
            clock: ClockScale::new(user_rt::system_info().tsc_hz),
            channel,
            console,
            screen,
            group,
            guest: parts.guest,
            ram: parts.ram,
            port: parts.port,
            wake: parts.wake,
            machine: Mutex::new(machine),
            lifecycle: Lifecycle::new(vcpus),
            vcpus: Mutex::new(Vec::with_capacity(vcpus as usize)),
            start: Mutex::new(Start::default()),
            message,
        };
        let vm: &'static Self = Box::leak(Box::new(vm));
        vcpu::spawn_all(vm);
        Ok(vm)
    }

    /// Keeps the calling thread on the processors that the VM may use. Every thread calls it first.
    pub(crate) fn keep_on_processors(&self) -> Result<(), Error> {
        stay_on(self.message.cpu_mask)
    }

    /// Makes every vCPU come back from the guest.
    pub(crate) fn kick_all(&self) {
        for vcpu in self.vcpus.lock().iter() {
            // A vCPU that is gone needs no kick.
            let _ = vcpu.kick();
        }
    }

    /// Makes the device loop look around.
    pub(crate) fn wake_device_loop(&self) {
        // The event lives as long as the VM; the kernel has no reason to refuse.
        let _ = self.wake.signal();
    }
}

fn stay_on(cpu_mask: Option<u64>) -> Result<(), Error> {
    cpu_mask.map_or(Ok(()), |mask| user_rt::set_affinity(&[mask]))
}

/// Kernel objects of the VM.
struct Parts {
    guest: Guest,
    ram: Ram,
    port: Port,
    wake: Event,
}

impl Parts {
    fn create(platform: &Platform, group: &Group) -> Result<Self, Error> {
        let guest = Guest::create(group)?;
        let ram = Ram::create(platform.memory(), group, &guest)?;
        Ok(Self { guest, ram, port: Port::create()?, wake: Event::create()? })
    }
}
