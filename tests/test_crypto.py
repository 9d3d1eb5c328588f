"""`crypto.subtle`: the same answers as Node and Python give, keys that stay closed, long work that can be stopped."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from modes import Js

from jsrun import ConversionError, JavaScriptError, JavaScriptTimeout, Runtime, SnapshotBuilder

MakeRuntime = Callable[..., Runtime]
SCRIPT = Path(__file__).parent / "js" / "webcrypto.js"
# Node has a name of its own where the standard says InvalidAccessError.
NODES = {"wrong: not extractable"}

AES = "const key = await crypto.subtle.generateKey({name: 'AES-GCM', length: 256}, false, ['encrypt', 'decrypt']);"


async def fails(js: Js, code: str) -> str | None:
    """The name of the error that `code` throws."""
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code, timeout=10)
    return caught.value.name


@pytest.mark.skipif(shutil.which("node") is None, reason="compares with Node")
def test_everything_is_as_in_node(rt: Runtime) -> None:
    cases = rt.eval(SCRIPT.read_text(), filename="webcrypto.js")
    ours: dict[str, Any] = cases(None)
    command = ["node", str(SCRIPT)]
    done = subprocess.run(command, input=json.dumps(ours), capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    # ECDSA is random in Node; each verifies what the other signed.
    random = {name for name in ours if name.endswith("signature") and name.startswith("P-")}
    assert ours.keys() == theirs.keys()
    assert len(ours) > 900
    assert {name: ours[name] for name in ours.keys() - random - NODES} == {
        name: theirs[name] for name in theirs.keys() - random - NODES
    }
    assert cases(theirs) == ours
    assert [ours[name][0] for name in ours if name.endswith(" verified")] == [True] * 9


@pytest.mark.parametrize("name", ["SHA-1", "SHA-256", "SHA-384", "SHA-512"])
def test_digests_and_derivations_are_pythons(rt: Runtime, name: str) -> None:
    python = name.replace("-", "").lower()
    digest = rt.eval("(name, data) => crypto.subtle.digest(name, data)")
    sign = rt.eval("""async (hash, raw, data) => {
      const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash }, false, ["sign"]);
      return await crypto.subtle.sign("HMAC", key, data);
    }""")
    derive = rt.eval("""async (hash, password, salt, iterations, bits) => {
      const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
      return await crypto.subtle.deriveBits({ name: "PBKDF2", hash, salt, iterations }, key, bits);
    }""")
    for data in (b"", b"abc", bytes(range(256)) * 5000):
        assert digest(name.lower(), data) == hashlib.new(python, data).digest()
        assert sign(name, b"key", data) == hmac.digest(b"key", data, python)
        assert sign(name, b"k" * 200, data) == hmac.digest(b"k" * 200, data, python)
        assert derive(name, data[:99] or b"p", b"salt", 70, 800) == hashlib.pbkdf2_hmac(
            python, data[:99] or b"p", b"salt", 70, 100
        )


async def test_every_kind_of_buffer_is_data_and_only_its_part(js: Js) -> None:
    code = """const hex = async (data) => new Uint8Array(await crypto.subtle.digest('SHA-256', data)).toHex();
      const b = new Uint8Array([9, 97, 98, 99, 9]).buffer;
      [await hex(b.slice(1, 4)), await hex(new Uint8Array(b, 1, 3)), await hex(new DataView(b, 1, 3)),
       await hex(new Uint8ClampedArray(b, 1, 3)), await hex(new Uint8Array(new ArrayBuffer(3, {maxByteLength: 9})))]"""
    expected = hashlib.sha256(b"abc").hexdigest()
    assert await js.eval(code) == [expected] * 4 + [hashlib.sha256(bytes(3)).hexdigest()]
    assert await fails(js, "crypto.subtle.digest('SHA-1', new Uint8Array(new SharedArrayBuffer(8)))") == "TypeError"
    assert await fails(js, "crypto.subtle.digest('SHA-1', new SharedArrayBuffer(8))") == "TypeError"
    detached = "const gone = new ArrayBuffer(8); structuredClone(gone, {transfer: [gone]}); gone"
    assert await fails(js, f"{{ {detached}; crypto.subtle.digest('SHA-1', gone) }}") == "TypeError"


async def test_generated_keys_do_what_they_are_for(js: Js) -> None:
    code = """(async () => {
      const found = [], subtle = crypto.subtle, data = new Uint8Array([1, 2, 3]);
      const curves = ['P-256', 'P-384'].map((namedCurve) => ({name: 'ECDSA', namedCurve}));
      for (const how of [...curves, {name: 'Ed25519'}]) {
        const pair = await subtle.generateKey(how, false, ['sign', 'verify']);
        const way = {...how, hash: 'SHA-256'};
        const signature = await subtle.sign(way, pair.privateKey, data);
        found.push([pair.privateKey.extractable, pair.publicKey.extractable, `${pair.privateKey.usages}`,
                    await subtle.verify(way, pair.publicKey, signature, data),
                    await subtle.verify(way, pair.publicKey, signature, data.slice(1)), signature.byteLength]);
      }
      const mac = await subtle.generateKey({name: 'HMAC', hash: 'SHA-384'}, true, ['sign']);
      found.push(mac.algorithm, (await subtle.exportKey('raw', mac)).byteLength);
      const exchange = {name: 'ECDH', namedCurve: 'P-256'};
      const a = await subtle.generateKey(exchange, false, ['deriveKey']);
      const b = await subtle.generateKey(exchange, false, ['deriveKey']);
      const aes = {name: 'AES-GCM', length: 128};
      const seal = (mine, other) => subtle.deriveKey({name: 'ECDH', public: other.publicKey}, mine.privateKey, aes,
                                                     false, ['encrypt', 'decrypt']);
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const sealed = await subtle.encrypt({name: 'AES-GCM', iv}, await seal(a, b), data);
      found.push(new Uint8Array(await subtle.decrypt({name: 'AES-GCM', iv}, await seal(b, a), sealed)).join());
      return found;
    })()"""
    assert await js.eval(code) == [
        [False, True, "sign", True, False, 64],
        [False, True, "sign", True, False, 96],
        [False, True, "sign", True, False, 64],
        {"name": "HMAC", "hash": {"name": "SHA-384"}, "length": 1024},
        128,
        "1,2,3",
    ]


def test_two_generated_keys_differ(runtimes: MakeRuntime) -> None:
    code = """const k = await crypto.subtle.generateKey({name: 'AES-CBC', length: 128}, true, ['encrypt']);
      new Uint8Array(await crypto.subtle.exportKey('raw', k)).toHex()"""
    assert len({runtimes().eval(code) for _ in range(3)}) == 3


# --- keys stay closed ----------------------------------------------------------------------------------------------


async def test_a_key_cannot_be_forged_or_opened(js: Js) -> None:
    assert await fails(js, "new CryptoKey()") == "TypeError"
    assert await fails(js, "new SubtleCrypto()") == "TypeError"
    assert await fails(js, "crypto.subtle.exportKey.call({}, 'raw', {})") == "TypeError"
    assert await js.eval(AES + "[Reflect.ownKeys(key), Object.prototype.toString.call(key), key.constructor.name]") == [
        [],
        "[object CryptoKey]",
        "CryptoKey",
    ]
    lookalike = "Object.create(key, {extractable: {value: true}})"
    assert await fails(js, f"crypto.subtle.exportKey('raw', {lookalike})") == "TypeError"
    assert await fails(js, "crypto.subtle.exportKey('raw', new Proxy(key, {}))") == "TypeError"
    # Nobody can make it extractable, or good for more.
    changed = (
        "key.extractable = true; key.usages.push('wrapKey'); key.algorithm.name = 'AES-CBC'; key.algorithm.length = 8;"
    )
    assert await fails(js, f"(() => {{ {changed} }})(), crypto.subtle.exportKey('raw', key)") == "InvalidAccessError"
    seal = "crypto.subtle.encrypt({name: 'AES-GCM', iv: new Uint8Array(12)}, key, new Uint8Array(4))"
    assert len(await js.eval(seal)) == 20
    assert await fails(js, seal.replace("AES-GCM", "AES-CBC")) == "InvalidAccessError"


async def test_a_key_does_not_leave_javascript(js: Js) -> None:
    with pytest.raises(ConversionError, match="CryptoKey"):
        await js.eval(AES + "key")
    assert await js.eval("JSON.stringify(key)") == "{}"


def test_changed_prototypes_see_no_key(rt: Runtime) -> None:
    """Getters, setters, iterators, `then` and species that user code plants never run with what a key is made of."""
    found = rt.eval((SCRIPT.parent / "planted.js").read_text(), filename="planted.js")
    assert found == [[], 5]


# --- limits ---------------------------------------------------------------------------------------------------------


async def test_long_work_ends_at_its_deadline(js: Js) -> None:
    password = "const pw = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);0"
    await js.eval(password)
    how = "{name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(8), iterations: 4294967295}"
    derive = f"crypto.subtle.deriveBits({how}, pw, 512)"
    for code in (
        derive,
        f"Promise.resolve().then(() => {derive})",
        f"new Promise((done) => {{ globalThis.kept = done; setTimeout(() => {derive}) }})",
    ):
        with pytest.raises(JavaScriptTimeout):
            await js.eval(code, timeout=0.2)
    assert await js.eval("1 + 1") == 2


async def test_a_digest_of_much_can_be_cancelled() -> None:
    async with Runtime.create() as rt:
        await rt.eval_async("globalThis.much = new Uint8Array(300 << 20); 0")
        work = "(async () => { for (;;) await crypto.subtle.digest('SHA-384', much) })()"
        task = asyncio.ensure_future(rt.eval_async(work))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await rt.eval_async("1 + 1", timeout=20) == 2


def test_results_count_as_buffers(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_buffer_bytes=3 << 20)
    rt.eval(AES + "globalThis.big = new Uint8Array(2 << 20); 0")
    with pytest.raises(JavaScriptError) as caught:
        rt.eval("crypto.subtle.encrypt({name: 'AES-GCM', iv: new Uint8Array(12)}, key, big)")
    assert caught.value.name == "RangeError"
    with pytest.raises(JavaScriptError) as caught:
        rt.eval("""const pw = await crypto.subtle.importKey('raw', big, 'PBKDF2', false, ['deriveBits']);
          crypto.subtle.deriveBits({name: 'PBKDF2', hash: 'SHA-1', salt: big, iterations: 1}, pw, 4294967288)""")
    assert caught.value.name == "RangeError"
    assert len(rt.eval("crypto.subtle.digest('SHA-256', big)")) == 32


def test_a_snapshot_keeps_the_keys_that_were_made_in_it() -> None:
    builder = SnapshotBuilder()
    builder.execute_script(
        "keys.js",
        "crypto.subtle.importKey('raw', new Uint8Array([107]), {name: 'HMAC', hash: 'SHA-256'}, false,"
        " ['sign']).then((made) => { globalThis.made = made })",
    )
    with Runtime(snapshot=builder.build()) as rt:
        assert rt.eval("crypto.subtle.sign('HMAC', made, new Uint8Array([97]))") == hmac.digest(b"k", b"a", "sha256")
        with pytest.raises(JavaScriptError, match="not extractable"):
            rt.eval("crypto.subtle.exportKey('raw', made)")


async def test_what_is_not_offered_says_so(js: Js) -> None:
    rsa = "{name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1])}"
    assert await fails(js, f"crypto.subtle.generateKey({rsa}, true, ['sign'])") == "NotSupportedError"
    assert await fails(js, "crypto.subtle.digest('MD5', new Uint8Array(1))") == "NotSupportedError"
    for iv, tag in ((13, 128), (12, 32), (0, 128)):
        way = f"{{name: 'AES-GCM', iv: new Uint8Array({iv}), tagLength: {tag}}}"
        code = f"crypto.subtle.encrypt({way}, key, new Uint8Array(1))"
        assert await fails(js, AES.replace("const", "var") + "await " + code) == "OperationError"
