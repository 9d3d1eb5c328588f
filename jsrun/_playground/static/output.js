// What a run tells, on the page: console lines, the result or the chunks of a stream, errors.

import { Tree } from "./tree.js";

const LINES = 3000;

function paragraph(className, text) {
  const made = document.createElement("div");
  made.className = className;
  made.textContent = text;
  return made;
}

/** The text of an error's first line. */
export function headline(error) {
  if (error.name === null) {
    return error.value.kind === "string" ? `Uncaught ${JSON.stringify(error.value.text)}` : "Uncaught value";
  }
  return [error.name, error.message].filter(Boolean).join(": ");
}

function failure(error, before = "") {
  const made = document.createElement("div");
  made.className = "failure";
  made.append(paragraph("what", before + headline(error)));
  if (error.value?.entries) {
    const tree = new Tree("What was thrown");
    tree.add("", error.value, true);
    made.append(tree.element);
  }
  if (error.frames.length > 0) {
    const frames = document.createElement("ul");
    for (const frame of error.frames) {
      const item = document.createElement("li");
      item.textContent = `at ${frame}`;
      frames.append(item);
    }
    made.append(frames);
  }
  for (const one of error.errors ?? []) {
    made.append(failure(one));
  }
  if (error.cause) {
    made.append(failure(error.cause, "Caused by "));
  }
  return made;
}

export class Output {
  #console;
  #result;
  #stream = null;
  #chunks = 0;

  constructor(console, result) {
    this.#console = console;
    this.#result = result;
  }

  /** Make room for another run; the console stays. */
  begin() {
    this.#result.replaceChildren();
    this.#stream = null;
    this.#chunks = 0;
  }

  clearConsole() {
    this.#console.replaceChildren();
  }

  line(level, text) {
    const line = paragraph(`line ${level}`, text);
    if (level === "warning" || level === "error") {
      // Not by colour alone.
      const name = document.createElement("span");
      name.className = "level";
      name.textContent = `${level}: `;
      line.prepend(name);
    }
    this.#keepInView(this.#console, () => this.#console.append(line));
    if (this.#console.children.length > LINES) {
      this.#console.firstChild.remove();
    }
  }

  result(node) {
    const tree = new Tree("Result");
    tree.add("", node, true);
    this.#result.append(tree.element);
  }

  startStream() {
    this.#stream = new Tree("Chunks of the stream");
    this.#result.append(paragraph("empty", "A stream: its chunks appear as they come."), this.#stream.element);
  }

  chunk(node) {
    this.#keepInView(this.#result, () => this.#stream.add(String(this.#chunks++), node));
  }

  note(text) {
    this.#result.append(paragraph("more", text));
  }

  error(error) {
    const made = failure(error);
    made.setAttribute("role", "alert");
    this.#result.append(made);
  }

  rejection(error) {
    const place = error.frames.length > 0 ? `\n    at ${error.frames.join("\n    at ")}` : "";
    this.line("error", `nobody caught ${headline(error)}${place}`);
  }

  // Scrolls along, unless the reader has scrolled back.
  #keepInView(box, change) {
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
    change();
    if (atEnd) {
      box.scrollTop = box.scrollHeight;
    }
  }
}
