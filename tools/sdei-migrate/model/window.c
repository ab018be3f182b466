// SPDX-License-Identifier: Apache-2.0
#include "window.h"

#include "common/number.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

int window_zero(size_t len, struct window *window)
{
	const size_t whole = (len + PAGE - 1) / PAGE * PAGE;
	uint8_t *map;

	map = mmap(NULL, whole + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	*window = (struct window){ map + whole - len, len, map, whole + PAGE };
	if (mprotect(map + whole, PAGE, PROT_NONE) == 0)
		return 0;
	window_release(window);
	return -ENOMEM;
}

int window_from_hex(const json_t *hex, struct window *window)
{
	const size_t digits = json_string_length(hex);
	int ret;

	if (!json_is_string(hex) || digits % 2 || digits / 2 > WINDOW_MAX)
		return -EINVAL;
	ret = window_zero(digits / 2, window);
	if (ret)
		return ret;
	if (hex_parse(json_string_value(hex), window->data, window->len) >= 0)
		return 0;
	window_release(window);
	return -EINVAL;
}

void window_release(struct window *window)
{
	if (window->map)
		munmap(window->map, window->map_len);
	memset(window, 0, sizeof(*window));
}
