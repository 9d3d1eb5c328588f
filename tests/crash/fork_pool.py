"""A multiprocessing pool that forks after a runtime was used here: workers get an error, and none hangs."""

import multiprocessing
import warnings

import jsrun


def work(number: int) -> str:
    try:
        return str(jsrun.eval(f"{number}"))
    except RuntimeError as error:
        return "refused" if "fork" in str(error) else str(error)


def fresh(number: int) -> int:
    with jsrun.Runtime() as rt:
        result: int = rt.eval(f"{number} * 2")
        return result


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    with jsrun.Runtime() as rt:
        assert rt.eval("1") == 1
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map_async(work, range(4)).get(20) == ["refused"] * 4
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            assert pool.map_async(fresh, range(4)).get(30) == [0, 2, 4, 6]
        assert rt.eval("1 + 1") == 2
    print("ok", flush=True)
