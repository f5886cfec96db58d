//! The process of an emulator, with the machine's serial line.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::bochs::{self, Audience};
use crate::{Emulator, Failure, Machine, Model};

/// How often a process is asked whether it has ended: that is not an event we can wait for with a limit.
pub(crate) const END_POLL: Duration = Duration::from_millis(20);
/// A net for an emulator that neither connects the serial line nor ends.
const CONNECT_LIMIT: Duration = Duration::from_secs(60);
/// A net for an emulator that closes the serial line and does not end.
const END_LIMIT: Duration = Duration::from_secs(60);

/// A command that the system ends when the thread is gone that started it, and if a limit is given, after so many seconds of
/// processor time: whoever kills a test's run or presses Ctrl-C must not be left with an emulator that nobody watches.
pub(crate) fn guarded(program: &str, processor_seconds: Option<u32>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(seconds) = processor_seconds {
        command.args(["prlimit".into(), format!("--cpu={seconds}")]);
    }
    command.arg(program);
    command
}

/// An emulator at work.
pub(crate) struct Process {
    pub(crate) child: Child,
    emulator: Emulator,
    /// What the emulator itself says.
    words: PathBuf,
    /// QEMU's control socket.
    pub(crate) control: Option<PathBuf>,
}

/// The two directions of a machine's serial line.
pub(crate) struct Line {
    /// To the machine.
    pub(crate) input: Box<dyn Write + Send>,
    /// From the machine.
    pub(crate) output: Box<dyn Read + Send>,
}

impl Process {
    /// Turns the machine on.
    pub(crate) fn start(machine: &Machine, folder: &Path) -> Result<(Self, Line), Failure> {
        match machine.emulator {
            Emulator::Qemu => Self::start_qemu(machine, folder),
            Emulator::Bochs(model) => Self::start_bochs(machine, model, folder, Audience::Test),
        }
    }

    fn start_qemu(machine: &Machine, folder: &Path) -> Result<(Self, Line), Failure> {
        let control = socket_path();
        let mut command = machine.qemu_command(folder)?;
        machine.add_control(&mut command, &control);
        command.args(["-d", "cpu_reset", "-D"]).arg(folder.join(RESETS));
        let words = folder.join("qemu.log");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(create(&words)?);
        let mut process = Self::spawn(command, Emulator::Qemu, words)?;
        process.control = Some(control);
        let (Some(input), Some(output)) = (process.child.stdin.take(), process.child.stdout.take()) else {
            return Err(Failure::Host("QEMU has no serial line".into()));
        };
        Ok((process, Line { input: Box::new(input), output: Box::new(output) }))
    }

    /// Turns a machine in Bochs on and waits until its serial line is connected.
    pub(crate) fn start_bochs(
        machine: &Machine,
        model: Model,
        folder: &Path,
        audience: Audience,
    ) -> Result<(Self, Line), Failure> {
        let no_line = |error: std::io::Error| Failure::Host(format!("no serial line for Bochs: {error}"));
        // Bochs connects to us, not we to it: so the port is free and there is no time at which to try.
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(no_line)?;
        let port = listener.local_addr().map_err(no_line)?.port();
        let mut command = bochs::command(machine, model, folder, (port, audience))?;
        let words = folder.join("bochs.txt");
        let out = create(&words)?;
        let err = out.try_clone().map_err(no_line)?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let mut process = Self::spawn(command, machine.emulator, words)?;
        let stream = process.accept(&listener)?;
        let input = Box::new(stream.try_clone().map_err(no_line)?);
        Ok((process, Line { input, output: Box::new(stream) }))
    }

    fn spawn(mut command: Command, emulator: Emulator, words: PathBuf) -> Result<Self, Failure> {
        let note = words.with_file_name("command.txt");
        std::fs::write(&note, format!("{command:?}\n"))
            .map_err(|error| Failure::Host(format!("cannot write {}: {error}", note.display())))?;
        let spawned = command.spawn();
        let child = spawned.map_err(|error| Failure::Host(format!("cannot start the emulator: {error}")))?;
        Ok(Self { child, emulator, words, control: None })
    }

    fn accept(&mut self, listener: &TcpListener) -> Result<TcpStream, Failure> {
        let no_line = |error: std::io::Error| Failure::Host(format!("no serial line for Bochs: {error}"));
        listener.set_nonblocking(true).map_err(no_line)?;
        let deadline = Instant::now() + CONNECT_LIMIT;
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).map_err(no_line)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(no_line(error)),
                Err(_) => {}
            }
            if self.child.try_wait().map_err(no_line)?.is_some() || Instant::now() >= deadline {
                return Err(Failure::Host(format!("Bochs did not start:\n{}", self.said())));
            }
            std::thread::sleep(END_POLL);
        }
    }

    /// Fails unless an emulator that has ended did so because the machine turned itself off.
    pub(crate) fn judge(&self, status: ExitStatus) -> Result<(), String> {
        match self.emulator {
            Emulator::Qemu if status.success() => Ok(()),
            Emulator::Qemu => Err(format!("QEMU ended with {status}")),
            Emulator::Bochs(_) => bochs::judge_end(&self.read_words()),
        }
    }

    /// How the emulator ended, whose serial line has: a signal means that the emulator failed, not the machine in it.
    pub(crate) fn end(&mut self) -> String {
        let deadline = Instant::now() + END_LIMIT;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!("the emulator ended with {status}"),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(END_POLL),
                Ok(None) => return "the emulator has closed the serial line and goes on".into(),
                Err(error) => return format!("the emulator is lost: {error}"),
            }
        }
    }

    /// What the emulator itself had to say, a line each.
    pub(crate) fn said(&self) -> String {
        let name = match self.emulator {
            Emulator::Qemu => "qemu",
            Emulator::Bochs(_) => "bochs",
        };
        let mut words = self.read_words();
        let log = |name| std::fs::read(self.words.with_file_name(name)).unwrap_or_default();
        match self.emulator {
            Emulator::Qemu => {
                let resets = log(RESETS);
                let resets = String::from_utf8_lossy(&resets);
                words.extend(
                    resets.lines().filter(|line| line.contains(TRIPLE_FAULT)).map(|line| format!("{line}\n")),
                );
            }
            Emulator::Bochs(_) => words.push_str(&String::from_utf8_lossy(&log("bochs.log"))),
        }
        let lines: Vec<&str> = words.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LINES_QUOTED)..).unwrap_or(&[]);
        last.iter().map(|line| format!("    {name}: {line}\n")).collect()
    }

    fn read_words(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.words).unwrap_or_default()).into_owned()
    }
}

/// Where QEMU logs the resets of processors.
const RESETS: &str = "resets.log";
/// What QEMU writes there when a processor gives up and takes the machine with it.
const TRIPLE_FAULT: &str = "Triple fault";
/// Lines of the emulator's words that a failure quotes.
const LINES_QUOTED: usize = 25;

impl Drop for Process {
    fn drop(&mut self) {
        // All fail if the emulator has ended already, which is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(control) = &self.control {
            let _ = std::fs::remove_file(control);
        }
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure::Host(format!("cannot write {}: {error}", path.display())))
}

/// A path for a control socket: short, since the system limits it to 108 bytes, and unique.
fn socket_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("corten-{}-{number}.qmp", std::process::id()))
}
