//! Where threads that make isolates ahead run, and whom they let go before. Linux may leave two on one processor for all of the two milliseconds they take,
//! beside one that is idle, and a thread that woke up beside one may wait as long: it balances, and shares out, longer work.

use std::cell::Cell;

use parking_lot::Mutex;

/// The processors on which isolates are being made.
static TAKEN: Mutex<Vec<i32>> = Mutex::new(Vec::new());

thread_local! {
    /// The thread makes an isolate ahead.
    static MAKING: Cell<bool> = const { Cell::new(false) };
}

/// Where a thread makes an isolate, until it has.
pub(super) struct Place(i32);

/// The calling thread makes an isolate now: on another processor, if one is being made on this one. The scheduler may move it from there as it likes. Others
/// that wait for its processor have their turn several times until it is done.
pub(super) fn go_apart() -> Place {
    MAKING.set(true);
    let mut taken = TAKEN.lock();
    let here = processor();
    if here >= 0 && taken.contains(&here) && !is_filtered() {
        leave(here);
    }
    let here = processor();
    taken.push(here);
    Place(here)
}

impl Drop for Place {
    fn drop(&mut self) {
        MAKING.set(false);
        let mut taken = TAKEN.lock();
        if let Some(at) = taken.iter().position(|processor| *processor == self.0) {
            taken.swap_remove(at);
        }
    }
}

/// Others go first, if this thread makes an isolate ahead: nobody waits for it yet.
#[cfg(all(target_os = "linux", jsrun_v8_hooks))]
pub(super) fn give_way() {
    if MAKING.get() {
        crate::spin::give_way();
    }
}

#[cfg(all(target_os = "linux", jsrun_v8_hooks))]
mod hooks {
    //! What V8 calls on its way, and what it would have called.

    use std::ffi::c_void;

    unsafe extern "C" {
        fn __real__ZN2v88internal15MemoryAllocator12AllocatePageENS1_14AllocationModeEPNS0_5SpaceENS0_13ExecutabilityE(
            allocator: *mut c_void,
            mode: u32,
            space: *mut c_void,
            executability: u32,
        ) -> *mut c_void;
    }

    /// A page for a space of the heap.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap__ZN2v88internal15MemoryAllocator12AllocatePageENS1_14AllocationModeEPNS0_5SpaceENS0_13ExecutabilityE(
        allocator: *mut c_void,
        mode: u32,
        space: *mut c_void,
        executability: u32,
    ) -> *mut c_void {
        super::give_way();
        // SAFETY: V8's own arguments, handed on.
        unsafe {
            __real__ZN2v88internal15MemoryAllocator12AllocatePageENS1_14AllocationModeEPNS0_5SpaceENS0_13ExecutabilityE(
                allocator,
                mode,
                space,
                executability,
            )
        }
    }
}

/// The processor that the calling thread runs on; -1 where that is not known.
fn processor() -> i32 {
    #[cfg(target_os = "linux")]
    // SAFETY: a question without arguments.
    return unsafe { libc::sched_getcpu() };
    #[cfg(not(target_os = "linux"))]
    -1
}

/// Whether system calls are filtered: services are often forbidden to choose processors, and ended when they try.
#[cfg(target_os = "linux")]
fn is_filtered() -> bool {
    // SAFETY: a question.
    unsafe { libc::prctl(libc::PR_GET_SECCOMP) != 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_filtered() -> bool {
    true
}

/// Moves the calling thread to another processor that it may use, if there is one.
#[cfg(target_os = "linux")]
fn leave(processor: i32) {
    let size = size_of::<libc::cpu_set_t>();
    let own = 0;
    // SAFETY: sets of the size that is told, and numbers below what they hold.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(own, size, &raw mut allowed) != 0 {
            return;
        }
        let all = 0..libc::CPU_SETSIZE as usize;
        let from = processor as usize;
        let next = all.clone().skip(from + 1).chain(all.clone().take(from)).find(|number| libc::CPU_ISSET(*number, &allowed));
        let Some(next) = next else { return };
        let mut there: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(next, &mut there);
        if libc::sched_setaffinity(own, size, &raw const there) != 0 {
            return;
        }
        // Only the move was wanted. What is allowed may have changed meanwhile; the kernel takes of all what is allowed now.
        if libc::sched_setaffinity(own, size, &raw const allowed) != 0 {
            all.for_each(|number| libc::CPU_SET(number, &mut allowed));
            libc::sched_setaffinity(own, size, &raw const allowed);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn leave(_: i32) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{MAKING, TAKEN, go_apart, leave, processor};
    use crate::room::tests::STARTS;

    #[test]
    fn two_that_make_isolates_are_on_two_processors() {
        let _alone = STARTS.lock();
        let first = go_apart();
        let second = go_apart();
        assert_eq!(first.0 == second.0, allowed().len() == 1);
        assert_eq!(*TAKEN.lock(), [first.0, second.0]);
        drop(first);
        assert_eq!(*TAKEN.lock(), [second.0]);
        drop(second);
        assert!(TAKEN.lock().is_empty() && !MAKING.get());
    }

    fn allowed() -> Vec<usize> {
        // SAFETY: a set of the size that is told.
        let (set, done) = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            let done = libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
            (set, done)
        };
        assert_eq!(done, 0);
        // SAFETY: numbers below what the set holds.
        (0..libc::CPU_SETSIZE as usize).filter(|number| unsafe { libc::CPU_ISSET(*number, &set) }).collect()
    }

    #[test]
    fn a_thread_that_moved_may_go_where_it_could_before() {
        let before = allowed();
        leave(processor());
        assert_eq!(allowed(), before);
        // Nowhere else to go, or no such place.
        leave(*before.last().unwrap_or(&0) as i32);
        leave(libc::CPU_SETSIZE - 1);
        assert_eq!(allowed(), before);
        assert!(before.contains(&(processor() as usize)));
    }
}
