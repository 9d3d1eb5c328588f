//! The JavaScript that is in every isolate before user code: deno_web's scripts, and ours on top. Compiled into the crate and into its build script,
//! which makes the start-up snapshot from it; both must list the same extensions in the same order.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::{Arc, LazyLock};

use deno_core::v8::MapFnTo;
use deno_core::{Extension, ExtensionFileSource, op2, v8};

/// Hears of an exception that nobody caught.
pub(crate) type Report = for<'s> fn(&mut v8::PinScope<'s, '_>, v8::Local<'s, v8::Value>);
/// Says what a script brings under a name; none if it threw.
pub(crate) type Bring =
    for<'s> fn(&mut v8::PinScope<'s, '_>, v8::Local<'s, v8::Value>, v8::Local<'s, v8::Name>) -> Option<v8::Local<'s, v8::Value>>;

/// What the scripts need of the crate. The build script has none of it.
#[derive(Clone, Copy)]
pub(crate) struct Host {
    pub(crate) report: Report,
    pub(crate) bring: Bring,
}

thread_local! {
    /// For the isolate on this thread.
    static HOST: Cell<Option<Host>> = const { Cell::new(None) };
}

/// From here on, what this thread's isolate has is `host`.
#[allow(dead_code, reason = "the build script has no host")]
pub(crate) fn serve(host: Host) {
    HOST.set(Some(host));
}

/// In place of deno_core's, which stops all JavaScript for one uncaught exception.
#[op2(fast, reentrant)]
fn op_report_exception<'s>(scope: &mut v8::PinScope<'s, '_>, exception: v8::Local<'s, v8::Value>, _promise: bool) {
    if let Some(host) = HOST.get() {
        (host.report)(scope, exception);
    }
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
    let Some(value) = HOST.get().and_then(|host| (host.bring)(scope, args.data(), name)) else { return };
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
        "host.js", "jwk.js", "kept.js", "local.js", "multipart.js", "pairs.js", "parts.js", "request.js", "response.js", "secrets.js", "streams.js",
        "subtle.js", "timers.js", "url.js"],
    middleware = |op| match op.name {
        "op_dispatch_exception" => op.with_implementation_from(&op_report_exception()),
        _ => op,
    },
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
    let files = all().into_iter().flat_map(|extension| extension.lazy_loaded_js_files.into_owned());
    let is_part = |name: &str| !STANDING.contains(&name) && !NOT_LOADED.iter().any(|end| name.ends_with(end));
    files.filter(|file| is_part(file.specifier)).collect()
}

fn all() -> Vec<Extension> {
    // Nobody can subscribe: one for all.
    static CHANNEL: LazyLock<deno_web::InMemoryBroadcastChannel> = LazyLock::new(deno_web::InMemoryBroadcastChannel::default);
    let mut web = deno_web::deno_web::init(Arc::new(deno_web::BlobStore::default()), None, false, CHANNEL.clone());
    web.ops.to_mut().retain(|op| !NOT_OFFERED.iter().any(|start| op.name.starts_with(start)));
    web.objects.to_mut().retain(|object| object.name.0 == "Console");
    let mut own = jsrun_web::init();
    let on_read: v8::AccessorNameGetterCallback = on_read.map_fn_to();
    own.external_references = Cow::Owned(vec![v8::ExternalReference { pointer: on_read as *mut c_void }]);
    vec![deno_webidl::deno_webidl::init(), web, own]
}
