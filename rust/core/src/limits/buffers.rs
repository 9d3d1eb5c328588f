//! Array buffers live outside V8's heap: an allocator with a quota, so that JavaScript gets a `RangeError` where the limit is.

use std::any::Any;
use std::collections::HashMap;
use std::ffi::{c_char, c_void};
use std::sync::{Arc, OnceLock};

use deno_core::v8;
use parking_lot::Mutex;

use crate::isolate::{Shared, Spares};
use crate::memory::{HostMemory, HostText};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes allocated for one isolate's buffers. Outlives the isolate while a buffer does.
#[derive(Debug)]
pub(super) struct Quota {
    used: Arc<AtomicUsize>,
    limit: usize,
    /// Where the bytes of buffers that the host made go, once the isolate is somebody's.
    spares: OnceLock<Arc<Spares>>,
    /// What was in use after a collection that made no room: with no less than that, another will not.
    futile: AtomicUsize,
    /// What is allocated now is ours, and too small to be refused: V8 would end the process.
    probing: AtomicBool,
}

impl Quota {
    /// Takes `len` bytes if they are left.
    pub(super) fn take(&self, len: usize) -> bool {
        if self.probing.load(Ordering::Relaxed) {
            self.used.fetch_add(len, Ordering::AcqRel);
            return true;
        }
        self.used.try_update(Ordering::AcqRel, Ordering::Acquire, |used| used.checked_add(len).filter(|&sum| sum <= self.limit)).is_ok()
    }

    pub(super) fn give_back(&self, len: usize) {
        self.used.fetch_sub(len, Ordering::AcqRel);
    }
}

static VTABLE: v8::RustAllocatorVtable<Quota> = v8::RustAllocatorVtable { allocate, allocate_uninitialized, free, drop: drop_quota };

/// The array buffers of one isolate: at most `limit` bytes at a time, whoever made them.
#[derive(Debug, Clone)]
pub(crate) struct Buffers(Arc<Quota>);

impl Buffers {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Quota {
            used: Arc::default(),
            limit,
            spares: OnceLock::new(),
            futile: AtomicUsize::new(usize::MAX),
            probing: AtomicBool::new(false),
        }))
    }

    /// Makes them those of the isolate behind `shared`: there others read how many bytes there are, and there the bytes of buffers go that the
    /// host made.
    pub(crate) fn belong_to(&self, shared: &Shared) {
        let _ = self.0.spares.set(Arc::clone(&shared.stores));
        let _ = shared.counters.buffers.set(Arc::clone(&self.0.used));
    }

    /// Counts what V8 commits on this thread, the isolate's, without the allocator.
    pub(crate) fn charge_thread(&self) {
        super::pages::charge_thread_to(&self.0);
    }

    /// The allocator behind the buffers that JavaScript makes.
    pub(crate) fn allocator(&self) -> v8::UniqueRef<v8::Allocator> {
        // SAFETY: the vtable matches the handle's type, and `drop_quota` takes the reference back.
        unsafe { v8::new_rust_allocator(Arc::into_raw(Arc::clone(&self.0)), &VTABLE) }
    }

    /// Has V8 collect young buffers, if they are large together. It looks before it makes one of its own, which those of the host are not.
    fn collect_young(&self, scope: &mut v8::PinScope<'_, '_>) {
        self.0.probing.store(true, Ordering::Relaxed);
        drop(v8::ArrayBuffer::new_backing_store(scope, 1));
        self.0.probing.store(false, Ordering::Relaxed);
    }

    /// Collects what JavaScript has dropped, if `length` bytes do not fit otherwise. Returns whether they do.
    pub(crate) fn make_room(&self, scope: &mut v8::PinScope<'_, '_>, length: usize) -> bool {
        self.collect_young(scope);
        if !self.has_room(length) {
            scope.low_memory_notification();
        }
        self.has_room(length)
    }

    /// The same for a string, which can do without: not again after it was in vain, while no less is in use.
    pub(crate) fn make_room_for_text(&self, scope: &mut v8::PinScope<'_, '_>, length: usize) {
        let in_use = || self.0.used.load(Ordering::Acquire);
        if in_use() >= self.0.futile.load(Ordering::Relaxed) {
            return;
        }
        let after = if self.make_room(scope, length) { usize::MAX } else { in_use() };
        self.0.futile.store(after, Ordering::Relaxed);
    }

    /// Whether `length` bytes fit.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.0.used.load(Ordering::Acquire).checked_add(length).is_some_and(|sum| sum <= self.0.limit)
    }

    /// Memory that stays the host's, as a buffer's store. `None` if the quota has no room.
    pub(crate) fn lend(&self, memory: HostMemory) -> Option<v8::SharedRef<v8::BackingStore>> {
        let (address, length, owner) = memory.into_parts();
        if !self.0.take(length) {
            return None;
        }
        let lent = Box::into_raw(Box::new(Lent { quota: Arc::clone(&self.0), _owner: owner }));
        // SAFETY: whoever made the `HostMemory` promised that the bytes are there until the owner goes, which `free_lent` sees to, once.
        Some(unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(address as *mut c_void, length, free_lent, lent.cast()) }.make_shared())
    }

    /// A string that V8 reads where the host has it, on this thread, the isolate's. It counts as a buffer while V8 holds it. The text comes back if the
    /// quota has no room; there is no string if V8 takes none.
    pub(crate) fn lend_text<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        text: HostText,
    ) -> Result<Option<v8::Local<'s, v8::String>>, HostText> {
        let length = text.length();
        if !self.0.take(length) {
            return Err(text);
        }
        let address = text.bytes().as_ptr().cast_mut().cast::<c_char>();
        TEXTS.lock().get_or_insert_default().entry(address.addr()).or_default().push(LentText { quota: Arc::clone(&self.0), _text: text });
        // SAFETY: the characters stay where they are while `TEXTS` has their owner, which is until `free_text` is called for the string, once.
        let lent = unsafe { v8::String::new_external_onebyte_raw(scope, address, length, free_text) };
        if lent.is_some() {
            // V8 collects young buffers when they are large together, but not strings: a buffer that nobody gets stands for this one. It is smaller,
            // for a collection costs more than the string did.
            // SAFETY: nobody reads or writes it, and there is nothing to free.
            let weight =
                unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(address.cast(), length / 4, free_nothing, std::ptr::null_mut()) };
            v8::ArrayBuffer::with_backing_store(scope, &weight.make_shared());
        } else {
            // SAFETY: there is no string that could read them.
            unsafe { free_text(address, length) };
        }
        Ok(lent)
    }

    /// Bytes that the host made, as a buffer's store without a copy. `None` if the quota has no room.
    pub(crate) fn adopt(&self, bytes: Vec<u8>) -> Option<v8::SharedRef<v8::BackingStore>> {
        if !self.0.take(bytes.len()) {
            return None;
        }
        let adopted = Box::new(Adopted { quota: Arc::clone(&self.0), bytes });
        let (data, length) = (adopted.bytes.as_ptr().cast_mut().cast(), adopted.bytes.len());
        // SAFETY: the bytes stay where they are until `free_adopted` gets the box back, once. Nothing else refers to them meanwhile.
        Some(
            unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(data, length, free_adopted, Box::into_raw(adopted).cast()) }.make_shared(),
        )
    }
}

/// Memory of the host's behind a store, and whose quota it is in.
struct Lent {
    quota: Arc<Quota>,
    _owner: Box<dyn Any + Send>,
}

unsafe extern "C" fn free_lent(_: *mut c_void, length: usize, lent: *mut c_void) {
    // SAFETY: the pointer is the box given away in `lend`.
    let lent = unsafe { Box::from_raw(lent.cast::<Lent>()) };
    lent.quota.give_back(length);
}

/// A string of the host's that V8 holds, and whose quota it is in.
struct LentText {
    quota: Arc<Quota>,
    _text: HostText,
}

/// Strings of the host's that V8 holds, by address, each as often as it is held. V8 tells no more of one that it lets go, on whatever thread: where
/// several isolates hold one, the first that lets go may be taken for another, until that one does.
static TEXTS: Mutex<Option<HashMap<usize, Vec<LentText>>>> = Mutex::new(None);

unsafe extern "C" fn free_text(address: *mut c_char, length: usize) {
    let freed = {
        let mut texts = TEXTS.lock();
        let Some(texts) = texts.as_mut() else { return };
        let Some(of_address) = texts.get_mut(&address.addr()) else { return };
        let freed = of_address.pop();
        if of_address.is_empty() {
            texts.remove(&address.addr());
        }
        freed
    };
    // Outside the lock: the host may do as it likes.
    if let Some(lent) = freed {
        lent.quota.give_back(length);
    }
}

unsafe extern "C" fn free_nothing(_: *mut c_void, _: usize, _: *mut c_void) {}

/// A store's bytes, and whose they are.
struct Adopted {
    quota: Arc<Quota>,
    bytes: Vec<u8>,
}

unsafe extern "C" fn free_adopted(_: *mut c_void, length: usize, adopted: *mut c_void) {
    // SAFETY: the pointer is the box given away in `adopt`.
    let Adopted { quota, bytes } = *unsafe { Box::from_raw(adopted.cast::<Adopted>()) };
    quota.give_back(length);
    if let Some(spares) = quota.spares.get() {
        spares.give(bytes);
    }
}

unsafe extern "C" fn allocate(quota: &Quota, len: usize) -> *mut c_void {
    // SAFETY: `calloc` takes any sizes.
    with_quota(quota, len, || unsafe { libc::calloc(len.max(1), 1) })
}

unsafe extern "C" fn allocate_uninitialized(quota: &Quota, len: usize) -> *mut c_void {
    // SAFETY: `malloc` takes any size.
    with_quota(quota, len, || unsafe { libc::malloc(len.max(1)) })
}

fn with_quota(quota: &Quota, len: usize, allocate: impl FnOnce() -> *mut c_void) -> *mut c_void {
    if !quota.take(len) {
        return std::ptr::null_mut();
    }
    let data = allocate();
    if data.is_null() {
        quota.give_back(len);
    }
    data
}

unsafe extern "C" fn free(quota: &Quota, data: *mut c_void, len: usize) {
    // SAFETY: `data` came from `allocate` or `allocate_uninitialized` with this length, and is freed once.
    unsafe { libc::free(data) };
    quota.give_back(len);
}

unsafe extern "C" fn drop_quota(quota: *const Quota) {
    // SAFETY: the pointer is the one given away in `allocator`.
    drop(unsafe { Arc::from_raw(quota) });
}
