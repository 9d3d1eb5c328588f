//! Where threads that make isolates run. Linux may leave two on one processor for all of the two milliseconds they take, beside one that is idle: it
//! balances longer work.

use std::sync::atomic::{AtomicI32, Ordering};

/// The processor of the thread that began last.
static LAST: AtomicI32 = AtomicI32::new(-1);

/// The calling thread goes on on another processor than the last one that asked for this. The scheduler may move it from there as it likes.
pub(super) fn go_apart() {
    let here = processor();
    if here >= 0 && here == LAST.load(Ordering::Relaxed) && !is_filtered() {
        leave(here);
    }
    LAST.store(processor(), Ordering::Relaxed);
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
    use super::{leave, processor};

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
