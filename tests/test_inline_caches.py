"""Places of more shapes than an inline cache holds: V8 looks them up in tables that jsrun empties its own way."""

from __future__ import annotations

import jsrun

# Every place below meets 600 shapes and 40 names; what it reads must be what was written, also after collections.
ACCESSES = """
(() => {
  const shapes = 600, names = Array.from({ length: 40 }, (_, index) => `name${index}`);
  const make = (shape) => {
    const object = { [`own${shape}`]: shape };
    for (const name of names) object[name] = shape + name;
    return object;
  };
  const read = (object, name) => object[name];
  const write = (object, name, value) => { object[name] = value; };
  const define = (key, value) => ({ [key]: value });
  const fixed = (object) => object.name7;
  const objects = Array.from({ length: shapes }, (_, shape) => make(shape));
  const wrong = [];
  const look = (when) => {
    for (const [shape, object] of objects.entries()) {
      for (const name of names) {
        if (read(object, name) !== shape + name) wrong.push([when, shape, name]);
      }
      if (fixed(object) !== shape + "name7" || read(object, "absent") !== undefined) wrong.push([when, shape]);
      if (read(define(`own${shape}`, when), `own${shape}`) !== when) wrong.push([when, "define", shape]);
    }
  };
  for (let round = 0; round < 4; round++) {
    look(`round ${round}`);
    // Enough garbage that lives a while for full collections.
    let kept = [];
    for (let index = 0; index < 60; index++) kept.push(new Array(100_000).fill(index));
    kept = null;
    for (const [shape, object] of objects.entries()) {
      write(object, names[round], "changed");
      write(object, names[round], shape + names[round]);
    }
  }
  return wrong.slice(0, 5);
})()
"""


def test_places_of_many_shapes_read_what_was_written() -> None:
    with jsrun.Runtime() as runtime:
        for _ in range(3):
            assert runtime.eval(ACCESSES, timeout=60) == []
