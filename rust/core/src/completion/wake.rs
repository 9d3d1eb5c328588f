//! The wake-up descriptor of one completion queue: an eventfd on Linux, a pipe elsewhere. Knows nothing of items.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A descriptor that turns readable when [`Wake::signal`] was called, until [`Wake::clear`].
#[derive(Debug)]
pub(crate) struct Wake {
    /// Read end: what an event loop watches. The same descriptor as `write` for an eventfd.
    read: OwnedFd,
    /// Write end, for the pipe only.
    write: Option<OwnedFd>,
}

impl Wake {
    /// Opens the descriptor, non-blocking and close-on-exec.
    pub(crate) fn new() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            // SAFETY: plain system call; the returned descriptor is owned by nobody else.
            let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: `fd` is valid and ours.
            Ok(Self { read: unsafe { OwnedFd::from_raw_fd(fd) }, write: None })
        }
        #[cfg(not(target_os = "linux"))]
        {
            let mut fds = [0; 2];
            // SAFETY: `fds` has room for the two descriptors.
            if unsafe { libc::pipe(fds.as_mut_ptr()) } < 0 {
                return Err(io::Error::last_os_error());
            }
            for fd in fds {
                // SAFETY: both descriptors are valid and ours.
                unsafe {
                    libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK);
                    libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
                }
            }
            // SAFETY: as above.
            unsafe { Ok(Self { read: OwnedFd::from_raw_fd(fds[0]), write: Some(OwnedFd::from_raw_fd(fds[1])) }) }
        }
    }

    /// The descriptor to watch for reading.
    pub(super) fn fd(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// Makes the descriptor readable. "Already full" means already readable, so every error is ignored.
    pub(super) fn signal(&self) {
        let fd = self.write.as_ref().unwrap_or(&self.read).as_raw_fd();
        let one = 1u64;
        // SAFETY: writes eight bytes from a live local.
        unsafe { libc::write(fd, (&raw const one).cast(), 8) };
    }

    /// Makes the descriptor unreadable again.
    pub(super) fn clear(&self) {
        let mut buffer = [0u8; 64];
        // SAFETY: reads into a live local of that size; an empty descriptor returns EAGAIN.
        while unsafe { libc::read(self.read.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) } == 64 {}
    }

    /// Blocks until readable; false when a signal arrived instead.
    pub(super) fn wait(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.read.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        unsafe { libc::poll(&raw mut poll, 1, -1) > 0 }
    }

    /// Like [`Wake::wait`], but no signal is missed: signals are held back while `look` asks for earlier ones, and let in only while the
    /// thread sleeps. `look` returns true to give up.
    pub(super) fn wait_for_signals(&self, look: impl FnOnce() -> bool) -> bool {
        // SAFETY: the sets are live locals, and the mask of this thread is put back before returning.
        unsafe {
            let mut all = std::mem::zeroed::<libc::sigset_t>();
            let mut before = std::mem::zeroed::<libc::sigset_t>();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before);
            let woken = if look() {
                false
            } else {
                let mut poll = libc::pollfd { fd: self.read.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                #[cfg(target_os = "linux")]
                let ready = libc::ppoll(&raw mut poll, 1, std::ptr::null(), &raw const before);
                #[cfg(not(target_os = "linux"))]
                let ready = {
                    libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
                    libc::poll(&raw mut poll, 1, 500)
                };
                ready > 0
            };
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
            woken
        }
    }
}
