//! What `crypto.subtle` calculates with: maintained crates behind one function that the host lends.

mod ciphers;
mod curves;
mod hashes;
mod native;

pub(super) use native::on_crypto;
