"""The Web platform: URLs, text, cloning, time, random values, WebAssembly, Intl; what is there and what is not."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from modes import Js

from jsrun import JavaScriptError, Runtime, undefined

MakeRuntime = Callable[..., Runtime]
GLOBALS_DENIED = "fetch WebSocket Worker BroadcastChannel navigator window location localStorage setImmediate Response"


async def fails(js: Js, code: str) -> str | None:
    """The name of the error that `code` throws."""
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code, timeout=10)
    return caught.value.name


# --- URL --------------------------------------------------------------------------------------------------------------


async def test_a_url_is_parsed_and_can_be_changed(js: Js) -> None:
    code = "const u = new URL('../x?y=1#z', 'https://me:pw@例え.jp:8080/a/b/c');"
    parts = "[u.href, u.host, u.pathname, u.search, u.hash, u.origin, u.username, u.password]"
    assert await js.eval(code + parts) == [
        "https://me:pw@xn--r8jz45g.jp:8080/a/x?y=1#z",
        "xn--r8jz45g.jp:8080",
        "/a/x",
        "?y=1",
        "#z",
        "https://xn--r8jz45g.jp:8080",
        "me",
        "pw",
    ]
    assert await js.eval("u.port = 443; u.searchParams.append('k', 'v w'); u.hash = ''; u.username = ''; u.href") == (
        "https://:pw@xn--r8jz45g.jp/a/x?y=1&k=v+w"
    )
    assert await js.eval("[URL.canParse('nope'), URL.canParse('a:b'), URL.parse('nope')]") == [False, True, None]


async def test_search_params(js: Js) -> None:
    code = "const s = new URLSearchParams({b: 1, a: 'ä&'}); s.append('a', 3); s.sort();"
    assert await js.eval(f"{code} [`${{s}}`, s.getAll('a'), s.has('b'), s.get('zz'), s.size, [...s].length]") == [
        "a=%C3%A4%26&a=3&b=1",
        ["ä&", "3"],
        True,
        None,
        3,
        3,
    ]


async def test_url_pattern(js: Js) -> None:
    code = "const p = new URLPattern({pathname: '/u/:id(\\\\d+)'});"
    assert await js.eval(code + "[p.test({pathname: '/u/12'}), p.test({pathname: '/u/x'})]") == [True, False]
    assert await js.eval("p.exec({pathname: '/u/12'}).pathname.groups.id") == "12"


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["utf-8", "utf-16le", "windows-1252", "shift_jis", "gb18030", "koi8-r"])
def test_decoders_agree_with_python(rt: Runtime, label: str) -> None:
    text = {"windows-1252": "naïve €", "shift_jis": "日本", "koi8-r": "привет"}.get(label, "aé日本😀")
    decode = rt.eval("(bytes, label) => new TextDecoder(label).decode(bytes)")
    assert decode(text.encode(label.replace("windows-", "cp")), label) == text


async def test_the_encoder_makes_utf_8(js: Js) -> None:
    assert await js.eval("new TextEncoder().encode('aé日😀\\ud800')") == "aé日😀\ufffd".encode()
    assert await js.eval("new TextEncoder().encodeInto('aé', new Uint8Array(2))") == {"read": 1, "written": 1}


async def test_decoding_in_pieces_and_strictly(js: Js) -> None:
    code = "const d = new TextDecoder();"
    assert await js.eval(
        code + "[d.decode(new Uint8Array([226, 130]), {stream: true}), d.decode(new Uint8Array([172]))]"
    ) == (["", "€"])
    assert await js.eval("new TextDecoder().decode(new Uint8Array([255, 65]))") == "\ufffdA"
    assert await fails(js, "new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255]))") == "TypeError"


async def test_text_streams(js: Js) -> None:
    code = """
      const through = async (stream, ...chunks) => {
        const writer = stream.writable.getWriter();
        chunks.forEach((chunk) => writer.write(chunk)); writer.close();
        const out = []; for await (const chunk of stream.readable) out.push(...chunk); return out; };
      [(await through(new TextDecoderStream(), new Uint8Array([0xe2, 0x82]), new Uint8Array([0xac]))).join(''),
       await through(new TextEncoderStream(), '\\ud83d', '\\ude00')]"""
    assert await js.eval(code) == ["€", list("😀".encode())]


async def test_base64_agrees_with_python(js: Js) -> None:
    text = bytes(range(256)).decode("latin-1")
    both = await js.eval("(text) => [btoa(text), atob(btoa(text)), atob(' Y Q = = ')]")
    encoded, decoded, spaced = await js.call(both, text)
    assert encoded == base64.b64encode(text.encode("latin-1")).decode()
    assert (decoded, spaced) == (text, "a")


async def test_btoa_refuses_what_is_no_byte(js: Js) -> None:
    code = "try { btoa('\\u1234') } catch (e) { [e.name, e.code, e instanceof DOMException, e instanceof Error] }"
    assert await js.eval(code) == ["InvalidCharacterError", 5, True, True]


@pytest.mark.parametrize("text", ["*", "a", "Y=Q=", "YQ==="])
def test_atob_refuses_what_is_no_base64(rt: Runtime, text: str) -> None:
    code = f"try {{ atob('{text}') }} catch (e) {{ [e?.name, e?.code, e instanceof DOMException] }}"
    assert rt.eval(code) == ["InvalidCharacterError", 5, True]


# --- structuredClone, DOMException ------------------------------------------------------------------------------------


async def test_clones_are_deep_and_keep_their_kind(js: Js) -> None:
    code = """
      const list = [, undefined, null], map = new Map([[1, new Set(['a'])]]);
      const o = {map, when: new Date(5), re: /x/gi, big: 1n << 70n, list};
      o.self = o; const c = structuredClone(o);
      [c !== o, c.self === c, c.map.get(1).has('a'), c.map !== o.map, c.when.getTime(), String(c.re), c.big === o.big,
       0 in c.list, 1 in c.list, c.list[2]]"""
    assert await js.eval(code) == [True, True, True, True, 5, "/x/gi", True, False, True, None]


async def test_clones_of_errors_files_and_views(js: Js) -> None:
    code = """
      const e = structuredClone(new RangeError('r', {cause: 1})); const f = structuredClone(new File(['xy'], 'n.txt'));
      const bytes = new Uint8Array([1, 2, 3]); const copy = structuredClone(bytes); bytes[0] = 9;
      [e instanceof RangeError, e.message, e.cause, f instanceof File, f.name, await f.text(), [...copy]]"""
    assert await js.eval(code) == [True, "r", 1, True, "n.txt", "xy", [1, 2, 3]]


@pytest.mark.parametrize("value", ["() => 1", "{a: {b: () => 1}}", "Symbol('s')", "new WeakMap()", "new Proxy({}, {})"])
async def test_what_cannot_be_cloned_is_a_data_clone_error(js: Js, value: str) -> None:
    code = f"try {{ structuredClone({value}) }} catch (e) {{ [e.name, e.code, e instanceof DOMException] }}"
    assert await js.eval(code) == ["DataCloneError", 25, True]


def test_a_buffer_may_be_transferred(rt: Runtime) -> None:
    code = """const b = new ArrayBuffer(8); new Uint8Array(b)[0] = 7; const c = structuredClone(b, {transfer: [b]});
              [b.byteLength, b.detached, c.byteLength, new Uint8Array(c)[0]]"""
    assert rt.eval(code) == [0, True, 8, 7]


def test_structured_clone_needs_an_argument(rt: Runtime) -> None:
    with pytest.raises(JavaScriptError, match="TypeError"):
        rt.eval("structuredClone()")


async def test_dom_exceptions(js: Js) -> None:
    code = """const e = new DOMException('m', 'NotFoundError');
              [e.code, e.name, `${e}`, e instanceof Error, e.stack.length > 9]"""
    assert await js.eval(code) == [8, "NotFoundError", "NotFoundError: m", True, True]
    assert await js.eval("[new DOMException().name, DOMException.ABORT_ERR]") == ["Error", 20]
    with pytest.raises(JavaScriptError) as caught:
        await js.eval("throw new DOMException('stop', 'AbortError')")
    assert (caught.value.name, caught.value.message) == ("AbortError", "stop")


# --- microtasks -------------------------------------------------------------------------------------------------------


async def test_microtasks_run_in_order_before_timers(js: Js) -> None:
    code = """
      const l = []; setTimeout(() => l.push('timer'));
      queueMicrotask(() => { l.push('a'); queueMicrotask(() => l.push('c')) });
      Promise.resolve().then(() => l.push('b')); l.push('now'); await new Promise((r) => setTimeout(r, 10)); l"""
    assert await js.eval(code) == ["now", "a", "b", "c", "timer"]


async def test_a_throwing_microtask_is_reported_and_fails_nothing(js: Js, runtimes: MakeRuntime) -> None:
    seen: list[JavaScriptError] = []
    quiet = Js(runtimes(on_unhandled_rejection=seen.append), js.mode)
    code = (
        "queueMicrotask(() => { throw new RangeError('mine') }); queueMicrotask(() => { globalThis.next = 1 }); 'fine'"
    )
    assert await quiet.eval(code) == "fine"
    await quiet.until(lambda: seen)
    assert [(error.name, error.message) for error in seen] == [("RangeError", "mine")]
    assert await quiet.eval("next") == 1


# --- time, random values ----------------------------------------------------------------------------------------------


async def test_performance_tells_the_time(js: Js) -> None:
    before = time.time()
    stamps, origin, now = await js.eval(
        "const s = Array.from({length: 1e4}, () => performance.now()); [s, performance.timeOrigin, performance.now()]"
    )
    after = time.time()
    assert stamps == sorted(stamps)
    assert stamps[0] < stamps[-1]
    assert before - 0.05 <= (origin + now) / 1000 <= after + 0.05
    assert origin / 1000 > before - 60
    code = """performance.mark('m', {detail: {x: 1}}); performance.measure('d', 'm');
              performance.getEntriesByName('m')[0].detail"""
    assert await js.eval(code) == {"x": 1}


async def test_random_values_fill_a_view_and_nothing_else(js: Js) -> None:
    a, same = await js.eval("const a = new Uint8Array(65536); const b = crypto.getRandomValues(a); [a, a === b]")
    assert same is True
    assert len(set(a)) == 256
    assert max(a.count(bytes([value])) for value in range(256)) < 1000
    window = "const w = new Uint8Array(64); crypto.getRandomValues(w.subarray(16, 48)); w"
    around = await js.eval(window)
    assert (around[:16], around[48:]) == (bytes(16), bytes(16))
    assert around[16:48] != bytes(32)
    for kind in "Int8 Uint8Clamped Int16 Uint16 Int32 Uint32 BigInt64 BigUint64".split():
        assert await js.eval(f"crypto.getRandomValues(new {kind}Array(64)).some((n) => n != 0)") is True
    assert await js.eval("crypto.getRandomValues(new Uint8Array(0)).length") == 0


@pytest.mark.parametrize(
    "argument", ["new Float32Array(1)", "new Float64Array(1)", "new DataView(new ArrayBuffer(1))", "[1]", "null", ""]
)
async def test_random_values_want_integers(js: Js, argument: str) -> None:
    code = f"try {{ crypto.getRandomValues({argument}) }} catch (e) {{ [e.name, e.code, e instanceof DOMException] }}"
    assert await js.eval(code) == ["TypeMismatchError", 17, True]


async def test_random_values_have_a_quota(js: Js) -> None:
    code = """try { crypto.getRandomValues(new Uint16Array(32769)) }
              catch (e) { [e.name, e instanceof QuotaExceededError, e.quota, e.requested] }"""
    assert await js.eval(code) == ["QuotaExceededError", True, 65536, 65538]


async def test_uuids_are_random_and_of_version_4(js: Js) -> None:
    uuids = [uuid.UUID(text) for text in await js.eval("Array.from({length: 1000}, () => crypto.randomUUID())")]
    assert len(set(uuids)) == 1000
    assert {(one.version, one.variant) for one in uuids} == {(4, uuid.RFC_4122)}


# --- the language's own large parts -----------------------------------------------------------------------------------

ADD = """new Uint8Array([
  0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11])"""


async def test_webassembly(js: Js) -> None:
    assert (
        await js.eval(f"const bytes = {ADD}; (await WebAssembly.instantiate(bytes)).instance.exports.add(2, 40)") == 42
    )
    assert await js.eval("new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.add(2 ** 31 - 1, 1)") == -(
        2**31
    )
    assert await fails(js, "WebAssembly.compile(new Uint8Array([1, 2]))") == "CompileError"


@pytest.mark.parametrize("name", ["compileStreaming", "instantiateStreaming"])
def test_streaming_webassembly_is_refused_or_absent(name: str) -> None:
    code = f"try {{ await WebAssembly.{name}(1) }} catch (e) {{ e.name }}"
    script = f"import jsrun\nwith jsrun.Runtime() as rt: print(rt.eval({code!r}, timeout=10))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (0, "TypeError\n")


async def test_intl_knows_languages(js: Js) -> None:
    money = "new Intl.NumberFormat('de-DE', {style: 'currency', currency: 'EUR'}).format(1234.5)"
    assert await js.eval(money) == "1.234,50\xa0€"
    assert (
        await js.eval("new Intl.DateTimeFormat('de', {dateStyle: 'long', timeZone: 'UTC'}).format(0)")
        == "1. Januar 1970"
    )
    assert await js.eval("['ä', 'z', 'a'].sort(new Intl.Collator('sv').compare)") == ["a", "z", "ä"]


async def test_temporal(js: Js) -> None:
    assert await js.eval("Temporal.PlainDate.from('2024-02-28').add({days: 2}).toString()") == "2024-03-01"
    shift = "Temporal.ZonedDateTime.from('2024-07-01T12:00[Europe/Berlin]').withTimeZone('Asia/Tokyo').hour"
    assert await js.eval(shift) == 19
    assert abs(await js.eval("Temporal.Now.instant().epochMilliseconds") / 1000 - time.time()) < 60


# --- what is there, what is not, what is shared -----------------------------------------------------------------------


async def test_these_are_not_there(js: Js) -> None:
    for name in GLOBALS_DENIED.split():
        assert await js.eval(f"typeof {name}") == "undefined", name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("new URL('nope')", "TypeError"),
        ("new URLSearchParams([['a']])", "TypeError"),
        ("new URLPattern({pathname: '('})", "TypeError"),
        ("URL.createObjectURL({})", "TypeError"),
        ("new TextDecoder('nope')", "RangeError"),
        ("btoa()", "TypeError"),
        ("queueMicrotask()", "TypeError"),
        ("queueMicrotask(1)", "TypeError"),
        ("new Crypto()", "TypeError"),
        ("new Performance()", "TypeError"),
        ("performance.measure('x', 'no mark')", "SyntaxError"),
        ("new FileReader().readAsText('x')", "TypeError"),
        ("new Blob(1)", "TypeError"),
        ("new File()", "TypeError"),
    ],
)
async def test_bad_input_is_an_error(js: Js, code: str, name: str) -> None:
    assert await fails(js, code) == name


def test_runtimes_share_nothing_of_the_platform(runtimes: MakeRuntime) -> None:
    one, other = runtimes(), runtimes()
    url = one.eval("globalThis[Symbol.for('shared')] = {secret: 1}; URL.createObjectURL(new Blob(['x']))")
    assert other.eval("globalThis[Symbol.for('shared')]") is undefined
    assert other.eval("URL.createObjectURL(new Blob(['x']))") != url
    one.eval("performance.mark('m'); URL.prototype.toString = null; console.log = null; crypto.randomUUID = null; 0")
    assert other.eval("[performance.getEntries().length, `${new URL('a:b')}`, typeof console.log]") == [
        0,
        "a:b",
        "function",
    ]
    assert uuid.UUID(other.eval("crypto.randomUUID()")).version == 4
    seen: list[Any] = [made.eval("[performance.timeOrigin, Math.random()]") for made in (one, other, runtimes())]
    assert len({origin for origin, _ in seen}) == len({number for _, number in seen}) == 3


@pytest.mark.parametrize(
    "code", ["new Proxy(() => 1, {})", "throw new Proxy(class {}, {})", "[new Proxy(Math.max, {})]"]
)
def test_a_callable_proxy_does_not_abort_the_process(code: str) -> None:
    script = (
        f"import jsrun\nwith jsrun.Runtime() as rt:\n try: rt.eval({code!r})\n except Exception: pass\n print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (0, "alive\n")
