"""`FormData`: its entries, and the two forms in which requests and responses carry them."""

from __future__ import annotations

import email.parser
import email.policy
from collections.abc import Callable

import pytest
from modes import Js

from jsrun import FetchRequest, FetchResponse, JavaScriptError, JsStream, Runtime

MakeRuntime = Callable[..., Runtime]

FILLED = """
const form = new FormData();
form.append('a', '1\\n2'); form.append('a', 7); form.append('b"\\r\\n', 'ü');
form.append('blob', new Blob(['<p>'], {type: 'text/html'}));
form.append('named', new File([new Uint8Array([0, 13, 10, 45, 45, 255])], 'old', {lastModified: 5}), 'q"\\n.bin');
"""


async def echo(request: FetchRequest) -> FetchResponse:
    """Answers with the request's body, and its type."""
    body = request.body
    if isinstance(body, JsStream):
        body = b"".join([bytes(chunk) async for chunk in body])
    return FetchResponse(body, headers={"content-type": dict(request.headers)["content-type"]})


@pytest.fixture
def rt(runtimes: MakeRuntime) -> Runtime:
    return runtimes(fetch=echo)


async def fails(js: Js, code: str) -> str | None:
    """The name of the error that `code` throws."""
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code, timeout=10)
    return caught.value.name


async def test_entries(js: Js) -> None:
    code = """
    const form = new FormData();
    form.append('a', 1); form.append('b', '2'); form.append('a', '\\ud800');
    const seen = [[...form], form.get('a'), form.get('none'), form.getAll('a'), form.has('b'), [...form.keys()]];
    seen.push([...form.values()]);
    form.set('a', 'x'); form.set('c', 'new'); form.delete('b');
    const each = [];
    form.forEach(function (value, name, whole) { each.push(this.id + value + name + (whole === form)) }, {id: 1});
    [...seen, [...form.entries()], each, `${form}`, FormData.prototype[Symbol.iterator] === FormData.prototype.entries]
    """
    assert await js.eval(code) == [
        [["a", "1"], ["b", "2"], ["a", "\ufffd"]],
        "1",
        None,
        ["1", "\ufffd"],
        True,
        ["a", "b", "a"],
        ["1", "2", "\ufffd"],
        [["a", "x"], ["c", "new"]],
        ["1xatrue", "1newctrue"],
        "[object FormData]",
        True,
    ]


async def test_a_walk_sees_what_changes(js: Js) -> None:
    code = "const f = new FormData(); f.append('n', '1'); const seen = [];"
    code += "for (const [name, value] of f) { seen.push(value); if (seen.length < 3) f.append(name, `${value}1`) } seen"
    assert await js.eval(code) == ["1", "11", "111"]


async def test_files(js: Js) -> None:
    code = (
        FILLED
        + """
    const kept = new File(['k'], 'kept.txt', {lastModified: 9}); form.set('kept', kept);
    const shown = ['blob', 'named', 'kept'].map((name) => form.get(name)).map((file) =>
        [file instanceof File, file.name, file.type, file.size, file.lastModified]);
    shown[0].pop();
    [form.get('kept') === kept, ...shown]
    """
    )
    assert await js.eval(code) == [
        True,
        [True, "blob", "text/html", 3],
        [True, 'q"\n.bin', "", 6, 5],
        [True, "kept.txt", "", 1, 9],
    ]


@pytest.mark.parametrize(
    "code",
    [
        "new FormData({})",
        "FormData()",
        "new FormData().append('a')",
        "new FormData().append('a', 'b', 'c')",
        "new FormData().append('a', {}, 'c')",
        "new FormData().get()",
        "new FormData().forEach(1)",
        "FormData.prototype.get.call({}, 'a')",
        "new FormData().append('a', Symbol())",
    ],
)
async def test_wrong_arguments(js: Js, code: str) -> None:
    assert await fails(js, code) == "TypeError"


async def test_what_is_sent_python_can_read(js: Js) -> None:
    code = FILLED + "const r = await fetch('https://x.test/', {method: 'POST', body: form});"
    content_type, body = await js.eval(code + "[r.headers.get('content-type'), await r.bytes()]")
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(f"content-type: {content_type}\r\n\r\n".encode() + bytes(body))
    parts = list(message.iter_parts())
    assert [part.get_content_type() for part in parts][3:] == ["text/html", "application/octet-stream"]
    assert [part.get_payload(decode=True) for part in parts] == [
        b"1\r\n2",
        b"7",
        "ü".encode(),
        b"<p>",
        b"\0\r\n--\xff",
    ]
    assert b'name="b%22%0D%0A"\r\n' in bytes(body)
    assert b'name="named"; filename="q%22%0A.bin"\r\n' in bytes(body)


async def test_there_and_back(js: Js) -> None:
    code = (
        FILLED
        + """
    const r = await fetch('https://x.test/', {method: 'POST', body: form});
    const back = await r.formData(), found = [];
    for (const [name, value] of back) found.push([name, typeof value === 'string' ? value :
        [value.name, value.type, [...await value.bytes()]]]);
    [found, r.bodyUsed]
    """
    )
    assert await js.eval(code) == [
        [
            ["a", "1\r\n2"],
            ["a", "7"],
            ['b"\r\n', "ü"],
            ["blob", ["blob", "text/html", [60, 112, 62]]],
            ["named", ['q"\n.bin', "application/octet-stream", [0, 13, 10, 45, 45, 255]]],
        ],
        True,
    ]


@pytest.mark.parametrize(
    ("body", "entries"),
    [
        ("--x--", []),
        ("--x--\\r\\n", []),
        ("preamble\\r\\n--x--", []),
        ("--x\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\n--x--", None),
        ('--x\\r\\nCONTENT-disposition:form-data; name="a"\\r\\n\\r\\nv\\r\\n--x--', [["a", "v"]]),
        ('--x\\r\\ncontent-disposition: form-data; name="a"\\r\\n\\r\\n\\r\\n--x--', [["a", ""]]),
        (
            '--x\\r\\ncontent-disposition: form-data; name="a"\\r\\nx-more: 1\\r\\n\\r\\n-x\\r\\n--x--',
            [["a", "-x"]],
        ),
        ('--x\\r\\ncontent-disposition: form-data; name=""\\r\\n\\r\\n\ufeffv\\r\\n--x--', [["", "\ufeffv"]]),
        ("", None),
        ("--x", None),
        ("--y--", None),
        ("--x\\r\\n", None),
        ("--x\\r\\n\\r\\nv\\r\\n--x--", None),
        ("--x\\r\\nno header\\r\\n\\r\\nv\\r\\n--x--", None),
        ('--x\\r\\ncontent-disposition: form-data; name="a"\\r\\n\\r\\nv', None),
        ('--x\\r\\ncontent-disposition: attachment; name="a"\\r\\n\\r\\nv\\r\\n--x--', None),
        ('--x\\r\\ncontent-disposition: form-data; name="a"\\r\\n\\r\\nv\\r\\n--xy', None),
    ],
)
async def test_what_is_read(js: Js, body: str, entries: list[list[str]] | None) -> None:
    code = f"new Response('{body}', {{headers: {{'content-type': 'multipart/form-data; boundary=\"x\"'}}}}).formData()"
    if entries is None:
        assert await fails(js, code) == "TypeError"
    else:
        assert await js.eval(f"[...await {code}]") == entries


async def test_the_other_form(js: Js) -> None:
    code = "new Response(new URLSearchParams([['a', 'b c'], ['ü', '&']])).formData()"
    assert await js.eval(f"[...await {code}]") == [["a", "b c"], ["ü", "&"]]
    assert await js.eval("const f = new FormData(); f.append('a', '1 2'); `${new URLSearchParams(f)}`") == "a=1+2"


@pytest.mark.parametrize(
    "code",
    [
        "new Response('a=1').formData()",
        "new Response().formData()",
        "new Response('', {headers: {'content-type': 'multipart/form-data'}}).formData()",
        "const r = new Response(new FormData()); await r.text(); await r.formData()",
    ],
)
async def test_what_is_no_form(js: Js, code: str) -> None:
    assert await fails(js, code) == "TypeError"


async def test_boundaries_differ_and_user_code_cannot_choose_them(js: Js) -> None:
    code = """
    const type = () => new Response(new FormData()).headers.get('content-type');
    crypto.randomUUID = () => 'x'; Math.random = () => 0;
    File.prototype.constructor = null; Array.prototype.push = Map.prototype.get = () => { throw 2 };
    const form = new FormData(); form.append('f', new Blob(['z']));
    const text = new Response(form).text().then((text) => text.includes('\\r\\n\\r\\nz\\r\\n'));
    const seen = await text; `${type() !== type()} ${type().length > 50} ${seen}`
    """
    assert await js.eval(code) == "true true true"


async def test_a_request_has_it_too(js: Js) -> None:
    code = "const f = new FormData(); f.append('a', new File(['x'], 'n'));"
    code += "const q = new Request('https://x.test', {method: 'POST', body: f}); const copy = q.clone();"
    assert await js.eval(
        code + "[await (await q.formData()).get('a').text(), (await copy.formData()).get('a').name]"
    ) == [
        "x",
        "n",
    ]


def test_without_fetch_it_is_there(runtimes: MakeRuntime) -> None:
    assert runtimes().eval("const f = new FormData(); f.append('a', 'b'); [...f]") == [["a", "b"]]
