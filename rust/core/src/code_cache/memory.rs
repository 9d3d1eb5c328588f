//! Compiled code in memory, shared by all isolates of the process: bounded in bytes, and what was not used for longest goes first.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::entry::Key;

/// All code together, in bytes.
const MOST: usize = 64 << 20;

static CODE: Mutex<Option<Shelf>> = Mutex::new(None);

#[derive(Default)]
struct Shelf {
    entries: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts uses.
    clock: u64,
}

struct Entry {
    code: Arc<[u8]>,
    used: u64,
}

impl Shelf {
    fn get(&mut self, key: &Key) -> Option<Arc<[u8]>> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.clock;
        Some(Arc::clone(&entry.code))
    }

    fn put(&mut self, key: Key, code: Arc<[u8]>, most: usize) {
        self.remove(&key);
        if code.len() > most {
            return;
        }
        self.bytes += code.len();
        self.clock += 1;
        self.entries.insert(key, Entry { code, used: self.clock });
        while self.bytes > most {
            // Entries are large, so they are few.
            let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key) else { break };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.code.len();
        }
    }
}

/// The code of `key`, if it is still there.
pub(crate) fn get(key: &Key) -> Option<Arc<[u8]>> {
    CODE.lock().as_mut()?.get(key)
}

/// Keeps code, in place of what was used least recently.
pub(crate) fn put(key: Key, code: Arc<[u8]>) {
    CODE.lock().get_or_insert_default().put(key, code, MOST);
}

/// Forgets code that V8 refused.
pub(super) fn remove(key: &Key) {
    if let Some(shelf) = CODE.lock().as_mut() {
        shelf.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::Shelf;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut shelf = Shelf::default();
        let key = |number: u8| [number; 32];
        for number in 0..4 {
            shelf.put(key(number), vec![number; 30].into(), 100);
            assert!(shelf.get(&key(0)).is_some());
        }
        assert_eq!(shelf.bytes, 90);
        let there: Vec<bool> = (0..4).map(|number| shelf.get(&key(number)).is_some()).collect();
        assert_eq!(there, [true, false, true, true]);
    }

    #[test]
    fn replaced_removed_and_oversized_code_is_not_counted() {
        let mut shelf = Shelf::default();
        shelf.put([1; 32], vec![0; 60].into(), 100);
        shelf.put([1; 32], vec![0; 50].into(), 100);
        assert_eq!(shelf.bytes, 50);
        shelf.put([2; 32], vec![0; 101].into(), 100);
        assert_eq!((shelf.bytes, shelf.entries.len()), (50, 1));
        shelf.remove(&[1; 32]);
        assert_eq!((shelf.bytes, shelf.entries.len()), (0, 0));
    }
}
