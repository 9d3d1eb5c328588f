// Code in the fragment of a URL, which a browser keeps to itself: compressed, in the letters that a URL has.

const PREFIX = "#code=";
// What a link may unfold to; a small one can be made to unfold to much.
const LONGEST = 1 << 20;

async function through(bytes, transform) {
  const reader = new Blob([bytes]).stream().pipeThrough(transform).getReader();
  const pieces = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return new Uint8Array(await new Blob(pieces).arrayBuffer());
    }
    size += value.length;
    if (size > LONGEST) {
      await reader.cancel();
      throw new RangeError("the link holds too much");
    }
    pieces.push(value);
  }
}

/** Return the fragment that stands for code. */
export async function toFragment(code) {
  const packed = await through(new TextEncoder().encode(code), new CompressionStream("deflate-raw"));
  const letters = Array.from(packed, (byte) => String.fromCharCode(byte)).join("");
  return PREFIX + btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Return the code of a fragment; `null` when it holds none. Throws when it is damaged. */
export async function fromFragment(fragment) {
  if (!fragment.startsWith(PREFIX)) {
    return null;
  }
  const letters = atob(fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/"));
  const packed = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const plain = await through(packed, new DecompressionStream("deflate-raw"));
  return new TextDecoder("utf-8", { fatal: true }).decode(plain);
}
