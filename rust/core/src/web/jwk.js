// JSON Web Keys: members as they are read and written, base64url, and the checks that hold for every kind of key.

(function () {
const { core, primordials } = __bootstrap;

const {
  ArrayPrototypeForEach,
  ArrayPrototypeIncludes,
  FunctionPrototypeCall,
  ObjectHasOwn,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  Uint8Array,
} = primordials;

const { base64 } = core.loadExtScript("ext:jsrun_web/host.js");
const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const { DOMException } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

const OPTIONS = { __proto__: null, alphabet: "base64url", omitPadding: true, lastChunkHandling: "loose" };
const MEMBERS = ["kty", "use", "alg", "crv", "x", "y", "d", "k"];
const ALL = ["key_ops", "ext", ...MEMBERS];
const strings = webidl.createSequenceConverter(webidl.converters.DOMString);

function invalid(text) {
  return new DOMException(text, "DataError");
}

/** The members of a key that somebody hands over. */
function read(given) {
  if (typeof given !== "object" || given === null) {
    throw new TypeError("importKey: a JSON Web Key is an object");
  }
  const jwk = { __proto__: null };
  ArrayPrototypeForEach(MEMBERS, (name) => {
    const value = given[name];
    if (value !== undefined) {
      jwk[name] = webidl.converters.DOMString(value);
    }
  });
  if (given.key_ops !== undefined) {
    jwk.key_ops = strings(given.key_ops, "importKey", "key_ops", {});
  }
  if (given.ext !== undefined) {
    jwk.ext = !!given.ext;
  }
  return jwk;
}

/** A parsed object's own members alone: code that added to Object.prototype sees nothing of an unwrapped key. */
function own(parsed) {
  const jwk = { __proto__: null };
  ArrayPrototypeForEach(ALL, (name) => {
    if (ObjectHasOwn(parsed, name)) {
      jwk[name] = parsed[name];
    }
  });
  return jwk;
}

/** Throws a DataError unless the key says of itself what it is imported as. */
function check(jwk, { kty, crv, alg, use, usages, extractable }) {
  if (jwk.kty !== kty) {
    throw invalid(`importKey: 'kty' of the JSON Web Key must be '${kty}'`);
  }
  if (crv !== undefined && jwk.crv !== crv) {
    throw invalid(`importKey: 'crv' of the JSON Web Key must be '${crv}'`);
  }
  if (alg !== undefined && jwk.alg !== undefined && !ArrayPrototypeIncludes(alg, jwk.alg)) {
    throw invalid(`importKey: 'alg' of the JSON Web Key must be '${alg[0]}'`);
  }
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== use) {
    throw invalid(`importKey: 'use' of the JSON Web Key must be '${use}'`);
  }
  if (jwk.key_ops !== undefined) {
    ArrayPrototypeForEach(usages, (usage) => {
      if (!ArrayPrototypeIncludes(jwk.key_ops, usage)) {
        throw invalid(`importKey: 'key_ops' of the JSON Web Key does not allow '${usage}'`);
      }
    });
  }
  if (jwk.ext === false && extractable) {
    throw invalid("importKey: the JSON Web Key is not extractable ('ext')");
  }
}

/** The bytes of a member. */
function bytesOf(jwk, name) {
  if (jwk[name] === undefined) {
    throw invalid(`importKey: the JSON Web Key has no '${name}'`);
  }
  try {
    return FunctionPrototypeCall(base64.decode, Uint8Array, jwk[name], OPTIONS);
  } catch {
    throw invalid(`importKey: '${name}' of the JSON Web Key is not base64url`);
  }
}

/** Bytes, or a part of them, as base64url without padding. */
function encode(buffer, start = 0, length = undefined) {
  return base64.encode(new Uint8Array(buffer, start, length), OPTIONS);
}

function bufferOf(view) {
  return TypedArrayPrototypeGetBuffer(view);
}

return { __proto__: null, bufferOf, bytesOf, check, encode, invalid, own, read };
})();
