// Pairs of keys: ECDSA and ECDH on P-256 and P-384, and Ed25519.

(function () {
const { core, primordials } = __bootstrap;
const { common } = core.loadExtScript("ext:jsrun_web/cryptokey.js");
const jwk = core.loadExtScript("ext:jsrun_web/jwk.js");
const { refuse } = core.loadExtScript("ext:jsrun_web/secrets.js");

const {
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeSlice,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeSet,
  Uint8Array,
} = primordials;

const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const { DOMException } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

// Curves of NIST: bytes of a number, and the signature's name in a JSON Web Key.
const CURVES = { __proto__: null, "P-256": { size: 32, alg: "ES256" }, "P-384": { size: 48, alg: "ES384" } };

function curveOf({ namedCurve }) {
  if (namedCurve === undefined) {
    throw new TypeError("namedCurve is missing");
  }
  const curve = webidl.converters.DOMString(namedCurve);
  if (CURVES[curve] === undefined) {
    throw new DOMException(`the curve '${curve}' is not offered; P-256 and P-384 are`, "NotSupportedError");
  }
  return curve;
}

function fits(bytes, what) {
  if (bytes === null) {
    throw jwk.invalid(`importKey: the ${what} is not a key on this curve`);
  }
  return bytes;
}

/** Both halves from the private one. */
function whole(curve, secret, native) {
  return { __proto__: null, private: secret, public: native("public", curve, 0, 0, secret) };
}

/** What differs between the two families: how a JSON Web Key says them. */
const weierstrass = {
  __proto__: null,
  kty: "EC",
  curveOf,
  publicOf(data, curve, native) {
    const { size } = CURVES[curve];
    const x = jwk.bytesOf(data, "x");
    const y = jwk.bytesOf(data, "y");
    if (TypedArrayPrototypeGetByteLength(x) !== size || TypedArrayPrototypeGetByteLength(y) !== size) {
      throw jwk.invalid(`importKey: 'x' and 'y' of the JSON Web Key must have ${size} bytes`);
    }
    const point = new Uint8Array(1 + 2 * size);
    point[0] = 4;
    TypedArrayPrototypeSet(point, x, 1);
    TypedArrayPrototypeSet(point, y, 1 + size);
    return fits(native("point", curve, 0, 0, point), "point (x, y)");
  },
  write(curve, data) {
    const { size } = CURVES[curve];
    return { kty: "EC", crv: curve, x: jwk.encode(data.public, 1, size), y: jwk.encode(data.public, 1 + size, size) };
  },
};

const edwards = {
  __proto__: null,
  kty: "OKP",
  curveOf: () => "Ed25519",
  publicOf: (data, curve, native) => fits(native("point", curve, 0, 0, jwk.bytesOf(data, "x")), "point x"),
  write: (curve, data) => ({ kty: "OKP", crv: curve, x: jwk.encode(data.public) }),
};

function fromJwk(family, data, curve, native) {
  const point = family.publicOf(data, curve, native);
  if (data.d === undefined) {
    return { __proto__: null, private: null, public: point };
  }
  const pair = whole(curve, fits(native("private", curve, 0, 0, jwk.bytesOf(data, "d")), "number d"), native);
  if (native("same", "", 0, 0, pair.public, point) === null) {
    throw jwk.invalid("importKey: the halves of the JSON Web Key do not belong together");
  }
  return pair;
}

function pair(name, family, secretUsages, publicUsages, members) {
  const described = (curve) => family === edwards ? { __proto__: null, name } : { __proto__: null, name, namedCurve: curve };
  const curveIn = (key) => key.algorithm.namedCurve ?? "Ed25519";
  return {
    __proto__: null,
    usages: [...secretUsages, ...publicUsages],
    import(format, data, parameters, usages, extractable, native) {
      const curve = family.curveOf(parameters);
      let halves;
      if (format === "raw") {
        halves = { __proto__: null, private: null, public: fits(native("point", curve, 0, 0, data), "data") };
      } else if (format === "spki") {
        halves = { __proto__: null, private: null, public: fits(native("from-spki", curve, 0, 0, data), "data") };
      } else if (format === "pkcs8") {
        halves = whole(curve, fits(native("from-pkcs8", curve, 0, 0, data), "data"), native);
      } else {
        const alg = name === "ECDSA" ? [CURVES[curve].alg] : name === "Ed25519" ? ["Ed25519", "EdDSA"] : undefined;
        const use = name === "ECDH" ? "enc" : "sig";
        jwk.check(data, { kty: family.kty, crv: curve, alg, use, usages, extractable });
        halves = fromJwk(family, data, curve, native);
      }
      const type = halves.private === null ? "public" : "private";
      const allowed = type === "public" ? publicUsages : secretUsages;
      if (common(usages, allowed).length !== usages.length) {
        throw new DOMException(`importKey: a ${type} key of ${name} is for ${allowed.length ? allowed : "nothing by itself"}`, "SyntaxError");
      }
      return { __proto__: null, algorithm: described(curve), data: halves, type };
    },
    export(format, key, native) {
      const curve = curveIn(key);
      const wants = format === "jwk" ? key.type : format === "pkcs8" ? "private" : "public";
      if (wants !== key.type) {
        throw new DOMException(`exportKey: '${format}' is for a ${wants} key`, "InvalidAccessError");
      }
      if (format === "raw") {
        return { __proto__: null, raw: key.data.public };
      }
      if (format === "spki") {
        return { __proto__: null, raw: native("to-spki", curve, 0, 0, key.data.public) };
      }
      if (format === "pkcs8") {
        return { __proto__: null, raw: native("to-pkcs8", curve, 0, 0, key.data.private) };
      }
      const written = family.write(curve, key.data);
      if (key.type === "private") {
        written.d = jwk.encode(key.data.private);
      }
      if (name === "Ed25519") {
        written.alg = "Ed25519";
      }
      return { __proto__: null, jwk: written };
    },
    generate(parameters, native) {
      const curve = family.curveOf(parameters);
      const data = whole(curve, native("generate", curve, 0, 0), native);
      return { __proto__: null, algorithm: described(curve), data, secretUsages, publicUsages };
    },
    ...members,
  };
}

/** Throws unless the operation has the half of the pair that it needs. */
function half(key, type, what) {
  if (key.type !== type) {
    throw new DOMException(`${what}: this takes a ${type} key`, "InvalidAccessError");
  }
}

const ecdsa = {
  __proto__: null,
  hashedUse: true,
  sign(parameters, key, data, native) {
    half(key, "private", "sign");
    const digest = native("digest", parameters.hash, 0, 0, data);
    const signature = native("sign", key.algorithm.namedCurve, 0, 0, key.data.private, digest);
    if (signature === null) {
      throw refuse("ECDSA could not sign this");
    }
    return signature;
  },
  verify(parameters, key, signature, data, native) {
    half(key, "public", "verify");
    const digest = native("digest", parameters.hash, 0, 0, data);
    return native("verify", key.algorithm.namedCurve, 0, 0, key.data.public, signature, digest) !== null;
  },
};

const ed25519 = {
  __proto__: null,
  sign(_, key, data, native) {
    half(key, "private", "sign");
    return native("sign", "Ed25519", 0, 0, key.data.private, data);
  },
  verify(_, key, signature, data, native) {
    half(key, "public", "verify");
    return native("verify", "Ed25519", 0, 0, key.data.public, signature, data) !== null;
  },
};

const ecdh = {
  __proto__: null,
  partner: true,
  derive(parameters, key, length, native) {
    half(key, "private", "deriveBits");
    const other = parameters.partner;
    half(other, "public", "deriveBits: the other side's half");
    if (other.algorithm.name !== "ECDH" || other.algorithm.namedCurve !== key.algorithm.namedCurve) {
      throw new DOMException("deriveBits: the two keys are not on the same curve", "InvalidAccessError");
    }
    const bits = native("agree", key.algorithm.namedCurve, 0, 0, key.data.private, other.data.public);
    const most = bits === null ? 0 : ArrayBufferPrototypeGetByteLength(bits) * 8;
    if (bits === null || (length !== null && (length > most || length % 8 !== 0))) {
      throw refuse(`ECDH on ${key.algorithm.namedCurve} derives a multiple of 8 bits, ${most} at most, not ${length}`);
    }
    return length === null ? bits : native("copy", "", 0, 0, new Uint8Array(bits, 0, length / 8));
  },
};

const pairs = {
  __proto__: null,
  ECDSA: pair("ECDSA", weierstrass, ["sign"], ["verify"], ecdsa),
  ECDH: pair("ECDH", weierstrass, ["deriveKey", "deriveBits"], [], ecdh),
  Ed25519: pair("Ed25519", edwards, ["sign"], ["verify"], ed25519),
};

return { __proto__: null, pairs };
})();
