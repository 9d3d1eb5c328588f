// `Headers` of the Fetch standard: names without regard to case, values combined, sorted when walked.

(function () {
const { core, primordials } = __bootstrap;

const {
  ArrayPrototypeFilter,
  ArrayPrototypeForEach,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeSort,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectFromEntries,
  RegExpPrototypeTest,
  SafeRegExp,
  StringPrototypeReplace,
  StringPrototypeToLowerCase,
  SymbolFor,
  SymbolIterator,
  TypeError,
} = primordials;

const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");

const TOKEN = new SafeRegExp(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/);
const FORBIDDEN = new SafeRegExp(/[\0\r\n]/);
const AROUND = new SafeRegExp(/^[\t\n\r ]+|[\t\n\r ]+$/g);

let listOf;
let freeze;

function nameOf(given) {
  const name = webidl.converters.ByteString(given, "Headers", "a name");
  if (!RegExpPrototypeTest(TOKEN, name)) {
    throw new TypeError(`Headers: '${name}' is no name of a header`);
  }
  return StringPrototypeToLowerCase(name);
}

function valueOf(given) {
  const value = StringPrototypeReplace(webidl.converters.ByteString(given, "Headers", "a value"), AROUND, "");
  if (RegExpPrototypeTest(FORBIDDEN, value)) {
    throw new TypeError("Headers: a value has a line break or a NUL in it");
  }
  return value;
}

function combined(list, name) {
  const values = ArrayPrototypeMap(ArrayPrototypeFilter(list, (pair) => pair[0] === name), (pair) => pair[1]);
  return values.length === 0 ? null : ArrayPrototypeJoin(values, ", ");
}

/** What a walk meets: every name once, but each `set-cookie` on its own. */
function sorted(list) {
  const found = [];
  let last = null;
  const names = ArrayPrototypeSort(ArrayPrototypeMap(list, (pair) => pair[0]));
  ArrayPrototypeForEach(names, (name) => {
    if (name === last) {
      return;
    }
    last = name;
    if (name === "set-cookie") {
      ArrayPrototypeForEach(list, (pair) => pair[0] === name && ArrayPrototypePush(found, [name, pair[1]]));
    } else {
      ArrayPrototypePush(found, [name, combined(list, name)]);
    }
  });
  return found;
}

class Headers {
  // [name, value] in the order of appending.
  #list = [];
  #immutable = false;

  constructor(init = undefined) {
    if (init === undefined || init === null) {
      return;
    }
    if (typeof init !== "object" && typeof init !== "function") {
      throw new TypeError("Headers: expected an object, or an iterable of pairs");
    }
    if (#list in init) {
      ArrayPrototypeForEach(init.#list, (pair) => ArrayPrototypePush(this.#list, pair));
    } else if (init[SymbolIterator] !== undefined && init[SymbolIterator] !== null) {
      ArrayPrototypeForEach(webidl.converters["sequence<sequence<ByteString>>"](init, "Headers", "Argument 1"), (pair) => {
        if (pair.length !== 2) {
          throw new TypeError(`Headers: expected pairs of name and value, got ${pair.length} items`);
        }
        this.#add(pair[0], pair[1]);
      });
    } else {
      const record = webidl.converters["record<ByteString, ByteString>"](init, "Headers", "Argument 1");
      ArrayPrototypeForEach(primordials.ObjectKeys(record), (name) => this.#add(name, record[name]));
    }
  }

  #change() {
    if (this.#immutable) {
      throw new TypeError("Headers: those of a response from fetch cannot be changed; copy them with new Headers(headers)");
    }
  }

  #add(name, value) {
    const pair = [nameOf(name), valueOf(value)];
    this.#change();
    ArrayPrototypePush(this.#list, pair);
  }

  append(name, value) {
    webidl.requiredArguments(arguments.length, 2, "Headers.append");
    this.#add(name, value);
  }

  delete(name) {
    webidl.requiredArguments(arguments.length, 1, "Headers.delete");
    const gone = nameOf(name);
    this.#change();
    this.#list = ArrayPrototypeFilter(this.#list, (pair) => pair[0] !== gone);
  }

  get(name) {
    webidl.requiredArguments(arguments.length, 1, "Headers.get");
    return combined(this.#list, nameOf(name));
  }

  getSetCookie() {
    return ArrayPrototypeMap(ArrayPrototypeFilter(this.#list, (pair) => pair[0] === "set-cookie"), (pair) => pair[1]);
  }

  has(name) {
    webidl.requiredArguments(arguments.length, 1, "Headers.has");
    return combined(this.#list, nameOf(name)) !== null;
  }

  set(name, value) {
    webidl.requiredArguments(arguments.length, 2, "Headers.set");
    const pair = [nameOf(name), valueOf(value)];
    this.#change();
    let placed = false;
    this.#list = ArrayPrototypeFilter(ArrayPrototypeMap(this.#list, (old) => {
      if (old[0] !== pair[0]) {
        return old;
      }
      const first = !placed;
      placed = true;
      return first ? pair : null;
    }), (kept) => kept !== null);
    if (!placed) {
      ArrayPrototypePush(this.#list, pair);
    }
  }

  forEach(callback, self = undefined) {
    webidl.requiredArguments(arguments.length, 1, "Headers.forEach");
    if (typeof callback !== "function") {
      throw new TypeError("Headers.forEach: the callback is not a function");
    }
    for (let index = 0; index < sorted(this.#list).length; index++) {
      const pair = sorted(this.#list)[index];
      FunctionPrototypeCall(callback, self, pair[1], pair[0], this);
    }
  }

  // A walk sees what changes meanwhile.
  *entries() {
    for (let index = 0; index < sorted(this.#list).length; index++) {
      yield sorted(this.#list)[index];
    }
  }

  *keys() {
    for (let index = 0; index < sorted(this.#list).length; index++) {
      yield sorted(this.#list)[index][0];
    }
  }

  *values() {
    for (let index = 0; index < sorted(this.#list).length; index++) {
      yield sorted(this.#list)[index][1];
    }
  }

  [SymbolFor("nodejs.util.inspect.custom")](_depth, options, inspect) {
    return `Headers ${inspect(ObjectFromEntries(sorted(this.#list)), options)}`;
  }

  static {
    listOf = (headers) => headers.#list;
    freeze = (headers) => {
      headers.#immutable = true;
      return headers;
    };
  }
}

webidl.configureInterface(Headers);
ObjectDefineProperty(Headers.prototype, SymbolIterator, {
  __proto__: null,
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
});

/** The pairs, as they were appended. */
function pairsOf(headers) {
  return listOf(headers);
}

/** Headers that came from the host: nobody changes them. */
function immutable(headers) {
  return freeze(headers);
}

/** The combined value of one header, whatever user code did to the methods. */
function valueIn(headers, name) {
  return combined(listOf(headers), name);
}

/** Sets a header that is not there. */
function setDefault(headers, name, value) {
  if (valueIn(headers, name) === null) {
    ArrayPrototypePush(listOf(headers), [name, value]);
  }
}

return { __proto__: null, Headers, immutable, pairsOf, setDefault, valueIn };
})();
