//! A machine whose serial line is this terminal.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::bochs::Audience;
use crate::process::{Line, Process};
use crate::{Emulator, Failure, Machine, Model};

impl Machine {
    /// Turns the machine on with its serial line on this terminal, and comes back when it is off.
    pub fn run_on_terminal(&self, folder: &Path) -> Result<(), Failure> {
        match self.emulator {
            Emulator::Qemu => self.run_qemu(folder),
            Emulator::Bochs(model) => self.run_bochs(model, folder),
        }
    }

    fn run_qemu(&self, folder: &Path) -> Result<(), Failure> {
        let status = self.qemu_command(folder)?.status();
        let status = status.map_err(|error| Failure::Host(format!("cannot start QEMU: {error}")))?;
        if status.success() { Ok(()) } else { Err(Failure::Wrong(format!("QEMU ended with {status}"))) }
    }

    fn run_bochs(&self, model: Model, folder: &Path) -> Result<(), Failure> {
        let (mut process, line) = Process::start_bochs(self, model, folder, Audience::Person)?;
        let raw = RawTerminal::new();
        connect(line);
        drop(raw);
        let status =
            process.child.wait().map_err(|error| Failure::Host(format!("Bochs is lost: {error}")))?;
        process.judge(status).map_err(|words| Failure::Wrong(format!("{words}\n{}", process.said())))
    }
}

/// Copies between the line and this program's input and output until the machine is off.
fn connect(line: Line) {
    let Line { mut input, mut output } = line;
    // Ends with the program: nobody can take a thread away from its reading.
    std::thread::spawn(move || copy(&mut std::io::stdin(), &mut input));
    copy(&mut output, &mut std::io::stdout());
}

fn copy(from: &mut impl Read, to: &mut impl Write) {
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..count]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// A terminal that hands every key over as it is; as it was before when this value goes.
struct RawTerminal {
    before: Option<String>,
}

impl RawTerminal {
    fn new() -> Self {
        let before = if std::io::stdin().is_terminal() { stty(&["-g"]) } else { None };
        if before.is_some() {
            stty(&["raw", "-echo"]);
        }
        Self { before }
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            stty(&[before.trim()]);
        }
    }
}

/// Runs stty on our input; what it prints, if it succeeds.
fn stty(arguments: &[&str]) -> Option<String> {
    let output = Command::new("stty").args(arguments).stdin(Stdio::inherit()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
