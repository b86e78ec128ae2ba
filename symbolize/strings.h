/* SPDX-License-Identifier: MIT */
/* symbolize/strings.h - strings that live and die together: the names that a symbolizer hands out. */
#ifndef AP_SYMBOLIZE_STRINGS_H
#define AP_SYMBOLIZE_STRINGS_H

#include <stddef.h>

struct ap_strings_chunk;

/** Zeroed is empty. Strings never move. */
struct ap_strings {
	struct ap_strings_chunk *chunks;
};

/** ap_strings_copy() - @text, at most @limit bytes of it. Return: borrowed from @strings, NULL: no memory. */
const char *ap_strings_copy(struct ap_strings *strings, const char *text, size_t limit);
/** ap_strings_format() - as printf(). Return: borrowed from @strings, NULL for want of memory. */
const char *ap_strings_format(struct ap_strings *strings, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** ap_strings_clear() - release all of them; @strings is empty afterwards. */
void ap_strings_clear(struct ap_strings *strings);

#endif
