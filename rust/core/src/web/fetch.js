// `fetch`: hands a request to the host's handler, and its answer back. An aborted signal cancels the handler, or the body it sends.

(function () {
const { core, primordials } = __bootstrap;
const bodies = core.loadExtScript("ext:jsrun_web/body.js");
const { Headers, pairsOf } = core.loadExtScript("ext:jsrun_web/headers.js");
const { host } = core.loadExtScript("ext:jsrun_web/host.js");
const { fromBlob, fromData } = core.loadExtScript("ext:jsrun_web/local.js");
const { Request, parts } = core.loadExtScript("ext:jsrun_web/request.js");
const { BODILESS, Response, received } = core.loadExtScript("ext:jsrun_web/response.js");

const {
  ArrayPrototypeIncludes,
  Promise,
  PromisePrototypeThen,
  RegExpPrototypeTest,
  SafeRegExp,
  StringPrototypeIndexOf,
  StringPrototypeReplace,
  StringPrototypeSlice,
  TypeError,
} = primordials;

const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const streams = core.loadExtScript("ext:deno_web/06_streams.js");
const abort = core.loadExtScript("ext:deno_web/03_abort_signal.js");

const HTTP = new SafeRegExp(/^https?:/);
const FRAGMENT = new SafeRegExp(/#.*$/s);
const nothing = () => {};

/** The answer to an address that needs no host. */
function local({ url, method, blob }) {
  const isData = StringPrototypeSlice(url, 0, 5) === "data:";
  if (method !== "GET" && !(method === "HEAD" && isData)) {
    throw new TypeError(`fetch: a ${method} request to a ${StringPrototypeSlice(url, 0, 5)} URL`);
  }
  let content;
  if (isData) {
    const { bytes, type } = fromData(url);
    content = { __proto__: null, body: bodies.makeBody(bytes), type };
  } else {
    content = bodies.extract(blob ?? fromBlob(url));
  }
  const pairs = content.type === null ? [] : [["content-type", content.type]];
  return received(200, "OK", pairs, method === "HEAD" ? null : content.body, url, false);
}

/** A body from the host; when the signal is aborted it fails, and the host stops sending. */
function bodyFrom(given, signal) {
  if (!streams.isReadableStream(given)) {
    return bodies.makeBody(given);
  }
  if (signal === null) {
    return bodies.makeBody(null, given);
  }
  return bodies.makeBody(null, bodies.pipedThrough(given, { __proto__: null, signal }));
}

function failed(error) {
  const why = typeof error === "object" && error !== null && typeof error.message === "string" ? error.message : `${error}`;
  return new TypeError(`fetch failed: ${why}`, { __proto__: null, cause: error });
}

let last = 0;

function ask(request, resolve, reject) {
  const { method, url, headers, redirect, signal, body } = request;
  const number = ++last;
  const { fetch: lent } = host();
  let over = false;
  const stop = () => {
    over = true;
    PromisePrototypeThen(lent("abort", number), nothing, nothing);
    reject(signal.reason);
    bodies.discard(body?.stream ?? null, signal.reason);
  };
  const end = () => {
    over = true;
    signal?.[abort.remove](stop);
  };
  const answered = (answer) => {
    const given = answer[3];
    if (over) {
      bodies.discard(given, signal.reason);
      return;
    }
    end();
    try {
      const status = answer[0];
      let made = null;
      if (given !== null && (method === "HEAD" || ArrayPrototypeIncludes(BODILESS, status))) {
        bodies.discard(given, undefined);
      } else if (given !== null) {
        made = bodyFrom(given, signal);
      }
      resolve(received(status, answer[1], answer[2], made, answer[4] ?? StringPrototypeReplace(url, FRAGMENT, ""), answer[5]));
    } catch (error) {
      bodies.discard(given, error);
      reject(failed(error));
    }
  };
  const refused = (error) => {
    if (!over) {
      end();
      reject(failed(error));
    }
  };
  signal?.[abort.add](stop);
  const sent = bodies.take(body);
  const bare = StringPrototypeReplace(url, FRAGMENT, "");
  PromisePrototypeThen(lent("fetch", number, method, bare, pairsOf(headers), redirect, sent), answered, refused);
}

function fetch(input, init = undefined) {
  const given = arguments.length;
  return new Promise((resolve, reject) => {
    webidl.requiredArguments(given, 1, "fetch");
    // In a promise's executor: what is thrown rejects.
    const request = parts(new Request(input, init));
    if (request.signal !== null && request.signal.aborted) {
      reject(request.signal.reason);
      bodies.discard(request.body?.stream ?? null, request.signal.reason);
      return;
    }
    if (RegExpPrototypeTest(HTTP, request.url)) {
      ask(request, resolve, reject);
    } else if (StringPrototypeIndexOf(request.url, "data:") === 0 || StringPrototypeIndexOf(request.url, "blob:") === 0) {
      resolve(local(request));
    } else {
      throw new TypeError(`fetch: '${StringPrototypeSlice(request.url, 0, 40)}' is neither http, https, data nor blob`);
    }
  });
}

return { __proto__: null, Headers, Request, Response, fetch };
})();
