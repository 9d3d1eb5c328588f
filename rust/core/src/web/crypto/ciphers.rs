//! AES in the modes GCM and CBC. What is encrypted is at most as large as one array buffer may be, which bounds the time.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::consts::{U12, U13, U14, U15, U16};
use aes::cipher::{BlockCipher, BlockDecryptMut, BlockEncrypt, BlockEncryptMut, KeyInit, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::generic_array::ArrayLength;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{AesGcm, TagSize};

/// Encrypts, or checks and decrypts. `None` when the check fails, or for sizes that are not offered.
pub(super) fn gcm(encrypt: bool, tag_bits: usize, key: &[u8], iv: &[u8], data: &[u8], extra: &[u8]) -> Option<Vec<u8>> {
    match key.len() {
        16 => gcm_of::<Aes128>(encrypt, tag_bits, key, iv, data, extra),
        24 => gcm_of::<Aes192>(encrypt, tag_bits, key, iv, data, extra),
        32 => gcm_of::<Aes256>(encrypt, tag_bits, key, iv, data, extra),
        _ => None,
    }
}

fn gcm_of<C>(encrypt: bool, tag_bits: usize, key: &[u8], iv: &[u8], data: &[u8], extra: &[u8]) -> Option<Vec<u8>>
where
    C: BlockCipher + BlockEncrypt + KeyInit + aes::cipher::BlockSizeUser<BlockSize = U16>,
{
    match (iv.len(), tag_bits) {
        (12, 96) => gcm_with::<C, U12, U12>(encrypt, key, iv, data, extra),
        (12, 104) => gcm_with::<C, U12, U13>(encrypt, key, iv, data, extra),
        (12, 112) => gcm_with::<C, U12, U14>(encrypt, key, iv, data, extra),
        (12, 120) => gcm_with::<C, U12, U15>(encrypt, key, iv, data, extra),
        (12, 128) => gcm_with::<C, U12, U16>(encrypt, key, iv, data, extra),
        (16, 128) => gcm_with::<C, U16, U16>(encrypt, key, iv, data, extra),
        _ => None,
    }
}

fn gcm_with<C, N, T>(encrypt: bool, key: &[u8], iv: &[u8], data: &[u8], extra: &[u8]) -> Option<Vec<u8>>
where
    C: BlockCipher + BlockEncrypt + KeyInit + aes::cipher::BlockSizeUser<BlockSize = U16>,
    N: ArrayLength<u8>,
    T: TagSize,
{
    let cipher = <AesGcm<C, N, T> as KeyInit>::new_from_slice(key).ok()?;
    let payload = Payload { msg: data, aad: extra };
    if encrypt { cipher.encrypt(iv.into(), payload).ok() } else { cipher.decrypt(iv.into(), payload).ok() }
}

/// Encrypts with the padding of PKCS #7.
pub(super) fn cbc_encrypt(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    Some(match key.len() {
        16 => cbc::Encryptor::<Aes128>::new_from_slices(key, iv).ok()?.encrypt_padded_vec_mut::<Pkcs7>(data),
        24 => cbc::Encryptor::<Aes192>::new_from_slices(key, iv).ok()?.encrypt_padded_vec_mut::<Pkcs7>(data),
        32 => cbc::Encryptor::<Aes256>::new_from_slices(key, iv).ok()?.encrypt_padded_vec_mut::<Pkcs7>(data),
        _ => return None,
    })
}

/// Decrypts; `None` when the padding is wrong.
pub(super) fn cbc_decrypt(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    match key.len() {
        16 => cbc::Decryptor::<Aes128>::new_from_slices(key, iv).ok()?.decrypt_padded_vec_mut::<Pkcs7>(data).ok(),
        24 => cbc::Decryptor::<Aes192>::new_from_slices(key, iv).ok()?.decrypt_padded_vec_mut::<Pkcs7>(data).ok(),
        32 => cbc::Decryptor::<Aes256>::new_from_slices(key, iv).ok()?.decrypt_padded_vec_mut::<Pkcs7>(data).ok(),
        _ => None,
    }
}
