"""Asking the processor for memory before it is needed, from compiled code.

A shopper's history names rows anywhere in the model, so that each begins with a wait for main
memory; asked for some rows ahead, the waits overlap (a quarter of a request's scoring time).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

try:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
except ModuleNotFoundError:  # then nothing is compiled that could ask
    COMPILER = False
else:
    COMPILER = True

READ, KEEP, DATA = 0, 3, 1


def _prefetch(_typing: Any, array: Any, place: Any) -> Any:
    """``prefetch(array, place)``: load the cache line of ``array[place]``, without waiting."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(start, [arguments[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        name = "llvm.prefetch.p0i8" if "*" in str(address.type) else "llvm.prefetch.p0"
        kind = ir.FunctionType(ir.VoidType(), [address.type, word, word, word])
        functions: Any = cgutils
        function = functions.get_or_insert_function(builder.module, kind, name)
        builder.call(function, [address, word(READ), word(KEEP), word(DATA)])
        return context.get_dummy_value()

    return types.void(array, place), generate


prefetch: Callable[[Any, Any], None] = cast(Any, intrinsic(_prefetch) if COMPILER else None)
