//! A machine that is on.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::process::{END_POLL, Process};
use crate::qmp::Control;
use crate::serial::{Found, Output};
use crate::{Failure, Machine};

/// Lines of output that a failure quotes.
const TAIL_LINES: usize = 25;
/// What QEMU's monitor is asked about a machine that has not done what it should. Twice the registers: a processor that
/// goes on is told from one that does not.
const MONITOR_LINES: [&str; 4] = ["info status", "info registers -a", "info chardev", "info registers -a"];
/// Lines of the answers that a failure quotes have one of these.
const MONITOR_WORDS: [&str; 4] = ["status", "CPU#", "IP=", "line"];
/// How long a machine that has printed a fatal text may go on: what follows explains it.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// A running machine. It is turned off when this value goes.
pub struct Running {
    fatal: Vec<String>,
    folder: PathBuf,
    process: Process,
    input: Box<dyn Write + Send>,
    output: Output,
    readers: Vec<JoinHandle<()>>,
    /// Output before this offset has been waited for already.
    cursor: usize,
}

impl Machine {
    /// Turns the machine on. Its output goes to `serial.log` in `folder`, the emulator's own words to files beside it.
    pub fn start(&self, folder: &Path) -> Result<Running, Failure> {
        let refused =
            |error: std::io::Error| Failure::Host(format!("cannot use {}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(refused)?;
        let serial_log = File::create(folder.join("serial.log")).map_err(refused)?;
        let (process, line) = Process::start(self, folder)?;
        let output = Output::default();
        let readers = vec![output.collect(line.output, serial_log)];
        Ok(Running {
            fatal: self.fatal.clone(),
            folder: folder.into(),
            process,
            input: line.input,
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
        self.wait_for_any(&[text], limit)
    }

    /// Waits until the machine prints one of these texts.
    pub fn wait_for_any(&mut self, texts: &[&str], limit: Duration) -> Result<String, Failure> {
        let from = self.cursor;
        let expected = || texts.join("\" or \"");
        match self.output.wait_for_any(texts, from, &self.fatal, limit) {
            Found::At(end) => {
                self.cursor = end;
                Ok(self.output.text(from, end))
            }
            Found::Fatal(at) => Err(self.fatal_at(at)),
            Found::Ended => {
                let end = self.process.end();
                Err(Failure::WentOff { expected: expected(), end, tail: self.tail_with_emulator() })
            }
            Found::TimedOut => {
                Err(Failure::TimedOut { expected: expected(), limit, tail: self.tail_with_processors() })
            }
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
            let state = self
                .process
                .child
                .try_wait()
                .map_err(|error| Failure::Host(format!("the emulator is lost: {error}")))?;
            if state.is_some() {
                self.join_readers();
            }
            if let Some(at) = self.output.find_any(&self.fatal, self.cursor) {
                return Err(self.fatal_at(at));
            }
            if let Some(status) = state {
                let ended = self.process.judge(status);
                return match ended {
                    Ok(()) => Ok(self.printed()),
                    Err(words) => Err(Failure::Wrong(format!("{words}:\n{}", self.tail_with_emulator()))),
                };
            }
            if Instant::now() >= deadline {
                return Err(Failure::StillOn { limit, tail: self.tail_with_processors() });
            }
            std::thread::sleep(END_POLL);
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
        self.control()?.screendump(&file)?;
        Ok(file)
    }

    /// Presses a key on the machine's keyboard, as QEMU's `sendkey` names it.
    pub fn press(&self, key: &str) -> Result<(), Failure> {
        self.control()?.press(key)
    }

    /// Moves the machine's mouse by so many counts.
    pub fn move_mouse(&self, right: i32, down: i32) -> Result<(), Failure> {
        self.control()?.ask(&format!("mouse_move {right} {down}")).map(drop)
    }

    fn control(&self) -> Result<Control, Failure> {
        match &self.process.control {
            Some(socket) => Control::open(socket),
            None => Err(Failure::Host("only QEMU has a control socket".into())),
        }
    }

    /// The emulator's process id, for measurements from outside.
    pub fn process_id(&self) -> u32 {
        self.process.child.id()
    }

    fn tail(&self) -> String {
        self.output.tail(TAIL_LINES)
    }

    fn tail_with_emulator(&self) -> String {
        self.tail() + &self.process.said()
    }

    /// The last lines, and of a machine in QEMU that has not done what it should, what its processors are at. All that QEMU says of
    /// them goes to `processors.txt`.
    fn tail_with_processors(&self) -> String {
        self.tail() + &self.processors().unwrap_or_else(|failure| format!("    {failure}\n"))
    }

    fn processors(&self) -> Result<String, Failure> {
        if self.process.control.is_none() {
            return Ok(String::new());
        }
        let mut control = self.control()?;
        let mut text = String::new();
        for line in MONITOR_LINES {
            text += &control.ask(line)?;
        }
        // A full disk loses the file, not the failure.
        let _ = std::fs::write(self.folder.join("processors.txt"), &text);
        let quoted = text.lines().filter(|line| MONITOR_WORDS.iter().any(|word| line.contains(word)));
        Ok(quoted.map(|line| format!("    qemu: {}\n", line.trim())).collect())
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
        // Fails if the emulator has ended already, which is just as well. With it the readers' streams end.
        let _ = self.process.child.kill();
        self.join_readers();
    }
}
