// Symmetric keys: HMAC, AES-GCM, AES-CBC, and the passwords and secrets of PBKDF2 and HKDF.

(function () {
const { core, primordials } = __bootstrap;
const jwk = core.loadExtScript("ext:jsrun_web/jwk.js");

const { ArrayBufferPrototypeGetByteLength, ArrayPrototypeIncludes, MathCeil } = primordials;

const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const { DOMException } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

const unsigned = webidl.converters["unsigned long"];
const EMPTY = new primordials.ArrayBuffer(0);

/** Hashes: bytes of the digest, of the block, and HMAC's name in a JSON Web Key. */
const HASHES = {
  __proto__: null,
  "SHA-1": { size: 20, block: 64, alg: "HS1" },
  "SHA-256": { size: 32, block: 64, alg: "HS256" },
  "SHA-384": { size: 48, block: 128, alg: "HS384" },
  "SHA-512": { size: 64, block: 128, alg: "HS512" },
};

function refuse(text) {
  return new DOMException(text, "OperationError");
}

/** An integer member of the parameters, within its type. */
function integer(value, what, required = true) {
  if (value === undefined && !required) {
    return undefined;
  }
  if (value === undefined) {
    throw new primordials.TypeError(`${what} is missing`);
  }
  return unsigned(value, what, "", { enforceRange: true });
}

function octets(format, data, native, expected) {
  if (format === "raw") {
    return native("copy", "", 0, 0, data);
  }
  if (format !== "jwk") {
    throw new DOMException(`importKey: '${format}' is not offered for this algorithm`, "NotSupportedError");
  }
  jwk.check(data, { kty: "oct", ...expected });
  return jwk.bufferOf(jwk.bytesOf(data, "k"));
}

function give(format, key, alg) {
  if (format === "raw") {
    return { __proto__: null, raw: key.data };
  }
  if (format !== "jwk") {
    throw new DOMException(`exportKey: '${format}' is not offered for this algorithm`, "NotSupportedError");
  }
  return { __proto__: null, jwk: { kty: "oct", k: jwk.encode(key.data), alg } };
}

// ---- HMAC -------------------------------------------------------------------------------------------------------

function hmacLength(parameters) {
  const length = integer(parameters.length, "HMAC's length", false);
  if (length === 0) {
    throw refuse("an HMAC key of 0 bits");
  }
  return length ?? HASHES[parameters.hash].block * 8;
}

const hmac = {
  __proto__: null,
  hashed: true,
  usages: ["sign", "verify"],
  import(format, data, parameters, usages, extractable, native) {
    const { hash } = parameters;
    const bytes = octets(format, data, native, { alg: [HASHES[hash].alg], use: "sig", usages, extractable });
    const bits = ArrayBufferPrototypeGetByteLength(bytes) * 8;
    const length = integer(parameters.length, "HMAC's length", false) ?? bits;
    if (bits === 0 || length > bits || length <= bits - 8) {
      throw jwk.invalid("importKey: the key has another length than HMAC is to have, or none");
    }
    return { __proto__: null, algorithm: { __proto__: null, name: "HMAC", hash, length }, data: bytes };
  },
  export: (format, key) => give(format, key, HASHES[key.algorithm.hash].alg),
  generate(parameters, native) {
    const length = hmacLength(parameters);
    const data = native("random", "", 0, MathCeil(length / 8));
    return { __proto__: null, algorithm: { __proto__: null, name: "HMAC", hash: parameters.hash, length }, data };
  },
  lengthOf: hmacLength,
  sign: (_, key, data, native) => native("hmac", key.algorithm.hash, 0, 0, key.data, data),
  verify(_, key, signature, data, native) {
    const expected = native("hmac", key.algorithm.hash, 0, 0, key.data, data);
    return native("same", "", 0, 0, expected, signature) !== null;
  },
};

// ---- AES --------------------------------------------------------------------------------------------------------

const SIZES = [128, 192, 256];
const TAGS = [96, 104, 112, 120, 128];

function aesLength(parameters) {
  const length = integer(parameters.length, "AES's length");
  if (!ArrayPrototypeIncludes(SIZES, length)) {
    throw refuse(`an AES key has 128, 192 or 256 bits, not ${length}`);
  }
  return length;
}

function aes(name, suffix, crypt) {
  return {
    __proto__: null,
    usages: ["encrypt", "decrypt", "wrapKey", "unwrapKey"],
    import(format, data, _, usages, extractable, native) {
      const bytes = octets(format, data, native, { use: "enc", usages, extractable });
      const length = ArrayBufferPrototypeGetByteLength(bytes) * 8;
      if (!ArrayPrototypeIncludes(SIZES, length)) {
        throw jwk.invalid(`importKey: an AES key has 16, 24 or 32 bytes, not ${length / 8}`);
      }
      if (format === "jwk" && data.alg !== undefined && data.alg !== `A${length}${suffix}`) {
        throw jwk.invalid(`importKey: 'alg' of the JSON Web Key must be 'A${length}${suffix}'`);
      }
      return { __proto__: null, algorithm: { __proto__: null, name, length }, data: bytes };
    },
    export: (format, key) => give(format, key, `A${key.algorithm.length}${suffix}`),
    generate(parameters, native) {
      const length = aesLength(parameters);
      return { __proto__: null, algorithm: { __proto__: null, name, length }, data: native("random", "", 0, length / 8) };
    },
    lengthOf: aesLength,
    encrypt: (parameters, key, data, native) => crypt("encrypt", parameters, key, data, native),
    decrypt: (parameters, key, data, native) => crypt("decrypt", parameters, key, data, native),
  };
}

function sizeOf(buffer, native) {
  return ArrayBufferPrototypeGetByteLength(native("copy", "", 0, 0, buffer));
}

function gcm(direction, { iv, additionalData, tagLength }, key, data, native) {
  const tag = integer(tagLength, "AES-GCM's tagLength", false) ?? 128;
  const size = sizeOf(iv, native);
  if (!ArrayPrototypeIncludes(TAGS, tag) || (size !== 12 && !(size === 16 && tag === 128))) {
    throw refuse(`AES-GCM is offered with an iv of 12 bytes and a tag of 96 to 128 bits, or 16 bytes and 128 bits; not ${size} and ${tag}`);
  }
  const done = native(`gcm-${direction}`, "", tag, 0, key.data, iv, data, additionalData ?? EMPTY);
  if (done === null) {
    throw refuse("AES-GCM: the data, its tag, the key, the iv or the additional data is not what was encrypted");
  }
  return done;
}

function cbc(direction, { iv }, key, data, native) {
  const size = sizeOf(iv, native);
  if (size !== 16) {
    throw refuse(`AES-CBC has an iv of 16 bytes, not ${size}`);
  }
  const done = native(`cbc-${direction}`, "", 0, 0, key.data, iv, data);
  if (done === null) {
    throw refuse("AES-CBC: the data, the key or the iv is not what was encrypted");
  }
  return done;
}

// ---- derivation -------------------------------------------------------------------------------------------------

function source(name, bitsOf) {
  return {
    __proto__: null,
    usages: ["deriveKey", "deriveBits"],
    sealed: true,
    import(format, data, _, _usages, extractable, native) {
      if (format !== "raw") {
        throw new DOMException(`importKey: ${name} takes 'raw' alone, not '${format}'`, "NotSupportedError");
      }
      if (extractable) {
        throw new DOMException(`importKey: a key for ${name} is never extractable`, "SyntaxError");
      }
      return { __proto__: null, algorithm: { __proto__: null, name }, data: native("copy", "", 0, 0, data) };
    },
    hashedUse: true,
    lengthOf: () => null,
    derive(parameters, key, length, native) {
      if (length === null || length % 8 !== 0) {
        throw refuse(`${name} derives a multiple of 8 bits, not ${length}`);
      }
      const bits = bitsOf(parameters, key, length / 8, native);
      if (bits === null) {
        throw refuse(`${name} cannot derive ${length} bits with ${parameters.hash}`);
      }
      return bits;
    },
  };
}

function pbkdf2({ hash, salt, iterations }, key, length, native) {
  const rounds = integer(iterations, "PBKDF2's iterations");
  if (rounds === 0) {
    throw refuse("PBKDF2 with 0 iterations");
  }
  return native("pbkdf2", hash, rounds, length, key.data, salt);
}

const hkdf = ({ hash, salt, info }, key, length, native) => native("hkdf", hash, 0, length, key.data, salt, info);

const secrets = {
  __proto__: null,
  HMAC: hmac,
  "AES-GCM": aes("AES-GCM", "GCM", gcm),
  "AES-CBC": aes("AES-CBC", "CBC", cbc),
  PBKDF2: source("PBKDF2", pbkdf2),
  HKDF: source("HKDF", hkdf),
};

return { __proto__: null, HASHES, integer, refuse, secrets };
})();
