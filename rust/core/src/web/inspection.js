// Bounds for deno_web's inspector, which formats values outside JavaScript, where an interrupt does not reach. In use before its script is loaded.

(function () {
const { core, primordials } = __bootstrap;
const { ops } = core;
const { ObjectSetPrototypeOf, RangeError, StringPrototypeStartsWith } = primordials;

const { host } = core.loadExtScript("ext:jsrun_web/host.js");

// What a text may cost: each part has a price beside its characters.
const ROOM = 1 << 19;
const PRICE = 32;
// The depth that is shown where nothing else is asked for,
const DEPTH = 4;
// and the one that is tried first. The next follows if no more than this was left out for its depth: each may be a container, of which 100 items are
// shown, and those may be empty.
const FIRST = 1;
const MOST = 1000;

let room = 0;
let hidden = 0;
let depth = 0;

// The inspector calls it for every part, but for the brackets of what is empty and for the text that a value's own method gave. This is where an
// interrupt reaches it. Those methods are handed it too.
function measure(part, kind) {
  if (typeof part !== "string") {
    return part;
  }
  room -= PRICE + part.length;
  if (room < 0) {
    throw new RangeError("the value has too many parts to be shown");
  }
  if (kind === "special" && !StringPrototypeStartsWith(part, "[Function")) {
    hidden += 1;
  }
  return part;
}
// The inspector asks it for a mark, which others could put on its prototype.
ObjectSetPrototypeOf(measure, null);

/** What `format` gives for the present depth; undefined if that is too much. */
function attempt(format) {
  room = ROOM;
  hidden = 0;
  try {
    const text = format();
    return room < 0 ? undefined : text;
  } catch (error) {
    if (room < 0) {
      return undefined;
    }
    throw error;
  }
}

/** As deep as there is room for. */
function fitted(format, most) {
  depth = most < FIRST ? most : FIRST;
  let text = attempt(format);
  while (text === undefined && depth > 0) {
    depth -= 1;
    text = attempt(format);
    if (text !== undefined) {
      return text;
    }
  }
  while (text !== undefined && hidden > 0 && hidden <= MOST && depth < most) {
    depth += 1;
    const deeper = attempt(format);
    if (deeper === undefined) {
      return text;
    }
    text = deeper;
  }
  return text ?? "[too large to be shown]";
}

/** `inspect` within bounds. Called by a method of what is shown, it gives a part of that text; or, if `apart`, another text. */
function bound(inspect, apart) {
  return (intrinsics, value, given) => {
    const options = { __proto__: null, depth: DEPTH, ...given };
    const most = options.depth === null ? Infinity : typeof options.depth === "number" ? options.depth : DEPTH;
    const format = () => inspect(intrinsics, value, { __proto__: null, ...options, depth, stylize: measure, colors: false });
    return host().inspecting((nested) => {
      if (!nested) {
        return fitted(format, most);
      }
      const around = { __proto__: null, room, hidden, depth };
      try {
        if (apart) {
          return fitted(format, most);
        }
        depth = most < depth ? most : depth;
        return format();
      } finally {
        ({ depth } = around);
        if (apart) {
          ({ room, hidden } = around);
        }
      }
    });
  };
}

ops.op_console_inspect = bound(ops.op_console_inspect, false);
ops.op_console_inspect_args = bound(ops.op_console_inspect_args, true);

return { __proto__: null };
})();
