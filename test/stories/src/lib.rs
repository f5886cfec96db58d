//! Whole-system stories: boot, kill, restart, power off.
