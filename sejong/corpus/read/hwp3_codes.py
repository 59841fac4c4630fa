"""The characters of HWP 3: ASCII, Johab, and Hancom's own numbers for symbols and Chinese characters."""

JOHAB = 0x8000
HANJA, HANJA_COUNT = 0x4000, 4888  # in the order of KS X 1001


def text_of(codes: list[int]) -> str:
    """Characters as Unicode; those whose meaning is not known are U+FFFD."""
    return "".join(map(_character, codes))


def _character(code: int) -> str:
    if code < 0x80:
        return chr(code)
    if code >= JOHAB:
        return code.to_bytes(2, "big").decode("johab", "replace")[:1]
    if HANJA <= code < HANJA + HANJA_COUNT:
        row, cell = divmod(code - HANJA, 94)
        return bytes((0xCA + row, 0xA1 + cell)).decode("euc_kr", "replace")[:1]
    return "\ufffd"
