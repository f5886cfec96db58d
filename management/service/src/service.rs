//! The one loop.

use crate::{
    boot::Boot,
    devices::Devices,
    figures,
    keys::{Key, Place},
    link::Link,
    power,
    programs::ProgramRun,
    roots::Roots,
    vms::VmRun,
};
use alloc::vec::Vec;
use base_units::Nanos;
use management_config::Capability;
use management_protocol::{Notice, Question, Reply, Request};
use management_supervisor::{Effect, Event, PowerChange, ProcessEnd, ProgramIndex, Supervisor, VmIndex};
use user_rt::{Error, Packet, Port, PowerAction, Signals, Timer, now};

/// Packets taken at once.
const PACKETS: usize = 16;
/// Messages of one process in a row, so that a talkative one does not keep the others waiting.
const MESSAGES_IN_A_ROW: usize = 32;
/// How long the console may take to show the last words.
const FAREWELL_LIMIT: Nanos = Nanos::from_millis(3_000);
/// Exit code when the loop cannot even begin.
const EXIT_CODE_NO_LOOP: i64 = 3;

/// The program's state.
pub(crate) struct Service {
    pub(crate) roots: Roots,
    pub(crate) boot: Boot,
    devices: Devices,
    port: Port,
    timer: Timer,

    pub(crate) supervisor: Supervisor,
    pub(crate) programs: Vec<ProgramRun>,
    pub(crate) vms: Vec<VmRun>,
    /// What the timer is set to.
    armed: Option<Nanos>,
    /// What is done when the console has shown the last words, or at that time.
    farewell: Option<(PowerChange, Nanos)>,
}

/// Starts everything and serves for ever.
pub(crate) fn run(roots: Roots, boot: Boot) -> i64 {
    match Service::new(roots, boot) {
        Ok(mut service) => service.run(),
        Err(error) => {
            user_rt::log!("cannot start: the kernel refused a port or a timer: {error:?}");
            EXIT_CODE_NO_LOOP
        }
    }
}

impl Service {
    fn new(roots: Roots, boot: Boot) -> Result<Self, Error> {
        let port = Port::create()?;
        let timer = Timer::create()?;
        port.bind(&timer, Signals::FIRED, Key::Timer.raw())?;
        let services = boot.manifest.services().map(|program| (program.name.as_str(), program.restart));
        Ok(Self {
            devices: Devices::take(&roots),
            supervisor: Supervisor::new(services, &boot.vms),
            programs: ProgramRun::all(&boot),
            vms: boot.vms.vms.iter().map(|_| VmRun::default()).collect(),
            armed: None,
            farewell: None,
            roots,
            boot,
            port,
            timer,
        })
    }

    fn run(&mut self) -> ! {
        user_rt::log!("corten: up, {} vms defined", self.vms.len());
        self.supervisor.handle(now(), &Event::Boot);
        let mut packets = [Packet::default(); PACKETS];
        loop {
            self.settle();
            let woken = self.port.wait(&mut packets, Nanos::MAX).unwrap_or(&[]);
            for packet in woken {
                if let Some(key) = Key::from_raw(packet.key) {
                    self.wake(key);
                }
            }
        }
    }

    fn wake(&mut self, key: Key) {
        match key {
            Key::Timer => self.timer_fired(),
            Key::ProgramChannel(place) => self.hear_program(place),
            Key::ProgramProcess(place) => self.program_ended(place),
            Key::VmChannel(place) => self.hear_vm(place),
            Key::VmProcess(place) => self.vm_ended(place),
        }
    }

    /// Carries out what the supervisor decided, until it wants nothing more; then sets the timer.
    fn settle(&mut self) {
        loop {
            let effects = self.supervisor.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                self.carry_out(effect);
            }
        }
        self.arm();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Log(line) => user_rt::log!("{line}"),
            Effect::StartProgram(ProgramIndex(index)) => self.start_program(index),
            Effect::StartVm(VmIndex(index)) => self.start_vm(index),
            Effect::AskVm(VmIndex(index), request) => {
                if let Some(link) = self.vms.get_mut(index).and_then(|run| run.link.as_mut()) {
                    link.send(&request, Vec::new());
                }
            }
            Effect::KillVm(VmIndex(index)) => {
                if let Some(link) = self.vms.get(index).and_then(|run| run.link.as_ref()) {
                    link.kill();
                }
            }
            Effect::Power(change) => self.say_farewell(change),
        }
    }

    fn start_program(&mut self, index: usize) {
        let parts = (&self.roots, &self.boot, &self.devices);
        let Some(run) = self.programs.get_mut(index) else { return };
        if let Err(reason) = run.start(index, parts, &self.port) {
            let event = Event::ProgramEnded(ProgramIndex(index), ProcessEnd::NotStarted(reason));
            self.supervisor.handle(now(), &event);
            return;
        }
        let lines = (0..self.vms.len()).filter(|vm| self.vms.get(*vm).is_some_and(|run| run.link.is_some()));
        for vm in lines.collect::<Vec<_>>() {
            self.tell_line(vm);
        }
    }

    fn start_vm(&mut self, index: usize) {
        let Some(run) = self.vms.get_mut(index) else { return };
        match run.start(index, (&self.roots, &self.boot), &self.port) {
            Ok(()) => self.tell_line(index),
            Err(reason) => {
                let event = Event::VmEnded(VmIndex(index), ProcessEnd::NotStarted(reason));
                self.supervisor.handle(now(), &event);
            }
        }
    }

    /// Gives the programs that show VMs the other ends of a VM's serial line and display.
    fn tell_line(&mut self, vm: usize) {
        let Some(definition) = self.boot.vms.vms.get(vm) else { return };
        let shows_vms = |run: &&mut ProgramRun| run.program.has(Capability::VmConsoles);
        for link in self.programs.iter_mut().filter(shows_vms).filter_map(|run| run.link.as_mut()) {
            let Some(line) = self.vms.get(vm).and_then(VmRun::line) else { return };
            link.send(&Notice::Line { vm: definition.name.clone() }, [line].into());
            if let Some(screen) = self.vms.get(vm).and_then(VmRun::screen) {
                link.send(&Notice::Screen { vm: definition.name.clone() }, [screen].into());
            }
        }
    }

    fn program(&mut self, place: Place) -> Option<&mut Link> {
        let run = self.programs.get_mut(place.index)?;
        run.link.as_mut().filter(|link| link.is(place))
    }

    fn hear_program(&mut self, place: Place) {
        for _ in 0..MESSAGES_IN_A_ROW {
            let Some(link) = self.program(place) else { return };
            link.send_rest();
            let Some(bytes) = link.receive() else { return };
            // What does not decode gets no answer.
            if let Ok(question) = user_ipc::decode::<Question>(&bytes) {
                self.answer(place, question);
            }
        }
        let Some(run) = self.programs.get(place.index) else { return };
        if let Some(link) = &run.link {
            link.look_again(&self.port, Key::ProgramChannel(place).raw());
        }
    }

    fn answer(&mut self, place: Place, question: Question) {
        let reply = match &question.request {
            Request::Vms { from } => figures::vms(self, *from),
            Request::Statistics => figures::statistics(self),
            Request::Cpus => figures::cpus(self),
            Request::Memory => figures::memory(self),
            Request::Flushed => return self.farewell_said(),
            request => match self.supervisor.request(now(), request) {
                Ok(()) => Reply::Accepted,
                Err(refusal) => Reply::Refused(refusal),
            },
        };
        if let Some(link) = self.program(place) {
            link.send(&Notice::Answer { id: question.id, reply }, Vec::new());
        }
    }

    fn program_ended(&mut self, place: Place) {
        let Some(end) = self.program(place).and_then(|link| link.end()) else { return };
        if let Some(run) = self.programs.get_mut(place.index) {
            run.link = None;
            if run.program.has(Capability::Log) {
                // Nobody shows the log until it is there again.
                let _ = self.roots.log.start_echo();
            }
        }
        self.supervisor.handle(now(), &Event::ProgramEnded(ProgramIndex(place.index), end));
        self.farewell_said();
    }

    fn vm(&mut self, place: Place) -> Option<&mut Link> {
        let run = self.vms.get_mut(place.index)?;
        run.link.as_mut().filter(|link| link.is(place))
    }

    fn hear_vm(&mut self, place: Place) {
        for _ in 0..MESSAGES_IN_A_ROW {
            let Some(link) = self.vm(place) else { return };
            link.send_rest();
            let Some(bytes) = link.receive() else { return };
            if let Ok(report) = user_ipc::decode(&bytes) {
                self.supervisor.handle(now(), &Event::VmReported(VmIndex(place.index), report));
            }
        }
        let Some(run) = self.vms.get(place.index) else { return };
        if let Some(link) = &run.link {
            link.look_again(&self.port, Key::VmChannel(place).raw());
        }
    }

    fn vm_ended(&mut self, place: Place) {
        // What it said before its end counts first.
        self.hear_vm(place);
        let Some(end) = self.vm(place).and_then(|link| link.end()) else { return };
        if let Some(run) = self.vms.get_mut(place.index) {
            run.forget();
        }
        self.supervisor.handle(now(), &Event::VmEnded(VmIndex(place.index), end));
    }

    fn timer_fired(&mut self) {
        self.armed = None;
        let now = now();
        if self.farewell.is_some_and(|(_, deadline)| deadline <= now) {
            self.farewell_said();
        }
        if self.supervisor.deadline().is_some_and(|deadline| deadline <= now) {
            self.supervisor.handle(now, &Event::Tick);
        }
    }

    /// Sets the timer to the next deadline, if it is not set to it.
    fn arm(&mut self) {
        let farewell = self.farewell.map(|(_, deadline)| deadline);
        let deadline = self.supervisor.deadline().into_iter().chain(farewell).min();
        if deadline == self.armed {
            return;
        }
        self.armed = deadline;
        if let Err(error) = self.timer.set(deadline.unwrap_or(Nanos::MAX)) {
            user_rt::log!("the timer refused: {error:?}");
        }
    }

    /// Lets the console show the last words before the machine goes down.
    fn say_farewell(&mut self, change: PowerChange) {
        self.farewell = Some((change, now().saturating_add(FAREWELL_LIMIT)));
        let shows_log = |run: &&mut ProgramRun| run.program.has(Capability::Log);
        let console = self.programs.iter_mut().filter(shows_log).find_map(|run| run.link.as_mut());
        match console {
            Some(link) => link.send(&Notice::Farewell, Vec::new()),
            None => self.farewell_said(),
        }
    }

    /// The last words are out, or nobody is left to say them.
    fn farewell_said(&mut self) {
        let Some((change, _)) = self.farewell.take() else { return };
        let action = match change {
            PowerChange::Off => PowerAction::Off,
            PowerChange::Reset => PowerAction::Reset,
        };
        power::change(&self.roots, action);
    }
}
