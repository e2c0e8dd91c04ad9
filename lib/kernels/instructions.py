"""What a compiled kernel is made of: its instructions counted and sorted.

Works on PTX, Nvidia's assembly that is the same for all GPUs of a generation, and on SASS, what
one of them executes. Counted is what is written, once each, however often a loop runs it.
"""

import re
from collections import Counter

# By class: PTX, then SASS. The first that matches the beginning of an instruction counts.
CLASSES = {
    "global loads": r"ld\.global|ld\.weak\.global|LDG",
    "global stores": r"st\.global|st\.weak\.global|STG",
    "copies to shared memory": r"cp\.async\.(ca|cg|bulk\.(tensor|shared))|LDGSTS|UTMALDG|UBLKCP",
    "atomics": r"atom\.|red\.|ATOM|REDG|RED\.",
    "shared memory": r"ld\.shared|st\.shared|ldmatrix|stmatrix|LDS|STS",
    "local memory": r"ld\.local|st\.local|LDL|STL",
    "matrix products": r"mma\.sync|wgmma\.mma_async|tcgen05\.mma|HMMA|IMMA|QMMA|DMMA|HGMMA|IGMMA"
    r"|QGMMA|UTC[A-Z]*MMA",
    "exponentials": r"ex2\.approx|tanh\.approx|lg2\.approx|MUFU\.(EX2|TANH|LG2)",
    "roots and reciprocals": r"rcp\.|rsqrt\.|sqrt\.|div\.|MUFU\.(RCP|RSQ|SQRT)",
    "shuffles": r"shfl\.|SHFL",
    "barriers": r"bar\.|barrier\.|mbarrier\.|BAR|SYNCS",
    "branches": r"bra\b|bra\.|BRA",
    "float arithmetic": r"(add|sub|mul|fma|max|min|neg|abs)\.([a-z.]+\.)?(f|bf)(16|32|64)|FADD|FMUL"
    r"|FFMA|FMNMX|HADD|HMUL|HFMA|DADD|DMUL|DFMA",
}
_CLASSES = {name: re.compile(pattern) for name, pattern in CLASSES.items()}
_PTX = re.compile(r"^\s*(?:\{\s*)?(?:@!?%p\w+\s+)?([a-z][a-z0-9_]*(?:\.[\w:]+)*)(?=\s|;|$)")
_SASS = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)")
_NOT_INSTRUCTIONS = ("begin", "end")


def count_instructions(text: str) -> Counter[str]:
    """How often each instruction is written, with all its suffixes: "ld.global.v4.b32"."""
    return Counter(opcode for _, opcode in instructions(text))


def instructions(text: str) -> list[tuple[int, str]]:
    """Line number (from 1) and opcode of every instruction, in PTX or in SASS."""
    pattern = _SASS if _SASS.search(text) or "/*0000*/" in text else _PTX
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = pattern.match(line)
        if match and match[1] not in _NOT_INSTRUCTIONS:
            found.append((number, match[1]))
    return found


def instruction_classes(text: str) -> Counter[str]:
    """How many instructions of each class of CLASSES are written; the rest is "other"."""
    classes = Counter(dict.fromkeys(CLASSES, 0))
    for opcode, n in count_instructions(text).items():
        classes[class_of(opcode)] += n
    return classes


def class_of(opcode: str) -> str:
    return next((name for name, it in _CLASSES.items() if it.match(opcode)), "other")
