//! Corten's monitor on the serial line, as a user types at it.

use std::time::{Duration, Instant};

use test_emulator::{Failure, Running};

use crate::reading::{Font, Picture};

/// Ctrl-]: from a VM's console to the monitor and back.
const ESCAPE: &str = "\x1d";
/// What the monitor shows when it waits for a line.
const PROMPT: &str = "corten> ";
/// Pause between two questions for the same thing.
const ASK_AGAIN: Duration = Duration::from_millis(300);
/// Pause between two looks at a display: a page of text on a serial line takes time that the guest needs.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A serial line that shows the monitor.
pub struct Monitor<'r> {
    running: &'r mut Running,
    limit: Duration,
}

impl<'r> Monitor<'r> {
    /// Goes from the console of a VM to the monitor.
    pub fn open(running: &'r mut Running, limit: Duration) -> Result<Self, Failure> {
        running.send(ESCAPE)?;
        Self::wait(running, limit)
    }

    /// Waits for the monitor of a machine whose serial line belongs to no VM.
    pub fn wait(running: &'r mut Running, limit: Duration) -> Result<Self, Failure> {
        running.wait_for(PROMPT, limit)?;
        Ok(Self { running, limit })
    }

    /// Types a line.
    pub fn command(&mut self, line: &str) -> Result<(), Failure> {
        self.running.send(&format!("{line}\r"))
    }

    /// Types a line and gives the answer from the text `first` on, up to the next prompt.
    pub fn ask(&mut self, line: &str, first: &str) -> Result<String, Failure> {
        self.command(line)?;
        self.running.wait_for(first, self.limit)?;
        self.running.wait_for(PROMPT, self.limit)
    }

    /// Asks for the table of VMs until this one is in that state.
    pub fn wait_for_state(&mut self, name: &str, state: &str) -> Result<(), Failure> {
        self.wait_for_row(name, state, |row| row.split_whitespace().nth(1) == Some(state))
    }

    /// Asks for the table of VMs until the memory in use by this one, in MiB, is as wanted.
    pub fn wait_for_memory(&mut self, name: &str, is_wanted: impl Fn(f64) -> bool) -> Result<(), Failure> {
        self.wait_for_row(name, "of the wanted size", |row| {
            let used = row.split_whitespace().nth(4).and_then(|cell| cell.strip_suffix('M'));
            used.and_then(|mib| mib.parse().ok()).is_some_and(&is_wanted)
        })
    }

    /// Asks for the table of VMs until this one has used so many seconds of CPU time.
    pub fn wait_for_cpu_time(&mut self, name: &str, seconds: f64) -> Result<(), Failure> {
        self.wait_for_row(name, "old enough", |row| cpu_seconds(row).is_some_and(|used| used >= seconds))
    }

    /// CPU time that this VM has used.
    pub fn cpu_seconds(&mut self, name: &str) -> Result<f64, Failure> {
        let mut seconds = None;
        self.wait_for_row(name, "readable", |row| {
            seconds = cpu_seconds(row);
            seconds.is_some()
        })?;
        seconds.ok_or_else(|| Failure::Wrong(format!("no CPU time of {name}")))
    }

    /// Asks for the table of VMs until the row of this one is as wanted.
    fn wait_for_row(
        &mut self,
        name: &str,
        wanted: &str,
        mut is_wanted: impl FnMut(&str) -> bool,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + self.limit;
        loop {
            let table = self.ask("vms", "LAST END")?;
            let row =
                table.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap_or_default();
            if is_wanted(row) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Failure::Wrong(format!("{name} does not become {wanted}; its row: {row}")));
            }
            std::thread::sleep(ASK_AGAIN);
        }
    }

    /// Waits until the console of a VM shows this text, then comes back. What it shows meanwhile after the text is gone.
    pub fn wait_for_console(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        self.wait_for_all_on_console(name, &[text])
    }

    /// Waits until the console of a VM has shown these texts, one after the other, then comes back.
    pub fn wait_for_all_on_console(&mut self, name: &str, texts: &[impl AsRef<str>]) -> Result<(), Failure> {
        self.command(&format!("console {name}"))?;
        for text in texts {
            self.running.wait_for(text.as_ref(), self.limit)?;
        }
        self.running.send(ESCAPE)?;
        self.running.wait_for(PROMPT, self.limit)?;
        Ok(())
    }

    /// Looks at the display of a VM until it shows this text.
    pub fn wait_for_display(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        let deadline = Instant::now() + self.limit;
        loop {
            let line = format!("look {name}");
            let display = self.ask(&line, &line)?;
            if display.contains(text) {
                return Ok(());
            }
            pause_until(deadline, || format!("{name} does not show \"{text}\" but: {display}"))?;
        }
    }

    /// Has the machine's screen show the display of a VM and reads it there until it shows this text.
    pub fn wait_for_screen(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        let font = Font::of_video_bios()?;
        let deadline = Instant::now() + self.limit;
        let line = format!("screen {name}");
        while !self.ask(&line, &line)?.contains(&format!("the screen shows {name}")) {
            pause_until(deadline, || format!("the display of {name} cannot be shown"))?;
        }
        loop {
            let shown = font.read(&Picture::read(&self.running.screenshot()?)?);
            if shown.contains(text) {
                return Ok(());
            }
            pause_until(deadline, || format!("{name} does not show \"{text}\" but: {shown}"))?;
        }
    }

    /// Presses a key on the machine's keyboard.
    pub fn press(&self, key: &str) -> Result<(), Failure> {
        self.running.press(key)
    }

    /// Moves the machine's mouse by so many counts.
    pub fn move_mouse(&self, right: i32, down: i32) -> Result<(), Failure> {
        self.running.move_mouse(right, down)
    }

    /// Goes back to the console of the VM that was seen last.
    pub fn leave(self) -> Result<(), Failure> {
        self.running.send(ESCAPE)
    }
}

/// Waits before the next look at a display, unless time is up.
fn pause_until(deadline: Instant, problem: impl FnOnce() -> String) -> Result<(), Failure> {
    if Instant::now() >= deadline {
        return Err(Failure::Wrong(problem()));
    }
    std::thread::sleep(LOOK_AGAIN);
    Ok(())
}

/// The CPU time in a row of the table of VMs, which stands behind name, state, CPUs, memory, memory in use and ring 0's.
fn cpu_seconds(row: &str) -> Option<f64> {
    let mut cells = row.split_whitespace().skip(6);
    let number: f64 = cells.next()?.parse().ok()?;
    match cells.next()? {
        "s" => Some(number),
        "ms" => Some(number / 1000.0),
        _ => None,
    }
}
