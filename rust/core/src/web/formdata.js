// `FormData`: names with values, which are texts or Files, in the order of appending.

(function () {
const { core, primordials } = __bootstrap;

const {
  ArrayPrototypeFilter,
  ArrayPrototypeFindIndex,
  ArrayPrototypeForEach,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectPrototypeIsPrototypeOf,
  SymbolFor,
  SymbolIterator,
  TypeError,
} = primordials;

const { kept } = core.loadExtScript("ext:jsrun_web/kept.js");
const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const { Blob, File, isBlob } = core.loadExtScript("ext:deno_web/09_file.js");

const FilePrototype = File.prototype;
const { timeOfFile, typeOfBlob } = kept;

let listOf;
let isOne;

function isFile(value) {
  return ObjectPrototypeIsPrototypeOf(FilePrototype, value);
}

/** A Blob as an entry has it: a File, under another name if one is given. */
function fileOf(blob, filename) {
  if (isFile(blob)) {
    if (filename === undefined) {
      return blob;
    }
    return new File([blob], filename, { __proto__: null, type: typeOfBlob(blob), lastModified: timeOfFile(blob) });
  }
  return new File([blob], filename ?? "blob", { __proto__: null, type: typeOfBlob(blob) });
}

/** An entry from the arguments of `append` and `set`. */
function entryOf(given, what) {
  webidl.requiredArguments(given.length, 2, what);
  const name = webidl.converters.USVString(given[0], what, "Argument 1");
  if (!isBlob(given[1])) {
    if (given.length > 2) {
      throw new TypeError(`${what}: only a Blob has a file name`);
    }
    return [name, webidl.converters.USVString(given[1], what, "Argument 2")];
  }
  const filename = given[2] === undefined ? undefined : webidl.converters.USVString(given[2], what, "Argument 3");
  return [name, fileOf(given[1], filename)];
}

function nameOf(given, what) {
  webidl.requiredArguments(given.length, 1, what);
  return webidl.converters.USVString(given[0], what, "Argument 1");
}

class FormData {
  #list = [];

  constructor(form = undefined) {
    if (form !== undefined) {
      throw new TypeError("FormData: there are no forms here to take the data from");
    }
  }

  append(_name, _value, _filename = undefined) {
    const list = this.#list;
    ArrayPrototypePush(list, entryOf(arguments, "FormData.append"));
  }

  delete(_name) {
    const list = this.#list;
    const gone = nameOf(arguments, "FormData.delete");
    this.#list = ArrayPrototypeFilter(list, (entry) => entry[0] !== gone);
  }

  get(_name) {
    const list = this.#list;
    const name = nameOf(arguments, "FormData.get");
    const at = ArrayPrototypeFindIndex(list, (entry) => entry[0] === name);
    return at < 0 ? null : list[at][1];
  }

  getAll(_name) {
    const list = this.#list;
    const name = nameOf(arguments, "FormData.getAll");
    return ArrayPrototypeMap(ArrayPrototypeFilter(list, (entry) => entry[0] === name), (entry) => entry[1]);
  }

  has(_name) {
    const list = this.#list;
    const name = nameOf(arguments, "FormData.has");
    return ArrayPrototypeFindIndex(list, (entry) => entry[0] === name) >= 0;
  }

  set(_name, _value, _filename = undefined) {
    const list = this.#list;
    const made = entryOf(arguments, "FormData.set");
    let placed = false;
    this.#list = ArrayPrototypeFilter(list, (entry) => {
      if (entry[0] !== made[0]) {
        return true;
      }
      const first = !placed;
      placed = true;
      return first;
    });
    if (placed) {
      this.#list[ArrayPrototypeFindIndex(this.#list, (entry) => entry[0] === made[0])] = made;
    } else {
      ArrayPrototypePush(this.#list, made);
    }
  }

  forEach(callback, self = undefined) {
    webidl.requiredArguments(arguments.length, 1, "FormData.forEach");
    if (typeof callback !== "function") {
      throw new TypeError("FormData.forEach: the callback is not a function");
    }
    for (let index = 0; index < this.#list.length; index++) {
      const entry = this.#list[index];
      FunctionPrototypeCall(callback, self, entry[1], entry[0], this);
    }
  }

  // A walk sees what changes meanwhile.
  *entries() {
    for (let index = 0; index < this.#list.length; index++) {
      yield [this.#list[index][0], this.#list[index][1]];
    }
  }

  *keys() {
    for (let index = 0; index < this.#list.length; index++) {
      yield this.#list[index][0];
    }
  }

  *values() {
    for (let index = 0; index < this.#list.length; index++) {
      yield this.#list[index][1];
    }
  }

  [SymbolFor("nodejs.util.inspect.custom")](_depth, options, inspect) {
    return `FormData ${inspect(ArrayPrototypeMap(this.#list, (entry) => [entry[0], entry[1]]), options)}`;
  }

  static {
    isOne = (value) => typeof value === "object" && value !== null && #list in value;
    listOf = (form) => form.#list;
  }
}

webidl.configureInterface(FormData);
ObjectDefineProperty(FormData.prototype, SymbolIterator, {
  __proto__: null,
  value: FormData.prototype.entries,
  writable: true,
  configurable: true,
});
ArrayPrototypeForEach([["append", 2], ["delete", 1], ["get", 1], ["getAll", 1], ["has", 1], ["set", 2], ["forEach", 1]], (pair) => {
  ObjectDefineProperty(FormData.prototype[pair[0]], "length", { __proto__: null, value: pair[1], configurable: true });
});

function isFormData(value) {
  return isOne(value);
}

/** The entries: `[name, text or File]`. */
function entriesOf(form) {
  return listOf(form);
}

/** A FormData with those entries. */
function formOf(entries) {
  const form = new FormData();
  ArrayPrototypeForEach(entries, (entry) => ArrayPrototypePush(listOf(form), [entry[0], entry[1]]));
  return form;
}

return { __proto__: null, FormData, entriesOf, formOf, isFile, isFormData };
})();
