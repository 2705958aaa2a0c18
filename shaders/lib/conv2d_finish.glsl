// What follows the sum of a convolution: bias, embedding, residual, activation. Declare the booleans
// HAS_BIAS, HAS_EMBEDDING, HAS_RESIDUAL, UPSAMPLE, UPSAMPLE_RESIDUAL, ACTIVATION and the push
// constants `args` (conv2d_staged_args) before including this. FINISH_BINDING: the first of four.
#ifndef CONV2D_FINISH_GLSL
#define CONV2D_FINISH_GLSL

layout(set = 0, binding = FINISH_BINDING, std430) readonly buffer Bias { vec4 bias[]; };
layout(set = 0, binding = FINISH_BINDING + 1, std430) readonly buffer Embedding { S4 embedding[]; };
layout(set = 0, binding = FINISH_BINDING + 2, std430) readonly buffer Residual { S4 residual[]; };
layout(set = 0, binding = FINISH_BINDING + 3, std430) writeonly buffer Y { S4 y[]; };

const uint SCALE = UPSAMPLE ? 2 : 1; // of the output against h_out, w_out

// Stores vector `quad` of pixel `to`; pixels count through all images.
void finish(uint to, uint quad, vec4 value)
{
    const uint width = SCALE * args.conv.w_out, height = SCALE * args.conv.h_out;
    if (HAS_BIAS)
        value += bias[quad];
    if (HAS_EMBEDDING)
        value += load4(embedding, args.conv.embedding.offset +
            to / (width * height) * args.conv.embedding.stride + quad);
    if (HAS_RESIDUAL) {
        uint from = to;
        if (UPSAMPLE_RESIDUAL) {
            const uint row = to / width, column = to - row * width; // the height is even
            from = row / 2 * (width / 2) + column / 2;
        }
        value += load4(residual, args.conv.residual.offset + from * args.conv.residual.stride + quad);
    }
    store4(y, args.conv.y.offset + to * args.conv.y.stride + quad, activate(ACTIVATION, value));
}

#endif
