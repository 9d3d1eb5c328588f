//! The envelope of a user's snapshot. V8 trusts the bytes it gets; this is what makes them worth it.
//!
//! Layout, numbers little-endian: magic, 32 bytes identity of the engine, 32 bytes digest of what follows; then parts with their lengths in front: V8's
//! part, and what it was made from: kind, name and text of each script and static module. The digest guards against damage, not against forgery: a snapshot is code, as trusted as its source.
//! No V8 and nothing else of this crate is needed here: `rust/fuzz` compiles this file too.

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"jsrun\0s1";
const MODULE: &[u8] = b"m";
const SCRIPT: &[u8] = b"s";
#[cfg(test)]
const HEADER: usize = 8 + 32 + 32;

/// What made a snapshot: only the very same engine can use it.
pub(crate) type Identity = [u8; 32];

/// A snapshot as its parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) digest: [u8; 32],
    /// V8's part.
    pub(crate) heap: &'a [u8],
    /// What it was made from, in order.
    pub(crate) sources: Vec<Source>,
}

/// A script that ran, or a module that is there to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) is_module: bool,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Puts a snapshot into its envelope.
pub(crate) fn seal(identity: &Identity, heap: &[u8], sources: &[Source]) -> Vec<u8> {
    let mut body = Vec::with_capacity(heap.len() + 64);
    put(&mut body, heap);
    for source in sources {
        put(&mut body, if source.is_module { MODULE } else { SCRIPT });
        put(&mut body, source.name.as_bytes());
        put(&mut body, source.text.as_bytes());
    }
    let mut sealed = Vec::with_capacity(body.len() + 128);
    sealed.extend_from_slice(MAGIC);
    sealed.extend_from_slice(identity);
    sealed.extend_from_slice(&Sha256::digest(&body));
    sealed.extend_from_slice(&body);
    sealed
}

fn put(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_le_bytes());
    out.extend_from_slice(part);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (part, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(part)
}

fn source(rest: &mut &[u8]) -> Option<Source> {
    let is_module = match take(rest)? {
        MODULE => true,
        SCRIPT => false,
        _ => return None,
    };
    let [name, text] = [take(rest)?, take(rest)?].map(|part| std::str::from_utf8(part).ok().map(str::to_owned));
    Some(Source { is_module, name: name?, text: text? })
}

/// The digest that an envelope tells of its contents.
pub(crate) fn digest_of(bytes: &[u8]) -> Option<&[u8; 32]> {
    bytes.get(MAGIC.len() + 32..)?.first_chunk()
}

/// Takes a snapshot out of its envelope, if `identity` made it; an error says what is wrong with the bytes.
pub(crate) fn unseal<'a>(identity: &Identity, bytes: &'a [u8]) -> Result<Parts<'a>, &'static str> {
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or("they are too short")?;
    if magic != MAGIC {
        return Err("they were not made by jsrun.SnapshotBuilder");
    }
    let (made_by, rest) = rest.split_first_chunk::<32>().ok_or("they are cut off")?;
    if made_by != identity {
        return Err("another build of jsrun or V8 made them; build the snapshot again with this one");
    }
    let (digest, body) = rest.split_first_chunk::<32>().ok_or("they are cut off")?;
    if *digest != <[u8; 32]>::from(Sha256::digest(body)) {
        return Err("they are damaged or cut off");
    }
    let damaged = "their parts do not add up";
    let mut rest = body;
    let heap = take(&mut rest).ok_or(damaged)?;
    let mut sources = Vec::new();
    while !rest.is_empty() {
        sources.push(source(&mut rest).ok_or(damaged)?);
    }
    Ok(Parts { digest: *digest, heap, sources })
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Identity, Source, digest_of, seal, unseal};

    const ME: Identity = [7; 32];

    #[test]
    fn what_is_sealed_comes_out_again() {
        let source = |is_module, name: &str, text: &str| Source { is_module, name: name.into(), text: text.into() };
        let sources = vec![source(true, "a", "export {}"), source(false, "ä", "")];
        let sealed = seal(&ME, b"heap", &sources);
        let parts = unseal(&ME, &sealed).unwrap();
        assert_eq!((parts.heap, &parts.sources), (&b"heap"[..], &sources));
        assert_eq!(digest_of(&sealed), Some(&parts.digest));
        assert_eq!(digest_of(&sealed[..70]), None);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let sealed = seal(&ME, b"some heap", &[Source { is_module: true, name: "m".into(), text: "x".into() }]);
        for at in 0..sealed.len() {
            assert!(unseal(&ME, &sealed[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = sealed.clone();
                damaged[at] ^= 1 << bit;
                assert!(unseal(&ME, &damaged).is_err(), "bit {bit} of byte {at}");
            }
        }
        let longer = [&sealed[..], b"x"].concat();
        assert!(unseal(&ME, &longer).is_err());
        assert!(unseal(&[8; 32], &sealed).is_err());
        assert!(sealed.len() > HEADER);
    }
}
