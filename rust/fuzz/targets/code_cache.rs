//! libFuzzer asks `code_cache`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jsrun_fuzz::code_cache(data));
