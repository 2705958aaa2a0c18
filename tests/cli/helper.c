/*
 * What the shell test of the command line cannot do itself:
 *     helper pixels FILE.png           decode with libpng, stb_image and, if it was there, libspng;
 *                                      one line: size, kind, hash, number of decoders
 *     helper noise FILE N C H W NAN    write "noise" [N, C, H, W], pseudo-random; NaN first if
 *                                      NAN=1
 *     helper latent FILE N C H W NAN   the same as "latent"
 *     helper steps FILE STEPS N C H W  write "noise" [N, ..] and "step_noise" [STEPS, N, ..]
 *     helper input FILE N C H W        write "sample", "timestep" (I64), "class_labels" (I64)
 *     helper differ A.png B.png        the largest difference of two bytes
 *     helper inside A.png B.png        where A lies in the lower right corner of B, pixel for pixel
 *     helper frames A.png              how many pictures an APNG has, its chunks counted and
 * checked helper oriented A.png NAME       NAME-2.png to NAME-8.png: A as it lies with that EXIF
 *                                      orientation; NAME-gamma.png: A with a gamma of its own
 *     helper peak MIB PROGRAM ...      its exit status, or 99 if it had more than MIB at a time
 *     helper bomb FILE HEADER          FILE.safetensors with a header of so many bytes, FILE.png
 *                                      with as long a recipe, and that as a compressed text
 *     helper mask FILE.png W H         black on the left half, white on the right
 *     helper halves A.png B.png        "same" or "other", for the left half and for the right
 *     helper decoder FROM TO           safetensors with those tensors that are called decoder.*
 *     helper values FILE TENSOR        shape, smallest and largest value, number of distinct bytes
 */
#include <quickstep/safetensors.h>

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#include <stb/stb_image.h>

#ifdef HAVE_SPNG
#include <spng.h>
#endif

static uint64_t hash(const uint8_t *bytes, size_t size)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * 0x100000001b3u;
    return h;
}

#ifdef HAVE_SPNG
/* NULL: it does not decode, or not into so many bytes. To be freed. */
static uint8_t *decode_spng(const char *path, size_t size)
{
    uint8_t *rgba = NULL;
    FILE *file = fopen(path, "rb");
    spng_ctx *context = spng_ctx_new(0);
    size_t decoded = 0;
    spng_set_png_file(context, file);
    if (file && spng_decoded_image_size(context, SPNG_FMT_RGBA8, &decoded) == 0 && decoded == size)
        rgba = malloc(size);
    if (rgba && spng_decode_image(context, rgba, size, SPNG_FMT_RGBA8, 0) != 0) {
        free(rgba);
        rgba = NULL;
    }
    spng_ctx_free(context);
    if (file)
        fclose(file);
    return rgba;
}
#endif

static int pixels(const char *path)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    if (!png_image_begin_read_from_file(&image, path))
        return fprintf(stderr, "libpng: %s\n", image.message), 1;
    const bool has_alpha = image.format & PNG_FORMAT_FLAG_ALPHA;
    image.format = PNG_FORMAT_RGBA;
    const size_t size = PNG_IMAGE_SIZE(image);
    uint8_t *a = malloc(size);
    if (!a || !png_image_finish_read(&image, NULL, a, 0, NULL))
        return fprintf(stderr, "libpng: %s\n", image.message), 1;
    int width, height, channels;
    uint8_t *b = stbi_load(path, &width, &height, &channels, 4);
    if (!b)
        return fprintf(stderr, "stb_image: %s\n", stbi_failure_reason()), 1;
    int decoders = 2;
    bool same = (int)image.width == width && (int)image.height == height && memcmp(a, b, size) == 0;
#ifdef HAVE_SPNG
    uint8_t *c = decode_spng(path, size);
    same = same && c && memcmp(a, c, size) == 0;
    free(c);
    ++decoders;
#endif
    printf("%dx%d %s %016llx %d\n", width, height, has_alpha ? "rgba" : "rgb",
           (unsigned long long)hash(a, size), decoders);
    free(a);
    stbi_image_free(b);
    return same ? 0 : 1;
}

/* Of pixels [height, width, 3]. */
static int write_png(const char *path, const uint8_t *rgb, int width, int height, int orientation,
                     double gamma)
{
    uint8_t exif[] = {
        'M', 'M', 0, 42, 0, 0, 0, 8, /* one directory, at byte 8 */
        0,   1,   1, 18, 0, 3, 0, 0, 0, 1, 0, (uint8_t)orientation, 0, 0, 0, 0, 0, 0
    };
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    if (!file || !info || setjmp(png_jmpbuf(png)))
        return 1;
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (orientation > 1)
        png_set_eXIf_1(png, info, sizeof exif, exif);
    if (gamma > 0)
        png_set_gAMA(png, info, gamma);
    png_write_info(png, info);
    for (int y = 0; y < height; y++)
        png_write_row(png, rgb + (size_t)y * width * 3);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return fclose(file) != 0;
}

/* Where the pixel that is stored at (x, y) of w x h is shown (EXIF 2.32, tag 274). */
static void shown_at(int orientation, int x, int y, int w, int h, int *to_x, int *to_y)
{
    const int right = w - 1 - x, below = h - 1 - y;
    const int places[9][2] = { { 0 },        { x, y }, { right, y }, { right, below },
                               { x, below }, { y, x }, { below, x }, { below, right },
                               { y, right } };
    *to_x = places[orientation][0];
    *to_y = places[orientation][1];
}

static int oriented(char **names)
{
    int width, height, channels, failed = 0;
    char path[256];
    uint8_t *rgb = stbi_load(names[0], &width, &height, &channels, 3);
    uint8_t *stored = malloc((size_t)width * (size_t)height * 3);
    if (!rgb || !stored)
        return 1;
    for (int orientation = 2; orientation <= 8; orientation++) {
        const int w = orientation > 4 ? height : width, h = orientation > 4 ? width : height;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                int to_x, to_y;
                shown_at(orientation, x, y, w, h, &to_x, &to_y);
                memcpy(stored + 3 * (y * w + x), rgb + 3 * (to_y * width + to_x), 3);
            }
        snprintf(path, sizeof path, "%s-%d.png", names[1], orientation);
        failed |= write_png(path, stored, w, h, orientation, 0);
    }
    snprintf(path, sizeof path, "%s-gamma.png", names[1]);
    failed |= write_png(path, rgb, width, height, 1, 1);
    free(stored);
    stbi_image_free(rgb);
    return failed;
}

static int differ(char **paths)
{
    uint8_t *pixels[2];
    int width[2], height[2], channels, largest = 0;
    for (int i = 0; i < 2; i++) {
        pixels[i] = stbi_load(paths[i], &width[i], &height[i], &channels, 4);
        if (!pixels[i])
            return fprintf(stderr, "%s: %s\n", paths[i], stbi_failure_reason()), 1;
    }
    if (width[0] != width[1] || height[0] != height[1])
        return fprintf(stderr, "not of one size\n"), 1;
    for (int i = 0; i < width[0] * height[0] * 4; i++) {
        const int difference = abs(pixels[0][i] - pixels[1][i]);
        largest = difference > largest ? difference : largest;
    }
    printf("%d\n", largest);
    stbi_image_free(pixels[0]);
    stbi_image_free(pixels[1]);
    return 0;
}

static int inside(char **paths)
{
    uint8_t *pixels[2];
    int width[2], height[2], channels;
    for (int i = 0; i < 2; i++) {
        pixels[i] = stbi_load(paths[i], &width[i], &height[i], &channels, 4);
        if (!pixels[i])
            return fprintf(stderr, "%s: %s\n", paths[i], stbi_failure_reason()), 1;
    }
    const int x = width[1] - width[0], y = height[1] - height[0];
    bool same = x >= 0 && y >= 0;
    for (int row = 0; same && row < height[0]; row++)
        same =
            memcmp(pixels[0] + (size_t)4 * row * width[0],
                   pixels[1] + (size_t)4 * ((row + y) * width[1] + x), (size_t)4 * width[0]) == 0;
    if (same)
        printf("%d %d\n", x, y);
    stbi_image_free(pixels[0]);
    stbi_image_free(pixels[1]);
    return same ? 0 : 1;
}

static uint32_t number_at(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* fcTL and fdAT are numbered from 0 without a gap; acTL has the number of fcTL. */
static int frames(const char *path)
{
    static uint8_t bytes[1 << 24];
    FILE *file = fopen(path, "rb");
    const size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    uint32_t announced = 0, controls = 0, sequence = 0;
    for (size_t at = 8; at + 12 <= size; at += 12 + (size_t)number_at(bytes + at)) {
        const uint8_t *type = bytes + at + 4;
        const bool control = memcmp(type, "fcTL", 4) == 0;
        if (memcmp(type, "acTL", 4) == 0)
            announced = number_at(type + 4);
        if ((control || memcmp(type, "fdAT", 4) == 0) && number_at(type + 4) != sequence++)
            return fprintf(stderr, "chunk %u is out of order\n", sequence - 1), 1;
        controls += control;
    }
    if (file)
        fclose(file);
    printf("%u\n", controls);
    return announced == controls && controls > 0 ? 0 : 1;
}

/* Irwin-Hall: the sum of twelve uniforms has unit variance. */
static float noise_value(uint32_t *state)
{
    float sum = -6.0f;
    for (int i = 0; i < 12; i++) {
        *state = *state * 1664525u + 1013904223u;
        sum += (float)(*state >> 8) / 16777216.0f;
    }
    return sum;
}

/* name: of the only tensor, or NULL for all inputs of 'forward'. */
static int write_input(char **argv, const char *name)
{
    const uint64_t n = strtoull(argv[1], NULL, 10), c = strtoull(argv[2], NULL, 10),
                   h = strtoull(argv[3], NULL, 10), w = strtoull(argv[4], NULL, 10);
    const size_t count = (size_t)(n * c * h * w);
    float *values = malloc(count * sizeof *values);
    int64_t *numbers = calloc((size_t)n, sizeof *numbers);
    if (!values || !numbers)
        return 1;
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++)
        values[i] = noise_value(&state);
    if (name && argv[5][0] == '1')
        values[0] = __builtin_nanf("");
    const qs_tensor tensors[] = {
        { .name = name ? name : "sample",
          .dtype = QS_DTYPE_F32,
          .rank = 4,
          .shape = { n, c, h, w },
          .data = values,
          .size_bytes = count * sizeof *values },
        { .name = "timestep",
          .dtype = QS_DTYPE_I64,
          .rank = 1,
          .shape = { n },
          .data = numbers,
          .size_bytes = (size_t)n * sizeof *numbers },
        { .name = "class_labels",
          .dtype = QS_DTYPE_I64,
          .rank = 1,
          .shape = { n },
          .data = numbers,
          .size_bytes = (size_t)n * sizeof *numbers },
    };
    const qs_status status = qs_safetensors_write(argv[0], tensors, name ? 1 : 3, NULL);
    free(values);
    free(numbers);
    return status;
}

static int write_steps(char **argv)
{
    uint64_t shape[5], count = 1;
    for (int i = 0; i < 5; i++)
        count *= shape[i] = strtoull(argv[1 + i], NULL, 10);
    float *values = malloc(count * sizeof *values);
    if (!values)
        return 1;
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++)
        values[i] = noise_value(&state);
    const qs_tensor tensors[] = {
        { .name = "noise",
          .dtype = QS_DTYPE_F32,
          .rank = 4,
          .shape = { shape[1], shape[2], shape[3], shape[4] },
          .data = values,
          .size_bytes = count / shape[0] * sizeof *values },
        { .name = "step_noise",
          .dtype = QS_DTYPE_F32,
          .rank = 5,
          .shape = { shape[0], shape[1], shape[2], shape[3], shape[4] },
          .data = values,
          .size_bytes = count * sizeof *values },
    };
    const qs_status status = qs_safetensors_write(argv[0], tensors, 2, NULL);
    free(values);
    return status;
}

static int values(const char *path, const char *name)
{
    qs_safetensors *file;
    if (qs_safetensors_open(path, &file) != QS_OK)
        return fprintf(stderr, "%s\n", qs_last_error()), 1;
    const qs_tensor *tensor = qs_safetensors_find(file, name);
    if (!tensor || tensor->dtype != QS_DTYPE_F32)
        return fprintf(stderr, "%s has no float32 \"%s\"\n", path, name), 1;
    const size_t count = tensor->size_bytes / sizeof(float);
    float *numbers = malloc(tensor->size_bytes + 1);
    if (!numbers || qs_safetensors_read_floats(file, tensor, numbers) != QS_OK)
        return 1;
    float min = numbers[0], max = numbers[0];
    for (size_t i = 0; i < count; i++) {
        min = numbers[i] < min ? numbers[i] : min;
        max = numbers[i] > max ? numbers[i] : max;
    }
    for (uint32_t i = 0; i < tensor->rank; i++)
        printf("%llu ", (unsigned long long)tensor->shape[i]);
    printf("%s %s %016llx\n", min >= -1.0f && max <= 1.0f ? "inside" : "outside",
           min < max ? "varied" : "flat",
           (unsigned long long)hash((const uint8_t *)numbers, tensor->size_bytes));
    free(numbers);
    qs_safetensors_close(file);
    return 0;
}

static int peak(long most_mib, char **command)
{
    struct rusage usage;
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        execv(command[0], command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status))
        return 98;
    fprintf(stderr, "# %ld MiB\n", usage.ru_maxrss / 1024);
    return usage.ru_maxrss / 1024 > most_mib ? 99 : WEXITSTATUS(status);
}

static int write_text_png(const char *path, int compression, char *text)
{
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!file || !info)
        return 1;
    png_init_io(png, file);
    png_set_IHDR(png, info, 1, 1, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_text(
        png, info,
        &(png_text){ .compression = compression, .key = (char *)"quickstep", .text = text }, 1);
    png_write_info(png, info);
    png_write_row(png, (const uint8_t[3]){ 0 });
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return fclose(file);
}

static int bomb(const char *name, size_t size)
{
    char path[4096];
    char *text = malloc(size + 1);
    if (!text)
        return 1;
    memset(text, 'x', size);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + size - 2, "\"}", 3);
    snprintf(path, sizeof path, "%s.safetensors", name);
    FILE *file = fopen(path, "wb");
    const uint64_t header = size;
    if (!file || fwrite(&header, sizeof header, 1, file) != 1 ||
        fwrite(text, 1, size, file) != size || fclose(file) != 0)
        return 1;
    snprintf(path, sizeof path, "%s.png", name);
    int failed = write_text_png(path, PNG_TEXT_COMPRESSION_NONE, text);
    snprintf(path, sizeof path, "%s-compressed.png", name);
    failed |= write_text_png(path, PNG_TEXT_COMPRESSION_zTXt, text);
    free(text);
    return failed;
}

static int mask(char **arguments)
{
    const int width = atoi(arguments[1]), height = atoi(arguments[2]);
    uint8_t *rgb = calloc((size_t)width * (size_t)height, 3);
    if (!rgb)
        return 1;
    for (int i = 0; i < width * height; i++)
        memset(rgb + 3 * i, i % width < width / 2 ? 0 : 255, 3);
    const int failed = write_png(arguments[0], rgb, width, height, 1, 0);
    free(rgb);
    return failed;
}

static int halves(char **paths)
{
    int width, height, other_width, other_height, channels;
    uint8_t *a = stbi_load(paths[0], &width, &height, &channels, 4);
    uint8_t *b = stbi_load(paths[1], &other_width, &other_height, &channels, 4);
    if (!a || !b || width != other_width || height != other_height)
        return 1;
    bool other[2] = { false, false };
    for (int i = 0; i < width * height; i++)
        other[i % width >= width / 2] |= memcmp(a + 4 * i, b + 4 * i, 4) != 0;
    printf("%s %s\n", other[0] ? "other" : "same", other[1] ? "other" : "same");
    stbi_image_free(a);
    stbi_image_free(b);
    return 0;
}

static int decoder(const char *from, const char *to)
{
    enum { MOST = 256 };
    qs_safetensors *file = NULL;
    qs_tensor kept[MOST];
    size_t count = 0;
    if (qs_safetensors_open(from, &file) != QS_OK)
        return 1;
    for (size_t i = 0; i < qs_safetensors_count(file) && count < MOST; i++)
        if (strncmp(qs_safetensors_at(file, i)->name, "decoder.", 8) == 0)
            kept[count++] = *qs_safetensors_at(file, i);
    const qs_status status = qs_safetensors_write(to, kept, count, NULL);
    qs_safetensors_close(file);
    return status != QS_OK || count == 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "mask") == 0)
        return mask(argv + 2);
    if (argc == 4 && strcmp(argv[1], "halves") == 0)
        return halves(argv + 2);
    if (argc == 4 && strcmp(argv[1], "decoder") == 0)
        return decoder(argv[2], argv[3]);
    if (argc > 3 && strcmp(argv[1], "peak") == 0)
        return peak(strtol(argv[2], NULL, 10), argv + 3);
    if (argc == 4 && strcmp(argv[1], "bomb") == 0)
        return bomb(argv[2], strtoul(argv[3], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "pixels") == 0)
        return pixels(argv[2]);
    if (argc == 4 && strcmp(argv[1], "differ") == 0)
        return differ(argv + 2);
    if (argc == 4 && strcmp(argv[1], "inside") == 0)
        return inside(argv + 2);
    if (argc == 3 && strcmp(argv[1], "frames") == 0)
        return frames(argv[2]);
    if (argc == 4 && strcmp(argv[1], "oriented") == 0)
        return oriented(argv + 2);
    if (argc == 8 && (strcmp(argv[1], "noise") == 0 || strcmp(argv[1], "latent") == 0))
        return write_input(argv + 2, argv[1]);
    if (argc == 8 && strcmp(argv[1], "steps") == 0)
        return write_steps(argv + 2);
    if (argc == 7 && strcmp(argv[1], "input") == 0)
        return write_input(argv + 2, NULL);
    if (argc == 4 && strcmp(argv[1], "values") == 0)
        return values(argv[2], argv[3]);
    return 2;
}
