//! A machine that is on.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::qmp::Control;
use crate::serial::{Found, Output};
use crate::{Failure, Machine};

/// Lines of output that a failure quotes.
const TAIL_LINES: usize = 25;
/// How often a machine is asked whether it is off. QEMU's end is not an event we can wait for with a limit.
const OFF_POLL: Duration = Duration::from_millis(20);

/// How long a machine that has printed a fatal text may go on: what follows explains it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running machine. It is turned off when this value goes.
pub struct Running {
    fatal: Vec<String>,
    folder: PathBuf,
    socket: PathBuf,
    child: Child,
    input: ChildStdin,
    output: Output,
    readers: Vec<JoinHandle<()>>,
    /// Output before this offset has been waited for already.
    cursor: usize,
}

impl Machine {
    /// Turns the machine on. Its output goes to `serial.log` in `folder`, QEMU's own words to `qemu.log`.
    pub fn start(&self, folder: &Path) -> Result<Running, Failure> {
        let refused =
            |error: std::io::Error| Failure::Host(format!("cannot use {}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(refused)?;
        let serial_log = File::create(folder.join("serial.log")).map_err(refused)?;
        let qemu_log = File::create(folder.join("qemu.log")).map_err(refused)?;
        let socket = socket_path();
        let mut command = self.command(folder)?;
        self.add_control(&mut command, &socket);
        std::fs::write(folder.join("command.txt"), format!("{command:?}\n")).map_err(refused)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(qemu_log);
        let mut child = command
            .spawn()
            .map_err(|error| Failure::Host(format!("cannot start qemu-system-x86_64: {error}")))?;
        let (Some(input), Some(stream)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::Host("QEMU has no serial line".into()));
        };
        let output = Output::default();
        let readers = vec![output.collect(stream, serial_log)];
        Ok(Running {
            fatal: self.fatal.clone(),
            folder: folder.into(),
            socket,
            child,
            input,
            output,
            readers,
            cursor: 0,
        })
    }
}

impl Running {
    /// Waits until the machine prints `text` after what was waited for before; gives what it
    /// printed up to there.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<String, Failure> {
        let from = self.cursor;
        match self.output.wait_for(text, from, &self.fatal, limit) {
            Found::At(end) => {
                self.cursor = end;
                Ok(self.output.text(from, end))
            }
            Found::Fatal(at) => Err(self.fatal_at(at)),
            Found::Ended => Err(Failure::WentOff { expected: text.into(), tail: self.tail_with_qemu() }),
            Found::TimedOut => Err(Failure::TimedOut { expected: text.into(), limit, tail: self.tail() }),
        }
    }

    /// Waits for `text` and gives the rest of the line that follows it.
    pub fn wait_for_value(&mut self, text: &str, limit: Duration) -> Result<String, Failure> {
        self.wait_for(text, limit)?;
        let line = self.wait_for("\n", limit)?;
        Ok(line.trim().into())
    }

    /// Types on the serial line.
    pub fn send(&mut self, text: &str) -> Result<(), Failure> {
        let sent = self.input.write_all(text.as_bytes()).and_then(|()| self.input.flush());
        sent.map_err(|error| Failure::Host(format!("cannot type \"{}\": {error}", text.escape_debug())))
    }

    /// Waits until the machine turns itself off without having printed a fatal text; gives all that it printed.
    pub fn wait_until_off(&mut self, limit: Duration) -> Result<String, Failure> {
        let deadline = Instant::now() + limit;
        loop {
            let state =
                self.child.try_wait().map_err(|error| Failure::Host(format!("QEMU is lost: {error}")))?;
            if state.is_some() {
                self.join_readers();
            }
            if let Some(at) = self.output.find_any(&self.fatal, self.cursor) {
                return Err(self.fatal_at(at));
            }
            if let Some(status) = state {
                if !status.success() {
                    return Err(Failure::Wrong(format!(
                        "QEMU ended with {status}:\n{}",
                        self.tail_with_qemu()
                    )));
                }
                return Ok(self.printed());
            }
            if Instant::now() >= deadline {
                return Err(Failure::StillOn { limit, tail: self.tail() });
            }
            std::thread::sleep(OFF_POLL);
        }
    }

    /// The failure that a fatal text means, with what follows it.
    fn fatal_at(&self, at: usize) -> Failure {
        std::thread::sleep(LAST_WORDS);
        Failure::Fatal { line: self.output.line_at(at), tail: self.tail() }
    }

    /// Everything printed so far.
    pub fn printed(&self) -> String {
        self.output.text(0, usize::MAX)
    }

    /// Writes a picture of the screen to `screen.ppm` in the machine's folder; gives its path.
    pub fn screenshot(&self) -> Result<PathBuf, Failure> {
        let file = self.folder.join("screen.ppm");
        Control::open(&self.socket)?.screendump(&file)?;
        Ok(file)
    }

    /// Presses a key on the machine's keyboard, as QEMU's `sendkey` names it.
    pub fn press(&self, key: &str) -> Result<(), Failure> {
        Control::open(&self.socket)?.press(key)
    }

    /// QEMU's process id, for measurements from outside.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    fn tail(&self) -> String {
        self.output.tail(TAIL_LINES)
    }

    fn tail_with_qemu(&self) -> String {
        let words = std::fs::read_to_string(self.folder.join("qemu.log")).unwrap_or_default();
        let words: String = words.lines().map(|line| format!("    qemu: {line}\n")).collect();
        self.tail() + &words
    }

    fn join_readers(&mut self) {
        for reader in self.readers.drain(..) {
            // A reader does not panic; if it did, what it read so far still counts.
            let _ = reader.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if QEMU has ended already, which is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_readers();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// A path for a control socket: short, since the system limits it to 108 bytes, and unique.
fn socket_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("corten-{}-{number}.qmp", std::process::id()))
}
