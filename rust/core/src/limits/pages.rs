//! Buffers that V8 reserves address space for and commits as they grow: resizable and growable array buffers, WebAssembly memories. V8 asks no
//! allocator for them, so the linker puts these functions in front of the three with which it handles pages (`build/link_flags.rs`), and what is
//! committed counts in the quota of the isolate that reserved it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::Arc;

use parking_lot::Mutex;

use super::buffers::Quota;

/// V8's `PageAllocator::kNoAccess`: what buffers are reserved with, and shrink to.
const NO_ACCESS: i32 = 0;
/// V8's `PageAllocator::kReadWrite`.
const READ_WRITE: i32 = 2;

/// Address space that the buffers of one isolate may reserve: a WebAssembly memory takes 10 GiB, whatever its size.
const SPACE: usize = 512 << 30;
/// Address space that all buffers of the process may reserve. V8 aborts where nothing is left for its heap.
const ALL_SPACE: usize = 16 << 40;

/// Address space that buffers may grow in, by address. Process-wide: a shared buffer may end on another thread than it began.
static RESERVED: Mutex<BTreeMap<usize, Reservation>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// The quota of the isolate on this thread.
    static QUOTA: RefCell<Option<Arc<Quota>>> = const { RefCell::new(None) };
}

struct Reservation {
    length: usize,
    /// Bytes committed.
    committed: usize,
    quota: Arc<Quota>,
}

/// From here on, what this thread reserves counts in `quota`.
pub(super) fn charge_thread_to(quota: &Arc<Quota>) {
    QUOTA.set(Some(Arc::clone(quota)));
}

/// Whether the linker put the functions of this file in front of V8's.
#[must_use]
pub fn binds_growing_buffers() -> bool {
    cfg!(all(target_os = "linux", jsrun_v8_hooks))
}

#[cfg(all(target_os = "linux", jsrun_v8_hooks))]
mod hooks {
    //! What V8 calls, and what it would have called.

    use super::{NO_ACCESS, c_void, has_space, released, reserved, resized};

    // The hint is a pointer and a bool: two registers.
    unsafe extern "C" {
        fn __real__ZN2v88internal13AllocatePagesEPNS_13PageAllocatorEmmNS1_10PermissionENS1_14AllocationHintE(
            allocator: *mut c_void,
            size: usize,
            alignment: usize,
            access: i32,
            hint: *mut c_void,
            may_grow: usize,
        ) -> *mut c_void;
        fn __real__ZN2v88internal14SetPermissionsEPNS_13PageAllocatorEPvmNS1_10PermissionE(
            allocator: *mut c_void,
            address: *mut c_void,
            size: usize,
            access: i32,
        ) -> bool;
        fn __real__ZN2v88internal9FreePagesEPNS_13PageAllocatorEPvm(allocator: *mut c_void, address: *mut c_void, size: usize);
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap__ZN2v88internal13AllocatePagesEPNS_13PageAllocatorEmmNS1_10PermissionENS1_14AllocationHintE(
        allocator: *mut c_void,
        size: usize,
        alignment: usize,
        access: i32,
        hint: *mut c_void,
        may_grow: usize,
    ) -> *mut c_void {
        if access == NO_ACCESS && !has_space(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: V8's own arguments, handed on.
        let base = unsafe {
            __real__ZN2v88internal13AllocatePagesEPNS_13PageAllocatorEmmNS1_10PermissionENS1_14AllocationHintE(
                allocator, size, alignment, access, hint, may_grow,
            )
        };
        if access == NO_ACCESS && !base.is_null() {
            reserved(base as usize, size);
        }
        base
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap__ZN2v88internal14SetPermissionsEPNS_13PageAllocatorEPvmNS1_10PermissionE(
        allocator: *mut c_void,
        address: *mut c_void,
        size: usize,
        access: i32,
    ) -> bool {
        resized(address as usize, size, access, || {
            // SAFETY: V8's own arguments, handed on.
            unsafe { __real__ZN2v88internal14SetPermissionsEPNS_13PageAllocatorEPvmNS1_10PermissionE(allocator, address, size, access) }
        })
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap__ZN2v88internal9FreePagesEPNS_13PageAllocatorEPvm(
        allocator: *mut c_void,
        address: *mut c_void,
        size: usize,
    ) {
        // Before the space is given back, or another thread could reserve it again meanwhile.
        released(address as usize);
        // SAFETY: V8's own arguments, handed on.
        unsafe { __real__ZN2v88internal9FreePagesEPNS_13PageAllocatorEPvm(allocator, address, size) };
    }
}

/// Whether this thread may reserve `length` bytes more.
#[cfg_attr(not(jsrun_v8_hooks), allow(dead_code, reason = "called by the hooks"))]
fn has_space(length: usize) -> bool {
    let Ok(Some(quota)) = QUOTA.try_with(|quota| quota.borrow().clone()) else { return true };
    let reserved = RESERVED.lock();
    let (mut own, mut all) = (length, length);
    for entry in reserved.values() {
        all = all.saturating_add(entry.length);
        if Arc::ptr_eq(&entry.quota, &quota) {
            own = own.saturating_add(entry.length);
        }
    }
    own <= SPACE && all <= ALL_SPACE
}

/// A thread with a quota reserved space: V8 reserves without access for buffers alone.
#[cfg_attr(not(jsrun_v8_hooks), allow(dead_code, reason = "called by the hooks"))]
fn reserved(base: usize, length: usize) {
    let Ok(Some(quota)) = QUOTA.try_with(|quota| quota.borrow().clone()) else { return };
    RESERVED.lock().insert(base, Reservation { length, committed: 0, quota });
}

/// Commits or gives back a part of a buffer with `apply`; false, without trying, if the quota has no room.
#[cfg_attr(not(jsrun_v8_hooks), allow(dead_code, reason = "called by the hooks"))]
fn resized(address: usize, size: usize, access: i32, apply: impl FnOnce() -> bool) -> bool {
    let mut reserved = RESERVED.lock();
    let entry = reserved.range_mut(..=address).next_back().map(|(base, entry)| (*base, entry));
    let Some((_, entry)) = entry.filter(|(base, entry)| address < base + entry.length) else {
        drop(reserved);
        return apply();
    };
    match access {
        READ_WRITE => {
            let more = size.saturating_sub(entry.committed);
            if !entry.quota.take(more) {
                return false;
            }
            let applied = apply();
            if applied {
                entry.committed += more;
            } else {
                entry.quota.give_back(more);
            }
            applied
        }
        NO_ACCESS => {
            let applied = apply();
            if applied {
                let less = size.min(entry.committed);
                entry.committed -= less;
                entry.quota.give_back(less);
            }
            applied
        }
        _ => apply(),
    }
}

#[cfg_attr(not(jsrun_v8_hooks), allow(dead_code, reason = "called by the hooks"))]
fn released(base: usize) {
    let entry = RESERVED.lock().remove(&base);
    if let Some(entry) = entry {
        entry.quota.give_back(entry.committed);
    }
}
