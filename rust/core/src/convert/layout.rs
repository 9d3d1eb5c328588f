//! What a value is, read where V8 has it, as the inline functions of its public header do, which the `v8` crate does not bind: one call for each question takes
//! longer than writing the answer down. Tried out on values that are known; where V8's heap looks otherwise, it is asked instead.

use deno_core::v8;

/// Longer strings are left to V8.
const LONGEST: usize = 256;
/// Where an object has its map, behind which a map its objects' type, an array of characters its length, and characters and numbers begin.
const MAP: usize = 0;
const TYPE: usize = 12;
const NUMBER: usize = 8;
const LENGTH: usize = 12;
const CHARACTERS: usize = 16;
/// Types below are strings.
const NO_STRING: u16 = 0x80;
/// Of a string's type: how it is kept, and how when its characters follow it, a byte each.
const REPRESENTATION: u16 = 0x0F;
const IN_PLACE: u16 = 0x08;

/// Whether the layout was as it is known here, the last time.
#[cfg(test)]
pub(crate) static FOUND: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// How V8's heap is laid out in this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    undefined: usize,
    null: usize,
    yes: usize,
    no: usize,
    /// Type of numbers that are not small integers.
    number: u16,
    /// Type of objects that are nothing but their properties and a prototype.
    plain: u16,
}

/// What can be seen of a value.
#[derive(Debug, PartialEq)]
pub(super) enum Sight<'a> {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    /// A string of characters below U+0100.
    Text(&'a [u8]),
    /// An object that is nothing but its properties and a prototype.
    Plain,
    /// Anything: V8 knows.
    Unknown,
}

impl Layout {
    /// How it is laid out; none if that is not known here.
    pub(crate) fn find(scope: &mut v8::PinScope<'_, '_>) -> Option<Self> {
        /// No word of V8's own.
        const TEXT: &[u8] = b"as it is: \xE9";
        if cfg!(not(all(target_pointer_width = "64", target_endian = "little"))) {
            return None;
        }
        let small = v8::Integer::new(scope, -7).into();
        if word(small) & 1 != 0 || word(small).cast_signed() >> 32 != -7 {
            // Words are kept another way, and not to be followed.
            return None;
        }
        let numbers = [0.5, -1e300].map(|number| word(v8::Number::new(scope, number).into()));
        let text = v8::String::new_from_one_byte(scope, TEXT, v8::NewStringType::Normal)?;
        let null = v8::null(scope).into();
        let name = v8::String::empty(scope).into();
        let plain = [v8::Object::new(scope), v8::Object::with_prototype_and_properties(scope, null, &[name], &[null])];
        let plain = plain.map(|object| word(object.into()));
        let array = word(v8::Array::new(scope, 0).into());
        // SAFETY: words of values that are held here.
        let (number, plain, other) = unsafe { (same_kind(numbers)?, same_kind(plain)?, kind(array)?) };
        let found = Self {
            undefined: word(v8::undefined(scope).into()),
            null: word(null),
            yes: word(v8::Boolean::new(scope, true).into()),
            no: word(v8::Boolean::new(scope, false).into()),
            number,
            plain,
        };
        let half = v8::Number::new(scope, 0.5).into();
        // SAFETY: as above, and nothing allocates while the text is compared.
        let fits = unsafe {
            found.see(small) == Sight::Number(-7.0)
                && found.see(half) == Sight::Number(0.5)
                && found.see(text.into()) == Sight::Text(TEXT)
                && number >= NO_STRING
                && number != plain
                && other != plain
        };
        #[cfg(test)]
        FOUND.store(fits, std::sync::atomic::Ordering::Relaxed);
        fits.then_some(found)
    }

    /// Looks at a value.
    ///
    /// # Safety
    /// V8's heap does not change while the result is used.
    pub(super) unsafe fn see<'a>(self, value: v8::Local<'a, v8::Value>) -> Sight<'a> {
        let word = word(value);
        if word & 1 == 0 {
            return Sight::Number(f64::from((word.cast_signed() >> 32) as i32));
        }
        if word == self.null {
            return Sight::Null;
        }
        if word == self.yes || word == self.no {
            return Sight::Bool(word == self.yes);
        }
        if word == self.undefined {
            return Sight::Undefined;
        }
        // SAFETY: a live value, and the layout was tried out.
        unsafe {
            match kind(word) {
                Some(kind) if kind == self.plain => Sight::Plain,
                Some(kind) if kind == self.number => Sight::Number(read(word, NUMBER)),
                Some(kind) if kind < NO_STRING && kind & REPRESENTATION == IN_PLACE => match usize::try_from(read::<i32>(word, LENGTH)) {
                    Ok(length) if length <= LONGEST => {
                        Sight::Text(std::slice::from_raw_parts((word - 1 + CHARACTERS) as *const u8, length))
                    }
                    _ => Sight::Unknown,
                },
                _ => Sight::Unknown,
            }
        }
    }
}

/// What a handle holds: a small integer, twice as large and in the upper half, or an object's address and 1.
fn word(value: v8::Local<'_, v8::Value>) -> usize {
    // SAFETY: a handle is the address of one word, which lives as long as it does.
    unsafe { (&raw const *value).cast::<usize>().read() }
}

/// The type of an object.
///
/// # Safety
/// `word` is that of a live value.
unsafe fn kind(word: usize) -> Option<u16> {
    if word & 3 != 1 {
        return None;
    }
    // SAFETY: every object begins with the address of its map, which is an object.
    unsafe {
        let map = read::<usize>(word, MAP);
        (map & 3 == 1).then(|| read(map, TYPE))
    }
}

/// The type of both.
///
/// # Safety
/// As above.
unsafe fn same_kind(words: [usize; 2]) -> Option<u16> {
    // SAFETY: the caller's promise.
    let [one, other] = words.map(|word| unsafe { kind(word) });
    if one == other { one } else { None }
}

/// What an object has at an offset.
///
/// # Safety
/// `word` is that of a live object, which has a `T` there.
unsafe fn read<T>(word: usize, offset: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { ((word - 1 + offset) as *const T).read_unaligned() }
}
