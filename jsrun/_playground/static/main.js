// The page's conduct: what buttons and keys do, and what a run's events show.

import { Editor } from "./editor.js";
import { EXAMPLES } from "./examples.js";
import { headline, Output } from "./output.js";
import { Session } from "./session.js";
import { fromFragment, toFragment } from "./share.js";

const $ = (id) => document.getElementById(id);
const editor = new Editor($("editor"), $("paint"), $("gutter"));
const output = new Output($("console"), $("result"));
const session = new Session();
const ENDS = {
  ok: (time) => `Done in ${time}`,
  error: (time) => `Failed after ${time}`,
  timeout: (time) => `Stopped at the time limit, after ${time}`,
  heap: (time) => `Stopped at the heap limit, after ${time}`,
  cancelled: (time) => `Cancelled after ${time}`,
};
const ISOLATES = {
  expired: "Your isolate had expired: this run began with a new one.",
  replaced: "Your isolate could not be used any more: this run began with a new one.",
};

let running = false;
let heapLimit = Infinity;
let place = null;

// ---- small things -------------------------------------------------------------------------------------------------

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function duration(milliseconds) {
  return milliseconds < 1000 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

function size(bytes) {
  return `${(bytes / (1 << 20)).toFixed(bytes % (1 << 20) ? 1 : 0)} MiB`;
}

// What a browser may refuse to keep.
function keep(store, name, value) {
  try {
    store.setItem(name, value);
  } catch {
    // Then it is forgotten.
  }
}

function kept(store, name) {
  try {
    return store.getItem(name);
  } catch {
    return null;
  }
}

// ---- runs ---------------------------------------------------------------------------------------------------------

function setRunning(now) {
  running = now;
  $("run").disabled = now;
  $("cancel").disabled = !now;
}

function clearProblem() {
  place = null;
  editor.unmark();
  $("problem").hidden = true;
}

function showProblem(error) {
  output.error(error);
  place = error.position;
  if (place !== null) {
    editor.mark(place);
    $("problem-text").textContent = `Line ${place.line}, column ${place.column}: ${headline(error)}`;
    $("problem").hidden = false;
  }
}

const ON = {
  session: ({ isolate }) => isolate in ISOLATES && output.line("note", ISOLATES[isolate]),
  console: ({ level, text }) => output.line(level, text),
  dropped: ({ count }) => output.line("note", `${count.toLocaleString("en")} more console messages are not shown.`),
  rejection: ({ error }) => output.rejection(error),
  result: ({ value }) => output.result(value),
  stream: () => output.startStream(),
  chunk: ({ value }) => output.chunk(value),
  cut: ({ chunks }) => output.note(`The stream was cancelled after ${chunks.toLocaleString("en")} chunks.`),
  error: ({ error }) => showProblem(error),
  end: (event) => {
    const time = duration(event.milliseconds);
    say(ENDS[event.status](time), event.status !== "ok");
    $("time").textContent = time;
    if (event.heap !== undefined) {
      $("busy").textContent = duration(event.busy);
      $("heap").textContent = size(event.heap);
      $("heap-meter").value = Math.min(1, event.heap / heapLimit);
    }
  },
};

async function run() {
  if (running) {
    say("Still running; Esc cancels");
    return;
  }
  // A button that is disabled loses the focus: a keyboard goes on from Cancel.
  const fromButton = document.activeElement === $("run");
  setRunning(true);
  if (fromButton) {
    $("cancel").focus();
  }
  clearProblem();
  output.begin();
  say("Running…");
  let ended = false;
  try {
    for await (const event of session.run(editor.code)) {
      ON[event.event]?.(event);
      ended = event.event === "end";
    }
    if (!ended) {
      say("The connection broke off", true);
    }
  } catch (error) {
    say(error instanceof TypeError ? "The server cannot be reached" : `Refused: ${error.message}`, true);
  } finally {
    const back = document.activeElement === $("cancel");
    setRunning(false);
    if (back) {
      $("run").focus();
    }
  }
}

async function cancel() {
  if (running) {
    say("Cancelling…");
    await session.cancel();
  }
}

function reset() {
  session.leave();
  clearProblem();
  output.begin();
  output.clearConsole();
  for (const id of ["time", "busy", "heap"]) {
    $(id).textContent = "–";
  }
  $("heap-meter").value = 0;
  say("Reset: the next run begins with an empty isolate");
}

// ---- code in the URL, in this tab, in the menu --------------------------------------------------------------------

async function share() {
  history.replaceState(null, "", await toFragment(editor.code));
  keepDraft();
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link is copied, and in the address bar");
  } catch {
    say("The link is in the address bar");
  }
}

function keepDraft() {
  keep(sessionStorage, "jsrun-draft", JSON.stringify({ code: editor.code, hash: location.hash }));
}

async function loadFragment() {
  try {
    const code = await fromFragment(location.hash);
    if (code !== null) {
      editor.replace(code);
      say("Code from the link");
      return true;
    }
  } catch {
    say("The code in the link is damaged", true);
  }
  return false;
}

async function firstCode() {
  const draft = JSON.parse(kept(sessionStorage, "jsrun-draft") ?? "null");
  if (draft !== null && draft.hash === location.hash) {
    editor.replace(draft.code);
    say("Ready");
    return;
  }
  if (location.hash === "" || !(await loadFragment())) {
    editor.replace(EXAMPLES[0].code);
    if (location.hash === "") {
      say("Ready");
    }
  }
}

function offerExamples() {
  for (const [index, { title }] of EXAMPLES.entries()) {
    $("examples").append(new Option(title, index));
  }
  $("examples").addEventListener("change", (event) => {
    const chosen = EXAMPLES[event.target.value];
    if (chosen !== undefined) {
      clearProblem();
      editor.replace(chosen.code);
      say(`Example: ${chosen.title}`);
    }
  });
}

function offerThemes() {
  const set = (theme) => {
    document.documentElement.dataset.theme = theme;
    $("theme").value = theme;
  };
  set(kept(localStorage, "jsrun-theme") ?? "");
  $("theme").addEventListener("change", (event) => {
    set(event.target.value);
    keep(localStorage, "jsrun-theme", event.target.value);
  });
}

async function tellLimits() {
  const about = await (await fetch("api/about")).json();
  const { limits } = about;
  heapLimit = limits.max_heap_size;
  $("limits").textContent = `${limits.timeout} s, heap ${size(heapLimit)}, buffers ${size(limits.max_buffer_bytes)}`;
  $("version").textContent = about.v8;
}

// ---- wiring -------------------------------------------------------------------------------------------------------

$("run").addEventListener("click", run);
$("cancel").addEventListener("click", cancel);
$("reset").addEventListener("click", reset);
$("share").addEventListener("click", share);
$("clear").addEventListener("click", () => output.clearConsole());
$("go").addEventListener("click", () => place && editor.go(place));
$("editor").addEventListener("input", () => {
  $("problem").hidden = true;
  keepDraft();
});
addEventListener("keydown", (event) => {
  if (event.isComposing) {
    return;
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  } else if (event.key === "Escape") {
    if (running) {
      cancel();
    } else if (event.target === $("editor")) {
      editor.letGo();
      say("Tab now leaves the editor");
    }
  }
});
addEventListener("hashchange", loadFragment);
addEventListener("pagehide", () => session.leave());

offerThemes();
offerExamples();
await firstCode();
editor.focus();
try {
  await tellLimits();
} catch {
  say("The server cannot be reached", true);
}
document.documentElement.dataset.ready = "";
