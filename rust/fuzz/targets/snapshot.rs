//! libFuzzer asks `snapshot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jsrun_fuzz::snapshot(data));
