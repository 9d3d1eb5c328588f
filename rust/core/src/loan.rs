//! Large results that are copied once: the isolate lends their memory to the thread that waits for them, and each of the two copies what the other has not.
//!
//! The isolate's thread stays where it is meanwhile: no JavaScript runs that could write to a lent buffer, and a lent string cannot be freed. It waits for no
//! reader longer than a copy of its own takes; a reader who comes later finds that copy.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::isolate::Spares;
use crate::memory::Store;
use crate::spin::Spin;

/// Below, two copies take less time than two threads need to meet.
pub(crate) const LEAST: usize = 512 << 10;
/// What one of the two copies at a time.
const PART: usize = 64 << 10;
/// What a processor copies in a microsecond, at least.
const PACE: usize = 8 << 10;
/// Shortest wait for a reader: its thread may sleep.
const PATIENCE: Duration = Duration::from_micros(300);
/// Results that are not lent after one for which nobody came in time.
const PENALTY: u32 = 16;

/// What is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A string in which every character is below U+0100, one byte each.
    Text,
    /// An array buffer, or a view with this tag of [`crate::wire::VIEW_KINDS`].
    Bytes(u8),
}

/// The reader's end. Dropped unread, it tells the isolate that nobody will come.
pub struct Loan(Arc<Desk>);

/// The isolate's end.
pub(crate) struct Lender(Arc<Desk>);

/// Where the two meet.
struct Desk {
    form: Form,
    address: usize,
    length: usize,
    /// Keeps the memory of a buffer until it was copied; of a string, a handle on the lender's stack does.
    store: Mutex<Option<Store>>,
    standing: Mutex<Standing>,
    /// `standing` changed, or the last part was copied.
    changed: Condvar,
    /// The reader is there or will not come: what `standing` says, to be seen without its lock.
    met: AtomicBool,
    /// Where the next part begins that nobody copies yet.
    next: AtomicUsize,
    /// Bytes that are still to be copied.
    left: AtomicUsize,
    /// Something was above 0x7F.
    wide: AtomicBool,
}

/// How the two stand.
enum Standing {
    /// Nobody has come.
    Offered,
    /// The reader wants it at this address.
    Wanted(usize),
    /// The isolate did not wait any longer.
    Copying,
    /// And has copied it.
    Copied(Vec<u8>),
    /// It was read, or nobody will.
    Over,
}

impl Loan {
    /// Lends a string, or what a buffer holds if `store` keeps it.
    ///
    /// # Safety
    /// The bytes stay where they are, and nobody writes to them, until [`Lender::serve`] has returned or both ends are dropped.
    pub(crate) unsafe fn new(form: Form, bytes: &[u8], store: Option<Store>) -> Self {
        Self(Arc::new(Desk {
            form,
            address: bytes.as_ptr() as usize,
            length: bytes.len(),
            store: Mutex::new(store),
            standing: Mutex::new(Standing::Offered),
            changed: Condvar::new(),
            met: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            left: AtomicUsize::new(bytes.len()),
            wide: AtomicBool::new(false),
        }))
    }

    /// The other end.
    pub(crate) fn lender(&self) -> Lender {
        Lender(Arc::clone(&self.0))
    }

    /// What it is.
    #[must_use]
    pub fn form(&self) -> Form {
        self.0.form
    }

    /// How many bytes there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.length
    }

    /// Copies all of it to `target`, and says whether every byte is below 0x80. Waits for the isolate's thread where that copies too.
    ///
    /// # Safety
    /// As many bytes as there are may be written at `target` until this returns, from any thread.
    pub unsafe fn copy_to(self, target: *mut u8, spares: &Spares) -> bool {
        let desk = &*self.0;
        let mut standing = desk.standing.lock();
        desk.changed.wait_while(&mut standing, |standing| matches!(standing, Standing::Copying));
        match std::mem::replace(&mut *standing, Standing::Wanted(target as usize)) {
            Standing::Copied(bytes) => {
                *standing = Standing::Over;
                drop(standing);
                // SAFETY: the caller's promise; a copy has the length of what it was made from.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
                let narrow = bytes.is_ascii();
                spares.give(bytes);
                narrow
            }
            _ => {
                desk.tell(standing);
                desk.help(target as usize);
                desk.finish();
                !desk.wide.load(Ordering::Acquire)
            }
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut standing = self.0.standing.lock();
        match *standing {
            Standing::Offered => {
                *standing = Standing::Over;
                self.0.tell(standing);
            }
            Standing::Copying => *standing = Standing::Over,
            Standing::Wanted(_) | Standing::Copied(_) | Standing::Over => {}
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({:?}, {} bytes)", self.0.form, self.0.length)
    }
}

impl Lender {
    /// Waits for the reader and copies with it, or alone if it takes too long. Afterwards the memory is the isolate's again. False if nobody came in time.
    pub(crate) fn serve(self, spares: &Spares) -> bool {
        let desk = &*self.0;
        let patience = PATIENCE.max(Duration::from_micros((desk.length / PACE) as u64));
        if !Spin::default().until(|| desk.met.load(Ordering::Acquire)) {
            let mut standing = desk.standing.lock();
            if matches!(*standing, Standing::Offered) {
                desk.changed.wait_for(&mut standing, patience);
            }
        }
        let mut standing = desk.standing.lock();
        match *standing {
            Standing::Offered => {
                *standing = Standing::Copying;
                drop(standing);
                // SAFETY: what was lent is still there.
                let bytes = spares.copy(unsafe { std::slice::from_raw_parts(desk.address as *const u8, desk.length) });
                let mut standing = desk.standing.lock();
                if matches!(*standing, Standing::Copying) {
                    *standing = Standing::Copied(bytes);
                }
                drop(standing);
                desk.changed.notify_all();
                drop(desk.store.lock().take());
                false
            }
            Standing::Wanted(target) => {
                drop(standing);
                desk.help(target);
                desk.finish();
                true
            }
            Standing::Copying | Standing::Copied(_) | Standing::Over => true,
        }
    }
}

impl Desk {
    /// Tells the lender how it stands.
    fn tell(&self, standing: MutexGuard<'_, Standing>) {
        self.met.store(true, Ordering::Release);
        drop(standing);
        self.changed.notify_all();
    }

    /// Copies parts that nobody else copies, until none is left.
    fn help(&self, target: usize) {
        loop {
            let start = self.next.fetch_add(PART, Ordering::Relaxed);
            if start >= self.length {
                return;
            }
            let length = PART.min(self.length - start);
            // SAFETY: what is lent is there until the last part is copied, and so is room at `target`; no two threads get the same part.
            let part = unsafe {
                let part = std::slice::from_raw_parts((self.address + start) as *const u8, length);
                std::ptr::copy_nonoverlapping(part.as_ptr(), (target + start) as *mut u8, length);
                part
            };
            if self.form == Form::Text && !part.is_ascii() {
                self.wide.store(true, Ordering::Relaxed);
            }
            if self.left.fetch_sub(length, Ordering::AcqRel) == length {
                // Whoever looked before sleeps by now: it had the lock.
                drop(self.standing.lock());
                self.changed.notify_all();
            }
        }
    }

    /// Waits until the other one has copied its last part.
    fn finish(&self) {
        if !Spin::default().until(|| self.left.load(Ordering::Acquire) == 0) {
            self.changed.wait_while(&mut self.standing.lock(), |_| self.left.load(Ordering::Acquire) != 0);
        }
    }
}

/// Whether an isolate's results are lent: not for a while when nobody came for one, as with a loop that is busy.
#[derive(Debug, Default)]
pub(crate) struct Lending(AtomicU32);

impl Lending {
    /// Whether the next result may be lent.
    pub(crate) fn may(&self) -> bool {
        let rest = self.0.load(Ordering::Relaxed);
        self.0.store(rest.saturating_sub(1), Ordering::Relaxed);
        rest == 0
    }

    /// Serves a reader; remembers whether one came.
    pub(crate) fn serve(&self, lender: Lender, spares: &Spares) {
        if !lender.serve(spares) {
            self.0.store(PENALTY, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Form, LEAST, Lending, Loan};
    use crate::isolate::Spares;

    fn lent(bytes: &[u8]) -> Loan {
        // SAFETY: every test keeps `bytes` until both ends are gone.
        unsafe { Loan::new(Form::Text, bytes, None) }
    }

    fn read(loan: Loan, spares: &Spares) -> (Vec<u8>, bool) {
        let mut target = vec![0; loan.length()];
        // SAFETY: there is room for all of it.
        let narrow = unsafe { loan.copy_to(target.as_mut_ptr(), spares) };
        (target, narrow)
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index % 97) as u8).collect()
    }

    #[test]
    fn both_ends_copy() {
        let spares = Spares::for_values();
        for round in 0..200 {
            let bytes = pattern(LEAST + round * 1013);
            let loan = lent(&bytes);
            let lender = loan.lender();
            std::thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    std::thread::sleep(Duration::from_micros(round as u64 * 7 % 200));
                    read(loan, &spares)
                });
                lender.serve(&spares);
                assert_eq!(reader.join().ok(), Some((bytes.clone(), true)));
            });
        }
    }

    #[test]
    fn who_comes_late_gets_a_copy() {
        let spares = Spares::for_values();
        let mut bytes = pattern(LEAST);
        let loan = lent(&bytes);
        assert!(!loan.lender().serve(&spares));
        bytes.fill(0xFF);
        assert_eq!(read(loan, &spares), (pattern(LEAST), true));
    }

    #[test]
    fn nobody_waits_for_a_reader_who_is_gone() {
        let spares = Spares::for_values();
        let bytes = pattern(LEAST);
        let loan = lent(&bytes);
        let lender = loan.lender();
        drop(loan);
        assert!(lender.serve(&spares));
        assert_eq!(spares.bytes(), 0);
    }

    #[test]
    fn one_wide_character_is_told() {
        let spares = Spares::for_values();
        for at in [0, LEAST / 2, LEAST + 4] {
            let mut bytes = pattern(LEAST + 5);
            bytes[at] = 0xE9;
            let loan = lent(&bytes);
            let lender = loan.lender();
            std::thread::scope(|scope| {
                let reader = scope.spawn(|| read(loan, &spares));
                lender.serve(&spares);
                assert_eq!(reader.join().ok(), Some((bytes.clone(), false)));
            });
        }
    }

    #[test]
    fn after_a_reader_who_was_late_results_are_copied_for_a_while() {
        let spares = Spares::for_values();
        let lending = Lending::default();
        assert!(lending.may());
        let bytes = pattern(LEAST);
        let loan = lent(&bytes);
        lending.serve(loan.lender(), &spares);
        let refused = std::iter::repeat_with(|| lending.may()).take_while(|may| !may).count();
        assert_eq!(refused, super::PENALTY as usize);
        assert!(lending.may());
    }
}
