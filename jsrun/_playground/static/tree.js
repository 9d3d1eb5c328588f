// Trees of values: opened step by step, by pointer or by keys, as a screen reader's tree view.

const PREVIEW = 5;

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

function opens(node) {
  return node.entries !== undefined && node.size > 0;
}

// What a closed branch, or a leaf, looks like in one line.
function summary(node, depth = 0) {
  if (node.kind === "string") {
    return JSON.stringify(node.text);
  }
  if (node.kind === "bigint") {
    return `${node.text}n`;
  }
  if (["object", "array", "map", "set"].includes(node.kind)) {
    return depth > 1 ? brackets(node, node.size ? "…" : "") : brackets(node, inside(node, depth + 1));
  }
  if (node.kind === "bytes" || node.kind === "typed array") {
    return `${node.kind} (${node.size}) ${node.text}`;
  }
  return node.text;
}

function brackets(node, content) {
  const name = { map: `Map(${node.size}) `, set: `Set(${node.size}) ` }[node.kind] ?? "";
  return node.kind === "array" ? `[${content}]` : `${name}{${content}}`;
}

function inside(node, depth) {
  const shown = node.entries.slice(0, PREVIEW).map(([key, value]) => {
    const text = summary(value, depth);
    const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    if (node.kind === "object") {
      return `${key}: ${short}`;
    }
    return node.kind === "map" ? `${keyText(key)} => ${short}` : short;
  });
  if (node.size > shown.length) {
    shown.push("…");
  }
  const padded = shown.length > 0 && node.kind !== "array" ? ` ${shown.join(", ")} ` : shown.join(", ");
  return padded;
}

function keyText(key) {
  return typeof key === "string" ? key : summary(key, 2);
}

/** A tree view; `add` puts values into it. */
export class Tree {
  element = element("ul", "tree");

  constructor(label) {
    this.element.setAttribute("role", "tree");
    this.element.setAttribute("aria-label", label);
    this.element.addEventListener("click", (event) => this.#click(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Add a value under a key, which may be empty; `open` shows what is in it. */
  add(key, node, open = false) {
    const item = this.#item(key, node, 0);
    if (this.element.children.length === 0) {
      item.tabIndex = 0;
    }
    this.element.append(item);
    if (open && opens(node)) {
      this.#open(item);
    }
  }

  #item(key, node, depth) {
    const item = element("li", "");
    item.setAttribute("role", "treeitem");
    item.tabIndex = -1;
    item.node = node;
    item.depth = depth;
    const row = element("div", "row");
    row.style.setProperty("--depth", depth);
    const name = keyText(key);
    if (name !== "") {
      row.append(element("span", "key", name), element("span", "between", typeof key === "string" ? ": " : " => "));
    }
    const type = node.kind === "undefined" || node.kind === "null" ? "" : node.type;
    row.append(element("span", `value ${node.kind}`, summary(node)), " ", element("span", "type", type));
    item.append(row);
    if (opens(node)) {
      item.setAttribute("aria-expanded", "false");
    }
    return item;
  }

  #open(item) {
    item.setAttribute("aria-expanded", "true");
    const group = element("ul", "");
    group.setAttribute("role", "group");
    for (const [key, node] of item.node.entries) {
      group.append(this.#item(key, node, item.depth + 1));
    }
    item.append(group);
    if (item.node.more > 0) {
      item.append(element("div", "more", `${item.node.more.toLocaleString("en")} more are not shown`));
    }
  }

  #close(item) {
    item.setAttribute("aria-expanded", "false");
    while (item.children.length > 1) {
      item.lastChild.remove();
    }
  }

  #toggle(item) {
    if (item.getAttribute("aria-expanded") === "true") {
      this.#close(item);
    } else if (item.hasAttribute("aria-expanded")) {
      this.#open(item);
    }
  }

  #focus(item) {
    if (item) {
      for (const other of this.element.querySelectorAll('[tabindex="0"]')) {
        other.tabIndex = -1;
      }
      item.tabIndex = 0;
      item.focus();
    }
  }

  #click(event) {
    const item = event.target.closest(".row")?.parentElement;
    // Text that is being selected is no click.
    if (item && getSelection().isCollapsed) {
      this.#toggle(item);
      this.#focus(item);
    }
  }

  #key(event) {
    const item = event.target.closest('[role="treeitem"]');
    const step = item && !event.ctrlKey && !event.metaKey && !event.altKey ? this.#step(event.key, item) : null;
    if (step !== null) {
      event.preventDefault();
      step();
    }
  }

  // What a key does at an item; `null` for keys that are not the tree's.
  #step(key, item) {
    const items = [...this.element.querySelectorAll('[role="treeitem"]')];
    const at = items.indexOf(item);
    const open = item.getAttribute("aria-expanded");
    const steps = {
      ArrowDown: () => this.#focus(items[at + 1]),
      ArrowUp: () => this.#focus(items[at - 1]),
      Home: () => this.#focus(items[0]),
      End: () => this.#focus(items.at(-1)),
      ArrowRight: () => (open === "false" ? this.#open(item) : open && this.#focus(items[at + 1])),
      ArrowLeft: () =>
        open === "true" ? this.#close(item) : this.#focus(item.parentElement.closest('[role="treeitem"]')),
      Enter: () => this.#toggle(item),
      " ": () => this.#toggle(item),
    };
    return steps[key] ?? null;
  }
}
