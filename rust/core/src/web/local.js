// Addresses that need no host: `data:` holds its content, `blob:` names a Blob of this runtime.

(function () {
const { core, primordials } = __bootstrap;

const {
  NumberParseInt,
  RegExpPrototypeExec,
  RegExpPrototypeTest,
  SafeRegExp,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeReplace,
  StringPrototypeSlice,
  StringPrototypeTrim,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeSet,
  Uint8Array,
} = primordials;

const { atob } = core.loadExtScript("ext:deno_web/05_base64.js");
const mime = core.loadExtScript("ext:deno_web/01_mimesniff.js");
const { blobFromObjectUrl } = core.loadExtScript("ext:deno_web/09_file.js");

const BASE64 = new SafeRegExp(/;[ ]*base64$/i);
const HEX = new SafeRegExp(/^[0-9a-f]{2}$/i);
const FRAGMENT = new SafeRegExp(/#.*$/s);

function unescaped(text) {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const digits = StringPrototypeSlice(text, index + 1, index + 3);
    if (text[index] === "%" && RegExpPrototypeTest(HEX, digits)) {
      bytes[length++] = NumberParseInt(digits, 16);
      index += 2;
    } else {
      // A serialized URL is ASCII.
      bytes[length++] = StringPrototypeCharCodeAt(text, index);
    }
  }
  const fitting = new Uint8Array(length);
  TypedArrayPrototypeSet(fitting, new Uint8Array(primordials.TypedArrayPrototypeGetBuffer(bytes), 0, length));
  return fitting;
}

function binary(bytes) {
  let text = "";
  for (let index = 0; index < TypedArrayPrototypeGetByteLength(bytes); index++) {
    text += primordials.StringFromCharCode(bytes[index]);
  }
  return text;
}

/** The bytes and the type that a `data:` URL holds. */
function fromData(href) {
  const url = StringPrototypeSlice(StringPrototypeReplace(href, FRAGMENT, ""), 5);
  const comma = StringPrototypeIndexOf(url, ",");
  if (comma < 0) {
    throw new TypeError("fetch: the data: URL has no comma");
  }
  let type = StringPrototypeTrim(StringPrototypeSlice(url, 0, comma));
  let bytes = unescaped(StringPrototypeSlice(url, comma + 1));
  const coded = RegExpPrototypeExec(BASE64, type);
  if (coded !== null) {
    let text;
    try {
      text = atob(binary(bytes));
    } catch (error) {
      throw new TypeError("fetch: the data: URL is not base64", { __proto__: null, cause: error });
    }
    bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index++) {
      bytes[index] = StringPrototypeCharCodeAt(text, index);
    }
    type = StringPrototypeSlice(type, 0, coded.index);
  }
  const parsed = mime.parseMimeType(type[0] === ";" ? `text/plain${type}` : type);
  return { __proto__: null, bytes, type: parsed === null ? "text/plain;charset=US-ASCII" : mime.serializeMimeType(parsed) };
}

/** The Blob that a `blob:` URL names. */
function fromBlob(href) {
  const blob = blobFromObjectUrl(StringPrototypeReplace(href, FRAGMENT, ""));
  if (blob === null) {
    throw new TypeError("fetch: no Blob of this runtime has that URL, or it was revoked");
  }
  return blob;
}

return { __proto__: null, fromBlob, fromData };
})();
