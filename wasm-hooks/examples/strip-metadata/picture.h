#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// strip_jpeg and strip_png take out of a picture, in place, what is not needed
// to show it, and set its new size, which is never larger. They return false
// if it is malformed; its bytes are then of no use.
bool strip_jpeg(uint8_t *bytes, size_t *size);
bool strip_png(uint8_t *bytes, size_t *size);

// EXIF_SIZE is the size of the EXIF data that write_exif writes.
#define EXIF_SIZE 26

// exif_orientation returns how EXIF data says that its picture is to be turned,
// 2 to 8; 0 if not at all, or it is malformed or shorter than EXIF_SIZE.
int exif_orientation(const uint8_t *exif, size_t size);
// write_exif writes EXIF data with nothing in it but an orientation.
void write_exif(uint8_t *to, int orientation);

static inline uint16_t big16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t big32(const uint8_t *p) { return (uint32_t)big16(p) << 16 | big16(p + 2); }

#endif
