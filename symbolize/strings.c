/* SPDX-License-Identifier: MIT */
/* symbolize/strings.c - see strings.h. Chunks of 64 KiB, never reallocated, so pointers into them stay. */
#include "symbolize/strings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64u << 10)

struct ap_strings_chunk {
	struct ap_strings_chunk *next;
	size_t used;
	size_t size;
	char bytes[];
};

static char *reserve(struct ap_strings *strings, size_t n)
{
	struct ap_strings_chunk *chunk = strings->chunks;

	if (chunk == NULL || chunk->size - chunk->used < n) {
		const size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;

		chunk = malloc(sizeof(*chunk) + size);
		if (chunk == NULL) {
			return NULL;
		}
		*chunk = (struct ap_strings_chunk){.next = strings->chunks, .size = size};
		strings->chunks = chunk;
	}
	char *text = chunk->bytes + chunk->used;
	chunk->used += n;
	return text;
}

const char *ap_strings_copy(struct ap_strings *strings, const char *text, size_t limit)
{
	const size_t n = strnlen(text, limit);
	char *copy = reserve(strings, n + 1);

	if (copy != NULL) {
		memcpy(copy, text, n);
		copy[n] = '\0';
	}
	return copy;
}

const char *ap_strings_format(struct ap_strings *strings, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	const int n = vsnprintf(NULL, 0, format, args);
	char *text = n < 0 ? NULL : reserve(strings, (size_t)n + 1);
	if (text != NULL) {
		vsnprintf(text, (size_t)n + 1, format, again);
	}
	va_end(again);
	va_end(args);
	return text;
}

void ap_strings_clear(struct ap_strings *strings)
{
	while (strings->chunks != NULL) {
		struct ap_strings_chunk *next = strings->chunks->next;

		free(strings->chunks);
		strings->chunks = next;
	}
}
