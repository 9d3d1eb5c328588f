//! What every isolate has of deno_core, deno_web and ours, and which of their scripts are parts. Compiled into the crate and into its build script, which
//! makes the start-up snapshot and the parts from it; both must list the same extensions in the same order.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::{Arc, LazyLock};

use deno_core::_ops::OpMethodDecl;
use deno_core::v8::MapFnTo;
use deno_core::{Extension, ExtensionFileSource, OpDecl, op2, v8};

/// Says what a script brings under a name; none if it threw.
pub(crate) type Bring =
    for<'s> fn(&mut v8::PinScope<'s, '_>, v8::Local<'s, v8::Value>, v8::Local<'s, v8::Name>) -> Option<v8::Local<'s, v8::Value>>;

thread_local! {
    /// Of the isolate on this thread. The build script's has none.
    static BRING: Cell<Option<Bring>> = const { Cell::new(None) };
}

/// From here on, this thread's isolate loads its parts with `bring`.
#[allow(dead_code, reason = "the build script loads none this way")]
pub(crate) fn load_with(bring: Bring) {
    BRING.set(Some(bring));
}

/// Puts a property on `object` that looks like any other. When it is first read its value is fetched from `script`, which V8 keeps beside the property.
#[op2(nofast)]
fn op_lazy_property<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: v8::Local<'s, v8::String>,
    script: v8::Local<'s, v8::String>,
    enumerable: bool,
) {
    if object.has_own_property(scope, name.into()) == Some(true)
        && object.get_property_attributes(scope, name.into()).is_some_and(|attributes| attributes.is_dont_delete())
    {
        // What a snapshot's script declared stays.
        return;
    }
    let attributes = if enumerable { v8::PropertyAttribute::NONE } else { v8::PropertyAttribute::DONT_ENUM };
    let property = v8::AccessorConfiguration::new(on_read).data(script.into()).property_attribute(attributes);
    object.set_accessor_with_configuration(scope, name.into(), property);
}

/// The first read puts the value in the property's place. V8 could do that itself (`SetLazyDataProperty`), but ends the process if the property is
/// another one by then, and code that runs while the script is loaded can make it: the setters of a changed `Object.prototype`.
fn on_read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(value) = BRING.get().and_then(|bring| bring(scope, args.data(), name)) else { return };
    let object = args.holder();
    // Where the global object is frozen it stays as it is, and is read each time.
    if object.has_own_property(scope, name) == Some(true) && object.set(scope, name.into(), value).is_none() {
        return;
    }
    rv.set(value);
}

deno_core::extension!(
    jsrun_web,
    deps = [deno_webidl, deno_web],
    ops = [op_lazy_property],
    esm_entry_point = "ext:jsrun_web/bootstrap.js",
    esm = [dir "src/web", "bootstrap.js"],
    lazy_loaded_js = [dir "src/web", "body.js", "clock.js", "console.js", "crypto.js", "cryptokey.js", "fetch.js", "formdata.js", "headers.js", "hooks.js",
        "host.js", "inspection.js", "jwk.js", "kept.js", "local.js", "multipart.js", "pairs.js", "parts.js", "request.js", "response.js", "rows.js", "secrets.js",
        "streams.js", "subtle.js", "timers.js", "url.js"],
);

/// Scripts that are in the start-up snapshot. The others are parts: `parts.js` loads them when a program uses what they bring.
const STANDING: [&str; 8] = [
    "ext:deno_web/01_dom_exception.js",
    "ext:deno_web/02_event.js",
    "ext:deno_webidl/00_webidl.js",
    "ext:jsrun_web/hooks.js",
    "ext:jsrun_web/host.js",
    "ext:jsrun_web/kept.js",
    "ext:jsrun_web/parts.js",
    "ext:jsrun_web/timers.js",
];

/// What deno_web has beyond the platform that is offered here: the beginnings of its ops' names.
const NOT_OFFERED: [&str; 4] = ["op_broadcast_", "op_geometry_", "op_lock_manager_", "op_readable_stream_resource_"];

/// And the ends of its scripts' names.
const NOT_LOADED: [&str; 6] = [
    "/01_broadcast_channel.js",
    "/04_global_interfaces.js",
    "/12_location.js",
    "/16_image_data.js",
    "/17_geometry.js",
    "/18_css_stylesheet.js",
];

/// What every isolate has of deno_web, chosen once.
struct Chosen {
    ops: Vec<OpDecl>,
    objects: Vec<OpMethodDecl>,
    /// Nobody can subscribe: one for all isolates.
    channel: deno_web::InMemoryBroadcastChannel,
}

// SAFETY: what the declarations point to are functions and tables of the program; nobody writes to them.
unsafe impl Send for Chosen {}
// SAFETY: as above.
unsafe impl Sync for Chosen {}

static CHOSEN: LazyLock<Chosen> = LazyLock::new(|| {
    let channel = deno_web::InMemoryBroadcastChannel::default();
    let mut whole = deno_web::deno_web::init(Arc::new(deno_web::BlobStore::default()), None, false, channel.clone());
    let offered = |op: &OpDecl| !NOT_OFFERED.iter().any(|start| op.name.starts_with(start));
    let ops = whole.ops.to_mut().drain(..).filter(offered).collect();
    let objects = whole.objects.to_mut().drain(..).filter(|object| object.name.0 == "Console").collect();
    Chosen { ops, objects, channel }
});

/// The extensions of one isolate, with stores of its own: isolates share no blobs. All of their scripts are in the snapshot.
pub(crate) fn extensions() -> Vec<Extension> {
    let mut extensions = all();
    for extension in &mut extensions {
        extension.lazy_loaded_js_files.to_mut().retain(|file| STANDING.contains(&file.specifier));
        extension.lazy_loaded_esm_files = Cow::Borrowed(&[]);
    }
    extensions
}

/// The parts: their names, and where their text is.
#[allow(dead_code, reason = "the build script puts them into the crate")]
pub(crate) fn parts() -> Vec<ExtensionFileSource> {
    scripts().into_iter().filter(|script| !STANDING.contains(&script.specifier)).collect()
}

/// The parts and what stands.
#[allow(dead_code, reason = "the build script reads them")]
pub(crate) fn scripts() -> Vec<ExtensionFileSource> {
    let scripts = all().into_iter().flat_map(|extension| extension.lazy_loaded_js_files.into_owned());
    scripts.filter(|script| !NOT_LOADED.iter().any(|end| script.specifier.ends_with(end))).collect()
}

fn all() -> Vec<Extension> {
    let chosen: &'static Chosen = &CHOSEN;
    let mut web = deno_web::deno_web::init(Arc::new(deno_web::BlobStore::default()), None, false, chosen.channel.clone());
    web.ops = Cow::Borrowed(&chosen.ops);
    web.objects = Cow::Borrowed(&chosen.objects);
    let mut own = jsrun_web::init();
    let on_read: v8::AccessorNameGetterCallback = on_read.map_fn_to();
    own.external_references = Cow::Owned(vec![v8::ExternalReference { pointer: on_read as *mut c_void }]);
    vec![deno_webidl::deno_webidl::init(), web, own]
}
