// What the host lends to the platform, in every isolate anew; and what the language brings that no snapshot holds.

(function () {
const { primordials } = __bootstrap;
const { Uint8Array, uncurryThis } = primordials;

let lent = null;
// V8 installs them when a context starts. Taken before user code runs.
const base64 = { __proto__: null, encode: undefined, decode: undefined };

/** The functions of this isolate's host; null while a snapshot is made. */
function host() {
  return lent;
}

function lend(offered) {
  lent = offered;
  if (offered !== null) {
    base64.encode = uncurryThis(Uint8Array.prototype.toBase64);
    base64.decode = Uint8Array.fromBase64;
  }
}

return { __proto__: null, base64, host, lend };
})();
