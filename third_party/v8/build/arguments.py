"""GN's arguments: the features that jsrun's crates ask of V8, and where the tools are."""

from __future__ import annotations

from pathlib import Path

FEATURES: dict[str, bool | int] = {
    "is_debug": False,
    "symbol_level": 0,
    "use_custom_libcxx": True,
    "use_lld": True,
    "use_glib": False,
    "treat_warnings_as_errors": False,
    "v8_enable_sandbox": False,
    "v8_enable_pointer_compression": False,
    "v8_enable_v8_checks": False,
    "v8_monolithic_for_shared_library": True,
    "rusty_v8_enable_simdutf": True,
}
"""What is compiled; the crate's own .gn file sets the rest."""


def literal(value: object) -> str:
    """A value in GN's language.

    Raises:
        TypeError: GN has no such value.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (str, Path)):
        text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        return f'"{text}"'
    raise TypeError(f"GN has no value like {value!r}")


def tools(  # noqa: PLR0913 - by name
    *, clang: Path, version: str, sysroot: Path, bindgen: Path, rustc: str, wrapper: str
) -> dict[str, str]:
    """Where the compilers are.

    Args:
        clang: folder with bin/clang++ and its resource folder.
        version: clang's major version.
        sysroot: of the Rust toolchain.
        bindgen: folder with bin/bindgen and lib/libclang.so.
        rustc: version of the Rust toolchain.
        wrapper: command that the compiler's command line is handed to.
    """
    return {
        "clang_base_path": str(clang),
        "clang_version": version,
        "rust_sysroot_absolute": str(sysroot),
        "rust_bindgen_root": str(bindgen),
        "rustc_version": rustc,
        "cc_wrapper": wrapper,
    }


def text(values: dict[str, bool | int] | dict[str, str]) -> str:
    """The lines of args.gn."""
    return "".join(f"{name} = {literal(value)}\n" for name, value in values.items())
