// The grid of ops that treat every pixel and channel alike: x walks the vectors of four channels of
// a pixel, y the pixels. Declare LANES_X and LANES_Y (the workgroup's size) and PER_LANE (pixels
// per invocation) before including this. pixel_grid() of src/ops/op_support.c sizes it.
#ifndef QS_GRID_GLSL
#define QS_GRID_GLSL

uint grid_quad()
{
    return gl_GlobalInvocationID.x;
}

// Pixel i of this invocation, i < PER_LANE. Workgroups past 65535 continue in z.
uint grid_pixel(uint i)
{
    const uint block = gl_WorkGroupID.y + gl_WorkGroupID.z * gl_NumWorkGroups.y;
    return (block * PER_LANE + i) * LANES_Y + gl_LocalInvocationID.y;
}

#endif
