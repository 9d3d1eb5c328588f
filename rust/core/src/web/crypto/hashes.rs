//! Digests, HMAC, and the derivations over it. Long work goes in slices, between which it may be stopped.

use hmac::digest::{Digest, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// Bytes between two looks at the interrupt.
const SLICE: usize = 1 << 20;
/// Rounds of HMAC between two looks.
const ROUNDS: usize = 1 << 10;

/// Evaluates an expression with `$kind` as the hash of that name; `None` for an unknown one.
macro_rules! with_hash {
    ($name:expr, $kind:ident => $body:expr) => {
        match $name {
            "SHA-1" => with_hash!(@ Sha1, $kind, $body),
            "SHA-256" => with_hash!(@ Sha256, $kind, $body),
            "SHA-384" => with_hash!(@ Sha384, $kind, $body),
            "SHA-512" => with_hash!(@ Sha512, $kind, $body),
            _ => None,
        }
    };
    (@ $hash:ident, $kind:ident, $body:expr) => {{
        type $kind = $hash;
        $body
    }};
}

/// Bytes of the operating system's.
pub(super) fn random(length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

pub(super) fn digest(name: &str, data: &[u8], stop: &mut dyn FnMut() -> bool) -> Option<Vec<u8>> {
    with_hash!(name, Hash => {
        let mut hash = Hash::new();
        in_slices(data, stop, |slice| Digest::update(&mut hash, slice))?;
        Some(hash.finalize().to_vec())
    })
}

pub(super) fn hmac(name: &str, key: &[u8], data: &[u8], stop: &mut dyn FnMut() -> bool) -> Option<Vec<u8>> {
    with_hash!(name, Hash => {
        let mut mac = <Hmac<Hash> as Mac>::new_from_slice(key).ok()?;
        in_slices(data, stop, |slice| Mac::update(&mut mac, slice))?;
        Some(mac.finalize().into_bytes().to_vec())
    })
}

/// Compares in a time that does not depend on where the difference is.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| std::hint::black_box(sum | (a ^ b))) == 0
}

pub(super) fn pbkdf2(
    name: &str,
    password: &[u8],
    salt: &[u8],
    iterations: usize,
    length: usize,
    stop: &mut dyn FnMut() -> bool,
) -> Option<Vec<u8>> {
    with_hash!(name, Hash => derive(&<Hmac<Hash> as Mac>::new_from_slice(password).ok()?, salt, iterations, length, stop))
}

/// PBKDF2 (RFC 8018, 5.2) over a keyed HMAC.
fn derive<M: Mac + KeyInit + Clone>(
    keyed: &M,
    salt: &[u8],
    iterations: usize,
    length: usize,
    stop: &mut dyn FnMut() -> bool,
) -> Option<Vec<u8>> {
    let mut derived = Vec::with_capacity(length);
    let mut rounds = 0;
    for block in 1u32.. {
        if derived.len() >= length {
            break;
        }
        let mut mac = keyed.clone();
        mac.update(salt);
        mac.update(&block.to_be_bytes());
        let mut last = mac.finalize().into_bytes();
        let mut sum = last.clone();
        for _ in 1..iterations {
            rounds += 1;
            if rounds % ROUNDS == 0 && stop() {
                return None;
            }
            let mut mac = keyed.clone();
            mac.update(&last);
            last = mac.finalize().into_bytes();
            sum.iter_mut().zip(&last).for_each(|(sum, byte)| *sum ^= byte);
        }
        rounds += 1;
        if rounds % ROUNDS == 0 && stop() {
            return None;
        }
        let wanted = sum.len().min(length - derived.len());
        derived.extend_from_slice(&sum[..wanted]);
    }
    Some(derived)
}

pub(super) fn hkdf(name: &str, key: &[u8], salt: &[u8], info: &[u8], length: usize) -> Option<Vec<u8>> {
    with_hash!(name, Hash => {
        // RFC 5869 has no more than 255 blocks.
        if length > 255 * Hash::output_size() {
            return None;
        }
        let mut derived = vec![0; length];
        hkdf::Hkdf::<Hash>::new(Some(salt), key).expand(info, &mut derived).ok()?;
        Some(derived)
    })
}

fn in_slices(data: &[u8], stop: &mut dyn FnMut() -> bool, mut each: impl FnMut(&[u8])) -> Option<()> {
    for slice in data.chunks(SLICE) {
        each(slice);
        if slice.len() == SLICE && stop() {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{SLICE, digest, hkdf, pbkdf2, same};

    #[test]
    fn long_work_stops_when_told() {
        let mut looks = 0;
        let mut stop = || {
            looks += 1;
            looks > 2
        };
        assert_eq!(digest("SHA-256", &vec![0; 8 * SLICE], &mut stop), None);
        assert_eq!(pbkdf2("SHA-256", b"p", b"s", usize::MAX, 32, &mut || true), None);
    }

    #[test]
    fn known_answers() {
        // RFC 6070, test vector 2; RFC 5869, test case 3 (length only is checked beyond its first bytes).
        let derived = pbkdf2("SHA-1", b"password", b"salt", 2, 20, &mut || false);
        assert_eq!(derived.as_deref().map(|bytes| &bytes[..4]), Some(&[0xea, 0x6c, 0x01, 0x4d][..]));
        let derived = hkdf("SHA-256", &[0x0b; 22], b"", b"", 42);
        assert_eq!(derived.as_deref().map(|bytes| &bytes[..4]), Some(&[0x8d, 0xa4, 0xe7, 0x75][..]));
        assert_eq!(hkdf("SHA-256", b"k", b"", b"", 255 * 32 + 1), None);
        assert!(same(b"ab", b"ab") && !same(b"ab", b"ac") && !same(b"ab", b"abc"));
    }
}
