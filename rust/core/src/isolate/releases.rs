//! What is given back across threads: handles that the host dropped, host objects that the engine dropped.

use std::sync::atomic::Ordering;

use super::message::Message;
use super::root;
use super::shared::Shared;

impl Shared {
    /// Frees a handle-table entry, from any thread.
    pub(crate) fn post_release(&self, id: u64) {
        if root::is_forked() {
            return;
        }
        let first = {
            let mut releases = self.releases.lock();
            releases.push(id);
            releases.len() == 1
        };
        if first && !self.is_closing() {
            self.post(Message::Wake);
        }
    }

    pub(crate) fn take_releases(&self) -> Vec<u64> {
        std::mem::take(&mut *self.releases.lock())
    }

    /// The engine dropped its last reference to a host object.
    pub(crate) fn post_host_release(&self, id: u64) {
        self.host_releases.lock().push(id);
        self.host_released.store(true, Ordering::Release);
    }

    /// Host objects to free: called by the host on its own threads.
    pub fn take_host_releases(&self) -> Vec<u64> {
        // Asked at every operation, and nearly always in vain: the lock is for the other cases.
        if !self.host_released.load(Ordering::Acquire) || root::is_forked() {
            return Vec::new();
        }
        self.host_released.store(false, Ordering::Release);
        std::mem::take(&mut *self.host_releases.lock())
    }
}
