/* SPDX-License-Identifier: MIT */
/* report/escape.h - names are bytes of the profiled program: nothing in them may act on a reader's
 * terminal or page, and nothing may be lost.
 *
 * Every sink (text, JSON) decides by the same two questions: is this valid UTF-8, and is the
 * character safe to show? */
#ifndef AP_REPORT_ESCAPE_H
#define AP_REPORT_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** ap_utf8_decode() - the character at @s, a NUL-terminated string that is not at its end.
 * Return: bytes it takes, *@ret set; 0 when they are no valid UTF-8 (overlong, surrogate, beyond
 * U+10FFFF, cut). */
size_t ap_utf8_decode(const char *s, uint32_t *ret);

/** ap_char_acts() - does showing it do more than show it: controls (C0, DEL, C1), line and
 * paragraph separators, marks and overrides of writing direction? */
bool ap_char_acts(uint32_t c);

/** One column or more of text: a character as it is, or the escape `\xNN` for a byte. */
struct ap_piece {
	char text[5];  /* NUL-terminated */
	uint8_t bytes; /* of text */
	uint8_t columns;
};

/** ap_piece_next() - cut one piece of text off @s. Return: where the next begins; NULL at the end
 * of the string. */
const char *ap_piece_next(const char *s, struct ap_piece *ret);

/** ap_escape_columns() - columns of the whole of @s, escaped, one a character. */
size_t ap_escape_columns(const char *s);

/** Room for a text of up to 80 columns. */
#define AP_FIT_BYTES (80 * 4 + 1)

/** ap_escape_fit() - @s escaped and, when wider than @columns (at most 80), cut in its middle
 * ("...").
 * Return: @ret. */
char *ap_escape_fit(char ret[AP_FIT_BYTES], const char *s, size_t columns);

#endif
