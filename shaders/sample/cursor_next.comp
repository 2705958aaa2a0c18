// cursor + 1. A dispatch of its own: all of sampler_row's workgroups read the cursor.
#version 450

layout(local_size_x = 1) in;

layout(set = 0, binding = 0, std430) buffer Cursor { uint cursor; };

void main()
{
    cursor += 1u;
}
