// Runs the same calculations in jsrun and in Node: `cases(null)` makes everything from fixed inputs, `cases(other)` checks what the other made.
async function cases(other) {
  const { subtle } = crypto;
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const bytes = (text) => new Uint8Array(text.match(/../g)?.map((pair) => parseInt(pair, 16)) ?? []);
  const filled = (size, start) => Uint8Array.from({ length: size }, (_, index) => (start + 7 * index) & 255);
  const failure = (promise) => promise.then(() => "none", (error) => error.name);
  const sorted = (jwk) => Object.fromEntries(Object.entries(jwk).filter(([name]) => name !== "alg").sort());
  const hashes = ["SHA-1", "SHA-256", "SHA-384", "SHA-512"];
  const found = {};
  const messages = [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000].map((size) => filled(size, size));

  for (const hash of hashes) {
    for (const message of messages) {
      found[`digest ${hash} ${message.length}`] = hex(await subtle.digest(hash, message));
      const raw = filled(message.length + 1, 3);
      const key = await subtle.importKey("raw", raw, { name: "HMAC", hash }, true, ["sign", "verify"]);
      const mac = await subtle.sign("HMAC", key, message);
      found[`hmac ${hash} ${message.length}`] = hex(mac);
      found[`hmac jwk ${hash} ${message.length}`] = sorted(await subtle.exportKey("jwk", key));
      found[`hmac verify ${hash} ${message.length}`] = [
        await subtle.verify("HMAC", key, mac, message), await subtle.verify("HMAC", key, new Uint8Array(mac).fill(0, 3), message),
        await subtle.verify("HMAC", key, mac.slice(1), message),
      ];
    }
    const password = await subtle.importKey("raw", filled(9, 1), "PBKDF2", false, ["deriveBits", "deriveKey"]);
    const secret = await subtle.importKey("raw", filled(22, 1), "HKDF", false, ["deriveBits", "deriveKey"]);
    for (const [length, iterations] of [[8, 1], [256, 1000], [1000, 3]]) {
      const how = { name: "PBKDF2", hash, salt: filled(5, 9), iterations };
      found[`pbkdf2 ${hash} ${length}`] = hex(await subtle.deriveBits(how, password, length));
      const expand = { name: "HKDF", hash, salt: filled(13, 9), info: filled(10, 200) };
      found[`hkdf ${hash} ${length}`] = hex(await subtle.deriveBits(expand, secret, length));
    }
    const derived = await subtle.deriveKey(
      { name: "HKDF", hash, salt: new Uint8Array(), info: new Uint8Array() }, secret, { name: "AES-GCM", length: 256 }, true, ["encrypt"]);
    found[`derived ${hash}`] = [hex(await subtle.exportKey("raw", derived)), derived.algorithm, derived.usages, derived.type];
    const mac = { name: "HMAC", hash };
    const signer = await subtle.deriveKey({ name: "PBKDF2", hash, salt: filled(4, 4), iterations: 2 }, password, mac, true, ["sign"]);
    found[`derived hmac ${hash}`] = [hex(await subtle.exportKey("raw", signer)), signer.algorithm];
  }

  for (const size of [16, 24, 32]) {
    for (const name of ["AES-GCM", "AES-CBC"]) {
      const key = await subtle.importKey("raw", filled(size, 40), name, true, ["encrypt", "decrypt", "wrapKey", "unwrapKey"]);
      found[`${name} ${size} jwk`] = await subtle.exportKey("jwk", key);
      for (const message of messages) {
        const ways = name === "AES-CBC" ? [{ name, iv: filled(16, 5) }] : [
          { name, iv: filled(12, 5) }, { name, iv: filled(12, 6), additionalData: filled(33, 1) },
          { name, iv: filled(16, 5) }, { name, iv: filled(12, 7), tagLength: 96 }, { name, iv: filled(12, 7), tagLength: 120 },
        ];
        for (const [index, way] of ways.entries()) {
          const sealed = await subtle.encrypt(way, key, message);
          found[`${name} ${size} ${message.length} ${index}`] = hex(sealed);
          found[`${name} ${size} ${message.length} ${index} back`] = hex(await subtle.decrypt(way, key, sealed)) === hex(message);
          const broken = new Uint8Array(sealed);
          broken[broken.length - 1] ^= 255;
          if (name === "AES-GCM") found[`${name} ${size} ${message.length} ${index} broken`] = await failure(subtle.decrypt(way, key, broken));
        }
      }
      const inner = await subtle.importKey("raw", filled(16, 1), "AES-GCM", true, ["encrypt"]);
      const way = { name, iv: filled(name === "AES-GCM" ? 12 : 16, 1) };
      const wrapped = await subtle.wrapKey("raw", inner, key, way);
      found[`${name} ${size} wrapped`] = hex(wrapped);
      const again = await subtle.unwrapKey("raw", wrapped, key, way, "AES-GCM", true, ["decrypt"]);
      found[`${name} ${size} unwrapped`] = [hex(await subtle.exportKey("raw", again)), again.usages];
      const json = await subtle.wrapKey("jwk", inner, key, way);
      const back = await subtle.unwrapKey("jwk", json, key, way, "AES-GCM", true, ["encrypt"]);
      found[`${name} ${size} unwrapped json`] = hex(await subtle.exportKey("raw", back));
    }
  }

  // RFC 6979, A.2.5 and A.2.6; RFC 8032, 7.1, test 2.
  const pairs = {
    "P-256": { kty: "EC", crv: "P-256", d: "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
      x: "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
      y: "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299" },
    "P-384": { kty: "EC", crv: "P-384",
      d: "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
      x: "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13",
      y: "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720" },
    Ed25519: { kty: "OKP", crv: "Ed25519", d: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      x: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c" },
  };
  const text = (value) => btoa(String.fromCharCode(...bytes(value))).replace(/=/g, "").replace(/\+/g, "-").replace(/\//g, "_");
  for (const [curve, numbers] of Object.entries(pairs)) {
    const jwk = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, /^[dxy]$/.test(name) ? text(value) : value]));
    const { d: _, ...half } = jwk;
    const named = curve === "Ed25519" ? { name: curve } : { name: "ECDSA", namedCurve: curve };
    const secret = await subtle.importKey("jwk", jwk, named, true, ["sign"]);
    const open = await subtle.importKey("jwk", half, named, true, ["verify"]);
    found[`${curve} kinds`] = [secret.type, open.type, secret.algorithm, secret.usages, open.usages];
    for (const format of ["pkcs8", "spki", "raw"]) {
      const key = format === "pkcs8" ? secret : open;
      const data = await subtle.exportKey(format, key);
      found[`${curve} ${format}`] = hex(data);
      const back = await subtle.importKey(format, data, named, true, key.usages);
      found[`${curve} ${format} back`] = [back.type, sorted(await subtle.exportKey("jwk", back))];
    }
    for (const hash of curve === "Ed25519" ? ["none"] : hashes) {
      const way = curve === "Ed25519" ? { name: curve } : { name: "ECDSA", hash };
      const signature = await subtle.sign(way, secret, messages[6]);
      const id = `${curve} ${hash} signature`;
      found[id] = hex(signature);
      found[`${curve} ${hash} verified`] = [
        await subtle.verify(way, open, other === null ? signature : bytes(other[id]), messages[6]),
        await subtle.verify(way, open, signature, messages[5]),
        await subtle.verify(way, open, signature.slice(1), messages[6]),
      ];
    }
    if (curve !== "Ed25519") {
      const exchange = { name: "ECDH", namedCurve: curve };
      const mine = await subtle.importKey("jwk", jwk, exchange, false, ["deriveBits"]);
      const theirs = await subtle.importKey("jwk", half, exchange, true, []);
      found[`${curve} agreed`] = hex(await subtle.deriveBits({ name: "ECDH", public: theirs }, mine, 256));
    }
  }

  // Wrong input: the names of the errors.
  const gcm = await subtle.importKey("raw", filled(16, 1), "AES-GCM", false, ["encrypt"]);
  const mac = await subtle.importKey("raw", filled(16, 1), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const wrong = {
    "unknown hash": () => subtle.digest("MD5", filled(1, 1)),
    "no data": () => subtle.digest("SHA-1"),
    "not data": () => subtle.digest("SHA-1", "text"),
    "unknown algorithm": () => subtle.importKey("raw", filled(16, 1), "ROT13", true, ["encrypt"]),
    "key size": () => subtle.importKey("raw", filled(15, 1), "AES-GCM", true, ["encrypt"]),
    "no usages": () => subtle.importKey("raw", filled(16, 1), "AES-GCM", true, []),
    "wrong usages": () => subtle.importKey("raw", filled(16, 1), "AES-GCM", true, ["sign"]),
    "no such usage": () => subtle.importKey("raw", filled(16, 1), "AES-GCM", true, ["fry"]),
    "no such format": () => subtle.importKey("xml", filled(16, 1), "AES-GCM", true, ["encrypt"]),
    "not extractable": () => subtle.exportKey("raw", gcm),
    "not for this": () => subtle.decrypt({ name: "AES-GCM", iv: filled(12, 1) }, gcm, filled(32, 1)),
    "other algorithm": () => subtle.sign("HMAC", gcm, filled(1, 1)),
    "not a key": () => subtle.sign("HMAC", {}, filled(1, 1)),
    "cannot sign": () => subtle.sign({ name: "AES-GCM" }, gcm, filled(1, 1)),
    "cannot verify": () => subtle.verify("HMAC", mac, filled(20, 1), filled(1, 1)),
    "jwk kind": () => subtle.importKey("jwk", { kty: "EC", k: "AAAA" }, { name: "HMAC", hash: "SHA-1" }, true, ["sign"]),
    "jwk ext": () => subtle.importKey("jwk", { kty: "oct", k: "AAAA", ext: false }, { name: "HMAC", hash: "SHA-1" }, true, ["sign"]),
    "jwk ops": () => subtle.importKey("jwk", { kty: "oct", k: "AAAA", key_ops: [] }, { name: "HMAC", hash: "SHA-1" }, true, ["sign"]),
    "empty hmac": () => subtle.importKey("raw", filled(0, 1), { name: "HMAC", hash: "SHA-1" }, true, ["sign"]),
    "no hash": () => subtle.importKey("raw", filled(9, 1), { name: "HMAC" }, true, ["sign"]),
    "off the curve": () => subtle.importKey("raw", filled(65, 4), { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]),
    "no curve": () => subtle.generateKey({ name: "ECDSA", namedCurve: "P-1" }, true, ["sign"]),
    "length of aes": () => subtle.generateKey({ name: "AES-CBC", length: 100 }, true, ["encrypt"]),
    "generate nothing": () => subtle.generateKey({ name: "AES-CBC", length: 128 }, true, []),
    "password out": () => subtle.importKey("raw", filled(9, 1), "PBKDF2", true, ["deriveBits"]),
    "iv of cbc": async () =>
      subtle.encrypt({ name: "AES-CBC", iv: filled(12, 1) }, await subtle.generateKey({ name: "AES-CBC", length: 128 }, true, ["encrypt"]), filled(1, 1)),
    "hkdf too long": async () =>
      subtle.deriveBits({ name: "HKDF", hash: "SHA-1", salt: filled(1, 1), info: filled(1, 1) },
        await subtle.importKey("raw", filled(9, 1), "HKDF", false, ["deriveBits"]), 8 * (255 * 20 + 1)),
  };
  for (const [name, run] of Object.entries(wrong)) found[`wrong: ${name}`] = await failure(run());
  return found;
}
if (typeof process === "object") {
  let input = "";
  process.stdin.on("data", (part) => { input += part; });
  process.stdin.on("end", async () => { process.stdout.write(JSON.stringify(await cases(JSON.parse(input)))); });
}
cases;
