// The way out of matrix units. Before including this, declare `sums`, TALL x OUT_WIDE matrices of a
// subgroup, M x N each; `stage` in shared memory, uvec4, M rows of OUT_ROW for each subgroup, where
// OUT_QUADS < OUT_ROW are the vectors of a row; and put(row, quad, value).
#ifndef MATRIX_SUMS_GLSL
#define MATRIX_SUMS_GLSL

// The sums, M rows at a time, through the subgroup's own part of shared memory, so that neighbouring
// lanes store neighbouring vectors. row, quad: of the subgroup's first.
void put_sums(uint row, uint quad)
{
    const uint own = gl_SubgroupID * M * OUT_ROW;
    [[unroll]] for (uint i = 0; i < TALL; ++i) {
        [[unroll]] for (uint j = 0; j < OUT_WIDE; ++j)
            coopMatStore(sums[i * OUT_WIDE + j], stage, own + j * N / 4, OUT_ROW,
                gl_CooperativeMatrixLayoutRowMajor);
        subgroupBarrier();
        [[unroll]] for (uint first = 0; first < M * OUT_QUADS; first += SUBGROUP) {
            const uint at = first + gl_SubgroupInvocationID;
            if (M * OUT_QUADS % SUBGROUP == 0 || at < M * OUT_QUADS)
                put(row + i * M + at / OUT_QUADS, quad + at % OUT_QUADS,
                    uintBitsToFloat(stage[own + at / OUT_QUADS * OUT_ROW + at % OUT_QUADS]));
        }
        subgroupBarrier();
    }
}

#endif
