// The programs of the examples menu.

const values = `// The value of the last expression is the result.
const order = {
  id: 42,
  items: ["tea", "cake"],
  prices: new Map([[1, 4.5], [2, 3.25]]),
  tags: new Set(["new", "paid"]),
  placed: new Date(Date.UTC(2026, 0, 2)),
  total: 10n ** 20n,
  receipt: new Uint8Array([80, 75, 3, 4]),
  note: /thank(s| you)/i,
  refund() {},
  problem: new RangeError("no more cake"),
};
console.log("an order with", order.items.length, "items");
order;
`;

const streaming = `// The chunks of an async generator, or of a ReadableStream, appear as they come.
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function* countdown(from) {
  for (let left = from; left > 0; left--) {
    yield { left, at: new Date() };
    await pause(400);
  }
  yield "lift-off";
}

countdown(5);
`;

const timers = `// A run lasts until no timer is set any more, or its time is up.
let ticks = 0;
const id = setInterval(() => {
  console.log("tick", ++ticks);
  if (ticks === 5) clearInterval(id);
}, 300);

console.info("the result is there before the timers");
ticks;
`;

const errors = `// An error is marked where it arose.
function price(item) {
  return item.price.amount;
}

function total(items) {
  try {
    return items.reduce((sum, item) => sum + price(item), 0);
  } catch (error) {
    throw new Error("the total is unknown", { cause: error });
  }
}

console.warn("one of these has no price");
total([{ price: { amount: 3 } }, {}]);
`;

const state = `// Run this several times: a tab keeps its isolate between runs.
// Reset begins again; other tabs have isolates of their own.
globalThis.runs = (globalThis.runs ?? 0) + 1;
const greeting = \`run number \${runs}\`;
greeting;
`;

const platform = `// Parts of the Web platform are there; network and files are not.
const text = "jsrun ".repeat(200);
let packed = 0;
for await (const chunk of new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))) {
  packed += chunk.length;
}

const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
const url = new URL("../b?q=1#top", "https://example.org/a/c");
({ plain: text.length, packed, digest, path: url.pathname, fetch: typeof fetch });
`;

const loop = `// An endless loop: Esc cancels it, and so does the time limit.
let rounds = 0;
for (;;) rounds++;
`;

const memory = `// The heap has a limit, too; the next run gets a new isolate.
const hoard = [];
for (;;) hoard.push(new Array(1000).fill(Math.random()));
`;

export const EXAMPLES = [
  { title: "Values", code: values },
  { title: "A stream", code: streaming },
  { title: "Timers", code: timers },
  { title: "An error", code: errors },
  { title: "State between runs", code: state },
  { title: "Web platform", code: platform },
  { title: "An endless loop", code: loop },
  { title: "Too much memory", code: memory },
];
