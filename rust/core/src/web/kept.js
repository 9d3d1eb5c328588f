// Methods and getters of the platform's classes that our own scripts call, as they were before user code could replace them: taken when the script
// that brings them was loaded.

(function () {
const { primordials } = __bootstrap;
const { ObjectGetOwnPropertyDescriptor, uncurryThis } = primordials;

/** What was taken, by name. */
const kept = { __proto__: null };

function getter(brought, name) {
  return ObjectGetOwnPropertyDescriptor(brought.prototype, name).get;
}

const takers = {
  __proto__: null,
  "ext:deno_web/00_url.js": ({ URL, URLSearchParams }) => {
    kept.hrefOf = uncurryThis(getter(URL, "href"));
    kept.usernameOf = uncurryThis(getter(URL, "username"));
    kept.passwordOf = uncurryThis(getter(URL, "password"));
    kept.textOfParams = URLSearchParams.prototype.toString;
  },
  "ext:deno_web/06_streams.js": (streams) => {
    kept.getReader = streams.ReadableStream.prototype.getReader;
    kept.cancelReadable = streams.ReadableStream.prototype.cancel;
    kept.pipeThrough = streams.ReadableStream.prototype.pipeThrough;
    kept.read = streams.ReadableStreamDefaultReader.prototype.read;
    kept.cancelReader = streams.ReadableStreamDefaultReader.prototype.cancel;
    kept.getWriter = streams.WritableStream.prototype.getWriter;
    kept.abortWriter = streams.WritableStreamDefaultWriter.prototype.abort;
    kept.closeWriter = streams.WritableStreamDefaultWriter.prototype.close;
    kept.writeChunk = streams.WritableStreamDefaultWriter.prototype.write;
    kept.byobRequestOf = getter(streams.ReadableByteStreamController, "byobRequest");
  },
  "ext:deno_web/08_text_encoding.js": ({ TextDecoder, TextEncoder }) => {
    kept.encode = TextEncoder.prototype.encode;
    kept.decode = TextDecoder.prototype.decode;
  },
  "ext:deno_web/09_file.js": ({ Blob, File }) => {
    kept.streamOfBlob = Blob.prototype.stream;
    kept.sizeOfBlob = uncurryThis(getter(Blob, "size"));
    kept.typeOfBlob = uncurryThis(getter(Blob, "type"));
    kept.nameOfFile = uncurryThis(getter(File, "name"));
    kept.timeOfFile = uncurryThis(getter(File, "lastModified"));
  },
};

/** Takes what is needed of a script that was loaded just now. */
function keep(script, exports) {
  takers[script]?.(exports);
}

return { __proto__: null, keep, kept };
})();
