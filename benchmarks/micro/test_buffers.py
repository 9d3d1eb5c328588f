"""64 MiB and 64 KiB of bytes each way, copied and shared, beside one plain copy."""

import pytest

import jsrun

SIZES = [64 << 10, 64 << 20]


@pytest.fixture(params=["copy", "share"])
def rt(request):
    with jsrun.Runtime(buffers=request.param, max_serialization_bytes=1 << 30, max_buffer_bytes=4 << 30) as runtime:
        yield runtime


@pytest.mark.parametrize("size", SIZES)
def test_out(benchmark, rt, size):
    benchmark.group = f"{size >> 10} KiB out"
    give = rt.eval(f"const data = new Uint8Array({size}).fill(7); () => data")
    assert give()[-1] == 7
    benchmark(give)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wrap", [bytes, jsrun.share], ids=["bytes", "share"])
def test_in(benchmark, size, wrap):
    benchmark.group = f"{size >> 10} KiB in"
    with jsrun.Runtime(max_serialization_bytes=1 << 30, max_buffer_bytes=4 << 30) as runtime:
        take = runtime.eval("(b) => b.byteLength")
        data = wrap(bytearray(size))
        assert take(data) == size
        benchmark(take, data)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", ["in", "out"])
def test_one_copy(benchmark, size, way):
    benchmark.group = f"{size >> 10} KiB {way}"
    data = bytearray(size)
    assert len(bytes(data)) == size
    benchmark(bytes, data)
