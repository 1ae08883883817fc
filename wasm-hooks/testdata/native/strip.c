// strip strips each frame, a picture, of its metadata.

#include "picture.h"

#include "frames.h"

int main(void) {
	uint8_t *data;
	for (size_t size; (data = read_frame(&size));) {
		bool png = size >= 8 && data[0] == 0x89;
		bool ok = png ? strip_png(data, &size) : size >= 2 && strip_jpeg(data, &size);
		write_frame(ok, data, ok ? size : 0);
		free(data);
	}
	return 0;
}
