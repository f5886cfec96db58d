//! What every PCI device is built around: configuration space and interrupts in one part.

use crate::{
    access::AccessSize,
    device::Region,
    effects::{Attention, Effects},
    interrupt::{Level, Line},
    pci::{
        BarKind, ConfigSpace, Identity, MsixTable, Window,
        capability::MsixCapability,
        config_space::{ConfigChange, ConfigState},
        msi::MsiCapability,
    },
};
use serde::{Deserialize, Serialize};
use spec::pci::{CAPABILITY_MSIX, COMMAND_INTERRUPT_DISABLE, COMMAND_MASTER, MSIX_ENTRY_BYTES};
use vmm_snapshot::RestoreError;

/// Where a device has its MSI-X table and pending bits: both in one BAR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MsixPlace {
    /// Number of vectors, at most [`super::msix::VECTORS_MAX`].
    pub vectors: u16,
    /// The BAR.
    pub bar: u8,
    /// Offset of the table, a multiple of 8.
    pub table: u32,
    /// Offset of the pending bits, a multiple of 8.
    pub pending: u32,
}

#[derive(Clone, Debug)]
struct Msix {
    /// Offset of message control.
    control: u16,
    place: MsixPlace,
    table: MsixTable,
}

/// Configuration space, the interrupt pin, MSI and MSI-X of one function.
///
/// Two ways to interrupt: a device with one cause of interrupts (or a status register that collects them)
/// says its level with [`Function::set_level`]; a device with a vector for each cause calls
/// [`Function::signal`] while [`Function::uses_msix`].
#[derive(Clone, Debug)]
pub struct Function {
    config: ConfigSpace,
    line: Option<Line>,
    msi: Option<MsiCapability>,
    msix: Option<Msix>,
    /// Whether the device wants attention.
    level: bool,
    /// Level of the pin as it was last reported.
    asserted: bool,
}

/// The part of a function that is saved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FunctionState {
    config: ConfigState,
    msix: Option<MsixTable>,
    level: bool,
    asserted: bool,
}

impl Function {
    /// A function without BARs, capabilities and interrupts.
    pub fn new(identity: &Identity) -> Self {
        Self {
            config: ConfigSpace::new(identity),
            line: None,
            msi: None,
            msix: None,
            level: false,
            asserted: false,
        }
    }

    /// Gives it pin INTA, wired to `line`.
    #[must_use]
    pub fn with_line(mut self, line: Line) -> Self {
        self.config.set_interrupt_pin(line.pin);
        self.line = Some(line);
        self
    }

    /// Gives it MSI with one message.
    #[must_use]
    pub fn with_msi(mut self) -> Self {
        self.msi = Some(MsiCapability::add(&mut self.config));
        self
    }

    /// Gives it MSI-X. The BAR is added apart from it.
    #[must_use]
    pub fn with_msix(mut self, place: MsixPlace) -> Self {
        let MsixPlace { vectors, bar, table, pending } = place;
        let capability = MsixCapability { vectors, bar, table, pending };
        let at = self.config.add_capability(CAPABILITY_MSIX, &capability.body(), &MsixCapability::writable());
        self.msix = Some(Msix { control: at.saturating_add(2), place, table: MsixTable::new(vectors) });
        self
    }

    /// Gives it a BAR: see [`ConfigSpace::add_bar`].
    #[must_use]
    pub fn with_bar(mut self, index: u8, kind: BarKind, bytes: u64) -> Self {
        self.config.add_bar(index, kind, bytes);
        self
    }

    /// Configuration space, for what a device adds at construction.
    pub fn config_mut(&mut self) -> &mut ConfigSpace {
        &mut self.config
    }

    /// Configuration space.
    pub fn config(&self) -> &ConfigSpace {
        &self.config
    }

    /// Whether software lets the function reach memory by itself (bus master enable).
    pub fn is_master(&self) -> bool {
        self.config.command() & COMMAND_MASTER != 0
    }

    /// Whether software uses MSI-X: then a device signals vectors.
    pub fn uses_msix(&self) -> bool {
        self.msix.as_ref().is_some_and(|msix| msix.table.is_enabled())
    }

    /// Whether software uses MSI or MSI-X: then no pin says that the device still wants attention.
    pub fn uses_messages(&self) -> bool {
        self.uses_msix() || self.msi.is_some_and(|msi| msi.message(&self.config).is_some())
    }

    /// Number of MSI-X vectors.
    pub fn vectors(&self) -> u16 {
        self.msix.as_ref().map_or(0, |msix| msix.table.len())
    }

    /// Reads configuration space.
    pub fn config_read(&self, offset: u16, size: AccessSize) -> u32 {
        self.config.read(offset, size)
    }

    /// Writes configuration space and does what follows for windows and interrupts.
    pub fn config_write(
        &mut self,
        offset: u16,
        size: AccessSize,
        value: u32,
        effects: &mut Effects,
    ) -> ConfigChange {
        let change = self.config.write(offset, size, value);
        if change.windows {
            effects.note(Attention::WINDOWS);
        }
        if let Some(msix) = &mut self.msix {
            msix.table.set_control(self.config.word(msix.control), effects);
        }
        self.update_line(effects);
        change
    }

    /// The windows that are decoded now.
    pub fn windows(&self) -> &[Window] {
        self.config.windows()
    }

    /// Says whether the device wants attention: drives the pin, or sends MSI (or MSI-X vector 0) when that
    /// begins.
    pub fn set_level(&mut self, wants: bool, effects: &mut Effects) {
        let begins = wants && !self.level;
        self.level = wants;
        if begins {
            if let Some(msix) = self.msix.as_mut().filter(|msix| msix.table.is_enabled()) {
                msix.table.signal(0, effects);
            } else if let Some(message) = self.msi.and_then(|msi| msi.message(&self.config)) {
                effects.send(message);
            }
        }
        self.update_line(effects);
    }

    /// Sends the message again although the level did not change: for devices whose status collects causes and
    /// that interrupt for each new one. Does nothing for a pin.
    pub fn repeat_message(&mut self, effects: &mut Effects) {
        if self.level {
            self.level = false;
            self.set_level(true, effects);
        }
    }

    /// Signals one MSI-X vector.
    pub fn signal(&mut self, vector: u16, effects: &mut Effects) {
        if let Some(msix) = &mut self.msix {
            msix.table.signal(vector, effects);
        }
    }

    /// Reads the MSI-X structures if `offset` of `region` belongs to them.
    pub fn msix_read(&self, region: Region, offset: u64, size: AccessSize) -> Option<u64> {
        let msix = self.msix.as_ref()?;
        match msix.part(region, offset)? {
            Part::Table(at) => Some(msix.table.read_table(at, size)),
            Part::Pending(at) => Some(msix.table.read_pending(at, size)),
        }
    }

    /// Writes the MSI-X structures. `false` if `offset` of `region` does not belong to them.
    pub fn msix_write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        effects: &mut Effects,
    ) -> bool {
        let Some(msix) = &mut self.msix else { return false };
        match msix.part(region, offset) {
            Some(Part::Table(at)) => msix.table.write_table(at, size, value, effects),
            Some(Part::Pending(_)) => {}
            None => return false,
        }
        true
    }

    /// Returns to the state after power-on. The pin is low afterwards without being told.
    pub fn reset(&mut self) {
        self.config.reset();
        if let Some(msix) = &mut self.msix {
            msix.table.reset();
        }
        self.level = false;
        self.asserted = false;
    }

    /// What is saved.
    pub fn save(&self) -> FunctionState {
        FunctionState {
            config: self.config.save(),
            msix: self.msix.as_ref().map(|msix| msix.table.clone()),
            level: self.level,
            asserted: self.asserted,
        }
    }

    /// Takes over a saved state.
    pub fn restore(&mut self, state: FunctionState) -> Result<(), RestoreError> {
        match (&mut self.msix, state.msix) {
            (Some(msix), Some(saved)) => {
                msix.table.check_restored(&saved)?;
                msix.table = saved;
            }
            (None, None) => {}
            _ => return Err(RestoreError::Impossible("the function's interrupts are of another kind")),
        }
        self.config.restore(&state.config)?;
        self.level = state.level;
        self.asserted = state.asserted;
        Ok(())
    }

    /// Drives the pin after anything may have changed.
    fn update_line(&mut self, effects: &mut Effects) {
        let is_waiting = self.level && !self.uses_messages();
        self.config.set_interrupt_status(is_waiting);
        let wants = is_waiting && self.config.command() & COMMAND_INTERRUPT_DISABLE == 0;
        if let Some(line) = self.line.filter(|_| wants != self.asserted) {
            self.asserted = wants;
            effects.set_line(line, Level::from_asserted(wants));
        }
    }
}

/// A place in the MSI-X structures.
enum Part {
    Table(u64),
    Pending(u64),
}

impl Msix {
    fn part(&self, region: Region, offset: u64) -> Option<Part> {
        if region != Region(u16::from(self.place.bar)) {
            return None;
        }
        let vectors = u64::from(self.table.len());
        let within = |start: u32, bytes: u64| offset.checked_sub(u64::from(start)).filter(|at| *at < bytes);
        let table = within(self.place.table, vectors.saturating_mul(MSIX_ENTRY_BYTES)).map(Part::Table);
        // Pending bits come in quadwords.
        let pending_bytes = vectors.div_ceil(64).saturating_mul(8);
        table.or_else(|| within(self.place.pending, pending_bytes).map(Part::Pending))
    }
}
