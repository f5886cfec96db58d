//! The monitor's commands as data: one line each.

/// What stands after a command's word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Argument {
    /// Nothing.
    None,
    /// A VM's name.
    Vm,
    /// A VM's name and a number of MiB.
    VmAndMib,
    /// A number, which may be left out.
    Count,
}

/// A command's word, what follows it, and what it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommandWord {
    pub(crate) word: &'static str,
    pub(crate) argument: Argument,
    pub(crate) help: &'static str,
}

const fn command(word: &'static str, argument: Argument, help: &'static str) -> CommandWord {
    CommandWord { word, argument, help }
}

/// The commands that `help` shows.
pub(crate) const COMMANDS: [CommandWord; 16] = [
    command("help", Argument::None, "shows this"),
    command("vms", Argument::None, "lists the VMs, their state and what they use"),
    command("start", Argument::Vm, "starts a VM"),
    command("stop", Argument::Vm, "presses its power button; kills it if it does not obey"),
    command("reset", Argument::Vm, "presses its reset button"),
    command("kill", Argument::Vm, "ends it at once"),
    command("console", Argument::Vm, "shows its serial line; Ctrl-] comes back"),
    command("screen", Argument::Vm, "shows its display; Ctrl-] comes back"),
    command("look", Argument::Vm, "prints the text that its display shows"),
    command("balloon", Argument::VmAndMib, "takes so much of its memory back; 0 returns it"),
    command("stats", Argument::None, "counts exits, interrupts and wake-ups"),
    command("log", Argument::Count, "shows the last lines of the log (100)"),
    command("cpus", Argument::None, "shows the processors"),
    command("memory", Argument::None, "shows who uses how much memory"),
    command("shutdown", Argument::None, "stops all VMs and turns the machine off"),
    command("reboot", Argument::None, "stops all VMs and starts the machine again"),
];

/// A test's command, which `help` does not show: lets the VM's process panic, or this console without a name.
pub(crate) const PANIC: CommandWord = command("panic", Argument::Vm, "lets the VM's process panic");
/// Another one.
pub(crate) const RENEW: CommandWord = command("renew", Argument::Vm, "lets it go on from its saved state");
