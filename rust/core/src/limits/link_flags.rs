//! For the build scripts: puts the functions of `pages.rs` in front of V8's, where the linker can.

/// V8's functions that handle the pages of buffers.
const WRAPPED: [&str; 3] = [
    "_ZN2v88internal13AllocatePagesEPNS_13PageAllocatorEmmNS1_10PermissionENS1_14AllocationHintE",
    "_ZN2v88internal14SetPermissionsEPNS_13PageAllocatorEPvmNS1_10PermissionE",
    "_ZN2v88internal9FreePagesEPNS_13PageAllocatorEPvm",
];

/// Tells cargo, for everything that is linked for the package being built.
pub(crate) fn print() {
    println!("cargo:rustc-check-cfg=cfg(jsrun_page_hooks)");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    println!("cargo:rustc-cfg=jsrun_page_hooks");
    for name in WRAPPED {
        println!("cargo:rustc-link-arg=-Wl,--wrap={name}");
    }
}
