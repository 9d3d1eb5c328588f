// Loads the scripts of the platform. Those that every isolate needs are in the start-up snapshot; the others are parts, compiled and run when a
// program first uses what they bring. One that is stopped on the way, or finds no room, runs again from its start the next time.

(function () {
const { core, internals, primordials } = __bootstrap;
const { op_lazy_property } = core.ops;
const { ArrayPrototypeForEach, ArrayPrototypePush, ObjectAssign, ObjectSetPrototypeOf, ReflectGetOwnPropertyDescriptor } = primordials;

const fromBuild = core.loadExtScript;
const loaded = {
  __proto__: null,
  "ext:jsrun_web/hooks.js": fromBuild("ext:jsrun_web/hooks.js"),
  "ext:jsrun_web/host.js": fromBuild("ext:jsrun_web/host.js"),
  "ext:jsrun_web/kept.js": fromBuild("ext:jsrun_web/kept.js"),
};
const { forgetHooks } = loaded["ext:jsrun_web/hooks.js"];
const { host, loader } = loaded["ext:jsrun_web/host.js"];
const { keep } = loaded["ext:jsrun_web/kept.js"];

const INSPECTOR = "ext:deno_web/01_console.js";

/** What a script brings. */
function load(script) {
  if (loaded[script] === undefined) {
    if (script === INSPECTOR) {
      load("ext:jsrun_web/inspection.js");
    }
    const part = loader();
    // Without a host the start-up snapshot is being made.
    const exports = part === null ? fromBuild(script) : part(script)(__bootstrap);
    // Code that ran meanwhile may have loaded it already: what it got is what there is.
    if (loaded[script] === undefined) {
      forgetHooks(exports);
      keep(script, exports);
      loaded[script] = exports;
    }
  }
  return loaded[script];
}

function isLoaded(script) {
  return loaded[script] !== undefined;
}

// All names that were exposed.
const exposed = [];

/** Puts names on the global object whose values come from a script that is loaded when the first of them is read. */
function expose(script, names, enumerable) {
  ArrayPrototypeForEach(names, (name) => {
    op_lazy_property(globalThis, name, script, enumerable);
    ArrayPrototypePush(exposed, name);
  });
}

/** Loads all of them now. */
function loadAll() {
  ArrayPrototypeForEach(exposed, (name) => ReflectGetOwnPropertyDescriptor(globalThis, name));
}

// What deno_web's scripts find: these instead of deno_core's, and lists that neither a script that runs again nor a changed Object.prototype
// disturbs.
core.loadExtScript = load;
// In place of deno_core's, which stops all JavaScript for one uncaught exception.
core.reportUnhandledException = (error) => host()?.report(error);
ObjectSetPrototypeOf(internals, null);
core.registerCloneableResource = (name, read) => {
  core.getCloneableDeserializers()[name] = read;
};
ArrayPrototypeForEach(["MessagePort", "ReadableStream", "TransformStream", "WritableStream"], (name) => {
  core.registerTransferableResource(name, undefined, undefined);
});
core.registerTransferableResource = (name, send, receive) => {
  ObjectAssign(core.getTransferableResource(name), { __proto__: null, send, receive });
};

// The build makes deno_core's tables smaller.
return { __proto__: null, bootstrap: __bootstrap, expose, isLoaded, load, loadAll };
})();
