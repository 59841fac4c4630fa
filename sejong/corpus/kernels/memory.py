"""Eight bytes at once, wherever they lie: numba reads arrays one element at a time and only at multiples of its size."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WORD = ir.IntType(64)


def _load(typing_context: Any, array: Any, at: Any) -> Any:
    """The eight bytes of an array of bytes from `at` on, as one number; they must all lie in it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, arguments), align=1)

    return types.uint64(array, types.intp), generate


def _store(typing_context: Any, array: Any, at: Any, value: Any) -> Any:
    """Put eight bytes into an array of bytes, as `load` reads them."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _pointer(context, builder, signature, arguments), align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.uint64), generate


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), WORD.as_pointer())


load: Any = intrinsic(_load)
store: Any = intrinsic(_store)
