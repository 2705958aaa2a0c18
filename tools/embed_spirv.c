/*
 * Build tool: embeds SPIR-V files in C.
 *
 *     embed_spirv shader_table.h shader_table.c NAME.spv ...
 *
 * A shader's name is its file's name. What the host must know about a shader is read from its
 * SPIR-V and not written down a second time: which buffers it binds how, and which device features
 * it needs. A capability that no row below knows is an error here, because a device
 * would otherwise be given a shader it never promised to run.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPIRV_MAGIC = 0x07230203,
    SPIRV_HEADER_WORDS = 5,
    OP_CAPABILITY = 17,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_IMAGE = 25,
    OP_TYPE_POINTER = 32,
    OP_SPEC_CONSTANT_COMPOSITE = 51,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    STORAGE_CLASS_UNIFORM_CONSTANT = 0,
    STORAGE_CLASS_STORAGE_BUFFER = 12,
    DIM_BUFFER = 5,
    DECORATION_SPEC_ID = 1,
    DECORATION_BUILTIN = 11,
    DECORATION_BINDING = 33,
    DECORATION_DESCRIPTOR_SET = 34,
    BUILTIN_WORKGROUP_SIZE = 25,
    BINDINGS_MAX = 12, /* GPU_BINDINGS_MAX in gpu/gpu.h */
};

enum { /* the capabilities that src/gpu checks or always has */
       CAPABILITY_SHADER = 1,
       CAPABILITY_FLOAT16 = 9,
       CAPABILITY_SAMPLED_BUFFER = 46,
       CAPABILITY_GROUP_NON_UNIFORM = 61, /* to 68, in VkSubgroupFeatureFlagBits' order */
       CAPABILITY_GROUP_NON_UNIFORM_QUAD = 68,
       CAPABILITY_STORAGE_BUFFER_16BIT = 4433,
       CAPABILITY_VULKAN_MEMORY_MODEL = 5345,
       CAPABILITY_COOPERATIVE_MATRIX = 6022,
};

struct shader {
    const char *path;
    char name[64];
    uint32_t *words;
    size_t word_count;
    uint32_t bindings;             /* bit i: binding i of set 0 */
    uint32_t texel_f32, texel_f16; /* those that are texel buffers */
    uint32_t subgroup_operations;
    uint32_t size_constants; /* axes of the workgroup that are specialization constants 0, 1... */
    bool f16, cooperative_matrix;
};

static void die(const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "embed_spirv: %s: ", path);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void read_words(struct shader *shader)
{
    FILE *file = fopen(shader->path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        die(shader->path, "cannot open");
    const long size = ftell(file);
    if (size < (long)(SPIRV_HEADER_WORDS * sizeof(uint32_t)) || size % 4 != 0)
        die(shader->path, "%ld bytes are no SPIR-V", size);
    rewind(file);
    shader->word_count = (size_t)size / 4;
    shader->words = malloc((size_t)size);
    if (!shader->words || fread(shader->words, 4, shader->word_count, file) != shader->word_count)
        die(shader->path, "cannot read");
    fclose(file);
    if (shader->words[0] != SPIRV_MAGIC)
        die(shader->path, "not SPIR-V of this machine's byte order");
}

static void read_name(struct shader *shader)
{
    const char *base = strrchr(shader->path, '/');
    base = base ? base + 1 : shader->path;
    const size_t length = strcspn(base, ".");
    if (length == 0 || length >= sizeof shader->name)
        die(shader->path, "bad name");
    memcpy(shader->name, base, length);
}

static void note_capability(struct shader *shader, uint32_t capability)
{
    if (capability == CAPABILITY_FLOAT16 || capability == CAPABILITY_STORAGE_BUFFER_16BIT)
        shader->f16 = true;
    else if (capability == CAPABILITY_COOPERATIVE_MATRIX)
        shader->cooperative_matrix = true;
    else if (capability >= CAPABILITY_GROUP_NON_UNIFORM &&
             capability <= CAPABILITY_GROUP_NON_UNIFORM_QUAD)
        shader->subgroup_operations |= 1u << (capability - CAPABILITY_GROUP_NON_UNIFORM);
    else if (capability != CAPABILITY_SHADER && capability != CAPABILITY_SAMPLED_BUFFER &&
             capability != CAPABILITY_VULKAN_MEMORY_MODEL)
        die(shader->path,
            "uses SPIR-V capability %" PRIu32 ", for which src/gpu checks and enables no feature",
            capability);
}

/* The instruction that defines `id`, if it is `opcode`, whose result is word `at`; or NULL. */
static const uint32_t *find(const struct shader *shader, uint32_t opcode, uint32_t at, uint32_t id)
{
    size_t i = SPIRV_HEADER_WORDS;
    while (i < shader->word_count) {
        const uint32_t *instruction = shader->words + i;
        const uint32_t length = instruction[0] >> 16;
        if (length == 0 || length > shader->word_count - i)
            break;
        if ((instruction[0] & 0xffffu) == opcode && length > at && instruction[at] == id)
            return instruction;
        i += length;
    }
    return NULL;
}

/* A textureBuffer is a texel buffer of floats, a utextureBuffer one of halves (lib/types.glsl). */
static void note_buffer_kind(struct shader *shader, uint32_t binding, uint32_t id)
{
    const uint32_t *variable = find(shader, OP_VARIABLE, 2, id);
    if (variable && variable[3] == STORAGE_CLASS_STORAGE_BUFFER)
        return;
    const bool constant = variable && variable[3] == STORAGE_CLASS_UNIFORM_CONSTANT;
    const uint32_t *pointer = constant ? find(shader, OP_TYPE_POINTER, 1, variable[1]) : NULL;
    const uint32_t *image = pointer ? find(shader, OP_TYPE_IMAGE, 1, pointer[3]) : NULL;
    if (!image || image[3] != DIM_BUFFER)
        die(shader->path, "binding %" PRIu32 " is neither a storage nor a texel buffer", binding);
    if (find(shader, OP_TYPE_FLOAT, 1, image[2]))
        shader->texel_f32 |= 1u << binding;
    else
        shader->texel_f16 |= 1u << binding;
}

/* The specialization constant that `id` is; UINT32_MAX if it is none. */
static uint32_t spec_id(const struct shader *shader, uint32_t id)
{
    for (size_t i = SPIRV_HEADER_WORDS; i < shader->word_count; i += shader->words[i] >> 16) {
        const uint32_t *instruction = shader->words + i;
        if (instruction[0] == (4u << 16 | OP_DECORATE) && instruction[1] == id &&
            instruction[2] == DECORATION_SPEC_ID)
            return instruction[3];
        if (instruction[0] >> 16 == 0)
            break;
    }
    return UINT32_MAX;
}

static void note_workgroup_size(struct shader *shader, uint32_t id)
{
    const uint32_t *size = find(shader, OP_SPEC_CONSTANT_COMPOSITE, 2, id);
    for (uint32_t axis = 0; size && axis < 3; axis++) {
        const uint32_t constant = spec_id(shader, size[3 + axis]);
        if (constant == UINT32_MAX)
            continue;
        if (constant != axis)
            die(shader->path, "axis %" PRIu32 " of the workgroup is constant %" PRIu32, axis,
                constant);
        shader->size_constants = axis + 1;
    }
}

static void note_decoration(struct shader *shader, const uint32_t *operands)
{
    if (operands[1] == DECORATION_BUILTIN && operands[2] == BUILTIN_WORKGROUP_SIZE)
        note_workgroup_size(shader, operands[0]);
    if (operands[1] == DECORATION_DESCRIPTOR_SET && operands[2] != 0)
        die(shader->path, "uses descriptor set %" PRIu32 ", only set 0 is there", operands[2]);
    if (operands[1] != DECORATION_BINDING)
        return;
    if (operands[2] >= BINDINGS_MAX)
        die(shader->path, "binding %" PRIu32 " is past the last, %d", operands[2],
            BINDINGS_MAX - 1);
    shader->bindings |= 1u << operands[2];
    note_buffer_kind(shader, operands[2], operands[0]);
}

static void parse(struct shader *shader)
{
    for (size_t at = SPIRV_HEADER_WORDS; at < shader->word_count;) {
        const uint32_t *instruction = shader->words + at;
        const uint32_t opcode = instruction[0] & 0xffffu, length = instruction[0] >> 16;
        if (length == 0 || length > shader->word_count - at)
            die(shader->path, "broken SPIR-V at word %zu", at);
        if (opcode == OP_CAPABILITY && length >= 2)
            note_capability(shader, instruction[1]);
        else if (opcode == OP_DECORATE && length >= 4)
            note_decoration(shader, instruction + 1);
        at += length;
    }
    if (shader->bindings & (shader->bindings + 1))
        die(shader->path, "bindings must be 0 .. n-1 without a hole, not the bits 0x%" PRIx32,
            shader->bindings);
}

static uint32_t binding_count(const struct shader *shader)
{
    uint32_t count = 0;
    while (shader->bindings >> count)
        count++;
    return count;
}

static uint32_t storage_buffer_count(const struct shader *shader)
{
    uint32_t count = 0;
    for (uint32_t left = shader->bindings & ~(shader->texel_f32 | shader->texel_f16); left;
         left &= left - 1)
        count++;
    return count;
}

/* FNV-1a over every word: tells apart pipeline caches of different builds. */
static uint64_t hash_all(const struct shader *shaders, size_t count)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < shaders[s].word_count; i++)
            hash = (hash ^ shaders[s].words[i]) * 0x100000001b3u;
    return hash;
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        die(path, "cannot create");
    fputs("/* Generated by tools/embed_spirv.c from shaders/meson.build. */\n", file);
    return file;
}

static void finish(FILE *file, const char *path)
{
    const bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed)
        die(path, "cannot write");
}

/* A header that is as it was keeps its time: what includes it, which is most of the library, need
 * not be compiled again because a shader has changed. */
static void write_if_other(const char *path, const char *text, size_t size)
{
    char *before = malloc(size + 1);
    FILE *file = fopen(path, "rb");
    const bool same = before && file && fread(before, 1, size + 1, file) == size &&
                      memcmp(before, text, size) == 0;
    if (file)
        fclose(file);
    free(before);
    if (same)
        return;
    file = create(path);
    fwrite(text, 1, size, file);
    finish(file, path);
}

static void write_header(const char *path, const struct shader *shaders, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        die(path, "no memory");
    fputs("#ifndef QS_SHADER_TABLE_H\n#define QS_SHADER_TABLE_H\n\n"
          "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n"
          "enum shader_id {\n",
          file);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "    SHADER_%s,\n", shaders[i].name);
    bool matrices = false;
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t buffers = storage_buffer_count(&shaders[i]);
        most = buffers > most ? buffers : most;
        matrices |= shaders[i].cooperative_matrix;
    }
    fprintf(file,
            "    SHADER_COUNT\n};\n\n"
            "#define SHADERS_WITH_MATRICES %d /* the rows of matrix_shaders are here */\n"
            "#define SHADER_STORAGE_BUFFERS %" PRIu32 " /* the most that one of them binds */\n\n",
            matrices, most);
    fputs("struct shader_entry {\n"
          "    const char *name;\n"
          "    const uint32_t *code;\n"
          "    size_t code_bytes;\n"
          "    uint32_t binding_count;       /* buffers 0 .. n-1 of set 0: storage, but */\n"
          "    uint32_t texel_f32;           /* these bits are texel buffers, RGBA32F */\n"
          "    uint32_t texel_f16;           /* and these hold four halves each, as RG32UI */\n"
          "    uint32_t subgroup_operations; /* VkSubgroupFeatureFlags it uses */\n"
          "    uint32_t size_constants;      /* constants 0 .. n-1 multiplied: its invocations */\n"
          "    bool f16, cooperative_matrix; /* device features it uses */\n"
          "};\n\n"
          "extern const struct shader_entry shader_table[SHADER_COUNT];\n"
          "extern const uint64_t shader_table_hash; /* of all SPIR-V */\n\n"
          "#endif\n",
          file);
    if (fclose(file) != 0)
        die(path, "no memory");
    write_if_other(path, text, size);
    free(text);
}

static void write_code(FILE *file, const struct shader *shader)
{
    fprintf(file, "\nstatic const uint32_t code_%s[] = {", shader->name);
    for (size_t i = 0; i < shader->word_count; i++)
        fprintf(file, "%s0x%08" PRIx32 ",", i % 8 ? " " : "\n    ", shader->words[i]);
    fputs("\n};\n", file);
}

static void write_table(const char *path, const struct shader *shaders, size_t count)
{
    FILE *file = create(path);
    fputs("#include \"shader_table.h\"\n", file);
    for (size_t i = 0; i < count; i++)
        write_code(file, &shaders[i]);
    fprintf(file, "\nconst uint64_t shader_table_hash = 0x%016" PRIx64 "u;\n",
            hash_all(shaders, count));
    fputs("\nconst struct shader_entry shader_table[SHADER_COUNT] = {\n", file);
    for (size_t i = 0; i < count; i++) {
        const struct shader *s = &shaders[i];
        fprintf(file,
                "    {\"%s\", code_%s, sizeof code_%s, %" PRIu32 ", 0x%" PRIx32 ", 0x%" PRIx32
                ", 0x%" PRIx32 ", %" PRIu32 ", %s, %s},\n",
                s->name, s->name, s->name, binding_count(s), s->texel_f32, s->texel_f16,
                s->subgroup_operations, s->size_constants, s->f16 ? "true" : "false",
                s->cooperative_matrix ? "true" : "false");
    }
    fputs("};\n", file);
    finish(file, path);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        die("usage", "embed_spirv shader_table.h shader_table.c NAME.spv ...");
    const size_t count = (size_t)argc - 3;
    struct shader *shaders = calloc(count, sizeof *shaders);
    if (!shaders)
        die(argv[0], "no memory");
    for (size_t i = 0; i < count; i++) {
        shaders[i].path = argv[3 + i];
        read_name(&shaders[i]);
        read_words(&shaders[i]);
        parse(&shaders[i]);
    }
    write_header(argv[1], shaders, count);
    write_table(argv[2], shaders, count);
    for (size_t i = 0; i < count; i++)
        free(shaders[i].words);
    free(shaders);
    return 0;
}
