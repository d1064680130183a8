//! The largest file that a process may make: reaching it is an error as a full disk is, and not the process's end.

/// Lets a write beyond the limit (`ulimit -f`) fail. By default the system sends a signal that ends the process, without a word
/// and with what it was about to keep.
pub fn outlive_size_limit() {
    #[cfg(unix)]
    {
        let reached = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        // Whoever handles the signal gets the error; the flag says nothing more. Where it cannot be handled, all is as it was.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, reached);
    }
}
