// The same as picture_args in picture.c.
layout(push_constant) uniform Args {
    vec2 to_clip;       // 2 / size of the framebuffer
    vec2 origin;        // of the grid, in pixels of the framebuffer
    vec2 cell;          // size of a picture on the screen
    vec2 pitch;         // from one picture to the next
    uvec2 size;         // of a picture, in its own pixels
    uint columns;
    uint first_picture; // the picture in the first cell
    float checker;      // size of a square, in pixels of the framebuffer
    float checker_light, checker_dark;
    float brightness;
    uint smooth_filter; // 0: crisp
    uint first_pixel;   // of picture 0 in the buffer
} args;
