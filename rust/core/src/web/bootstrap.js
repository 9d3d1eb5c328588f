// What user code finds on globalThis: run once, when the start-up snapshot is made. `setup` runs in every isolate.

import { core, primordials } from "ext:core/mod.js";

const {
  ArrayPrototypeForEach,
  FunctionPrototypeCall,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectEntries,
  ObjectKeys,
  ObjectSetPrototypeOf,
  PromisePrototypeThen,
  PromiseResolve,
  ReflectApply,
  ReflectDefineProperty,
  SymbolAsyncIterator,
  TypeError,
} = primordials;

const { expose, isLoaded, load, loadAll } = core.loadExtScript("ext:jsrun_web/parts.js");
const { host, lend } = load("ext:jsrun_web/host.js");
const event = load("ext:deno_web/02_event.js");
const exceptions = load("ext:deno_web/01_dom_exception.js");
const timers = load("ext:jsrun_web/timers.js");
const webidl = load("ext:deno_webidl/00_webidl.js");

// https://html.spec.whatwg.org/multipage/webappapis.html#report-the-exception
function report(error) {
  try {
    event.reportException(error);
  } catch {
    // Whatever user code did to events and errors, the host hears of this one.
    host()?.report(error);
  }
}

function queueMicrotask(callback) {
  if (typeof callback !== "function") {
    throw new TypeError("queueMicrotask: the callback is not a function");
  }
  PromisePrototypeThen(PromiseResolve(), () => {
    try {
      FunctionPrototypeCall(callback, undefined);
    } catch (error) {
      report(error);
    }
  });
}

core.setReportExceptionCallback(report);
event.saveGlobalThisReference(globalThis);
event.setEventTargetData(globalThis);
// The global object is an EventTarget.
globalThis[webidl.brand] = webidl.brand;
ObjectSetPrototypeOf(globalThis, event.EventTarget.prototype);
ArrayPrototypeForEach(["IndexSizeError", "InvalidCharacterError", "InvalidStateError", "OperationError", "SyntaxError"], (name) => {
  core.registerErrorBuilder(`DOMException${name}`, (message) => new exceptions.DOMException(message, name));
});

function define(values, enumerable) {
  ArrayPrototypeForEach(ObjectKeys(values), (name) => {
    ReflectDefineProperty(globalThis, name, {
      __proto__: null,
      value: values[name],
      writable: true,
      enumerable,
      configurable: true,
    });
  });
}

// Interfaces: like a browser's, writable and not enumerable. These are in every isolate,
define({
  __proto__: null,
  CustomEvent: event.CustomEvent,
  DOMException: exceptions.DOMException,
  ErrorEvent: event.ErrorEvent,
  Event: event.Event,
  EventTarget: event.EventTarget,
  MessageEvent: event.MessageEvent,
  ProgressEvent: event.ProgressEvent,
  PromiseRejectionEvent: event.PromiseRejectionEvent,
  QuotaExceededError: exceptions.QuotaExceededError,
}, false);
// and these in those that use them.
const parts = {
  __proto__: null,
  "deno_web/01_urlpattern": ["URLPattern"],
  "deno_web/03_abort_signal": ["AbortController", "AbortSignal"],
  "deno_web/06_streams": [
    "ByteLengthQueuingStrategy",
    "CountQueuingStrategy",
    "ReadableByteStreamController",
    "ReadableStream",
    "ReadableStreamBYOBReader",
    "ReadableStreamBYOBRequest",
    "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader",
    "TransformStream",
    "TransformStreamDefaultController",
    "WritableStream",
    "WritableStreamDefaultController",
    "WritableStreamDefaultWriter",
  ],
  "deno_web/08_text_encoding": ["TextDecoder", "TextDecoderStream", "TextEncoder", "TextEncoderStream"],
  "deno_web/09_file": ["Blob", "File"],
  "deno_web/10_filereader": ["FileReader"],
  "deno_web/13_message_port": ["MessageChannel", "MessagePort"],
  "deno_web/14_compression": ["CompressionStream", "DecompressionStream"],
  "jsrun_web/clock": [
    "Performance",
    "PerformanceEntry",
    "PerformanceMark",
    "PerformanceMeasure",
    "PerformanceObserver",
    "PerformanceObserverEntryList",
  ],
  // A namespace, which is as hidden as interfaces are.
  "jsrun_web/console": ["console"],
  "jsrun_web/crypto": ["Crypto", "CryptoKey", "SubtleCrypto"],
  "jsrun_web/formdata": ["FormData"],
  "jsrun_web/url": ["URL", "URLSearchParams"],
};
ArrayPrototypeForEach(ObjectEntries(parts), ({ 0: script, 1: names }) => expose(`ext:${script}.js`, names, false));

// Operations and objects of the global scope: enumerable, as the standards have them, and in this order.
expose("ext:deno_web/05_base64.js", ["atob", "btoa"], true);
define({ __proto__: null, clearInterval: timers.clearInterval, clearTimeout: timers.clearTimeout }, true);
expose("ext:jsrun_web/crypto.js", ["crypto"], true);
expose("ext:jsrun_web/clock.js", ["performance"], true);
define({
  __proto__: null,
  queueMicrotask,
  reportError: event.reportError,
  self: globalThis,
  setInterval: timers.setInterval,
  setTimeout: timers.setTimeout,
}, true);
expose("ext:deno_web/13_message_port.js", ["structuredClone"], true);

// The functions with which parts are loaded and streams cross the border. The first of a stream's that is called loads all of them.
const BORDER = "ext:jsrun_web/streams.js";
const border = { __proto__: null, load };
// For debuggers, which hear of the console and look at globals without running code.
border.inspect = () => {
  load("ext:jsrun_web/console.js").inspectConsole();
  loadAll();
};
ArrayPrototypeForEach(["abort", "close", "discard", "fetchStream", "fromHost", "open", "register", "toHost", "write"], (name) => {
  border[name] = (...args) => ReflectApply(ObjectAssign(border, load(BORDER))[name], undefined, args);
});
border.kind = (object) => {
  if (isLoaded("ext:deno_web/06_streams.js")) {
    return ObjectAssign(border, load(BORDER)).kind(object);
  }
  // There are no streams yet, only what can be iterated.
  return typeof object[SymbolAsyncIterator] === "function" ? 1 : 0;
};

// Gives the platform this isolate's host, or takes it back: nothing must be left of it in a snapshot. Returns how many timers are set.
const setup = (offered) => {
  lend(offered);
  timers.tell(offered === null ? null : offered.timers);
  if (offered !== null) {
    if (isLoaded("ext:jsrun_web/clock.js")) {
      load("ext:jsrun_web/clock.js").begin();
    }
    if (offered.fetch !== undefined) {
      // Only where the host answers it.
      expose("ext:jsrun_web/fetch.js", ["Headers", "Request", "Response"], false);
      expose("ext:jsrun_web/fetch.js", ["fetch"], true);
    }
    // V8 ends the process without the callback that reads their Response.
    delete globalThis.WebAssembly?.compileStreaming;
    delete globalThis.WebAssembly?.instantiateStreaming;
  }
  return timers.count();
};

// Called once, they are in the snapshot compiled: most parts use them.
webidl.createDictionaryConverter("", [{ __proto__: null, key: "a", converter: webidl.converters.any, defaultValue: null }]);
webidl.createInterfaceConverter("", {});
webidl.mixinPairIterable("", class {}, "", "", "");
isLoaded("");
setup(null);

// The engine takes these off the global before user code runs.
ObjectDefineProperty(globalThis, "__jsrun_streams__", { __proto__: null, configurable: true, value: border });
ObjectDefineProperty(globalThis, "__jsrun_setup__", { __proto__: null, configurable: true, value: setup });
