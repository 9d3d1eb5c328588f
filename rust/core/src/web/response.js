// `Response` of the Fetch standard.

(function () {
const { core, primordials } = __bootstrap;
const bodies = core.loadExtScript("ext:jsrun_web/body.js");
const { Headers, immutable, pairsOf, setDefault } = core.loadExtScript("ext:jsrun_web/headers.js");

const {
  ArrayPrototypeForEach,
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  JSONStringify,
  RangeError,
  RegExpPrototypeTest,
  SafeRegExp,
  SymbolFor,
  TypeError,
} = primordials;

const { kept } = core.loadExtScript("ext:jsrun_web/kept.js");
const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const { URL } = core.loadExtScript("ext:deno_web/00_url.js");

const { hrefOf } = kept;
const PHRASE = new SafeRegExp(/^[\t \x21-\x7E\x80-\xFF]*$/);
/** Statuses whose responses have no body. */
const BODILESS = [101, 103, 204, 205, 304];
const REDIRECTS = [301, 302, 303, 307, 308];

let partsOf;
let make;

function phraseOf(given) {
  const text = webidl.converters.ByteString(given, "Response", "statusText");
  if (!RegExpPrototypeTest(PHRASE, text)) {
    throw new TypeError("Response: the status text has characters that it cannot have");
  }
  return text;
}

class Response {
  #parts;

  constructor(body = null, init = undefined) {
    const given = init ?? {};
    if (typeof given !== "object" && typeof given !== "function") {
      throw new TypeError("Response: the options are not an object");
    }
    const status = given.status === undefined ? 200 : webidl.converters["unsigned short"](given.status);
    if (status < 200 || status > 599) {
      throw new RangeError(`Response: the status must be between 200 and 599, not ${status}`);
    }
    const statusText = given.statusText === undefined ? "" : phraseOf(given.statusText);
    const headers = new Headers(given.headers);
    const parts = { __proto__: null, type: "default", status, statusText, headers, body: null, url: "", redirected: false };
    if (body !== null && body !== undefined) {
      if (ArrayPrototypeIncludes(BODILESS, status)) {
        throw new TypeError(`Response: one with status ${status} has no body`);
      }
      const extracted = bodies.extract(body);
      parts.body = extracted.body;
      if (extracted.type !== null) {
        setDefault(headers, "content-type", extracted.type);
      }
    }
    this.#parts = parts;
  }

  static error() {
    const response = new Response();
    response.#parts.type = "error";
    response.#parts.status = 0;
    immutable(response.#parts.headers);
    return response;
  }

  static json(data, init = undefined) {
    webidl.requiredArguments(arguments.length, 1, "Response.json");
    const text = JSONStringify(data);
    if (text === undefined) {
      throw new TypeError("Response.json: the value has no form in JSON");
    }
    const headers = new Headers(init?.headers);
    setDefault(headers, "content-type", "application/json");
    return new Response(text, { __proto__: null, status: init?.status, statusText: init?.statusText, headers });
  }

  static redirect(url, status = 302) {
    webidl.requiredArguments(arguments.length, 1, "Response.redirect");
    const target = hrefOf(new URL(webidl.converters.USVString(url)));
    const code = webidl.converters["unsigned short"](status);
    if (!ArrayPrototypeIncludes(REDIRECTS, code)) {
      throw new RangeError(`Response.redirect: ${code} is not the status of a redirect`);
    }
    const response = new Response(null, { __proto__: null, status: code });
    setDefault(response.#parts.headers, "location", target);
    immutable(response.#parts.headers);
    return response;
  }

  get type() {
    return this.#parts.type;
  }

  get url() {
    return this.#parts.url;
  }

  get redirected() {
    return this.#parts.redirected;
  }

  get status() {
    return this.#parts.status;
  }

  get ok() {
    return this.#parts.status >= 200 && this.#parts.status <= 299;
  }

  get statusText() {
    return this.#parts.statusText;
  }

  get headers() {
    return this.#parts.headers;
  }

  clone() {
    const parts = this.#parts;
    if (bodies.isUnusable(parts.body)) {
      throw new TypeError("Response.clone: the body was read already, or is locked to a reader");
    }
    const { type, status, statusText, url, redirected } = parts;
    const headers = new Headers(parts.headers);
    if (type !== "default") {
      immutable(headers);
    }
    return make({ __proto__: null, type, status, statusText, headers, url, redirected, body: bodies.clone(parts.body) });
  }

  [SymbolFor("nodejs.util.inspect.custom")](_depth, options, inspect) {
    const { status, statusText, url, headers } = this.#parts;
    return `Response ${inspect({ status, statusText, url, headers, bodyUsed: this.bodyUsed }, options)}`;
  }

  static {
    partsOf = (response) => response.#parts;
    make = (parts) => {
      const response = new Response();
      response.#parts = parts;
      return response;
    };
  }
}

bodies.mixin(Response.prototype, (response) => partsOf(response));
webidl.configureInterface(Response);

/** The response to a fetch. */
function received(status, statusText, pairs, body, url, redirected) {
  const headers = new Headers();
  ArrayPrototypeForEach(pairs, (pair) => {
    // Checked as user code's are: the host may have got them from anywhere.
    const checked = pairsOf(new Headers([[pair[0], pair[1]]]));
    ArrayPrototypePush(pairsOf(headers), checked[0]);
  });
  return make({ __proto__: null, type: "basic", status, statusText, headers: immutable(headers), body, url, redirected });
}

return { __proto__: null, BODILESS, Response, received };
})();
