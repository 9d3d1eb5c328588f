// `multipart/form-data`: a FormData as bytes and Blobs between boundaries, and back.

(function () {
const { core, primordials } = __bootstrap;
const { isFile } = core.loadExtScript("ext:jsrun_web/formdata.js");

const {
  ArrayPrototypeForEach,
  ArrayPrototypePush,
  FunctionPrototypeCall,
  RegExpPrototypeExec,
  SafeRegExp,
  StringPrototypeReplace,
  StringPrototypeToLowerCase,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeSlice,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;

const { kept } = core.loadExtScript("ext:jsrun_web/kept.js");
const { Blob, File } = core.loadExtScript("ext:deno_web/09_file.js");
const { TextDecoder, TextEncoder } = core.loadExtScript("ext:deno_web/08_text_encoding.js");

const encoder = new TextEncoder();
const { decode, encode, nameOfFile, typeOfBlob } = kept;

const LINES = new SafeRegExp(/\r\n|\r|\n/g);
const CR = new SafeRegExp(/\r/g);
const LF = new SafeRegExp(/\n/g);
const QUOTE = new SafeRegExp(/"/g);
const ESCAPED = new SafeRegExp(/%0A|%0D|%22/gi);
const HEADER = new SafeRegExp(/^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/s);
const DISPOSITION = new SafeRegExp(/^form-data[ \t]*;[ \t]*name="([^"]*)"(?:[ \t]*;[ \t]*filename="([^"]*)")?(?:[ \t]*;.*)?$/is);
const RETURN = 13;
const NEWLINE = 10;
const DASH = 45;

const utf8 = (text) => FunctionPrototypeCall(encode, encoder, text);
const lines = (text) => StringPrototypeReplace(text, LINES, "\r\n");

function escaped(text) {
  return StringPrototypeReplace(StringPrototypeReplace(StringPrototypeReplace(text, LF, "%0A"), CR, "%0D"), QUOTE, "%22");
}

const MEANT = { __proto__: null, "%0a": "\n", "%0d": "\r", "%22": '"' };
const unescaped = (text) => StringPrototypeReplace(text, ESCAPED, (code) => MEANT[StringPrototypeToLowerCase(code)]);

/** What a Blob is made of that holds the entries. */
function encoded(entries, boundary) {
  const parts = [];
  ArrayPrototypeForEach(entries, (entry) => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(lines(entry[0]))}"`;
    if (isFile(entry[1])) {
      const type = typeOfBlob(entry[1]) || "application/octet-stream";
      ArrayPrototypePush(parts, utf8(`${head}; filename="${escaped(nameOfFile(entry[1]))}"\r\nContent-Type: ${type}\r\n\r\n`));
      ArrayPrototypePush(parts, entry[1]);
      ArrayPrototypePush(parts, utf8("\r\n"));
    } else {
      ArrayPrototypePush(parts, utf8(`${head}\r\n\r\n${lines(entry[1])}\r\n`));
    }
  });
  ArrayPrototypePush(parts, utf8(`--${boundary}--\r\n`));
  return parts;
}

function refuse(why) {
  return new TypeError(`formData: the body is not multipart/form-data: ${why}`);
}

/** Whether `mark` is at `at`. */
function isAt(bytes, at, mark) {
  for (let index = 0; index < mark.length; index++) {
    if (bytes[at + index] !== mark[index]) {
      return false;
    }
  }
  return true;
}

/** Where `mark`, which begins with a return, is next; -1 where it is not. */
function next(bytes, from, mark) {
  const last = TypedArrayPrototypeGetByteLength(bytes) - mark.length;
  for (let at = from; at <= last; at++) {
    if (bytes[at] === RETURN && isAt(bytes, at, mark)) {
      return at;
    }
  }
  return -1;
}

function text(bytes, start, end) {
  const decoder = new TextDecoder("utf-8", { __proto__: null, ignoreBOM: true });
  return FunctionPrototypeCall(decode, decoder, TypedArrayPrototypeSubarray(bytes, start, end));
}

const LINE_END = new Uint8Array([RETURN, NEWLINE]);

/** The headers that begin at `from`: name, file name and type, and where the content begins. */
function headers(bytes, from) {
  const found = { __proto__: null, name: undefined, filename: undefined, type: "text/plain", start: 0 };
  let at = from;
  for (;;) {
    const end = next(bytes, at, LINE_END);
    if (end < 0) {
      throw refuse("a part has no content");
    }
    if (end === at) {
      found.start = end + 2;
      break;
    }
    const line = RegExpPrototypeExec(HEADER, text(bytes, at, end));
    if (line === null) {
      throw refuse("a line before a part's content is no header");
    }
    const header = StringPrototypeToLowerCase(line[1]);
    if (header === "content-disposition") {
      const disposition = RegExpPrototypeExec(DISPOSITION, line[2]);
      if (disposition === null) {
        throw refuse("a part's Content-Disposition is not form-data with a name");
      }
      found.name = unescaped(disposition[1]);
      found.filename = disposition[2] === undefined ? undefined : unescaped(disposition[2]);
    } else if (header === "content-type") {
      found.type = line[2];
    }
    at = end + 2;
  }
  if (found.name === undefined) {
    throw refuse("a part has no Content-Disposition");
  }
  return found;
}

/** The entries that are in the bytes. */
function decoded(bytes, boundary) {
  const mark = utf8(`\r\n--${boundary}`);
  const entries = [];
  // What comes before the first boundary belongs to no part.
  const first = isAt(bytes, 0, TypedArrayPrototypeSubarray(mark, 2)) ? -2 : next(bytes, 0, mark);
  if (first === -1) {
    throw refuse("its boundary is not there");
  }
  let at = first + mark.length;
  for (;;) {
    if (bytes[at] === DASH && bytes[at + 1] === DASH) {
      return entries;
    }
    if (bytes[at] !== RETURN || bytes[at + 1] !== NEWLINE) {
      throw refuse("a boundary does not end its line");
    }
    const { name, filename, type, start } = headers(bytes, at + 2);
    // Where a part is empty, the line that ends the headers may begin the boundary.
    const end = next(bytes, start - 2, mark);
    if (end < 0) {
      throw refuse("its last boundary is not there");
    }
    if (filename === undefined) {
      ArrayPrototypePush(entries, [name, text(bytes, start, end)]);
    } else {
      const content = TypedArrayPrototypeSlice(bytes, start, end);
      ArrayPrototypePush(entries, [name, new File([content], filename, { __proto__: null, type })]);
    }
    at = end + mark.length;
  }
}

return { __proto__: null, decoded, encoded };
})();
