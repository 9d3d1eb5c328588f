// `crypto`: random values and UUIDs from the operating system, and `crypto.subtle`.

(function () {
const { core, primordials } = __bootstrap;
const { CryptoKey } = core.loadExtScript("ext:jsrun_web/cryptokey.js");
const { host } = core.loadExtScript("ext:jsrun_web/host.js");
const { SubtleCrypto, subtle } = core.loadExtScript("ext:jsrun_web/subtle.js");
const { DOMException, QuotaExceededError } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

const {
  ArrayBufferIsView,
  ObjectCreate,
  ObjectDefineProperty,
  SymbolToStringTag,
  TypeError,
  TypedArrayPrototypeGetSymbolToStringTag,
} = primordials;

// The standard's limit for one call, in bytes.
const MOST = 65536;
const INTEGERS = {
  __proto__: null,
  Int8Array: true,
  Uint8Array: true,
  Uint8ClampedArray: true,
  Int16Array: true,
  Uint16Array: true,
  Int32Array: true,
  Uint32Array: true,
  BigInt64Array: true,
  BigUint64Array: true,
};

function random(view) {
  const lent = host();
  if (lent === null) {
    throw new DOMException("a snapshot must not contain random values", "OperationError");
  }
  return lent.random(view);
}

class Crypto {
  constructor() {
    throw new TypeError("Illegal constructor");
  }

  getRandomValues(view) {
    if (!ArrayBufferIsView(view) || INTEGERS[TypedArrayPrototypeGetSymbolToStringTag(view)] !== true) {
      throw new DOMException("getRandomValues: the argument is not an integer typed array", "TypeMismatchError");
    }
    if (view.byteLength > MOST) {
      throw new QuotaExceededError(`getRandomValues: ${view.byteLength} bytes asked for, ${MOST} is the most`, {
        quota: MOST,
        requested: view.byteLength,
      });
    }
    random(view);
    return view;
  }

  get subtle() {
    return subtle;
  }

  randomUUID() {
    return random(undefined);
  }
}
ObjectDefineProperty(Crypto.prototype, SymbolToStringTag, { __proto__: null, value: "Crypto", configurable: true });

return { __proto__: null, Crypto, CryptoKey, SubtleCrypto, crypto: ObjectCreate(Crypto.prototype) };
})();
