//! Large arrays on the outgoing walk: their items are read many at a time, and objects of one shape that follow each other are written without their keys.

use deno_core::v8;

use super::from_v8::{Walked, Walker};
use super::guard::{Failure, Step};
use super::kinds::is_exotic;
use super::layout::{Layout, Sight};
use super::numbers::iterate;
use super::wire::{self, Write};
use crate::value::Wire;

/// Shorter arrays are not worth it.
pub(super) const LEAST: u32 = 128;
/// Items that are read at once, at most.
const BATCH: u32 = 512;
/// And values of rows.
const VALUES: u32 = 4096;
/// Bytes that are sent ahead.
const PART: usize = 32 << 10;
/// Objects of one shape that make it worth a block.
const ROWS: usize = 4;
/// Trials that found fewer, after which an array's objects are written one by one.
const TRIALS: u32 = 8;

/// How the items of one array are written.
struct Way {
    /// Whether numbers go as doubles: there is room for all of them.
    runs: bool,
    /// How many more blocks may turn out short before objects are written one by one.
    trials: u32,
}

/// A value that was read.
#[derive(Clone, Copy)]
enum Cell {
    Number(f64),
    /// A short string: where it begins among the texts, and its length.
    Text(u32, u32),
    /// What is one byte in the notation.
    Tag(u8),
    /// An object that is its properties and its prototype, with its identity hash.
    Object(i32),
    /// Anything else, which is still to be walked.
    Other,
}

/// Values that were read, and the characters of their texts.
#[derive(Default)]
struct Cells {
    cells: Vec<Cell>,
    texts: Vec<u8>,
}

impl<'s> Walker<'s, '_> {
    /// Writes items of a large array, and says how many: as long as it is worth it.
    pub(super) fn items(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        array: v8::Local<'s, v8::Array>,
        length: u32,
    ) -> Result<u32, Box<Failure>> {
        let mut way = Way {
            runs: self.wire.bytes.len() + length as usize * 9 <= self.room,
            trials: if self.depth < self.config.max_depth { TRIALS } else { 0 },
        };
        let mut from = 0;
        let mut worth = true;
        while worth && length - from >= LEAST {
            let count = (length - from).min(BATCH);
            let batch = blank(scope, count);
            let numbers = [from, count].map(|number| v8::Integer::new_from_unsigned(scope, number).into());
            if self.state.call_rows(scope, "fill", &[array.into(), numbers[0], numbers[1], batch.into()]).is_none() {
                let index = stopped_at(scope, batch, count);
                return Err(Failure::thrown().at(Step::Index((from + index) as usize)));
            }
            worth = self.batch(scope, array, batch, from, count, &mut way)?;
            from += count;
            self.part();
        }
        Ok(from)
    }

    /// Between two items of an array: sends ahead what is written, if the array is the whole value and somebody takes it in parts.
    pub(super) fn part(&mut self) {
        if self.depth == 1
            && self.wire.bytes.len() >= PART
            && let Some(ticket) = self.ticket.filter(|ticket| ticket.takes_parts())
        {
            let next = Wire { bytes: self.state.shared.spares.take(), handles: Vec::new() };
            let part = std::mem::replace(&mut self.wire, next);
            self.room -= part.bytes.len();
            ticket.add_part(part);
        }
    }

    /// Writes the items that were read into `batch`, which are those of `array` from `from` on. False if the next ones may as well be asked for one by one.
    fn batch(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        array: v8::Local<'s, v8::Array>,
        batch: v8::Local<'s, v8::Array>,
        from: u32,
        count: u32,
        way: &mut Way,
    ) -> Result<bool, Box<Failure>> {
        let Cells { cells, texts } = self.cells(scope, batch, count, way.trials > 0);
        if way.runs && self.run(&cells) {
            // There was room for all as the array began, before others took some.
            self.reserve(0)?;
            return Ok(true);
        }
        let others = cells.iter().filter(|cell| matches!(cell, Cell::Other)).count();
        let mut index = 0;
        while index < count {
            let rest = &cells[index as usize..];
            let rows = if way.trials > 0 { rest.iter().take_while(|cell| matches!(cell, Cell::Object(_))).count() } else { 0 };
            if rows >= ROWS {
                let written = self.block(scope, batch, index, &rest[..rows], from)?;
                way.trials -= u32::from((written as usize) < ROWS);
                if written > 0 {
                    index += written;
                    continue;
                }
            }
            self.cell(scope, cells[index as usize], &texts, batch, index, |_| Some(array.into()))
                .map_err(|failure| failure.at(Step::Index((from + index) as usize)))?;
            index += 1;
        }
        Ok(others as u32 * 2 < count && way.trials > 0)
    }

    /// Writes cells as one block if all are numbers.
    fn run(&mut self, cells: &[Cell]) -> bool {
        let mark = self.wire.bytes.len();
        self.wire.bytes.push(wire::RUN);
        self.wire.bytes.varint(cells.len() as u64);
        for cell in cells {
            let Cell::Number(number) = cell else {
                self.wire.bytes.truncate(mark);
                return false;
            };
            self.wire.bytes.double(*number);
        }
        true
    }

    /// Writes as many objects of `batch` from `start` on as have the first one's keys and are new, and says how many. `objects` are their cells.
    fn block(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        batch: v8::Local<'s, v8::Array>,
        start: u32,
        objects: &[Cell],
        from: u32,
    ) -> Result<u32, Box<Failure>> {
        let state = self.state;
        let here = |failure: Box<Failure>| failure.at(Step::Index((from + start) as usize));
        let first = self.read(scope, |scope| batch.get_index(scope, start)).map_err(here)?;
        let names = self.read(scope, |scope| state.keys_of(scope, first.cast())).map_err(here)?;
        let width = names.length();
        if width == 0 || width > VALUES {
            return Ok(0);
        }
        let candidates = (objects.len() as u32).min(VALUES / width);
        let numbers = [start, candidates].map(|number| v8::Integer::new_from_unsigned(scope, number).into());
        let args = [batch.into(), numbers[0], numbers[1], names.into()];
        let fits = state.call_rows(scope, "fit", &args).ok_or_else(|| here(Failure::thrown()))?;
        let mut count = 0;
        for cell in &objects[..fits as usize] {
            if !matches!(cell, Cell::Object(hash) if self.meet_row(scope, batch, start + count, *hash)) {
                break;
            }
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        let step = |scope: &mut v8::PinScope<'s, '_>, failure: Box<Failure>, place: u32| {
            let name = names.get_index(scope, place % width).map_or_else(String::new, |name| name.to_rust_string_lossy(scope));
            failure.at(Step::Key(name)).at(Step::Index((from + start + place / width) as usize))
        };
        let values = blank(scope, count * width);
        let rows = v8::Integer::new_from_unsigned(scope, count).into();
        if state.call_rows(scope, "read", &[batch.into(), numbers[0], rows, names.into(), values.into()]).is_none() {
            let place = stopped_at(scope, values, count * width);
            return Err(step(scope, Failure::thrown(), place));
        }
        self.head(scope, count, names, width)?;
        self.depth += 1;
        let Cells { cells, texts } = self.cells(scope, values, count * width, false);
        for (place, cell) in (0..).zip(cells) {
            self.cell(scope, cell, &texts, values, place, |scope| batch.get_index(scope, start + place / width))
                .map_err(|failure| step(scope, failure, place))?;
        }
        self.depth -= 1;
        Ok(count)
    }

    /// Gives a row the next number, if it was not met before.
    fn meet_row(&mut self, scope: &mut v8::PinScope<'s, '_>, batch: v8::Local<'s, v8::Array>, index: u32, hash: i32) -> bool {
        let is_new = self.seen.meet_item(scope, batch, index, hash, self.next_object).is_none();
        self.next_object += u32::from(is_new);
        is_new
    }

    /// Writes what stands before a block's values.
    fn head(&mut self, scope: &mut v8::PinScope<'s, '_>, count: u32, names: v8::Local<'s, v8::Array>, width: u32) -> Walked {
        self.wire.bytes.push(wire::ROWS);
        self.wire.bytes.varint(u64::from(count));
        self.wire.bytes.varint(u64::from(width));
        for position in 0..width {
            let name = self.read(scope, |scope| names.get_index(scope, position))?;
            self.key(scope, name, position as usize);
            self.reserve(0)?;
        }
        Ok(())
    }

    /// The first values of `array`, which has as many; whether objects are looked at.
    fn cells(&self, scope: &mut v8::PinScope<'s, '_>, array: v8::Local<'s, v8::Array>, count: u32, objects: bool) -> Cells {
        let layout = self.state.layout(scope);
        let mut cells = Cells { cells: Vec::with_capacity(count as usize), texts: Vec::new() };
        // The handles that V8 shows are gone after each step, and nothing may be allocated meanwhile.
        iterate(scope, array, &mut |index, value| {
            let more = index < count;
            if more {
                cells.add(value, layout, objects);
            }
            more
        });
        // Where V8 cannot show them.
        cells.cells.resize(count as usize, Cell::Other);
        cells
    }

    /// Writes what `array` has at `index`; `receiver` finds the object it was read from.
    fn cell(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        cell: Cell,
        texts: &[u8],
        array: v8::Local<'s, v8::Array>,
        index: u32,
        receiver: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>>,
    ) -> Walked {
        match cell {
            Cell::Number(number) => self.wire.bytes.number(number),
            Cell::Text(start, length) => self.wire.bytes.latin1(&texts[start as usize..(start + length) as usize]),
            Cell::Tag(tag) => self.wire.bytes.push(tag),
            Cell::Object(_) | Cell::Other => {
                let value = self.read(scope, |scope| array.get_index(scope, index))?;
                let receiver = if value.is_object() { receiver(scope).map(v8::Local::cast) } else { None };
                return self.value(scope, value, receiver);
            }
        }
        self.reserve(0)
    }
}

impl Cells {
    /// Adds a value; whether objects are looked at.
    fn add(&mut self, value: v8::Local<'_, v8::Value>, layout: Option<Layout>, objects: bool) {
        // SAFETY: nothing is allocated on V8's heap before the text is copied.
        let sight = layout.map_or(Sight::Unknown, |layout| unsafe { layout.see(value) });
        self.cells.push(match sight {
            Sight::Number(number) => Cell::Number(number),
            Sight::Text(text) => {
                let start = self.texts.len();
                self.texts.extend_from_slice(text);
                Cell::Text(start as u32, text.len() as u32)
            }
            Sight::Null => Cell::Tag(wire::NULL),
            Sight::Bool(flag) => Cell::Tag(if flag { wire::TRUE } else { wire::FALSE }),
            Sight::Undefined => Cell::Tag(wire::UNDEFINED),
            Sight::Plain if objects => Cell::object(value),
            Sight::Plain => Cell::Other,
            Sight::Unknown => Cell::asked(value, objects),
        });
    }
}

impl Cell {
    fn object(value: v8::Local<'_, v8::Value>) -> Self {
        Self::Object(value.cast::<v8::Object>().get_identity_hash().get())
    }

    /// What V8 says that a value is.
    fn asked(value: v8::Local<'_, v8::Value>, objects: bool) -> Self {
        if value.is_number() {
            Self::Number(value.cast::<v8::Number>().value())
        } else if value.is_null() {
            Self::Tag(wire::NULL)
        } else if value.is_true() {
            Self::Tag(wire::TRUE)
        } else if value.is_false() {
            Self::Tag(wire::FALSE)
        } else if value.is_undefined() {
            Self::Tag(wire::UNDEFINED)
        } else if objects && value.is_object() && !is_exotic(value) {
            Self::object(value)
        } else {
            Self::Other
        }
    }
}

/// An array whose places are all there: writing to them asks no prototype. It has one more than `length`.
fn blank<'s>(scope: &mut v8::PinScope<'s, '_>, length: u32) -> v8::Local<'s, v8::Array> {
    let null = v8::null(scope).into();
    v8::Array::new_with_elements(scope, &vec![null; length as usize + 1])
}

/// What a function left in the last place before it threw.
fn stopped_at(scope: &mut v8::PinScope<'_, '_>, array: v8::Local<'_, v8::Array>, last: u32) -> u32 {
    array.get_index(scope, last).and_then(|place| place.uint32_value(scope)).unwrap_or(0)
}
