// `crypto`: random values and UUIDs from the operating system, and `crypto.subtle`.

import { core, primordials } from "ext:core/mod.js";
import { CryptoKey } from "ext:jsrun_web/cryptokey.js";
export { prepare } from "ext:jsrun_web/jwk.js";
import { makeSubtle } from "ext:jsrun_web/subtle.js";

const {
  ArrayBufferIsView,
  ObjectDefineProperty,
  StringPrototypeReplaceAll,
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

let lent = null;

/** 32 hexadecimal digits that nobody can guess; only where there is a host. */
export function unguessable() {
  return StringPrototypeReplaceAll(lent().random(undefined), "-", "");
}

export function makeCrypto(hostOf, exceptions) {
  const { DOMException, QuotaExceededError } = exceptions;
  lent = hostOf;
  const random = (view) => {
    const host = hostOf();
    if (host === null) {
      throw new DOMException("a snapshot must not contain random values", "OperationError");
    }
    return host.random(view);
  };

  const subtle = makeSubtle(hostOf);
  const expose = (name, value) => {
    ObjectDefineProperty(globalThis, name, { __proto__: null, value, writable: true, configurable: true });
  };

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
  expose("Crypto", Crypto);
  expose("CryptoKey", CryptoKey);
  expose("SubtleCrypto", subtle.constructor);
  return primordials.ObjectCreate(Crypto.prototype);
}
