// `crypto.subtle`: names, uses and formats are checked here, each algorithm does the rest. Everything is calculated before the promise is
// made; nothing that holds a key is ever a promise's value, where code that changed `then` would see it.

(function () {
const { core, primordials } = __bootstrap;
const { common, makeKey, open, usagesOf } = core.loadExtScript("ext:jsrun_web/cryptokey.js");
const jwk = core.loadExtScript("ext:jsrun_web/jwk.js");
const { pairs } = core.loadExtScript("ext:jsrun_web/pairs.js");
const { HASHES, integer, refuse, secrets } = core.loadExtScript("ext:jsrun_web/secrets.js");

const {
  ArrayPrototypeForEach,
  ArrayPrototypeIncludes,
  FunctionPrototypeCall,
  JSONParse,
  JSONStringify,
  ObjectAssign,
  ObjectCreate,
  ObjectDefineProperty,
  ObjectKeys,
  PromiseReject,
  PromiseResolve,
  StringPrototypeToUpperCase,
  SymbolToStringTag,
  TypeError,
  TypedArrayPrototypeGetBuffer,
} = primordials;

const { host } = core.loadExtScript("ext:jsrun_web/host.js");
const { kept } = core.loadExtScript("ext:jsrun_web/kept.js");
const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const { DOMException } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

const { TextDecoder, TextEncoder } = core.loadExtScript("ext:deno_web/08_text_encoding.js");

const encoder = new TextEncoder();
const { encode, decode } = kept;
const FORMATS = ["raw", "jwk", "pkcs8", "spki"];
const strings = webidl.createSequenceConverter(webidl.converters.DOMString);

const algorithms = ObjectAssign(ObjectCreate(null), secrets, pairs);
// Names are compared without regard to case.
const spelled = { __proto__: null };
ArrayPrototypeForEach([...ObjectKeys(algorithms), ...ObjectKeys(HASHES)], (name) => {
  spelled[StringPrototypeToUpperCase(name)] = name;
});

function nameOf(given, what) {
  const name = typeof given === "object" && given !== null ? given.name : given;
  if (name === undefined || (typeof given !== "string" && (typeof given !== "object" || given === null))) {
    throw new TypeError(`${what}: an algorithm is a name, or an object with a name`);
  }
  const text = webidl.converters.DOMString(name);
  return spelled[StringPrototypeToUpperCase(text)] ?? text;
}

function unknown(name, what) {
  return new DOMException(`${what} is not offered for '${name}'`, "NotSupportedError");
}

function hashOf(given, what) {
  if (given === undefined) {
    throw new TypeError(`${what}: the algorithm names no hash`);
  }
  const name = nameOf(given, what);
  if (HASHES[name] === undefined) {
    throw unknown(name, "a hash");
  }
  return name;
}

/** An algorithm as somebody names it: what it can do, and its parameters, read once. */
function normalize(given, what, needs, hashed = "hashedUse") {
  const name = nameOf(given, what);
  const does = algorithms[name];
  if (does?.[needs] === undefined) {
    throw unknown(name, what);
  }
  const parameters = { __proto__: null };
  if (typeof given === "object") {
    const { length, namedCurve, iv, additionalData, tagLength, salt, info, iterations } = given;
    ObjectAssign(parameters, { length, namedCurve, iv, additionalData, tagLength, salt, info, iterations });
  }
  if (does[hashed]) {
    parameters.hash = hashOf(given.hash, what);
  }
  if (needs === "derive" && does.partner) {
    parameters.partner = open(given.public, what);
  }
  return { __proto__: null, name, does, parameters };
}

/** A key for a use: of that algorithm, and allowed. */
function keyFor(key, name, usage) {
  const opened = open(key, usage);
  if (opened.algorithm.name !== name) {
    throw new DOMException(`${usage}: the key is for ${opened.algorithm.name}, not ${name}`, "InvalidAccessError");
  }
  if (!ArrayPrototypeIncludes(opened.usages, usage)) {
    throw new DOMException(`${usage}: the key is not for that; its usages are [${opened.usages}]`, "InvalidAccessError");
  }
  return opened;
}

function formatOf(given) {
  const format = webidl.converters.DOMString(given);
  if (!ArrayPrototypeIncludes(FORMATS, format)) {
    throw new TypeError(`'${format}' is not a key format`);
  }
  return format;
}

function imported(format, data, algorithm, extractable, usages, native) {
  const { does, parameters, name } = algorithm;
  const uses = usagesOf(usages, does.usages);
  const made = does.import(format, data, parameters, uses, extractable, native);
  const type = made.type ?? "secret";
  if (type !== "public" && uses.length === 0) {
    throw new DOMException(`importKey: a ${type} key of ${name} without usages could do nothing`, "SyntaxError");
  }
  return makeKey(type, extractable, made.algorithm, uses, made.data);
}

function exported(format, key, native) {
  const does = algorithms[key.algorithm.name];
  if (does.export === undefined) {
    throw unknown(key.algorithm.name, "exportKey");
  }
  if (!key.extractable) {
    throw new DOMException("exportKey: the key is not extractable", "InvalidAccessError");
  }
  const written = does.export(format, key, native);
  if (written.jwk !== undefined) {
    return ObjectAssign(written.jwk, { key_ops: common(key.usages, key.usages), ext: true });
  }
  return native("copy", "", 0, 0, written.raw);
}

function derived(algorithm, key, length, native) {
  return algorithm.does.derive(algorithm.parameters, key, length, native);
}

function generated(given, extractable, usages, native) {
  const { does, parameters, name } = normalize(given, "generateKey", "generate", "hashed");
  const uses = usagesOf(usages, does.usages);
  const isPair = pairs[name] !== undefined;
  if (!isPair && uses.length === 0) {
    throw new DOMException("generateKey: a key without usages could do nothing", "SyntaxError");
  }
  const made = does.generate(parameters, native);
  if (!isPair) {
    return makeKey("secret", extractable, made.algorithm, uses, made.data);
  }
  const forPrivate = common(uses, made.secretUsages);
  if (forPrivate.length === 0) {
    throw new DOMException("generateKey: a private key without usages could do nothing", "SyntaxError");
  }
  const { data } = made;
  const half = { __proto__: null, private: null, public: data.public };
  return {
    privateKey: makeKey("private", extractable, made.algorithm, forPrivate, data),
    publicKey: makeKey("public", true, made.algorithm, common(uses, made.publicUsages), half),
  };
}

/** The length, in bits, of the key that is to be derived; null where any will do. */
function lengthFor(algorithm) {
  return algorithm.does.lengthOf(algorithm.parameters);
}

/** A JSON Web Key as bytes. It is extractable: whoever changed `toJSON` sees nothing new. */
function toJson(data) {
  return TypedArrayPrototypeGetBuffer(FunctionPrototypeCall(encode, encoder, JSONStringify(data)));
}

/** A JSON Web Key from bytes, which nobody may see. */
function fromJson(bytes) {
  let parsed = null;
  try {
    parsed = JSONParse(FunctionPrototypeCall(decode, new TextDecoder("utf-8", { __proto__: null, fatal: true }), bytes));
  } catch {
    // Said below.
  }
  if (typeof parsed !== "object" || parsed === null) {
    throw jwk.invalid("unwrapKey: what was wrapped is not a JSON Web Key");
  }
  return jwk.read(jwk.own(parsed));
}

/** Runs a method: what it returns, or throws, is the promise's. */
function attempt(self, given, least, what, run) {
  try {
    if (self !== subtle) {
      throw new TypeError("Illegal invocation");
    }
    webidl.requiredArguments(given, least, what);
    const lent = host();
    if (lent === null) {
      throw refuse("crypto.subtle does not work while a snapshot is made: a snapshot must hold no secrets");
    }
    return PromiseResolve(run(lent.crypto));
  } catch (error) {
    return PromiseReject(error);
  }
}

class SubtleCrypto {
  constructor() {
    throw new TypeError("Illegal constructor");
  }

  digest(algorithm, data) {
    return attempt(this, arguments.length, 2, "digest", (native) => native("digest", hashOf(algorithm, "digest"), 0, 0, data));
  }

  encrypt(algorithm, key, data) {
    return attempt(this, arguments.length, 3, "encrypt", (native) => {
      const { does, parameters, name } = normalize(algorithm, "encrypt", "encrypt");
      return does.encrypt(parameters, keyFor(key, name, "encrypt"), data, native);
    });
  }

  decrypt(algorithm, key, data) {
    return attempt(this, arguments.length, 3, "decrypt", (native) => {
      const { does, parameters, name } = normalize(algorithm, "decrypt", "decrypt");
      return does.decrypt(parameters, keyFor(key, name, "decrypt"), data, native);
    });
  }

  sign(algorithm, key, data) {
    return attempt(this, arguments.length, 3, "sign", (native) => {
      const { does, parameters, name } = normalize(algorithm, "sign", "sign");
      return does.sign(parameters, keyFor(key, name, "sign"), data, native);
    });
  }

  verify(algorithm, key, signature, data) {
    return attempt(this, arguments.length, 4, "verify", (native) => {
      const { does, parameters, name } = normalize(algorithm, "verify", "verify");
      return does.verify(parameters, keyFor(key, name, "verify"), signature, data, native);
    });
  }

  generateKey(algorithm, extractable, keyUsages) {
    return attempt(this, arguments.length, 3, "generateKey", (native) =>
      generated(algorithm, !!extractable, strings(keyUsages, "generateKey", "Argument 3", {}), native));
  }

  importKey(format, keyData, algorithm, extractable, keyUsages) {
    return attempt(this, arguments.length, 5, "importKey", (native) => {
      const kind = formatOf(format);
      const normal = normalize(algorithm, "importKey", "import", "hashed");
      const data = kind === "jwk" ? jwk.read(keyData) : keyData;
      return imported(kind, data, normal, !!extractable, strings(keyUsages, "importKey", "Argument 5", {}), native);
    });
  }

  exportKey(format, key) {
    return attempt(this, arguments.length, 2, "exportKey", (native) => exported(formatOf(format), open(key, "exportKey"), native));
  }

  deriveBits(algorithm, baseKey, length = null) {
    return attempt(this, arguments.length, 2, "deriveBits", (native) => {
      const normal = normalize(algorithm, "deriveBits", "derive");
      const key = keyFor(baseKey, normal.name, "deriveBits");
      return derived(normal, key, length === null ? null : integer(length, "deriveBits: the length"), native);
    });
  }

  deriveKey(algorithm, baseKey, derivedKeyType, extractable, keyUsages) {
    return attempt(this, arguments.length, 5, "deriveKey", (native) => {
      const normal = normalize(algorithm, "deriveKey", "derive");
      const target = normalize(derivedKeyType, "deriveKey", "lengthOf", "hashed");
      const key = keyFor(baseKey, normal.name, "deriveKey");
      const bits = derived(normal, key, lengthFor(target), native);
      return imported("raw", bits, target, !!extractable, strings(keyUsages, "deriveKey", "Argument 5", {}), native);
    });
  }

  wrapKey(format, key, wrappingKey, wrapAlgorithm) {
    return attempt(this, arguments.length, 4, "wrapKey", (native) => {
      const kind = formatOf(format);
      const { does, parameters, name } = normalize(wrapAlgorithm, "wrapKey", "encrypt");
      const wrapper = keyFor(wrappingKey, name, "wrapKey");
      const data = exported(kind, open(key, "wrapKey"), native);
      return does.encrypt(parameters, wrapper, kind === "jwk" ? toJson(data) : data, native);
    });
  }

  unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, unwrappedKeyAlgorithm, extractable, keyUsages) {
    return attempt(this, arguments.length, 7, "unwrapKey", (native) => {
      const kind = formatOf(format);
      const { does, parameters, name } = normalize(unwrapAlgorithm, "unwrapKey", "decrypt");
      const target = normalize(unwrappedKeyAlgorithm, "unwrapKey", "import", "hashed");
      const wrapper = keyFor(unwrappingKey, name, "unwrapKey");
      const bytes = does.decrypt(parameters, wrapper, wrappedKey, native);
      const data = kind === "jwk" ? fromJson(bytes) : bytes;
      return imported(kind, data, target, !!extractable, strings(keyUsages, "unwrapKey", "Argument 7", {}), native);
    });
  }
}
ObjectDefineProperty(SubtleCrypto.prototype, SymbolToStringTag, { __proto__: null, value: "SubtleCrypto", configurable: true });
const subtle = ObjectCreate(SubtleCrypto.prototype);

return { __proto__: null, SubtleCrypto, subtle };
})();
