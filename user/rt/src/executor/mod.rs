//! A small executor: many futures on one thread, one port underneath.
//!
//! For loops that wait for several channels, events and deadlines and read better as `async` code than as
//! a table of keys. Programs that do not want it wait on a [`Port`] themselves.
//!
//! The thread that made the executor runs it. Everything here stays with that thread but the
//! wakers, which any thread may use: they ring an event that is bound to the port.

mod bindings;
mod deadlines;
mod tasks;

use crate::clock;
use crate::object::{Channel, Event, Object, Port, Received};
use abi::{Error, Packet, Signals};
use alloc::boxed::Box;
use alloc::rc::Rc;
use base_units::Nanos;
use bindings::Bindings;
use core::cell::RefCell;
use core::pin::Pin;
use core::task::{Context, Poll};
use deadlines::{DeadlineKey, Deadlines};
use tasks::Tasks;

/// Packets taken from the port at a time.
const PACKETS_MAX: usize = 16;
/// The port key of the event that wakers of other threads ring; bindings never have it.
const BELL_KEY: u64 = u64::MAX;

/// Runs futures on the calling thread. Clones are the same executor.
#[derive(Clone)]
pub struct Executor(Rc<Inner>);

struct Inner {
    port: Port,
    tasks: Tasks,
    bindings: RefCell<Bindings>,
    deadlines: RefCell<Deadlines>,
}

impl Executor {
    /// Makes an executor without tasks.
    pub fn new() -> Result<Self, Error> {
        let port = Port::create()?;
        let bell = Event::create()?;
        port.bind(&bell, Signals::SIGNALLED, BELL_KEY)?;
        Ok(Self(Rc::new(Inner {
            port,
            tasks: Tasks::new(Some(bell)),
            bindings: RefCell::new(Bindings::default()),
            deadlines: RefCell::new(Deadlines::default()),
        })))
    }

    /// Adds a task. It runs first when [`Executor::run`] gets to it.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.tasks.spawn(Box::pin(task));
    }

    /// Runs until all tasks have ended, or the kernel refuses to let the thread wait.
    pub fn run(&self) -> Result<(), Error> {
        loop {
            self.0.tasks.run_ready();
            if self.0.tasks.is_empty() {
                return Ok(());
            }
            self.wait()?;
        }
    }

    /// Binds an object to the executor's port, so that tasks can wait for its signals.
    pub fn watch<O: Object>(&self, object: O, signals: Signals) -> Result<Watched<O>, Error> {
        let key = self.0.bindings.borrow_mut().add();
        let watched = Watched { object, key, executor: self.clone() };
        self.0.port.bind(&watched.object, signals, key)?;
        Ok(watched)
    }

    /// Ends at `deadline` on the monotonic clock.
    pub fn sleep_until(&self, deadline: Nanos) -> Sleep {
        Sleep { executor: self.clone(), deadline, key: None }
    }

    /// Waits for packets, or the next deadline, and wakes the tasks that they are for.
    fn wait(&self) -> Result<(), Error> {
        let mut packets = [Packet::default(); PACKETS_MAX];
        let next = self.0.deadlines.borrow().next().unwrap_or(Nanos::MAX);
        // A task that another thread woke just now must not be slept over.
        let deadline = if self.0.tasks.fall_asleep() { next } else { Nanos::ZERO };
        let outcome = self.0.port.wait(&mut packets, deadline);
        self.0.tasks.wake_up();
        match outcome {
            Ok(packets) => self.deliver(packets),
            Err(Error::TimedOut | Error::WouldBlock) => {}
            Err(error) => return Err(error),
        }
        if next != Nanos::MAX {
            self.0.deadlines.borrow_mut().fire(clock::now());
        }
        Ok(())
    }

    fn deliver(&self, packets: &[Packet]) {
        let mut bindings = self.0.bindings.borrow_mut();
        for packet in packets {
            bindings.deliver(packet.key, Signals::from_bits_truncate(packet.signals));
        }
    }
}

impl core::fmt::Debug for Executor {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_struct("Executor").finish_non_exhaustive()
    }
}

/// An object that is bound to an executor's port. Dropping it removes the binding.
#[derive(Debug)]
pub struct Watched<O: Object> {
    object: O,
    key: u64,
    executor: Executor,
}

impl<O: Object> Watched<O> {
    /// The object.
    pub fn object(&self) -> &O {
        &self.object
    }

    /// Waits for signals and returns all that came since the last time. Afterwards use the object until
    /// it says `WouldBlock`. One task at a time may wait.
    pub async fn signals(&self) -> Signals {
        core::future::poll_fn(|context| {
            let signals = self.executor.0.bindings.borrow_mut().take(self.key, context.waker());
            if signals.is_empty() { Poll::Pending } else { Poll::Ready(signals) }
        })
        .await
    }
}

impl Watched<Channel> {
    /// Receives one message; waits until there is one. Watch the channel for `READABLE | PEER_CLOSED`.
    pub async fn receive(&self) -> Result<Received, Error> {
        loop {
            match self.object.receive() {
                Err(Error::WouldBlock) => self.signals().await,
                other => return other,
            };
        }
    }
}

impl<O: Object> Drop for Watched<O> {
    fn drop(&mut self) {
        self.executor.0.bindings.borrow_mut().remove(self.key);
        // A refusal means that there is no binding, which is what we want.
        let _ = self.executor.0.port.unbind(&self.object);
    }
}

/// Ends at a point in time.
#[derive(Debug)]
pub struct Sleep {
    executor: Executor,
    deadline: Nanos,
    /// The entry in the executor's list, once the future was polled.
    key: Option<DeadlineKey>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.forget();
        if clock::now() >= self.deadline {
            return Poll::Ready(());
        }
        let key = self.executor.0.deadlines.borrow_mut().add(self.deadline, context.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Sleep {
    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            self.executor.0.deadlines.borrow_mut().remove(key);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}
