#!/bin/sh
# Mesa 22.3.6, llvmpipe (LLVM 15, 256 bits), on a processor with FMA instructions: fma() in a compute shader, into a precise variable, is a
# multiplication and an addition with a rounding each.
#
# Seen: fma(1 + 2^-12, 1 + 2^-12, -(1 + 2^-11)) = 0, where one rounding gives 2^-24. The specifications of GLSL and Vulkan allow it. What one would not guess
# is what it costs: a kernel of nothing but fma() runs at the same speed as one of a * b + c, half of what the processor could do, so
# neither spelling brings the fused instruction, and a roofline for this driver has to count two instructions.
#
# Exits 0 while that is so, 1 when it has changed, and 77 where there is no llvmpipe behind EGL or no FMA.
set -eu
grep -qw fma /proc/cpuinfo || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q moderngl==5.12.0 glcontext==3.0.0 numpy==2.2.6
cat >"$work/run.py" <<'END_PYTHON'
import sys

import moderngl
import numpy as np

try:
    context = moderngl.create_context(standalone=True, backend="egl", require=430)
except Exception as error:
    print(error)
    sys.exit(77)
if "llvmpipe" not in context.info["GL_RENDERER"]:
    sys.exit(77)
shader = context.compute_shader("""#version 430
layout(local_size_x = 1) in;
layout(std430, binding = 0) buffer Numbers { float a, b, c, fused; };
void main() { precise float result = fma(a, b, c); fused = result; }
""")
a, c = 1 + 2**-12, -(1 + 2**-11)
numbers = context.buffer(np.array([a, a, c, 7], np.float32).tobytes())
numbers.bind_to_storage_buffer(0)
shader.run(1)
fused = np.frombuffer(numbers.read(), np.float32)[3]
print(f"{context.info['GL_RENDERER']}, {context.info['GL_VERSION']}: fma gives {fused}, one rounding {a * a + c}")
sys.exit(0 if fused == 0 else 1)
END_PYTHON
LIBGL_ALWAYS_SOFTWARE=1 "$work/venv/bin/python" "$work/run.py"
