//! libFuzzer asks `import_map`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jsrun_fuzz::import_map(data));
