//! A snapshot made on top of another. deno_core leaves the lower layer's script texts out of it, to which V8's part refers; they are put back here.
//!
//! A snapshot of deno_core is V8's part, a record, and the length of V8's part. The record ends in: number of ops, number of scripts, number of further
//! references (eight bytes each), source maps and script texts (a four-byte count, then entries; a text is a four-byte length and its bytes).

use crate::error::Error;

const LENGTH: usize = 8;
/// Numbers of ops, scripts and further references, and the count of source maps.
const NUMBERS: usize = 8 + 8 + 8 + 4;

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn count(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
}

/// Where the script texts of a record begin: the one place from which they reach exactly to its end, and agree with the numbers before them.
fn texts_of(record: &[u8]) -> Option<usize> {
    let reaches_end = |start: usize, texts: usize| {
        let mut at = start + 4;
        for _ in 0..texts {
            at = count(record, at)?.checked_add(at + 4)?;
        }
        (at == record.len()).then_some(())
    };
    (NUMBERS..record.len()).find(|&start| {
        let agrees = || {
            let texts = count(record, start)?;
            let scripts = number(record, start - 20)?;
            (texts > 0 && scripts == texts as u64 && count(record, start - 4)? == 0).then_some(texts)
        };
        agrees().is_some_and(|texts| reaches_end(start, texts).is_some())
    })
}

fn record_of(snapshot: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = snapshot.len().checked_sub(LENGTH)?;
    let heap = usize::try_from(number(snapshot, body)?).ok()?;
    snapshot.get(..body)?.split_at_checked(heap)
}

/// Completes a snapshot that was made on top of `base`.
pub(crate) fn complete(layered: &[u8], base: &[u8]) -> Result<Vec<u8>, Error> {
    merge(layered, base)
        .ok_or_else(|| Error::Snapshot("the snapshot on top of the built-in one has an unknown layout (please report)".into()))
}

fn merge(layered: &[u8], base: &[u8]) -> Option<Vec<u8>> {
    let (_, base) = record_of(base)?;
    let texts = texts_of(base)?;
    let (heap, record) = record_of(layered)?;
    // No scripts, source maps or texts of its own; the same ops.
    let numbers = record.len().checked_sub(NUMBERS + 4)?;
    let own = (number(record, numbers)?, number(record, numbers + 8)?, count(record, record.len() - 8)?, count(record, record.len() - 4)?);
    if own != (number(base, texts - NUMBERS)?, 0, 0, 0) {
        return None;
    }
    let mut whole = Vec::with_capacity(layered.len() + base.len() - texts);
    whole.extend_from_slice(heap);
    whole.extend_from_slice(&record[..numbers]);
    whole.extend_from_slice(&base[texts - NUMBERS..]);
    whole.extend_from_slice(&(heap.len() as u64).to_le_bytes());
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::{complete, merge, texts_of};

    fn snapshot(heap: &[u8], head: &[u8], scripts: u64, texts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = heap.to_vec();
        bytes.extend_from_slice(head);
        for number in [7, scripts, 2] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&0u32.to_le_bytes());
        bytes.extend_from_slice(&(texts.len() as u32).to_le_bytes());
        for text in texts {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text);
        }
        bytes.extend_from_slice(&(heap.len() as u64).to_le_bytes());
        bytes
    }

    #[test]
    fn the_texts_of_the_base_come_back() {
        let base = snapshot(b"base", b"head", 3, &[b"one", b"", b"three"]);
        let layered = snapshot(b"layered", b"other head", 0, &[]);
        assert_eq!(complete(&layered, &base).unwrap(), snapshot(b"layered", b"other head", 3, &[b"one", b"", b"three"]));
    }

    #[test]
    fn an_unknown_layout_is_refused() {
        let base = snapshot(b"base", b"head", 1, &[b"one"]);
        for wrong in [snapshot(b"x", b"", 1, &[b"text"]), snapshot(b"x", b"", 1, &[]), Vec::new(), b"short".to_vec()] {
            assert!(merge(&wrong, &base).is_none());
        }
        assert!(merge(&snapshot(b"x", b"", 0, &[]), b"no base at all").is_none());
    }

    #[test]
    fn the_built_in_snapshot_has_the_known_layout() {
        let (_, record) = super::record_of(crate::snapshot::built_in()).unwrap();
        assert!(texts_of(record).is_some());
    }
}
