//! Whether the program was started without standard output: Rust's runtime puts `/dev/null` in its place before `main`, and what
//! is written there is lost without an error. So it is looked at before the runtime begins.

use std::sync::atomic::{AtomicBool, Ordering};

/// What was found.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether there was no standard output when the program began.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Run by the system's loader, before Rust's runtime.
#[cfg(unix)]
extern "C" fn look() {
    if rustix::io::fcntl_getfd(rustix::stdio::stdout()) == Err(rustix::io::Errno::BADF) {
        CLOSED.store(true, Ordering::Relaxed);
    }
}

#[cfg(unix)]
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
#[expect(
    unsafe_code,
    reason = "the loader calls what this section holds, functions without arguments as `look` is one; it makes one system call and \
              sets one flag, and neither needs the runtime"
)]
static LOOK: extern "C" fn() = look;
