//! All of ring 0 that knows the processor: boot, paging, interrupts, AMD-V.
