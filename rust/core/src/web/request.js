// `Request` of the Fetch standard, as far as it makes sense without a page: no mode, credentials, cache or referrer.

(function () {
const { core, primordials } = __bootstrap;
const bodies = core.loadExtScript("ext:jsrun_web/body.js");
const { Headers, setDefault } = core.loadExtScript("ext:jsrun_web/headers.js");

const {
  ArrayPrototypeIncludes,
  ObjectPrototypeIsPrototypeOf,
  RegExpPrototypeTest,
  SafeRegExp,
  StringPrototypeReplace,
  StringPrototypeSlice,
  StringPrototypeToUpperCase,
  SymbolFor,
  TypeError,
} = primordials;

const { kept } = core.loadExtScript("ext:jsrun_web/kept.js");
const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const streams = core.loadExtScript("ext:deno_web/06_streams.js");
const abort = core.loadExtScript("ext:deno_web/03_abort_signal.js");
const { URL } = core.loadExtScript("ext:deno_web/00_url.js");
const { blobFromObjectUrl } = core.loadExtScript("ext:deno_web/09_file.js");

const { hrefOf, passwordOf, usernameOf } = kept;

const TOKEN = new SafeRegExp(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/);
const FRAGMENT = new SafeRegExp(/#.*$/s);
const NORMAL = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
const REFUSED = ["CONNECT", "TRACE", "TRACK"];
const REDIRECTS = ["follow", "error", "manual"];

let partsOf;
let isOne;

function methodOf(given) {
  const method = webidl.converters.ByteString(given, "Request", "method");
  const upper = StringPrototypeToUpperCase(method);
  if (!RegExpPrototypeTest(TOKEN, method) || ArrayPrototypeIncludes(REFUSED, upper)) {
    throw new TypeError(`Request: '${method}' is no method that may be used`);
  }
  return ArrayPrototypeIncludes(NORMAL, upper) ? upper : method;
}

function addressOf(input) {
  const url = new URL(webidl.converters.USVString(input, "Request", "Argument 1"));
  if (usernameOf(url) !== "" || passwordOf(url) !== "") {
    throw new TypeError("Request: the URL has a user name or a password in it; use an Authorization header");
  }
  return hrefOf(url);
}

function blobOf(url) {
  return StringPrototypeSlice(url, 0, 5) === "blob:" ? blobFromObjectUrl(StringPrototypeReplace(url, FRAGMENT, "")) : null;
}

function signalOf(given) {
  if (given === undefined || given === null) {
    return null;
  }
  if (!ObjectPrototypeIsPrototypeOf(abort.AbortSignalPrototype, given)) {
    throw new TypeError("Request: the signal is not an AbortSignal");
  }
  return given;
}

class Request {
  #parts;

  constructor(input, init = undefined) {
    webidl.requiredArguments(arguments.length, 1, "Request");
    const given = init ?? {};
    if (typeof given !== "object" && typeof given !== "function") {
      throw new TypeError("Request: the options are not an object");
    }
    const from = isOne(input) ? input.#parts : null;
    const url = from === null ? addressOf(input) : from.url;
    const method = given.method === undefined ? from?.method ?? "GET" : methodOf(given.method);
    const redirect = given.redirect === undefined ? from?.redirect ?? "follow" : webidl.converters.DOMString(given.redirect);
    if (!ArrayPrototypeIncludes(REDIRECTS, redirect)) {
      throw new TypeError(`Request: redirect must be 'follow', 'error' or 'manual', not '${redirect}'`);
    }
    const headers = new Headers(given.headers === undefined ? from?.headers : given.headers);
    const signal = given.signal === undefined ? from?.signal ?? null : signalOf(given.signal);
    const own = given.body ?? null;
    if ((own !== null || (from !== null && from.body !== null)) && (method === "GET" || method === "HEAD")) {
      throw new TypeError(`Request: a ${method} request has no body`);
    }
    let body = null;
    if (own !== null) {
      const extracted = bodies.extract(own);
      body = extracted.body;
      if (extracted.type !== null) {
        setDefault(headers, "content-type", extracted.type);
      }
      if (streams.isReadableStream(own) && given.duplex !== "half") {
        throw new TypeError("Request: a body that is a stream needs duplex: 'half'");
      }
    } else if (from !== null && from.body !== null) {
      if (bodies.isUnusable(from.body)) {
        throw new TypeError("Request: the body of the other request was read already, or is locked to a reader");
      }
      const taken = bodies.take(from.body);
      body = streams.isReadableStream(taken) ? bodies.makeBody(null, taken) : bodies.makeBody(taken);
    }
    // A Blob's URL may be revoked as soon as there is a request for it.
    const blob = from === null ? blobOf(url) : from.blob;
    this.#parts = { __proto__: null, method, url, redirect, headers, signal, body, blob };
  }

  get method() {
    return this.#parts.method;
  }

  get url() {
    return this.#parts.url;
  }

  get headers() {
    return this.#parts.headers;
  }

  get redirect() {
    return this.#parts.redirect;
  }

  get signal() {
    this.#parts.signal ??= abort.newSignal();
    return this.#parts.signal;
  }

  get duplex() {
    return "half";
  }

  clone() {
    const parts = this.#parts;
    if (bodies.isUnusable(parts.body)) {
      throw new TypeError("Request.clone: the body was read already, or is locked to a reader");
    }
    const { url, method, redirect, signal, headers, body } = parts;
    const made = new Request(url, { __proto__: null, method, redirect, signal, headers });
    made.#parts.body = bodies.clone(body);
    made.#parts.blob = parts.blob;
    return made;
  }

  [SymbolFor("nodejs.util.inspect.custom")](_depth, options, inspect) {
    const { method, url, headers } = this.#parts;
    return `Request ${inspect({ method, url, headers, bodyUsed: this.bodyUsed }, options)}`;
  }

  static {
    isOne = (value) => typeof value === "object" && value !== null && #parts in value;
    partsOf = (request) => request.#parts;
  }
}

bodies.mixin(Request.prototype, (request) => partsOf(request));
webidl.configureInterface(Request);

/** Method, URL and so on of a request. */
function parts(request) {
  return partsOf(request);
}

return { __proto__: null, Request, parts };
})();
