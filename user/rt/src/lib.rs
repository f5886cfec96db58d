//! What ring-3 programs stand on: entry, system calls, heap, locks, executor.
