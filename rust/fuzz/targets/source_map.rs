//! libFuzzer asks `source_map`. Panics of the crate that reads maps are caught by the library: they are not what is looked for.
#![no_main]

libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |data: &[u8]| {
    if let Err(failure) = std::panic::catch_unwind(|| jsrun_fuzz::source_map(data)) {
        let text = failure.downcast_ref::<String>().map_or("a panic without a text", String::as_str);
        eprintln!("{text}");
        std::process::abort();
    }
});
