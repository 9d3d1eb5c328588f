// What user code finds on globalThis: run once, when the start-up snapshot is made. `setup` runs in every isolate.

import { core, primordials } from "ext:core/mod.js";
import * as timers from "ext:jsrun_web/timers.js";
import { inspectConsole, makeConsole } from "ext:jsrun_web/console.js";
import { boundariesFrom } from "ext:jsrun_web/body.js";
import { makeCrypto, prepare, unguessable } from "ext:jsrun_web/crypto.js";
import { makeFetch } from "ext:jsrun_web/fetch.js";
import { FormData } from "ext:jsrun_web/formdata.js";
import * as border from "ext:jsrun_web/streams.js";
import { forgetHooks } from "ext:jsrun_web/hooks.js";

const {
  ArrayPrototypeForEach,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectKeys,
  ObjectSetPrototypeOf,
  PromisePrototypeThen,
  PromiseResolve,
  ReflectDefineProperty,
  TypeError,
} = primordials;

const load = (name) => core.loadExtScript(`ext:deno_web/${name}.js`);

const url = load("00_url");
const pattern = load("01_urlpattern");
const exceptions = load("01_dom_exception");
const event = load("02_event");
load("02_structured_clone");
load("02_timers");
const abort = load("03_abort_signal");
const base64 = load("05_base64");
const streams = load("06_streams");
const encoding = load("08_text_encoding");
const file = load("09_file");
const reader = load("10_filereader");
const ports = load("13_message_port");
const compression = load("14_compression");
const performance = load("15_performance");
load("00_infra");
load("01_mimesniff");

const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");

// What this isolate's host offers; null while a snapshot is made.
let host = null;

// https://html.spec.whatwg.org/multipage/webappapis.html#report-the-exception
function report(error) {
  try {
    event.reportException(error);
  } catch {
    // Whatever user code did to events and errors, the host hears of this one.
    host?.report(error);
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

// Interfaces and functions: like a browser's, writable and not enumerable.
const hidden = {
  AbortController: abort.AbortController,
  AbortSignal: abort.AbortSignal,
  Blob: file.Blob,
  ByteLengthQueuingStrategy: streams.ByteLengthQueuingStrategy,
  CompressionStream: compression.CompressionStream,
  CountQueuingStrategy: streams.CountQueuingStrategy,
  CustomEvent: event.CustomEvent,
  DOMException: exceptions.DOMException,
  DecompressionStream: compression.DecompressionStream,
  ErrorEvent: event.ErrorEvent,
  Event: event.Event,
  EventTarget: event.EventTarget,
  File: file.File,
  FileReader: reader.FileReader,
  FormData,
  MessageChannel: ports.MessageChannel,
  MessageEvent: event.MessageEvent,
  MessagePort: ports.MessagePort,
  Performance: performance.Performance,
  PerformanceEntry: performance.PerformanceEntry,
  PerformanceMark: performance.PerformanceMark,
  PerformanceMeasure: performance.PerformanceMeasure,
  PerformanceObserver: performance.PerformanceObserver,
  PerformanceObserverEntryList: performance.PerformanceObserverEntryList,
  ProgressEvent: event.ProgressEvent,
  PromiseRejectionEvent: event.PromiseRejectionEvent,
  QuotaExceededError: exceptions.QuotaExceededError,
  ReadableByteStreamController: streams.ReadableByteStreamController,
  ReadableStream: streams.ReadableStream,
  ReadableStreamBYOBReader: streams.ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest: streams.ReadableStreamBYOBRequest,
  ReadableStreamDefaultController: streams.ReadableStreamDefaultController,
  ReadableStreamDefaultReader: streams.ReadableStreamDefaultReader,
  TextDecoder: encoding.TextDecoder,
  TextDecoderStream: encoding.TextDecoderStream,
  TextEncoder: encoding.TextEncoder,
  TextEncoderStream: encoding.TextEncoderStream,
  TransformStream: streams.TransformStream,
  TransformStreamDefaultController: streams.TransformStreamDefaultController,
  URL: url.URL,
  URLPattern: pattern.URLPattern,
  URLSearchParams: url.URLSearchParams,
  WritableStream: streams.WritableStream,
  WritableStreamDefaultController: streams.WritableStreamDefaultController,
  WritableStreamDefaultWriter: streams.WritableStreamDefaultWriter,
  // A namespace, which is as hidden as interfaces are.
  console: makeConsole(load("01_console"), () => host),
};
// Operations and objects of the global scope: enumerable, as the standards have them.
const shown = {
  atob: base64.atob,
  btoa: base64.btoa,
  clearInterval: timers.clearInterval,
  clearTimeout: timers.clearTimeout,
  crypto: makeCrypto(() => host, exceptions),
  performance: performance.performance,
  queueMicrotask,
  reportError: event.reportError,
  self: globalThis,
  setInterval: timers.setInterval,
  setTimeout: timers.setTimeout,
  structuredClone: ports.structuredClone,
};

boundariesFrom(unguessable);
// Only where the host answers it.
const { fetch, ...ofFetch } = makeFetch(() => host);

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

define(hidden, false);
define(shown, true);
forgetHooks(hidden, shown);

// The engine takes these off the global before user code runs: what streams cross the border with, and what it calls with the host's offer.
ObjectDefineProperty(globalThis, "__jsrun_streams__", { __proto__: null, configurable: true, value: { __proto__: null, ...border } });
ObjectDefineProperty(globalThis, "__jsrun_setup__", {
  __proto__: null,
  configurable: true,
  value: (offered) => {
    host = offered;
    timers.tell(offered === null ? null : offered.timers);
    if (offered !== null) {
      performance.setTimeOrigin();
      if (offered.inspected) {
        inspectConsole(globalThis.console);
      }
      prepare();
      if (offered.fetch !== undefined) {
        define(ofFetch, false);
        define({ __proto__: null, fetch }, true);
      }
      // V8 ends the process without the callback that reads their Response.
      delete globalThis.WebAssembly?.compileStreaming;
      delete globalThis.WebAssembly?.instantiateStreaming;
    }
    return timers.count();
  },
});
