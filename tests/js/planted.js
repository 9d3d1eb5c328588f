// Plants getters, setters, iterators and species where the engine's own scripts might run them, and looks whether one is run with a key.
(async () => {
const secret = new Uint8Array(32).fill(0xAB), seen = [], subtle = crypto.subtle;
const holds = (value, depth = 0) => {
  if (value === null || typeof value !== 'object' || depth > 3) return typeof value === 'string' && /q6urq6/.test(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value).toHex().includes('abababab');
  if (ArrayBuffer.isView(value)) return value !== secret && new Uint8Array(value.buffer).toHex().includes('abababab');
  return Reflect.ownKeys(value).some((key) => {
    const own = Reflect.getOwnPropertyDescriptor(value, key);
    return 'value' in own && holds(own.value, depth + 1);
  });
};
const wrapper = await subtle.generateKey({name: 'AES-GCM', length: 128}, true, ['wrapKey', 'unwrapKey']);
const way = {name: 'AES-GCM', iv: new Uint8Array(12)};
const out = await subtle.importKey('raw', secret, 'AES-GCM', true, ['encrypt']);
const wrapped = await subtle.wrapKey('jwk', out, wrapper, way), rawly = await subtle.wrapKey('raw', out, wrapper, way);
const names = ['then', 'data', 'type', 'raw', 'jwk', 'private', 'public', 'secretUsages', 'publicUsages', 'use', 'alg', 'd', 'k',
               'hash', 'length', 'partner', 'key_ops', 'ext', 'toJSON', 'constructor', 'algorithm', 'usages'];
const look = (label) => function () { if (holds(this)) seen.push(label); return undefined; };
const kept = Object.getOwnPropertyDescriptors(Object.prototype);
const iterate = Array.prototype[Symbol.iterator], species = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array), Symbol.species);
const arrayThen = Promise.prototype.then;
for (const name of names) Object.defineProperty(Object.prototype, name, {get: look(name), set: look(name), configurable: true});
Array.prototype[Symbol.iterator] = function () { look('iterator').call(this); return iterate.call(this); };
Object.defineProperty(Object.getPrototypeOf(Uint8Array), Symbol.species, {get() { look('species').call(this); return this; }, configurable: true});
Uint8Array.fromBase64 = look('fromBase64'); Uint8Array.prototype.toBase64 = look('toBase64');
let done = 0;
const count = () => { done += 1; };
const hmac = Object.assign(Object.create(null), {name: 'HMAC', hash: 'SHA-1'});
const jobs = [
  subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt']), subtle.importKey('raw', secret, hmac, false, ['sign']),
  subtle.unwrapKey('jwk', wrapped, wrapper, way, 'AES-GCM', false, ['encrypt']),
  subtle.unwrapKey('raw', rawly, wrapper, way, 'AES-GCM', false, ['encrypt']),
  subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']),
];
for (let i = 0; i < jobs.length; i++) arrayThen.call(jobs[i], count, (error) => seen.push(String(error)));
await arrayThen.call(jobs[4], (key) => subtle.deriveBits({name: 'HKDF', hash: 'SHA-1', salt: secret, info: secret}, key, 64));
for (const name of names) { delete Object.prototype[name]; if (kept[name]) Object.defineProperty(Object.prototype, name, kept[name]); }
Array.prototype[Symbol.iterator] = iterate;
Object.defineProperty(Object.getPrototypeOf(Uint8Array), Symbol.species, species);
return [seen, done];
})()
