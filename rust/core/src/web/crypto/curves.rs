//! Keys and signatures on P-256, P-384 and Ed25519. A private key is its number, a public key its uncompressed point, both as bytes.

/// Does what is asked with a key on the curve `name`; `None` when the bytes are no such key, or a check fails.
pub(super) fn calculate(name: &str, operation: &str, parts: &[&[u8]]) -> Option<Vec<u8>> {
    match name {
        "P-256" => nist256::calculate(operation, parts),
        "P-384" => nist384::calculate(operation, parts),
        "Ed25519" => edwards::calculate(operation, parts),
        _ => None,
    }
}

/// The two curves of NIST differ in their crate and the size of a number, in bytes.
macro_rules! nist {
    ($module:ident, $curve:ident, $size:literal) => {
        mod $module {
            use $curve::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
            use $curve::ecdsa::{Signature, SigningKey, VerifyingKey};
            use $curve::elliptic_curve::sec1::ToEncodedPoint;
            use $curve::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
            use $curve::{PublicKey, SecretKey};

            pub(super) fn calculate(operation: &str, parts: &[&[u8]]) -> Option<Vec<u8>> {
                Some(match (operation, parts) {
                    ("generate", []) => generate()?.to_bytes().to_vec(),
                    ("private", [key]) => private(key)?.to_bytes().to_vec(),
                    ("public", [key]) => point(private(key)?.public_key()),
                    ("point", [bytes]) => point(PublicKey::from_sec1_bytes(bytes).ok()?),
                    ("sign", [key, digest]) => {
                        let signature: Signature = SigningKey::from(private(key)?).sign_prehash(&widened(digest)).ok()?;
                        signature.to_bytes().to_vec()
                    }
                    ("verify", [key, signature, digest]) => {
                        let signature = Signature::from_slice(signature).ok()?;
                        VerifyingKey::from_sec1_bytes(key).ok()?.verify_prehash(&widened(digest), &signature).ok()?;
                        Vec::new()
                    }
                    ("agree", [key, other]) => {
                        let other = PublicKey::from_sec1_bytes(other).ok()?;
                        let shared = $curve::ecdh::diffie_hellman(private(key)?.to_nonzero_scalar(), other.as_affine());
                        shared.raw_secret_bytes().to_vec()
                    }
                    ("to-pkcs8", [key]) => private(key)?.to_pkcs8_der().ok()?.as_bytes().to_vec(),
                    ("from-pkcs8", [der]) => SecretKey::from_pkcs8_der(der).ok()?.to_bytes().to_vec(),
                    ("to-spki", [key]) => PublicKey::from_sec1_bytes(key).ok()?.to_public_key_der().ok()?.as_bytes().to_vec(),
                    ("from-spki", [der]) => point(PublicKey::from_public_key_der(der).ok()?),
                    _ => return None,
                })
            }

            /// A random number in the range of private keys.
            fn generate() -> Option<SecretKey> {
                loop {
                    let mut bytes = [0; $size];
                    getrandom::fill(&mut bytes).ok()?;
                    if let Ok(key) = SecretKey::from_slice(&bytes) {
                        return Some(key);
                    }
                }
            }

            fn private(bytes: &[u8]) -> Option<SecretKey> {
                (bytes.len() == $size).then(|| SecretKey::from_slice(bytes).ok()).flatten()
            }

            fn point(key: PublicKey) -> Vec<u8> {
                key.to_encoded_point(false).as_bytes().to_vec()
            }

            /// A digest shorter than the curve's numbers is a small number.
            fn widened(digest: &[u8]) -> Vec<u8> {
                let mut wide = vec![0; usize::saturating_sub($size, digest.len())];
                wide.extend_from_slice(digest);
                wide
            }
        }
    };
}

nist!(nist256, p256, 32);
nist!(nist384, p384, 48);

mod edwards {
    use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes, PublicKeyBytes};
    use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};

    pub(super) fn calculate(operation: &str, parts: &[&[u8]]) -> Option<Vec<u8>> {
        Some(match (operation, parts) {
            ("generate", []) => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).ok()?;
                bytes.to_vec()
            }
            ("private", [key]) => private(key)?.to_bytes().to_vec(),
            ("public", [key]) => private(key)?.verifying_key().to_bytes().to_vec(),
            ("point", [bytes]) => <[u8; 32]>::try_from(*bytes).ok()?.to_vec(),
            ("sign", [key, data]) => private(key)?.try_sign(data).ok()?.to_bytes().to_vec(),
            ("verify", [key, signature, data]) => {
                public(key)?.verify(data, &Signature::from_slice(signature).ok()?).ok()?;
                Vec::new()
            }
            // Without the public key, as the standard has it.
            ("to-pkcs8", [key]) => {
                let pair = KeypairBytes { secret_key: private(key)?.to_bytes(), public_key: None };
                pair.to_pkcs8_der().ok()?.as_bytes().to_vec()
            }
            ("from-pkcs8", [der]) => KeypairBytes::from_pkcs8_der(der).ok()?.secret_key.to_vec(),
            ("to-spki", [key]) => PublicKeyBytes(<[u8; 32]>::try_from(*key).ok()?).to_public_key_der().ok()?.as_bytes().to_vec(),
            ("from-spki", [der]) => PublicKeyBytes::from_public_key_der(der).ok()?.to_bytes().to_vec(),
            _ => return None,
        })
    }

    fn private(bytes: &[u8]) -> Option<SigningKey> {
        Some(SigningKey::from_bytes(&<[u8; 32]>::try_from(bytes).ok()?))
    }

    fn public(bytes: &[u8]) -> Option<VerifyingKey> {
        VerifyingKey::from_bytes(&<[u8; 32]>::try_from(bytes).ok()?).ok()
    }
}
