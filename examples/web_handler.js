// The JavaScript half of web_handler.py, loaded once when the application starts.

const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (character) => entities[character]);

// POST /render calls this with the JSON body.
function renderCard({ title, items = [] }) {
  if (typeof title !== "string") {
    throw new TypeError("title must be a string");
  }
  const rows = items.map((item) => `<li>${escapeHtml(item)}</li>`).join("");
  return `<section><h1>${escapeHtml(title)}</h1><ul>${rows}</ul></section>`;
}

// GET /request calls this. `requestInfo` is a Python coroutine function, run in the context of the HTTP request.
async function describeRequest() {
  const { id, path } = await requestInfo();
  return { id, path, seenBy: "JavaScript" };
}
