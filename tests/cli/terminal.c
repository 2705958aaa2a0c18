/*
 * A terminal, as far as pictures in it go: runs a program in it and answers its questions.
 *     terminal KIND SHOWN.png SAID PROGRAM ARGUMENT...
 * KIND: kitty, sixel (a VT220 with attribute 4), vt220 and vt102 (without), mute (answers nothing).
 * SHOWN.png: what was drawn in it, if anything; SAID: all other bytes, of escape sequences those
 * that no VT102 skips. Exit status: the program's, or 99 if it left the keys unseen.
 */
#include <png.h>
#include <pty.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 24, SIDE_MAX = 2048 };
static char output[OUTPUT_MAX];
static uint8_t canvas[SIDE_MAX * SIDE_MAX * 4];

static const struct {
    const char *kind, *attributes;
    bool kitty;
} kinds[] = {
    { "kitty", "\033[?62;c", true },
    { "sixel", "\033[?62;4;22c", false },
    { "vt220", "\033[?62;22c", false },
    { "vt102", "\033[?6c", false },
    { "mute", "", false },
};

/* Of the questions in what came last. */
static void answer(int fd, int kind, const char *text)
{
    for (const char *at = text; (at = strchr(at, '\033')) != NULL; at++) {
        if (strncmp(at, "\033_G", 3) == 0 && strstr(at, "a=q") && kinds[kind].kitty)
            dprintf(fd, "\033_Gi=31;OK\033\\");
        if (strncmp(at, "\033[c", 3) == 0)
            dprintf(fd, "%s", kinds[kind].attributes);
    }
}

static int write_png(const char *path, uint32_t width, uint32_t height)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = PNG_FORMAT_RGBA
    };
    return !png_image_write_to_file(&image, path, 0, canvas, 0, NULL);
}

/* "\033P...q..." to its end. */
static int draw_sixels(const char *s, const char *path)
{
    uint8_t colours[256][3] = { { 0 } };
    uint32_t x = 0, y = 0, width = 0, height = 0, times = 1;
    int colour = 0;
    if (sscanf(s, "\033P0;1;0q\"1;1;%u;%u", &width, &height) != 2 || width > SIDE_MAX ||
        height > SIDE_MAX)
        return 1;
    s = strchr(s, '#');
    while (s && *s && *s != '\033') {
        int part[3];
        if (*s == '#') {
            colour = (int)strtol(s + 1, (char **)&s, 10);
            if (sscanf(s, ";2;%d;%d;%d", &part[0], &part[1], &part[2]) == 3) {
                for (int c = 0; c < 3; c++)
                    colours[colour & 255][c] = (uint8_t)((part[c] * 255 + 50) / 100);
                s += strspn(s, ";0123456789");
            }
        } else if (*s == '!') {
            times = (uint32_t)strtoul(s + 1, (char **)&s, 10);
        } else if (*s == '$' || *s == '-') {
            y += *s++ == '-' ? 6 : 0;
            x = 0;
        } else {
            for (; times > 0; times--, x++)
                for (uint32_t row = 0; row < 6; row++)
                    if ((*s - 63) >> row & 1 && x < width && y + row < height) {
                        uint8_t *pixel = canvas + 4 * ((size_t)(y + row) * width + x);
                        memcpy(pixel, colours[colour & 255], 3);
                        pixel[3] = 255;
                    }
            s++;
            times = 1;
        }
    }
    return write_png(path, width, height);
}

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Adds what one "\033_G...;DATA\033\\" has of a file. */
static void add_kitty(const char *s, FILE *file)
{
    uint32_t bits = 0, count = 0;
    for (s = strchr(s, ';') + 1; digit(*s) >= 0; s++) {
        bits = bits << 6 | (uint32_t)digit(*s);
        count += 6;
        if (count >= 8)
            fputc((int)(bits >> (count -= 8) & 255), file);
    }
}

static int read_output(const char *s, const char *shown, const char *said)
{
    FILE *rest = fopen(said, "w"), *picture = NULL;
    int failed = !rest;
    while (!failed && *s) {
        const bool kitty = strncmp(s, "\033_G", 3) == 0, sixel = strncmp(s, "\033P", 2) == 0;
        const char *end = kitty || sixel ? strstr(s + 2, "\033\\") : NULL;
        if (!end) {
            fputc(*s++, rest);
            continue;
        }
        if (sixel)
            failed = draw_sixels(s, shown);
        else if (strncmp(s + 3, "i=31", 4) != 0) {
            picture = picture ? picture : fopen(shown, "w");
            add_kitty(s, picture);
        }
        s = end + 2;
    }
    if (picture)
        fclose(picture);
    if (rest)
        fclose(rest);
    return failed;
}

int main(int argc, char **argv)
{
    int kind = 0, status = 0, fd;
    const int kind_count = sizeof kinds / sizeof *kinds;
    struct termios before, after;
    while (argc > 4 && kind < kind_count && strcmp(kinds[kind].kind, argv[1]) != 0)
        kind++;
    if (argc < 5 || kind == kind_count)
        return 2;
    const pid_t child = forkpty(&fd, NULL, NULL, NULL);
    if (child == 0) {
        execvp(argv[4], argv + 4);
        _exit(98);
    }
    if (child < 0 || tcgetattr(fd, &before) != 0)
        return 97;
    size_t length = 0;
    ssize_t got;
    bool seen = true;
    while (length + 1 < OUTPUT_MAX &&
           (got = read(fd, output + length, OUTPUT_MAX - 1 - length)) > 0) {
        answer(fd, kind, output + length);
        length += (size_t)got;
        seen = tcgetattr(fd, &after) != 0 || (after.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO);
    }
    waitpid(child, &status, 0);
    if (read_output(output, argv[2], argv[3]) != 0)
        return 96;
    return !WIFEXITED(status) ? 95 : WEXITSTATUS(status) ? WEXITSTATUS(status) : seen ? 0 : 99;
}
