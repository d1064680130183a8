//! Ctrl-C: the first one ends the training, so that what is finished can be shown; the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C has come.
pub(crate) fn flag() -> &'static AtomicBool {
    &STOP
}

/// Begins to listen.
pub(crate) fn listen() {
    let stop = || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(crate::INTERRUPTED.into());
        }
    };
    // Where no handler can be set, Ctrl-C ends the program as it always does.
    let _ = ctrlc::set_handler(stop);
}
