"""Streams, compression, blobs and message channels of the Web platform."""

from __future__ import annotations

import gzip
import os
import random
import zlib
from collections.abc import Callable

import pytest
from modes import Js

from jsrun import JavaScriptError, Runtime


async def fails(js: Js, code: str) -> str | None:
    """The name of the error that `code` throws."""
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code, timeout=10)
    return caught.value.name


async def test_a_stream_is_transformed_piped_and_closed(js: Js) -> None:
    code = """
      const l = [];
      const double = new TransformStream({transform: (n, c) => c.enqueue(n * 2), flush: (c) => c.enqueue('end')});
      await ReadableStream.from([1, 2, 3]).pipeThrough(double)
        .pipeTo(new WritableStream({write(v) { l.push(v) }, close() { l.push('closed') }})); l"""
    assert await js.eval(code) == [2, 4, 6, "end", "closed"]


async def test_tee_gives_both_readers_everything(js: Js) -> None:
    code = """
      const [a, b] = ReadableStream.from(['x', 'y']).tee(); const l = [];
      for await (const v of a) l.push(v); for await (const v of b) l.push(v + 2); l"""
    assert await js.eval(code) == ["x", "y", "x2", "y2"]


async def test_a_readable_stream_pulls_no_more_than_its_queue_holds(js: Js) -> None:
    code = """
      let pulled = 0; const pause = () => new Promise((r) => setTimeout(r, 10));
      const reader = new ReadableStream({pull(c) { c.enqueue(++pulled) }}, {highWaterMark: 3}).getReader();
      await pause(); const before = pulled; const {value} = await reader.read(); await pause();
      [before, value, pulled]"""
    assert await js.eval(code) == [3, 1, 4]


async def test_a_writable_stream_tells_when_it_is_full(js: Js) -> None:
    code = """
      let open; const gate = new Promise((r) => { open = r });
      const w = new WritableStream({write: () => gate}, new CountQueuingStrategy({highWaterMark: 2})).getWriter();
      const sizes = [w.desiredSize]; w.write(1); w.write(2); sizes.push(w.desiredSize);
      let ready = false; w.ready.then(() => { ready = true }); await new Promise((r) => setTimeout(r, 10));
      sizes.push(ready); open(); await w.ready; sizes.push(w.desiredSize > 0); sizes"""
    assert await js.eval(code) == [2, 0, False, True]


async def test_bytes_are_read_into_the_readers_own_buffer(js: Js) -> None:
    code = """
      const s = new ReadableStream({type: 'bytes', pull(c) { c.byobRequest.view[0] = 7; c.byobRequest.respond(1) }});
      const reader = s.getReader({mode: 'byob'}); const mine = new Uint8Array(4);
      const {value, done} = await reader.read(mine); [[...value], done, mine.byteLength, value.buffer.byteLength]"""
    assert await js.eval(code) == [[7], False, 0, 4]


async def test_errors_and_cancellation_cross_a_pipe(js: Js) -> None:
    code = """
      const l = []; const source = new ReadableStream({cancel(why) { l.push(['cancelled', why.message]) },
                                                       pull(c) { c.enqueue(1) }});
      try { await source.pipeTo(new WritableStream({write() { throw new RangeError('full') }})) }
      catch (e) { l.push(e.name) }
      const ac = new AbortController(); setTimeout(() => ac.abort(), 5);
      const sink = new WritableStream({abort(e) { l.push(['aborted', e.name]) }});
      try { await new ReadableStream().pipeTo(sink, {signal: ac.signal}) }
      catch (e) { l.push(e.name) } l"""
    assert await js.eval(code) == [["cancelled", "full"], "RangeError", ["aborted", "AbortError"], "AbortError"]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("await new ReadableStream({pull() { throw new RangeError() }}).getReader().read()", "RangeError"),
        ("const s = new ReadableStream(); s.getReader(); s.getReader()", "TypeError"),
        ("new ReadableStream({}, {highWaterMark: -1})", "RangeError"),
        ("new ReadableStream({type: 'x'})", "TypeError"),
        ("new ReadableStream().getReader({mode: 'byob'})", "TypeError"),
        ("new CompressionStream('zip')", "TypeError"),
    ],
)
async def test_misused_streams(js: Js, code: str, name: str) -> None:
    assert await fails(js, code) == name


# --- compression ------------------------------------------------------------------------------------------------------

PIPE = """async (bytes, stream) => {
  const out = []; for await (const c of new Blob([bytes]).stream().pipeThrough(stream)) out.push(c);
  return await new Blob(out).bytes(); }"""
UNPACK = {"gzip": gzip.decompress, "deflate": zlib.decompress, "deflate-raw": lambda data: zlib.decompress(data, -15)}


@pytest.mark.parametrize("kind", UNPACK)
async def test_what_javascript_packs_python_unpacks(js: Js, kind: str) -> None:
    data = b"hello " * 50_000 + random.Random(1).randbytes(1000)
    pack = await js.eval(f"const pipe = {PIPE}; (bytes) => pipe(bytes, new CompressionStream('{kind}'))")
    packed = await js.call(pack, data)
    assert len(packed) < len(data) / 10
    assert UNPACK[kind](packed) == data


async def test_what_python_packs_javascript_unpacks(js: Js) -> None:
    data = os.urandom(100_000) + bytes(100_000)
    unpack = await js.eval(f"const pipe = {PIPE}; (bytes) => pipe(bytes, new DecompressionStream('gzip'))")
    assert await js.call(unpack, gzip.compress(data)) == data


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"\0" + data, lambda data: data[:-8] + bytes(8)]
)
def test_damaged_data_is_a_type_error(rt: Runtime, damage: Callable[[bytes], bytes]) -> None:
    unpack = rt.eval(f"const pipe = {PIPE}; (bytes) => pipe(bytes, new DecompressionStream('gzip'))")
    with pytest.raises(JavaScriptError) as caught:
        unpack(damage(gzip.compress(b"hello " * 99)))
    assert caught.value.name == "TypeError"


# --- blobs ------------------------------------------------------------------------------------------------------


async def test_blobs_and_files(js: Js) -> None:
    code = """
      const b = new Blob(['ab', new Blob(['cd']), new Uint8Array([101])], {type: 'Text/Plain'});
      const f = new File([b, 'é'], 'a.txt', {lastModified: 5});
      [b.size, b.type, await b.text(), await b.slice(1, -1).text(), await b.bytes(), (await b.arrayBuffer()).byteLength,
       f instanceof Blob, f.name, f.lastModified, await f.text(), f.size]"""
    assert await js.eval(code) == [5, "text/plain", "abcde", "bcd", b"abcde", 5, True, "a.txt", 5, "abcdeé", 7]


async def test_a_blob_is_read_as_a_stream(js: Js) -> None:
    code = """
      const l = []; for await (const chunk of new Blob(['x'.repeat(200000)]).stream()) l.push(chunk.length);
      l.reduce((a, b) => a + b)"""
    assert await js.eval(code) == 200_000


async def test_a_file_reader_tells_its_progress(js: Js) -> None:
    code = """
      const read = (how, blob) => new Promise((done) => {
        const reader = new FileReader(); const events = [];
        for (const n of ['loadstart', 'load', 'error', 'loadend'])
          reader.addEventListener(n, (e) => events.push(e.type));
        reader.onloadend = () => setTimeout(() => done([events, reader.result, reader.readyState]));
        reader[how](blob); });
      const blob = new Blob(['hé'], {type: 'text/plain'});
      [await read('readAsText', blob), await read('readAsArrayBuffer', blob), await read('readAsDataURL', blob)]"""
    events = ["loadstart", "load", "loadend"]
    assert await js.eval(code) == [
        [events, "hé", 2],
        [events, "hé".encode(), 2],
        [events, "data:text/plain;base64,aMOp", 2],
    ]


# --- message channels -------------------------------------------------------------------------------------------


async def test_messages_arrive_in_order_as_clones(js: Js) -> None:
    code = """
      const {port1, port2} = new MessageChannel(); const l = []; const sent = {n: 1};
      const all = new Promise((done) => { port2.onmessage = (e) => { l.push(e.data); if (l.length === 3) done() } });
      port1.postMessage(sent); sent.n = 2; port1.postMessage(new Map([[1, 2]])); port1.postMessage('x');
      const before = l.length; await all; port1.close(); [before, l]"""
    assert await js.eval(code, timeout=10) == [0, [{"n": 1}, {1: 2}, "x"]]


async def test_a_port_can_be_sent_through_a_port(js: Js) -> None:
    code = """
      const outer = new MessageChannel(), inner = new MessageChannel();
      outer.port2.onmessage = (e) => e.ports[0].postMessage('by way of both');
      const answer = new Promise((done) => { inner.port1.onmessage = (e) => done(e.data) });
      outer.port1.postMessage(null, [inner.port2]); const text = await answer;
      for (const port of [outer.port1, outer.port2, inner.port1]) port.close(); text"""
    assert await js.eval(code, timeout=10) == "by way of both"


async def test_messages_wait_until_the_port_is_started(js: Js) -> None:
    code = """
      const {port1, port2} = new MessageChannel(), l = [];
      port2.addEventListener('message', (e) => l.push(e.data));
      port1.postMessage(1); await new Promise((r) => setTimeout(r, 20)); const before = l.length;
      port2.start(); while (!l.length) await new Promise((r) => setTimeout(r, 1)); port1.close(); [before, l]"""
    assert await js.eval(code, timeout=10) == [0, [1]]


async def test_a_closed_port_delivers_nothing(js: Js) -> None:
    code = """
      const {port1, port2} = new MessageChannel(); const l = []; port2.onmessage = (e) => l.push(e.data);
      port2.close(); port1.postMessage(1); await new Promise((r) => setTimeout(r, 20)); l"""
    assert await js.eval(code, timeout=10) == []


async def test_a_message_that_cannot_be_cloned_is_refused(js: Js) -> None:
    assert await fails(js, "new MessageChannel().port1.postMessage(() => 1)") == "DataCloneError"


def test_a_buffer_may_be_sent_with_a_message(rt: Runtime) -> None:
    code = """
      const {port1, port2} = new MessageChannel(); const b = new ArrayBuffer(4); new Uint8Array(b)[0] = 7;
      const got = new Promise((done) => { port2.onmessage = (e) => done(e.data) });
      port1.postMessage(b, [b]); const c = await got; port1.close();
      [b.byteLength, c.byteLength, new Uint8Array(c)[0]]"""
    assert rt.eval(code, timeout=10) == [0, 4, 7]
