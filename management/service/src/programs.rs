//! The programs of the manifest as processes.

use crate::{
    boot::Boot,
    console_start,
    devices::Devices,
    keys::{Key, Place},
    link::{Link, LinkKeys, not_started},
    roots::Roots,
};
use alloc::{string::String, vec::Vec};
use management_config::{Program, Shares};
use user_rt::{Error, GroupLimits, Port, SpawnOptions, spawn_program};

/// Bytes of the first thread's stack: messages are built on the heap.
const STACK_BYTES: u64 = 64 * 1024;

/// A program and its process, if it has one.
pub(crate) struct ProgramRun {
    pub(crate) program: Program,
    pub(crate) link: Option<Link>,
    generation: u32,
}

impl ProgramRun {
    /// The programs that the supervisor starts.
    pub(crate) fn all(boot: &Boot) -> Vec<Self> {
        let run = |program: &Program| Self { program: program.clone(), link: None, generation: 0 };
        boot.manifest.services().map(run).collect()
    }

    /// Starts the process. An error is a sentence.
    pub(crate) fn start(
        &mut self,
        index: usize,
        (roots, boot, devices): (&Roots, &Boot, &Devices),
        port: &Port,
    ) -> Result<(), String> {
        self.generation = self.generation.wrapping_add(1);
        let place = Place { index, generation: self.generation };
        let file = boot.bundle.find(&self.program.entry).map_err(|failure| alloc::format!("{failure}"))?;
        let kernel = |error: Error| not_started(&error.into());
        let limits = limits(&self.program.shares, self.program.memory_bytes);
        let group = roots.group.create_child(&limits).map_err(kernel)?;
        let (message, handles) =
            console_start::compose(&self.program, &group, roots, devices, &boot.vms).map_err(kernel)?;
        let message = user_ipc::encode_to_vec(&message, user_rt::MESSAGE_BYTES_MAX)
            .map_err(|_| String::from("its start message is too long"))?;
        let options = SpawnOptions { name: &self.program.name, group: &group, stack_bytes: STACK_BYTES };
        let spawned = spawn_program(boot.bundle.program(file), options, &message, handles)
            .map_err(|error| not_started(&error))?;
        let keys =
            LinkKeys { channel: Key::ProgramChannel(place).raw(), process: Key::ProgramProcess(place).raw() };
        self.link = Some(Link::watch(port, spawned, group, place, &keys).map_err(kernel)?);
        Ok(())
    }
}

/// The limits of a group with these shares.
pub(crate) fn limits(shares: &Shares, memory_bytes: u64) -> GroupLimits {
    GroupLimits {
        weight: shares.weight,
        cap_milli: shares.cap_milli,
        reservation_milli: shares.reservation_milli,
        memory_bytes,
        ..GroupLimits::default()
    }
}
