//! libFuzzer asks `values`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jsrun_fuzz::values(data));
