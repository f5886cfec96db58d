//! Tasks and the queue of those that have something to do.

use crate::mutex::Mutex;
use crate::object::Event;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

/// What a task does.
type Body = Pin<Box<dyn Future<Output = ()>>>;

/// The tasks of one executor.
pub(super) struct Tasks {
    slots: RefCell<Slots>,
    ready: Arc<Ready>,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    /// Indices of slots without a task.
    free: Vec<usize>,
}

struct Slot {
    /// `None` while the task is polled, and when there is none.
    body: Option<Body>,
    waker: Arc<TaskWaker>,
}

impl Tasks {
    /// Makes an empty set. `bell` is rung when another thread wakes a task while the executor sleeps.
    pub(super) fn new(bell: Option<Event>) -> Self {
        let ready = Ready { queue: Mutex::new(VecDeque::new()), is_asleep: AtomicBool::new(false), bell };
        Self { slots: RefCell::default(), ready: Arc::new(ready) }
    }

    /// Whether no task is left.
    pub(super) fn is_empty(&self) -> bool {
        let slots = self.slots.borrow();
        slots.free.len() == slots.all.len()
    }

    /// Adds a task, ready to run.
    pub(super) fn spawn(&self, body: Body) {
        let mut slots = self.slots.borrow_mut();
        let index = slots.free.pop().unwrap_or(slots.all.len());
        let waker = TaskWaker { index, is_queued: AtomicBool::new(false), ready: self.ready.clone() };
        let slot = Slot { body: Some(body), waker: Arc::new(waker) };
        slot.waker.wake_by_ref();
        match slots.all.get_mut(index) {
            Some(place) => *place = slot,
            None => slots.all.push(slot),
        }
    }

    /// Polls the tasks that are ready now. Those that become ready meanwhile are polled the next time
    /// round, so a task that wakes itself cannot keep the executor from its port.
    pub(super) fn run_ready(&self) {
        let count = self.ready.queue.lock().len();
        for _ in 0..count {
            let Some(index) = self.ready.queue.lock().pop_front() else { return };
            self.poll(index);
        }
    }

    fn poll(&self, index: usize) {
        // The task is out of its slot while it runs: it may add tasks itself.
        let taken =
            self.slots.borrow_mut().all.get_mut(index).map(|slot| (slot.body.take(), slot.waker.clone()));
        let Some((Some(mut body), waker)) = taken else { return };
        waker.is_queued.store(false, Ordering::Release);
        let waker = Waker::from(waker);
        let outcome = body.as_mut().poll(&mut Context::from_waker(&waker));
        let mut slots = self.slots.borrow_mut();
        match outcome {
            Poll::Pending => {
                if let Some(slot) = slots.all.get_mut(index) {
                    slot.body = Some(body);
                }
            }
            Poll::Ready(()) => {
                slots.free.push(index);
                drop(slots);
                // Dropped last: what it owns may use the executor.
                drop(body);
            }
        }
    }

    /// Notes that the executor is about to wait. `false` if a task is ready: do not.
    pub(super) fn fall_asleep(&self) -> bool {
        self.ready.is_asleep.store(true, Ordering::SeqCst);
        self.ready.queue.lock().is_empty()
    }

    /// Notes that the executor runs again.
    pub(super) fn wake_up(&self) {
        self.ready.is_asleep.store(false, Ordering::SeqCst);
    }
}

/// The queue of tasks that have something to do; shared with wakers.
struct Ready {
    /// Each task is in it at most once, so the number of tasks bounds it.
    queue: Mutex<VecDeque<usize>>,
    is_asleep: AtomicBool,
    bell: Option<Event>,
}

/// Wakes one task.
struct TaskWaker {
    index: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        self.ready.queue.lock().push_back(self.index);
        if self.ready.is_asleep.load(Ordering::SeqCst) {
            // A refusal could only mean that the executor is gone.
            let _ = self.ready.bell.as_ref().map(Event::signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::rc::Rc;
    use core::cell::Cell;

    /// Ends after having been polled `left` more times; wakes itself each time.
    fn countdown(left: u32, polls: Rc<Cell<u32>>) -> Body {
        let mut left = left;
        Box::pin(core::future::poll_fn(move |context| {
            polls.set(polls.get() + 1);
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    #[test]
    fn a_task_that_wakes_itself_is_polled_once_a_round() {
        let tasks = Tasks::new(None);
        let polls = Rc::new(Cell::new(0));
        tasks.spawn(countdown(2, polls.clone()));

        tasks.run_ready();
        assert_eq!((polls.get(), tasks.is_empty()), (1, false));
        assert!(!tasks.fall_asleep(), "it is ready again");

        tasks.run_ready();
        tasks.run_ready();
        assert_eq!((polls.get(), tasks.is_empty()), (3, true));
    }

    #[test]
    fn a_task_that_nobody_wakes_is_not_polled() {
        let tasks = Tasks::new(None);
        let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
        let polls = Rc::new(Cell::new(0));
        let (kept, counted) = (waker.clone(), polls.clone());
        tasks.spawn(Box::pin(core::future::poll_fn(move |context| {
            counted.set(counted.get() + 1);
            *kept.borrow_mut() = Some(context.waker().clone());
            if counted.get() == 2 { Poll::Ready(()) } else { Poll::Pending }
        })));

        tasks.run_ready();
        tasks.run_ready();
        assert_eq!((polls.get(), tasks.fall_asleep()), (1, true));

        let waker = waker.borrow().clone().unwrap();
        waker.wake_by_ref();
        waker.wake_by_ref();
        tasks.run_ready();
        assert_eq!((polls.get(), tasks.is_empty()), (2, true));
        waker.wake();
        tasks.run_ready();
        assert_eq!(polls.get(), 2, "a late waker of a task that ended is harmless");
    }

    #[test]
    fn a_task_may_add_tasks_and_slots_are_used_again() {
        let tasks = Rc::new(Tasks::new(None));
        let polls = Rc::new(Cell::new(0));
        let (inner, counted) = (tasks.clone(), polls.clone());
        tasks.spawn(Box::pin(async move { inner.spawn(countdown(0, counted)) }));

        tasks.run_ready();
        assert!(!tasks.is_empty());
        tasks.run_ready();
        assert!(tasks.is_empty());

        for _ in 0..10 {
            tasks.spawn(countdown(0, polls.clone()));
            tasks.run_ready();
        }
        assert_eq!((polls.get(), tasks.slots.borrow().all.len()), (11, 2));
    }
}
