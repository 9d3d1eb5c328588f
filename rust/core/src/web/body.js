// Bodies of requests and responses: bytes, or a stream of them, taken once.

(function () {
const { core, primordials } = __bootstrap;
const { entriesOf, formOf, isFile, isFormData } = core.loadExtScript("ext:jsrun_web/formdata.js");
const { valueIn } = core.loadExtScript("ext:jsrun_web/headers.js");
const { decoded, encoded } = core.loadExtScript("ext:jsrun_web/multipart.js");

const {
  ArrayBufferIsView,
  ArrayBufferPrototype,
  ArrayPrototypeForEach,
  ArrayPrototypeSome,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  FunctionPrototypeCall,
  JSONParse,
  MapPrototypeGet,
  ObjectDefineProperties,
  ObjectPrototypeIsPrototypeOf,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  StringPrototypeReplaceAll,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  Uint8Array,
} = primordials;

const { host } = core.loadExtScript("ext:jsrun_web/host.js");
const { kept } = core.loadExtScript("ext:jsrun_web/kept.js");
const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const streams = core.loadExtScript("ext:deno_web/06_streams.js");
const { Blob, isBlob } = core.loadExtScript("ext:deno_web/09_file.js");
const { URLSearchParamsPrototype, parseUrlEncoded } = core.loadExtScript("ext:deno_web/00_url.js");
const mime = core.loadExtScript("ext:deno_web/01_mimesniff.js");
const { TextDecoder, TextEncoder } = core.loadExtScript("ext:deno_web/08_text_encoding.js");

const encoder = new TextEncoder();
const { decode, encode, pipeThrough, sizeOfBlob, streamOfBlob, textOfParams, typeOfBlob } = kept;

/** Another stream with the same chunks; `options` may name a signal that ends it. */
function pipedThrough(stream, options) {
  return FunctionPrototypeCall(pipeThrough, stream, new streams.TransformStream(), options);
}

/** A body of bytes, which nobody else holds, or of a stream. */
function makeBody(bytes, stream = null) {
  return { __proto__: null, bytes, stream, taken: false };
}

function copyOf(source) {
  if (!ArrayBufferIsView(source)) {
    return new Uint8Array(new Uint8Array(source));
  }
  return TypedArrayPrototypeGetSymbolToStringTag(source) === undefined
    ? new Uint8Array(new Uint8Array(
      DataViewPrototypeGetBuffer(source),
      DataViewPrototypeGetByteOffset(source),
      DataViewPrototypeGetByteLength(source),
    ))
    : new Uint8Array(new Uint8Array(
      TypedArrayPrototypeGetBuffer(source),
      TypedArrayPrototypeGetByteOffset(source),
      TypedArrayPrototypeGetByteLength(source),
    ));
}

/** A form as a body: bytes where it has no Files. */
function bodyOfForm(form) {
  // Nobody can guess it.
  const boundary = `----jsrun-${StringPrototypeReplaceAll(host().random(undefined), "-", "")}`;
  const entries = entriesOf(form);
  const parts = encoded(entries, boundary);
  const type = `multipart/form-data; boundary=${boundary}`;
  if (ArrayPrototypeSome(entries, (entry) => isFile(entry[1]))) {
    return { __proto__: null, body: makeBody(null, FunctionPrototypeCall(streamOfBlob, new Blob(parts))), type };
  }
  let length = 0;
  ArrayPrototypeForEach(parts, (part) => length += TypedArrayPrototypeGetByteLength(part));
  const bytes = new Uint8Array(length);
  length = 0;
  ArrayPrototypeForEach(parts, (part) => {
    TypedArrayPrototypeSet(bytes, part, length);
    length += TypedArrayPrototypeGetByteLength(part);
  });
  return { __proto__: null, body: makeBody(bytes), type };
}

/** The body that an argument means, and the content type that goes with it. */
function extract(object) {
  if (streams.isReadableStream(object)) {
    if (streams.isReadableStreamLocked(object) || streams.isReadableStreamDisturbed(object)) {
      throw new TypeError("the stream for the body is locked, or was read from");
    }
    return { __proto__: null, body: makeBody(null, object), type: null };
  }
  if (isBlob(object)) {
    const body = sizeOfBlob(object) === 0 ? makeBody(new Uint8Array(0)) : makeBody(null, FunctionPrototypeCall(streamOfBlob, object));
    return { __proto__: null, body, type: typeOfBlob(object) || null };
  }
  if (ArrayBufferIsView(object) || ObjectPrototypeIsPrototypeOf(ArrayBufferPrototype, object)) {
    return { __proto__: null, body: makeBody(copyOf(object)), type: null };
  }
  if (typeof object === "object" && ObjectPrototypeIsPrototypeOf(URLSearchParamsPrototype, object)) {
    const bytes = FunctionPrototypeCall(encode, encoder, FunctionPrototypeCall(textOfParams, object));
    return { __proto__: null, body: makeBody(bytes), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (isFormData(object)) {
    return bodyOfForm(object);
  }
  const bytes = FunctionPrototypeCall(encode, encoder, webidl.converters.USVString(object));
  return { __proto__: null, body: makeBody(bytes), type: "text/plain;charset=UTF-8" };
}

/** Whether somebody has taken, or begun to take, the body. */
function isUsed(body) {
  return body !== null && (body.taken || (body.stream !== null && streams.isReadableStreamDisturbed(body.stream)));
}

function isUnusable(body) {
  return isUsed(body) || (body !== null && body.stream !== null && streams.isReadableStreamLocked(body.stream));
}

/** The body as a stream, made when somebody wants it. */
function streamOf(body) {
  if (body.stream === null) {
    const { bytes, taken } = body;
    body.bytes = null;
    body.stream = streams.createReadableByteStream(() => {}, (controller) => {
      if (!taken && TypedArrayPrototypeGetByteLength(bytes) > 0) {
        streams.readableByteStreamControllerEnqueue(controller, bytes);
      }
      streams.readableByteStreamControllerClose(controller);
    }, () => PromiseResolve());
    if (taken) {
      streams.readableStreamDisturb(body.stream);
    }
  }
  return body.stream;
}

/** Takes the body for somebody else: bytes, a stream, or null. */
function take(body) {
  if (body === null) {
    return null;
  }
  body.taken = true;
  return body.stream === null ? body.bytes : pipedThrough(body.stream, { __proto__: null });
}

/** A second body with the same bytes. */
function clone(body) {
  if (body === null) {
    return null;
  }
  if (body.stream === null) {
    return makeBody(body.bytes);
  }
  const branches = streams.readableStreamTee(body.stream, true);
  body.stream = branches[0];
  return makeBody(null, branches[1]);
}

/** Nobody wants a body that came. */
function discard(body, why) {
  if (streams.isReadableStream(body)) {
    PromisePrototypeThen(streams.readableStreamCancel(body, why), undefined, () => {});
  }
}

function bytesOf(body, what) {
  if (body === null) {
    return PromiseResolve(new Uint8Array(0));
  }
  if (isUnusable(body)) {
    return PromiseReject(new TypeError(`${what}: the body was read already, or is locked to a reader`));
  }
  body.taken = true;
  return body.stream === null ? PromiseResolve(copyOf(body.bytes)) : streams.readableStreamCollectIntoUint8Array(body.stream);
}

function text(bytes) {
  return FunctionPrototypeCall(decode, new TextDecoder(), bytes);
}

/** What the bytes are as a form, by the content type that goes with them. */
function form(bytes, { headers }) {
  const type = mime.parseMimeType(valueIn(headers, "content-type") ?? "");
  const essence = type === null ? "" : mime.essence(type);
  if (essence === "multipart/form-data") {
    const boundary = MapPrototypeGet(type.parameters, "boundary");
    if (boundary === undefined) {
      throw new TypeError("formData: the content type names no boundary");
    }
    return formOf(decoded(bytes, boundary));
  }
  if (essence === "application/x-www-form-urlencoded") {
    return formOf(parseUrlEncoded(bytes));
  }
  throw new TypeError("formData: the content type is neither multipart/form-data nor application/x-www-form-urlencoded");
}

/** Gives a class the methods that take its body. `partsOf(this)` is `{body, headers}` and throws for a stranger. */
function mixin(prototype, partsOf) {
  const taking = (name, form) => ({
    __proto__: null,
    writable: true,
    enumerable: true,
    configurable: true,
    value: {
      [name]() {
        try {
          const parts = partsOf(this);
          return PromisePrototypeThen(bytesOf(parts.body, name), (bytes) => form(bytes, parts));
        } catch (error) {
          return PromiseReject(error);
        }
      },
    }[name],
  });
  const reading = (get) => ({ __proto__: null, enumerable: true, configurable: true, get });
  ObjectDefineProperties(prototype, {
    __proto__: null,
    body: reading(function body() {
      const { body } = partsOf(this);
      return body === null ? null : streamOf(body);
    }),
    bodyUsed: reading(function bodyUsed() {
      return isUsed(partsOf(this).body);
    }),
    arrayBuffer: taking("arrayBuffer", (bytes) => TypedArrayPrototypeGetBuffer(bytes)),
    blob: taking("blob", (bytes, { headers }) => new Blob([bytes], { __proto__: null, type: valueIn(headers, "content-type") ?? "" })),
    bytes: taking("bytes", (bytes) => bytes),
    formData: taking("formData", form),
    json: taking("json", (bytes) => JSONParse(text(bytes))),
    text: taking("text", text),
  });
}

return { __proto__: null, clone, discard, extract, isUnusable, isUsed, makeBody, mixin, pipedThrough, streamOf, take };
})();
