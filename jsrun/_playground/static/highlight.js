// Colours for JavaScript: cuts a source into tokens. It need not be exact, only quick and never wrong about the text.

const KEYWORDS =
  "async|await|break|case|catch|class|const|continue|debugger|default|delete|do|else|export|extends|false|finally|for|" +
  "function|if|import|in|instanceof|let|new|null|of|return|static|super|switch|this|throw|true|try|typeof|" +
  "undefined|var|void|while|with|yield";
// A slash begins a pattern where no value can have ended before it.
const TOKEN = new RegExp(
  [
    String.raw`(?<c>\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))`,
    String.raw`(?<s>"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?|\x60(?:\\[\s\S]|[^\x60\\])*\x60?)`,
    String.raw`(?<n>\b0[xXoObB][\da-fA-F_]+n?\b|\b\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?n?\b|\.\d[\d_]*(?:[eE][+-]?\d+)?)`,
    String.raw`(?<r>(?<=(?:^|[=(,:[!&|?{};+\n]|\b(?:return|typeof|case|in|of))[ \t]*)\/(?![*\/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^\/\\[\n])+\/[a-z]*)`,
    String.raw`(?<k>\b(?:${KEYWORDS})\b)`,
  ].join("|"),
  "g",
);
// Beyond this a keystroke would take long.
const LONGEST = 60_000;

/** Return `[kind, start, end]` for each coloured part, in order; kinds are the names of CSS classes. */
export function tokens(source) {
  if (source.length > LONGEST) {
    return [];
  }
  const found = [];
  for (const match of source.matchAll(TOKEN)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    found.push([kind, match.index, match.index + match[0].length]);
  }
  return found;
}
