// Streams across the border. `open` reads a stream or an async iterable for the host, as far ahead as the host allows; `fromHost` is a
// ReadableStream that the host feeds; `write`, `close` and `abort` are what the host does to a WritableStream, `toHost` one that writes to the host.

(function () {
const { core, primordials } = __bootstrap;

const {
  ArrayBufferIsView,
  ArrayPrototypeConcat,
  ArrayPrototypePop,
  ArrayPrototypeSlice,
  FunctionPrototypeCall,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  ObjectPrototypeIsPrototypeOf,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  ReflectApply,
  SafeMap,
  SafeWeakMap,
  SymbolAsyncIterator,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  WeakMapPrototypeGet,
  WeakMapPrototypeSet,
} = primordials;

const streams = core.loadExtScript("ext:deno_web/06_streams.js");
const { kept } = core.loadExtScript("ext:jsrun_web/kept.js");
const { DOMException } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

const { ReadableStream, WritableStream } = streams;
const ReadableStreamPrototype = ReadableStream.prototype;
const WritableStreamPrototype = WritableStream.prototype;
const { abortWriter, byobRequestOf, cancelReadable, cancelReader, closeWriter, getReader, getWriter, read, writeChunk } = kept;

const READABLE = 1;
const WRITABLE = 2;

/** What kind of stream an object is for the host; 0 for none. Reads the object as user code would: getters and traps run. */
function kind(object) {
  if (ObjectPrototypeIsPrototypeOf(ReadableStreamPrototype, object)) {
    return READABLE;
  }
  if (ObjectPrototypeIsPrototypeOf(WritableStreamPrototype, object)) {
    return WRITABLE;
  }
  return typeof object[SymbolAsyncIterator] === "function" ? READABLE : 0;
}

function isObject(value) {
  return value !== null && (typeof value === "object" || typeof value === "function");
}

// What JavaScript hears when the host leaves: words become an AbortError.
function reason(why) {
  return typeof why === "string" ? new DOMException(why, "AbortError") : why;
}

// ---- to the host ------------------------------------------------------------------------------------------------

/** A stream's chunks: `next()` promises `{done, value}`, `cancel(reason)` ends it early. */
function readerOf(stream) {
  const reader = ReflectApply(getReader, stream, []);
  return {
    __proto__: null,
    next: () => ReflectApply(read, reader, []),
    cancel: (why) => ReflectApply(cancelReader, reader, [why]),
  };
}

/** The same for an async iterable. */
function iteratorOf(iterable) {
  const iterator = FunctionPrototypeCall(iterable[SymbolAsyncIterator], iterable);
  if (!isObject(iterator)) {
    throw new TypeError("[Symbol.asyncIterator]() returned something that is not an object");
  }
  const next = iterator.next;
  if (typeof next !== "function") {
    throw new TypeError("the async iterator's next is not a function");
  }
  return {
    __proto__: null,
    next: () => PromiseResolve(FunctionPrototypeCall(next, iterator)),
    cancel: (why) => {
      const end = iterator.return;
      return end === undefined ? PromiseResolve() : PromiseResolve(FunctionPrototypeCall(end, iterator, why));
    },
  };
}

/**
 * Starts to read `object` for the host. `host.push(id, chunk)` takes a chunk and says whether there is room for more (1), none for now (0),
 * or that the chunk does not convert (-1); `host.end(id)` and `host.fail(id, error)` say how it ended.
 */
function open(object, id, host) {
  let source;
  let reading = false;
  let done = false;

  function failed(error) {
    if (!done) {
      done = true;
      host.fail(id, error);
    }
  }

  function arrived(result) {
    reading = false;
    if (done) {
      return;
    }
    let room;
    try {
      // An iterator's results are user code's: reading them may throw.
      if (!isObject(result)) {
        throw new TypeError("the async iterator's next() gave something that is not an object");
      }
      if (result.done) {
        done = true;
        host.end(id);
        return;
      }
      room = host.push(id, result.value);
    } catch (error) {
      failed(error);
      return;
    }
    if (room === 1) {
      resume();
    } else if (room === -1) {
      cancel("a chunk cannot leave JavaScript");
    }
  }

  function resume() {
    if (reading || done) {
      return;
    }
    reading = true;
    try {
      PromisePrototypeThen(source.next(), arrived, failed);
    } catch (error) {
      failed(error);
    }
  }

  function cancel(why) {
    if (done) {
      return PromiseResolve();
    }
    done = true;
    let left;
    try {
      left = PromisePrototypeThen(source.cancel(reason(why)), () => {});
    } catch (error) {
      left = PromiseReject(error);
    }
    // Whoever waits for it hears of a failure; the rest need not.
    PromisePrototypeThen(left, undefined, () => {});
    return left;
  }

  try {
    source = ObjectPrototypeIsPrototypeOf(ReadableStreamPrototype, object) ? readerOf(object) : iteratorOf(object);
    resume();
  } catch (error) {
    failed(error);
  }
  return { __proto__: null, resume, cancel };
}

/** Cancels a stream that nobody reads. */
function discard(object, why) {
  if (ObjectPrototypeIsPrototypeOf(ReadableStreamPrototype, object)) {
    return ReflectApply(cancelReadable, object, [reason(why)]);
  }
  return undefined;
}

// ---- from the host ----------------------------------------------------------------------------------------------

// How a batch ends, in the last two bits of its last element, above which is how many bytes it had; an error is the element before it.
const MORE = 0;
const FAILED = 2;
// No more is asked for while so many bytes wait.
const MANY_BYTES = 1 << 19;

// What is done to the controller of a stream of values.
const ofValues = {
  __proto__: null,
  isEmpty: () => false,
  create: (pull, cancel) => streams.createReadableStream(() => {}, pull, cancel, 0),
  enqueue: streams.readableStreamDefaultControllerEnqueue,
  close: streams.readableStreamDefaultControllerClose,
  error: streams.readableStreamDefaultControllerError,
};

// And of a byte stream, which has no empty chunks.
const ofBytes = {
  __proto__: null,
  isEmpty: (chunk) => ArrayBufferIsView(chunk) && TypedArrayPrototypeGetByteLength(chunk) === 0,
  create: (pull, cancel) => streams.createReadableByteStream(() => {}, pull, cancel),
  enqueue: (controller, chunk, number) => {
    if (!ArrayBufferIsView(chunk)) {
      throw new TypeError(`chunk ${number} of the stream: a byte stream has chunks of bytes, this is ${chunk === null ? "null" : typeof chunk}`);
    }
    streams.readableByteStreamControllerEnqueue(controller, chunk);
  },
  close: (controller) => {
    streams.readableByteStreamControllerClose(controller);
    // A reader that brought its own buffer gets it back.
    if (ReflectApply(byobRequestOf, controller, []) !== null) {
      streams.readableByteStreamControllerRespond(controller, 0);
    }
  },
  error: streams.readableByteStreamControllerError,
};

/**
 * A ReadableStream whose chunks come from the host. `pull(count)` promises at least one of at most `count` chunks, then how it goes on;
 * nothing is asked for before somebody reads.
 */
function fromHost(pull, cancel, ahead, bytes) {
  const does = bytes ? ofBytes : ofValues;
  // Chunks that arrived, and the place of the next one.
  let ready = [];
  let next = 0;
  // Bytes of those that wait, as if all were of one size.
  let bytesReady = 0;
  // Chunks that were handed on.
  let count = 0;
  let ended = false;
  let failure = null;
  let asking = null;

  function answered(batch) {
    asking = null;
    const last = ArrayPrototypePop(batch);
    const state = last & 3;
    bytesReady += (last - state) / 4;
    ended = state !== MORE;
    if (state === FAILED) {
      failure = { __proto__: null, error: ArrayPrototypePop(batch) };
    }
    const rest = next === ready.length ? [] : ArrayPrototypeSlice(ready, next);
    next = 0;
    ready = rest.length === 0 ? batch : ArrayPrototypeConcat(rest, batch);
  }

  function refused(error) {
    asking = null;
    ended = true;
    failure = { __proto__: null, error };
  }

  function ask() {
    if (asking === null && !ended) {
      asking = PromisePrototypeThen(pull(ahead - (ready.length - next)), answered, refused);
    }
    return asking;
  }

  // Gives the reader one chunk, or says how it ends; undefined when that is done, else a promise.
  function pulled(controller) {
    while (next < ready.length) {
      const chunk = ready[next];
      bytesReady -= bytesReady / (ready.length - next);
      ready[next] = undefined;
      next += 1;
      count += 1;
      if (does.isEmpty(chunk)) {
        continue;
      }
      try {
        does.enqueue(controller, chunk, count);
      } catch (error) {
        leave();
        cancel(`${error.message}`);
        does.error(controller, error);
        return undefined;
      }
      if (ready.length - next <= ahead >> 1 && bytesReady <= MANY_BYTES) {
        ask();
      }
      return undefined;
    }
    if (!ended) {
      return PromisePrototypeThen(ask(), () => pulled(controller));
    }
    if (failure !== null) {
      does.error(controller, failure.error);
    } else {
      does.close(controller);
    }
    return undefined;
  }

  function leave() {
    ready = [];
    next = 0;
    ended = true;
  }

  return does.create(pulled, (why) => {
    leave();
    return cancel(why);
  });
}

// Streams of the host that wait to be fetched by their number.
const waiting = new SafeMap();

/** Keeps a stream for `fetchStream`. */
function register(id, stream) {
  MapPrototypeSet(waiting, id, stream);
}

/** `__jsrun_get_stream__(id)`: hands the stream out, once. */
function fetchStream(id) {
  const stream = MapPrototypeGet(waiting, id);
  if (stream === undefined) {
    throw new TypeError(`no stream of the host has the id ${typeof id === "number" ? id : typeof id}, or it was fetched before`);
  }
  MapPrototypeDelete(waiting, id);
  return stream;
}

// ---- writable ---------------------------------------------------------------------------------------------------

// The writers that the host has, by stream.
const writers = new SafeWeakMap();

function writerOf(stream) {
  let writer = WeakMapPrototypeGet(writers, stream);
  if (writer === undefined) {
    writer = ReflectApply(getWriter, stream, []);
    WeakMapPrototypeSet(writers, stream, writer);
  }
  return writer;
}

/** Promises that the stream took the chunk. */
function write(stream, chunk) {
  return ReflectApply(writeChunk, writerOf(stream), [chunk]);
}

/** Promises that everything was taken. */
function close(stream) {
  return ReflectApply(closeWriter, writerOf(stream), []);
}

/** Throws away what was not taken. */
function abort(stream, why) {
  return ReflectApply(abortWriter, writerOf(stream), [reason(why)]);
}

/** A WritableStream whose chunks go to the host. */
function toHost(write, close, abort) {
  return new WritableStream({
    __proto__: null,
    write: (chunk) => write(chunk),
    close: () => close(),
    abort: (why) => abort(why),
  }, { __proto__: null, highWaterMark: 1 });
}

return { __proto__: null, abort, close, discard, fetchStream, fromHost, kind, open, register, toHost, write };
})();
