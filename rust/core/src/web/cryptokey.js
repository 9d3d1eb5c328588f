// `CryptoKey`: what it is made of is in private fields, which no code but this file's can read.

(function () {
const { core, primordials } = __bootstrap;

const {
  ArrayPrototypeFilter,
  ArrayPrototypeForEach,
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  ObjectAssign,
  ObjectDefineProperties,
  ObjectDefineProperty,
  SafeSet,
  SetPrototypeHas,
  SymbolToStringTag,
  TypeError,
} = primordials;

const { DOMException } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];
const known = new SafeSet(USAGES);
const SECRET = {};

let innards;
let isOne;

class CryptoKey {
  #key;
  // The objects that user code sees, made when it first looks.
  #algorithm = null;
  #usages = null;

  constructor(secret, key) {
    if (secret !== SECRET) {
      throw new TypeError("Illegal constructor");
    }
    this.#key = key;
  }

  get type() {
    return this.#key.type;
  }

  get extractable() {
    return this.#key.extractable;
  }

  get algorithm() {
    if (this.#algorithm === null) {
      const { name, hash, length, namedCurve } = this.#key.algorithm;
      this.#algorithm = ObjectAssign(
        { name },
        hash === undefined ? null : { hash: { name: hash } },
        length === undefined ? null : { length },
        namedCurve === undefined ? null : { namedCurve },
      );
    }
    return this.#algorithm;
  }

  get usages() {
    this.#usages ??= ArrayPrototypeFilter(this.#key.usages, () => true);
    return this.#usages;
  }

  static {
    isOne = (value) => typeof value === "object" && value !== null && #key in value;
    innards = (key) => key.#key;
  }
}

const shown = { __proto__: null, enumerable: true };
ObjectDefineProperties(CryptoKey.prototype, { __proto__: null, type: shown, extractable: shown, algorithm: shown, usages: shown });
ObjectDefineProperty(CryptoKey.prototype, SymbolToStringTag, { __proto__: null, value: "CryptoKey", configurable: true });

/**
 * Makes a key. `algorithm` is `{name, hash, length, namedCurve}` as far as it applies; `data` is an ArrayBuffer for a secret,
 * `{public, private}` for half a pair.
 */
function makeKey(type, extractable, algorithm, usages, data) {
  return new CryptoKey(SECRET, { __proto__: null, type, extractable, algorithm, usages, data });
}

/** What a key is made of: for the calculation, never for user code. */
function open(key, what) {
  if (!isOne(key)) {
    throw new TypeError(`${what}: the key is not a CryptoKey`);
  }
  return innards(key);
}

/** The uses a caller names, without repetition and in the standard's order. */
function usagesOf(given, allowed) {
  ArrayPrototypeForEach(given, (usage) => {
    if (!SetPrototypeHas(known, usage)) {
      throw new TypeError(`'${usage}' is not a key usage`);
    }
    if (!ArrayPrototypeIncludes(allowed, usage)) {
      throw new DOMException(`this key cannot be used for '${usage}'`, "SyntaxError");
    }
  });
  return common(given, USAGES);
}

/** The members of `all` that are in `given`. */
function common(given, all) {
  const found = [];
  ArrayPrototypeForEach(all, (usage) => {
    if (ArrayPrototypeIncludes(given, usage)) {
      ArrayPrototypePush(found, usage);
    }
  });
  return found;
}

return { __proto__: null, CryptoKey, common, makeKey, open, usagesOf };
})();
