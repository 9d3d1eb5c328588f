// The editor: a textarea over a painted copy of its text, with line numbers, indentation and a mark where an error is.

import { tokens } from "./highlight.js";

const INDENT = "  ";
const WORD = /[\p{ID_Continue}$]+|./uy;

export class Editor {
  #field;
  #paint;
  #gutter;
  #wrong = null;
  #lines = 0;
  #leaving = false;

  constructor(field, paint, gutter) {
    this.#field = field;
    this.#paint = paint;
    this.#gutter = gutter;
    field.addEventListener("input", () => {
      this.unmark();
      this.#draw();
    });
    field.addEventListener("scroll", () => this.#follow());
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("blur", () => {
      this.#leaving = false;
    });
  }

  get code() {
    return this.#field.value;
  }

  /** Replace everything; Ctrl+Z brings back what was there. */
  replace(code) {
    if (code !== this.code) {
      const back = document.activeElement;
      this.#field.focus({ preventScroll: true });
      this.#field.select();
      this.#insert(code);
      back?.focus?.({ preventScroll: true });
    }
    this.#field.setSelectionRange(0, 0);
    this.#field.scrollTo(0, 0);
    this.unmark();
    this.#draw();
  }

  focus() {
    this.#field.focus();
  }

  /** Let the next Tab move the focus on. */
  letGo() {
    this.#leaving = true;
  }

  /** Mark a place; line and column count from 1. */
  mark({ line, column }) {
    const start = this.#offset(line, column);
    WORD.lastIndex = start;
    const word = WORD.exec(this.code)?.[0] ?? "";
    this.#wrong = { line, start, end: start + word.length };
    this.#field.setAttribute("aria-invalid", "true");
    this.#draw();
  }

  unmark() {
    if (this.#wrong !== null) {
      this.#wrong = null;
      this.#field.removeAttribute("aria-invalid");
      this.#draw();
    }
  }

  /** Put the caret to a place that is marked, in view. */
  go({ line, column }) {
    const start = this.#offset(line, column);
    this.#field.focus();
    this.#field.setSelectionRange(start, start);
    const mark = this.#paint.querySelector(".wrong");
    if (mark !== null) {
      this.#field.scrollTop = mark.offsetTop - this.#field.clientHeight / 3;
      this.#field.scrollLeft = mark.offsetLeft - (this.#field.clientWidth * 2) / 3;
    }
  }

  #offset(line, column) {
    const lines = this.code.split("\n");
    const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    return before + Math.min(column - 1, lines[line - 1]?.length ?? 0);
  }

  #draw() {
    const source = this.code;
    const pieces = document.createDocumentFragment();
    let at = 0;
    for (const [kind, start, end] of tokens(source)) {
      this.#piece(pieces, source, at, start, "");
      this.#piece(pieces, source, start, end, kind);
      at = end;
    }
    this.#piece(pieces, source, at, source.length, "");
    pieces.append("\n");
    this.#paint.replaceChildren(pieces);
    this.#number(source.split("\n").length);
    this.#follow();
  }

  // Adds a part of the text, cut where the marked word begins and ends.
  #piece(target, source, start, end, kind) {
    const { start: from = end, end: to = end } = this.#wrong ?? {};
    const cuts = [start, Math.min(Math.max(from, start), end), Math.min(Math.max(to, start), end), end];
    for (let i = 0; i < 3; i++) {
      const text = source.slice(cuts[i], cuts[i + 1]);
      const classes = [kind, i === 1 ? "wrong" : ""].filter(Boolean).join(" ");
      if (text && classes) {
        const span = document.createElement("span");
        span.className = classes;
        span.textContent = text;
        target.append(span);
      } else {
        target.append(text);
      }
    }
  }

  #number(lines) {
    for (; this.#lines < lines; this.#lines++) {
      const number = document.createElement("div");
      number.textContent = this.#lines + 1;
      this.#gutter.append(number);
    }
    for (; this.#lines > lines; this.#lines--) {
      this.#gutter.lastChild.remove();
    }
    this.#gutter.querySelector(".wrong")?.classList.remove("wrong");
    this.#gutter.children[(this.#wrong?.line ?? 0) - 1]?.classList.add("wrong");
  }

  #follow() {
    const { scrollLeft, scrollTop } = this.#field;
    this.#paint.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    this.#gutter.scrollTop = scrollTop;
  }

  #key(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const leaving = this.#leaving;
    if (event.key !== "Shift") {
      this.#leaving = event.key === "Escape" && leaving;
    }
    if (event.key === "Tab" && !leaving) {
      event.preventDefault();
      this.#indent(event.shiftKey);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const line = this.code.slice(0, this.#field.selectionStart).split("\n").at(-1);
      const deeper = /[{[(]\s*$/.test(line) ? INDENT : "";
      this.#insert(`\n${/^[ \t]*/.exec(line)[0]}${deeper}`);
    }
  }

  // Moves the selected lines right or left; without a selection, Tab puts spaces where the caret is.
  #indent(back) {
    const { selectionStart: start, selectionEnd: end } = this.#field;
    const code = this.code;
    if (!back && !code.slice(start, end).includes("\n")) {
      this.#insert(INDENT);
      return;
    }
    const from = code.lastIndexOf("\n", start - 1) + 1;
    const lines = code.slice(from, end).split("\n");
    const moved = lines.map((line) => (back ? line.replace(/^(?: {1,2}|\t)/, "") : line && INDENT + line));
    const text = moved.join("\n");
    if (text === code.slice(from, end)) {
      return;
    }
    this.#field.setSelectionRange(from, end);
    this.#insert(text);
    const first = Math.max(from, start + moved[0].length - lines[0].length);
    this.#field.setSelectionRange(first, Math.max(first, from + text.length));
  }

  // Types text, so that undo knows of it; `execCommand` is the one way to that.
  #insert(text) {
    const done = text === "" ? document.execCommand("delete") : document.execCommand("insertText", false, text);
    if (!done) {
      this.#field.setRangeText(text, this.#field.selectionStart, this.#field.selectionEnd, "end");
      this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
}
