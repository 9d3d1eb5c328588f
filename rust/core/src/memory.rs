//! Memory that JavaScript and the host both see, without a copy: each side's, lent to the other.

use std::any::Any;
use std::fmt;

use deno_core::v8;

/// A piece of an array buffer's store, held by the host. The store lives as long as this does, also after its isolate.
pub struct Store {
    store: v8::SharedRef<v8::BackingStore>,
    offset: usize,
    length: usize,
    /// What the view's items are: a tag of [`crate::wire::VIEW_KINDS`].
    pub kind: u8,
}

impl Store {
    /// `length` bytes from `offset`, which are the store's as long as it cannot be resized.
    pub(crate) fn new(store: v8::SharedRef<v8::BackingStore>, offset: usize, length: usize, kind: u8) -> Option<Self> {
        let fits = offset.checked_add(length).is_some_and(|end| end <= store.byte_length());
        let usable = fits && length > 0 && !store.is_resizable_by_user_javascript() && store.data().is_some();
        usable.then_some(Self { store, offset, length, kind })
    }

    /// Where the bytes are.
    #[must_use]
    pub fn address(&self) -> usize {
        self.store.data().map_or(0, |data| data.as_ptr() as usize) + self.offset
    }

    /// How many there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({} bytes)", self.length)
    }
}

/// Memory of the host's for an array buffer. The bytes stay valid, where they are and writable until `owner` is dropped, on any thread.
pub struct HostMemory {
    address: usize,
    length: usize,
    owner: Box<dyn Any + Send>,
}

impl HostMemory {
    /// Describes memory.
    ///
    /// # Safety
    /// `address` is that of `length` bytes that are initialised, and may be read and written from any thread until `owner` is dropped.
    pub unsafe fn new(address: usize, length: usize, owner: Box<dyn Any + Send>) -> Self {
        Self { address, length, owner }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Address, length and owner.
    pub(crate) fn into_parts(self) -> (usize, usize, Box<dyn Any + Send>) {
        (self.address, self.length, self.owner)
    }
}

impl fmt::Debug for HostMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostMemory({} bytes)", self.length)
    }
}

/// An ASCII string of the host's, for JavaScript to read where it is.
#[derive(Debug)]
pub struct HostText(HostMemory);

impl HostText {
    /// Describes a string.
    ///
    /// # Safety
    /// `address` is that of `length` bytes below 0x80, which stay there and do not change until `owner` is dropped, on any thread.
    pub unsafe fn new(address: usize, length: usize, owner: Box<dyn Any + Send>) -> Self {
        Self(HostMemory { address, length, owner })
    }

    /// How many characters there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.length
    }

    /// The characters.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: whoever made this promised that they are there as long as the owner is.
        unsafe { std::slice::from_raw_parts(self.0.address as *const u8, self.0.length) }
    }
}
