//! For the build scripts: puts functions of ours in front of V8's, where the linker can.

/// What handles the pages of buffers (`limits/pages.rs`), what empties the inline caches' tables (`isolate/stub_cache.rs`), and what lets others go before
/// an isolate that is made ahead (`isolate/apart.rs`).
const WRAPPED: [&str; 6] = [
    "_ZN2v88internal13AllocatePagesEPNS_13PageAllocatorEmmNS1_10PermissionENS1_14AllocationHintE",
    "_ZN2v88internal14SetPermissionsEPNS_13PageAllocatorEPvmNS1_10PermissionE",
    "_ZN2v88internal9FreePagesEPNS_13PageAllocatorEPvm",
    "_ZN2v88internal9StubCache10InitializeEv",
    "_ZN2v88internal9StubCache5ClearEv",
    "_ZN2v88internal15MemoryAllocator12AllocatePageENS1_14AllocationModeEPNS0_5SpaceENS0_13ExecutabilityE",
];

/// Tells cargo, for everything that is linked for the package being built.
pub(crate) fn print() {
    println!("cargo:rustc-check-cfg=cfg(jsrun_v8_hooks)");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    println!("cargo:rustc-cfg=jsrun_v8_hooks");
    for name in WRAPPED {
        println!("cargo:rustc-link-arg=-Wl,--wrap={name}");
    }
}
