/* What the parts of the safetensors reader and writer share.
 *
 * Limits of our own, stricter than the format's (header 100,000,000 bytes): jansson builds a tree
 * of about 1 KiB a tensor, at 20 to 80 MB/s, so a header is looked at before it is parsed and
 * refused if it could take more than about 10 MB or 0.1 s. The largest UNets of diffusers have
 * fewer than 3,000 tensors and half a megabyte of header; trainers of LoRAs add the tags of all
 * their pictures as one string, which costs what it is long. */
#ifndef QS_WEIGHTS_SAFETENSORS_FILE_H
#define QS_WEIGHTS_SAFETENSORS_FILE_H

#include "core/arena.h"

#include <quickstep/safetensors.h>

enum {
    HEADER_FORMAT_MAX = 100000000,      /* the format's limit */
    HEADER_BYTES_MAX = 4 * 1024 * 1024, /* ours */
    TENSOR_COUNT_MAX = 8192,
    TENSOR_NAME_MAX = 512,
};

struct qs_safetensors {
    arena arena; /* this struct, names, tensors */
    char *path;
    int fd;
    unsigned char *map; /* the whole file, read-only */
    size_t map_bytes, data_offset;
    qs_tensor *tensors; /* in the order of their data */
    const qs_tensor **by_name;
    size_t count;
    const char **metadata; /* key, value, key, value, ... */
    size_t metadata_count; /* pairs */
};

/* Checks `text` (the header) against data_bytes of data and fills tensors, by_name and metadata. */
qs_status safetensors_parse_header(qs_safetensors *file, const char *text, size_t text_bytes,
                                   size_t data_bytes);

/* The product of the shape, and times the type's size; false if it overflows. */
bool safetensors_size(const qs_tensor *tensor, uint64_t *element_count, uint64_t *size_bytes);

bool safetensors_dtype_parse(const char *name, qs_dtype *dtype);

#endif
