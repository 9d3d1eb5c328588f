// What the host lends to the platform, in every isolate anew; and what the language brings that no snapshot holds.

(function () {
const { primordials } = __bootstrap;
const { Uint8Array, uncurryThis } = primordials;

let lent = null;
let part = null;
// V8 installs them when a context starts. Taken before user code runs.
const base64 = { __proto__: null, encode: undefined, decode: undefined };

/** The functions of this isolate's host; null while a snapshot is made. User code must never get at it. */
function host() {
  return lent;
}

/** The function that loads a script; null while a snapshot is made. Apart from the rest: it is given all that is internal. */
function loader() {
  return part;
}

function lend(offered) {
  lent = null;
  part = null;
  if (offered !== null) {
    const { report, random, crypto, print, fetch, inspecting } = offered;
    lent = { __proto__: null, report, random, crypto, print, fetch, inspecting };
    part = offered.part;
    base64.encode = uncurryThis(Uint8Array.prototype.toBase64);
    base64.decode = Uint8Array.fromBase64;
  }
}

return { __proto__: null, base64, host, lend, loader };
})();
